"""Slices that stages share: one dynamic set of base models for every customization."""

import dagster as dg

base_models = dg.DynamicPartitionsDefinition(name="base_model")
"""A new base joins at run time; one backfill moves every customization to it."""
