"""One engine for evaluation and serving; owns the adapter format."""
