"""Run one customization's Dagster job in this process, with progress on the terminal.

`modelops run` starts it; the run, its assets and its checks are in the Dagster UI like any other.
Exit code 0: released. 3: everything ran and the gate said no. 1: something broke.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import dagster as dg

from assets.jobs import job_name
from assets.partitions import base_models
from assets.resources import Progress
from location import CHECKOUT, location
from modelops.customization import Customization
from modelops.errors import CustomizationError, ModelopsError
from modelops.home import Home
from modelops.progress import terminal

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
GATE = "gate_passes"
OURS = r"^modelops\.errors\.\w+: "
"""What Dagster writes before the message of an error that is meant for a person."""


def main() -> int:
    """Parse the arguments, run the job, write what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="the customization's file name without .yaml")
    parser.add_argument("--profile", default="full")
    parser.add_argument("--base", help="base model; default: the customization's first")
    parser.add_argument("--result", type=Path, help="where to write the outcome as JSON")
    arguments = parser.parse_args()
    home = Home.find(CHECKOUT)
    customization = home.customization(arguments.name, arguments.profile)
    base = home.base(arguments.base or customization.bases[0], customization).name
    with terminal() as report:
        run = execute(customization, base, Progress(report))
    outcome = describe(run)
    if arguments.result:
        arguments.result.write_text(json.dumps(outcome))
    for failure in outcome["failures"]:
        print(failure, file=sys.stderr)  # noqa: T201
    return outcome["exit_code"]


def execute(
    customization: Customization, base: str, progress: Progress
) -> dg.ExecuteInProcessResult:
    """The job on one base, recorded in the instance that DAGSTER_HOME names."""
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(base_models.name or "", [base])
        found = location([customization], progress).resolve_job_def(job_name(customization))
        return found.execute_in_process(
            instance=instance, partition_key=base, raise_on_error=False, run_config=QUIET
        )


def describe(run: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Seconds per step, what was reused, and failures in words."""
    succeeded = [e for e in run.all_events if e.is_step_success]
    seconds = {e.step_key: e.step_success_data.duration_ms / 1000 for e in succeeded if e.step_key}
    made = [e for e in run.all_events if e.is_step_materialization and e.asset_key]
    reused = {
        e.asset_key.path[-1]: bool(e.materialization.metadata["reused"].value)
        for e in made
        if e.asset_key and "reused" in e.materialization.metadata
    }
    broken = [e for e in run.all_events if e.is_step_failure]
    checks = run.get_asset_check_evaluations()
    refused = any(check.check_name == GATE and not check.passed for check in checks)
    return {
        "run_id": run.run_id,
        "seconds": {short(key): round(value, 2) for key, value in seconds.items()},
        "reused": reused,
        "failures": [reason(e) for e in broken if not (refused and GATE in (e.step_key or ""))],
        "exit_code": 0 if run.success else 3 if refused else 1,
    }


def short(step_key: str) -> str:
    """`netlang_demo__adapter` -> `adapter`."""
    return step_key.rsplit("__", 1)[-1]


def reason(event: dg.DagsterEvent) -> str:
    """The innermost message of a failed step: fact and remedy, without Dagster's frames."""
    error = event.step_failure_data.error
    while error and error.cause:
        error = error.cause
    message = error.message.strip() if error else "failed"
    return f"{short(event.step_key or '')}: {re.sub(OURS, '', message)}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ModelopsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(2 if isinstance(error, CustomizationError) else 1)
