"""The processes of `modelops up`, for honcho to run; knows addresses, not models."""

import shlex
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from modelops.errors import ModelopsError
from modelops.home import Home


def command(
    home: Home, *, port: int, mlflow_port: int
) -> tuple[list[str], dict[str, str], Mapping[str, str]]:
    """The supervisor's command line and environment, and title -> address of each page."""
    remote = urlsplit(home.tracking_uri).scheme in ("http", "https")  # somebody else runs MLflow
    for wanted in (port,) if remote else (port, mlflow_port):
        _must_be_free(wanted)
    environment = {
        **home.environment(),
        "PATH": _with_our_scripts(home),
        "MLFLOW_BACKEND_STORE_URI": home.tracking_uri,  # it may hold a password: no command line
    }
    procfile = home.root / "dagster" / "Procfile"
    procfile.write_text(_procfile(home, port, None if remote else mlflow_port))
    argv = [sys.executable, "-m", "honcho", "-f", str(procfile), "-d", str(home.checkout), "start"]
    mlflow = home.tracking_uri if remote else f"http://127.0.0.1:{mlflow_port}"
    pages = {"Dagster": f"http://127.0.0.1:{port}", "MLflow": mlflow}
    return argv, environment, pages


def _procfile(home: Home, port: int, mlflow_port: int | None) -> str:
    # Dagster copies the SIGINT handler to SIGTERM, and a supervisor's child may inherit SIGINT
    # ignored: then nothing stops it. `env --default-signal=INT` gives it back.
    code_port = _free_port()
    workspace = shlex.quote(str(_workspace(home, code_port)))
    lines = {
        # a code server, because only its reload shows a customization that was added
        "code": "dagster code-server start --python-file definitions.py "
        f"--location-name modelops --host 127.0.0.1 --port {code_port}",
        "web": f"dagster-webserver -h 127.0.0.1 -p {port} -w {workspace}",
        "daemon": f"dagster-daemon run -w {workspace}",
    }
    if mlflow_port:
        artifacts = shlex.quote(str(home.root / "mlartifacts"))
        lines["mlflow"] = (
            f"mlflow server --host 127.0.0.1 --port {mlflow_port} --workers 1 "
            f"--artifacts-destination {artifacts}"
        )
    return "".join(f"{n}: exec env --default-signal=INT {line}\n" for n, line in lines.items())


def _workspace(home: Home, code_port: int) -> Path:
    path = home.root / "dagster" / "workspace.yaml"
    path.write_text(
        "load_from:\n  - grpc_server:\n      host: 127.0.0.1\n"
        f"      port: {code_port}\n      location_name: modelops\n"
    )
    return path


def _with_our_scripts(home: Home) -> str:
    return f"{Path(sys.executable).parent}:{home.environment().get('PATH', '')}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ModelopsError(
                f"Port {port} is taken: stop what listens there, or pass --port / --mlflow-port."
            ) from error
