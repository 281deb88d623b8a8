"""The append-only truth: decisions, promotions, audit."""
