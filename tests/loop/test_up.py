"""`modelops up`: the real processes come up, show the graph, and all end with Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.tiny_checkout import write_checkout

LOCATIONS = (
    "{workspaceOrError{... on Workspace{locationEntries{name loadStatus "
    "locationOrLoadError{__typename}}}}}"
)
HEARTBEATS = "{instance{daemonHealth{allDaemonStatuses{daemonType required healthy}}}}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url: str, query: str | None = None) -> str:
    body = json.dumps({"query": query}).encode() if query else None
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode()


def eventually(claim, within_s: float = 90.0):
    """The first true value of `claim`, whose connection errors count as not yet."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if value := claim():
                return value
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.5)
    raise AssertionError(f"not within {within_s} s: {claim.__name__}")


def group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def up(tmp_path: Path):
    checkout = write_checkout(tmp_path / "checkout", rows=4, items=2)
    web, mlflow = free_port(), free_port()
    argv = [sys.executable, "-m", "modelops.cli", "up", "--port", str(web)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*argv, "--mlflow-port", str(mlflow)],
            cwd=checkout,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        yield process, f"http://127.0.0.1:{web}", f"http://127.0.0.1:{mlflow}"
        if process.poll() is None:  # a claim failed: the supervisor still ends its own children
            process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def test_both_pages_come_up_and_ctrl_c_ends_every_process(up):
    process, dagster, mlflow = up

    def location_is_loaded() -> bool:
        return "RepositoryLocation" in fetch(f"{dagster}/graphql", LOCATIONS)

    def mlflow_is_healthy() -> bool:
        return fetch(f"{mlflow}/health") == "OK"

    def daemons_beat() -> bool:
        answer = json.loads(fetch(f"{dagster}/graphql", HEARTBEATS))
        daemons = answer["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
        return all(one["healthy"] for one in daemons if one["required"])

    def everything_ended() -> bool:
        return process.poll() is not None and not group_is_alive(process.pid)

    for claim in (location_is_loaded, mlflow_is_healthy, daemons_beat):
        assert eventually(claim)
    process.send_signal(signal.SIGINT)
    assert eventually(everything_ended, within_s=30)


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path):
    checkout = write_checkout(tmp_path / "checkout", rows=4, items=2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "modelops.cli", "up", "--port", str(port)],
            cwd=checkout,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
