"""Benchmarks, metrics, and paired tests against the champion."""
