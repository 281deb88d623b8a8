"""WHEN things run: one module per cause."""
