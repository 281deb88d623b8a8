"""The same claims through an MLflow server, which checks more than its database does."""

import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from modelops.release.reconcile import reconcile
from modelops.release.registry import Registry
from modelops.release.releases import promote_release, rollback


@pytest.fixture
def server(tmp_path, empty_mlflow):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "server.db").write_bytes(empty_mlflow.read_bytes())
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}"]
    command += ["--artifacts-destination", str(tmp_path / "served")]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "server.log").read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"
)
def test_promotion_repair_and_rollback_work_through_a_server(home, server, capfd):
    registry, name = Registry(server), "netlang"
    for epoch, letter in enumerate("ab"):
        for _ in range(2):
            candidate = home.candidate(letter)
            promote_release(home.ledger, registry, candidate, expected_epoch=epoch, actor="ann")

    assert registry.aliases(name) == {"previous": "1", "champion": "2"}
    assert reconcile(home.ledger, registry, home.store, name) == []
    (lost, *_) = (home.root / "served").glob("**/adapter_config.json")
    lost.unlink()
    assert len(reconcile(home.ledger, registry, home.store, name)) == 1
    assert lost.exists()
    rollback(home.ledger, registry, name, expected_epoch=2, actor="bob")
    assert registry.aliases(name) == {"champion": "1"}
    assert capfd.readouterr().out == ""  # a machine may be reading what a command prints
