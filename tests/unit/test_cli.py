"""The command line: every command explains itself, says what went wrong, and exits as promised."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from modelops.cli import app, main
from modelops.customization_files import json_schema

BASES = """\
tiny:
  source: {kind: path, path: models/tiny}
  licence: Apache-2.0
"""
SOUND = """\
purpose: Answer the questions of a test.
owner: team:tests
bases: [tiny]
sources:
  rows: {kind: jsonl, path: rows.jsonl}
benchmark:
  headline: unseen
  slices:
    unseen: {kind: jsonl, path: unseen.jsonl}
"""
HEAVY = ("torch", "transformers", "peft", "mlflow", "dagster", "pandas", "sqlalchemy")


def commands(here: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Words and object of every command, groups included."""
    yield words, here
    for name, inner in getattr(here, "commands", {}).items():
        yield from commands(inner, (*words, name))


TREE = dict(commands(typer.main.get_command(app)))
Ran = tuple[int, str, str]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a checkout with one sound file."""
    (tmp_path / "customizations").mkdir()
    (tmp_path / "customizations/toy.yaml").write_text(SOUND)
    (tmp_path / "bases.yaml").write_text(BASES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def modelops(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Runs the entry point in this process: exit code, output, errors."""

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["modelops", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.mark.parametrize("words", [w for w in TREE if w], ids=" ".join)
def test_every_command_says_in_its_help_what_it_does(modelops, words: tuple[str, ...]):
    code, out, _ = modelops(*words, "--help")

    assert code == 0
    first = TREE[words].help.split()
    assert len(first) >= 3
    assert " ".join(first[:3]) in " ".join(out.split())


def test_help_loads_no_framework():
    code = (
        "import sys\nfrom modelops.cli import main\nsys.argv = ['modelops', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_a_sound_checkout_exits_with_0(checkout: Path, modelops):
    assert modelops("check") == (0, "0 problems\n", "")


def test_every_fault_of_every_file_is_told_and_the_exit_code_is_2(checkout: Path, modelops):
    toy = checkout / "customizations/toy.yaml"
    toy.write_text(SOUND.replace("[tiny]", "[tinny]") + "gate: {power: 2}\n")
    (checkout / "customizations/other.yaml").write_text(SOUND.replace("owner", "ownr"))

    code, out, _ = modelops("check")

    assert code == 2
    assert "other.yaml:2: `ownr` is not a known field. Did you mean `owner`?" in out
    assert "toy.yaml:3: `bases[0]`" in out
    assert "toy.yaml:10: `gate.power` is `2`." in out


def test_faults_are_json_for_a_machine(checkout: Path, modelops):
    toy = checkout / "customizations/toy.yaml"
    toy.write_text(SOUND + "gate: {power: 2}\n")

    code, out, _ = modelops("check", "--json")

    [problem] = json.loads(out)
    assert code == 2
    assert (problem["file"], problem["line"], problem["field"]) == (str(toy), 10, "gate.power")
    assert problem["fact"] and problem["remedy"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["run", "tooy"], 2, "Did you mean `toy`?"),
        (["run", "toy", "--profile", "demo"], 2, "has no profile `demo`"),
        (["base", "add", "tinny"], 2, "bases.yaml declares no base tinny"),
        (["base", "add", "tiny"], 1, "models/tiny"),
        (["release", "promote", "toy"], 1, "modelops base add tiny"),
        (["release", "promote", "toy", "--base", "other"], 2, "does not list the base other"),
        (["release", "rollback", "toy"], 1, "to go back to"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    checkout: Path, modelops, words: list[str], code: int, told: str
):
    ended, out, err = modelops(*words)

    assert (ended, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "words", [["check"], ["run", "toy"], ["base", "list"], ["audit", "verify"]], ids=" ".join
)
def test_outside_a_checkout_the_remedy_is_to_go_into_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modelops, words: list[str]
):
    monkeypatch.chdir(tmp_path)

    code, _, err = modelops(*words)

    assert code == 2
    assert "run inside a modelops checkout" in err


def test_a_subfolder_of_a_checkout_will_do(checkout: Path, modelops, monkeypatch):
    monkeypatch.chdir(checkout / "customizations")

    assert modelops("check")[0] == 0


def test_the_schema_is_the_one_that_files_are_checked_against(modelops):
    code, out, _ = modelops("schema")

    assert code == 0
    assert json.loads(out) == json_schema()


@pytest.mark.parametrize(
    ("words", "empty"),
    [
        (["base", "list"], []),
        (["release", "list", "toy"], []),
        (["audit", "verify"], {"rows": 0}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_empty_home_is_json_too(checkout: Path, modelops, words: list[str], empty: Any):
    code, out, _ = modelops(*words, "--json")

    found = json.loads(out)
    assert code == 0
    assert found == empty or found["rows"] == empty["rows"]


def test_state_stays_in_the_home_that_was_named(checkout: Path, modelops, monkeypatch):
    monkeypatch.setenv("MODELOPS_HOME", str(checkout / "elsewhere"))

    assert modelops("audit", "verify")[0] == 0
    assert (checkout / "elsewhere/ledger.db").exists()
    assert not (checkout / ".modelops").exists()
