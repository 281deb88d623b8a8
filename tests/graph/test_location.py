"""The code location: what it costs to load, what it shows, from where it loads."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg

CHECKOUT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "peft", "mlflow", "evidently")


def test_loading_costs_under_three_seconds_and_imports_no_framework():
    code = (
        "import json, resource, sys, definitions\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, heavy]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    cpu_s, heavy = json.loads(done.stdout)
    assert heavy == []
    assert cpu_s < 3


def test_the_workspace_loads_from_any_working_directory(tmp_path: Path):
    from dagster._core.workspace.load import load_workspace_process_context_from_yaml_paths

    code = (
        "import dagster as dg\n"
        f"from {load_workspace_process_context_from_yaml_paths.__module__} import "
        "load_workspace_process_context_from_yaml_paths as load\n"
        "with dg.DagsterInstance.local_temp() as instance:\n"
        f"    with load(instance, [{str(CHECKOUT / 'workspace.yaml')!r}]) as context:\n"
        "        entries = context.create_request_context().get_code_location_entries()\n"
        "        for name, entry in entries.items():\n"
        "            print(name, entry.load_error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert "modelops None" in done.stdout.splitlines(), done.stderr


def test_the_graph_is_the_golden_one(golden):
    from definitions import defs

    graph = defs.resolve_asset_graph()
    shown = {
        "assets": {
            key.to_user_string(): {
                "deps": sorted(d.to_user_string() for d in graph.get(key).parent_keys),
                "group": graph.get(key).group_name,
                "kinds": sorted(graph.get(key).kinds),
                "owners": sorted(graph.get(key).owners),
                "partitions": getattr(graph.get(key).partitions_def, "name", None),
                "pools": sorted(graph.get(key).pools or ()),
            }
            for key in sorted(graph.get_all_asset_keys())
        },
        "checks": {
            f"{key.asset_key.to_user_string()}:{key.name}": graph.get(key).blocking
            for key in sorted(graph.asset_check_keys, key=str)
        },
        "jobs": sorted(job.name for job in defs.jobs or ()),
        "schedules": sorted(schedule.name for schedule in defs.schedules or ()),
        "sensors": sorted(sensor.name for sensor in defs.sensors or ()),
    }
    golden("graph.json", json.dumps(shown, indent=2) + "\n")


def test_every_asset_and_check_says_what_it_is():
    from definitions import defs

    graph = defs.resolve_asset_graph()
    assert all(graph.get(key).description for key in graph.get_all_asset_keys())
    assert all(graph.get(key).owners for key in graph.get_all_asset_keys())


def test_the_instance_file_is_valid_and_keeps_quiet(tmp_path: Path):
    text = (CHECKOUT / "deploy/local/dagster.yaml").read_text()
    (tmp_path / "dagster.yaml").write_text(text)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
