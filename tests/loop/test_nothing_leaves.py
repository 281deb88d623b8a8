"""The demo under a guard that refuses and notes every look-up or connection beyond loopback.

mlflow and dagster stay silent by themselves when they see CI or pytest variables, so the child's
environment is built from nothing, and the guard is first seen to catch a library that calls out.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelops.offline import SWITCHES
from tests.tiny_checkout import write_checkout

GUARD = Path(__file__).parent / "guard"


def bare_environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "home").mkdir(exist_ok=True)
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(GUARD),
        "EGRESS_LOG": str(tmp_path / "egress.log"),
    }


def egress(tmp_path: Path) -> list[str]:
    log = tmp_path / "egress.log"
    return log.read_text().splitlines() if log.exists() else []


def without_network() -> list[str]:
    """Prefix that runs a command where loopback is the only interface; native code included."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare"):
        return []
    able = subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    return prefix if able else []


def test_the_guard_catches_a_library_that_calls_out(tmp_path: Path):
    code = (
        "import socket, time, mlflow\n"
        "try: socket.create_connection(('example.invalid', 80), timeout=2)\n"
        "except OSError: pass\n"
        "mlflow.set_tracking_uri('sqlite:///x.db')\n"
        "mlflow.create_experiment('a')\n"
        "time.sleep(2)  # telemetry calls from a thread\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=bare_environment(tmp_path))
    assert "socket.getaddrinfo example.invalid" in egress(tmp_path)
    assert "socket.getaddrinfo config.mlflow-telemetry.io" in egress(tmp_path)


def test_the_demo_makes_no_outward_call(tmp_path: Path):
    checkout = write_checkout(tmp_path / "checkout", rows=120, items=40)
    environment = bare_environment(tmp_path)
    done = subprocess.run(
        [
            *without_network(),
            sys.executable,
            "-m",
            "modelops.cli",
            "demo",
            "toy",
            "--profile",
            "full",
        ],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
    )
    summary = checkout / ".modelops/demo/summary.json"
    assert summary.exists(), done.stdout + done.stderr
    assert json.loads(summary.read_text())["adapter"]["n"] == 40
    assert egress(tmp_path) == []


@pytest.mark.parametrize("name", sorted(SWITCHES))
def test_every_switch_is_set_for_child_processes_and_the_owner_may_lift_it(name, tmp_path):
    code = (
        "import os; from modelops.offline import stay_offline; stay_offline(); "
        f"print(os.environ[{name!r}])"
    )
    plain = bare_environment(tmp_path)
    silent, lifted = (
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
        for env in (plain, plain | {name: "lifted"})
    )
    assert silent.stdout.strip() == SWITCHES[name]
    assert lifted.stdout.strip() == "lifted"
    assert os.environ[name] == SWITCHES[name]
