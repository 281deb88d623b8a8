"""WHAT is kept up to date: one module per stage, in each one factory."""
