"""The one place where every outward call of the libraries below us is switched off."""

import os

SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
}
"""Environment variables and the value that means "do not call out"; sources: docs/offline.md."""


def stay_offline() -> None:
    """Set every switch that the owner has not set; call it before a framework is imported."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
