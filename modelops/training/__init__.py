"""Fit, checkpoint, resume."""
