"""A killed run, started again, ends with the bytes of one that was never killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelops.bases.card import Base
from modelops.digests import digest_file
from modelops.errors import TrainingError
from modelops.training import checkpoint
from modelops.training.fit import fit
from tests.unit.training.conftest import make_adaptation

CHILD = """
import sys, time
from pathlib import Path
import torch  # noqa: TID253
torch.set_num_threads(1)
from modelops.bases.shelf import load_base
from modelops.training.fit import fit
from tests.unit.training.conftest import make_adaptation

def slowly(step, done, total, numbers):
    print(step, int(done), flush=True)
    time.sleep(0.2)

base = load_base(sys.argv[1], Path(sys.argv[2]))
fit(base, Path(sys.argv[3]), make_adaptation(lora=LORA), work=Path(sys.argv[4]), report=slowly)
"""
LORA = {"rank": 4, "alpha": 8, "dropout": 0.1}


def kill_after_step(step: int, base: Base, corpus: Path, work: Path) -> None:
    """Start a fit in a process of its own and kill it -9 once it has taken `step` steps."""
    code = CHILD.replace("LORA)", f"{LORA!r})")
    command = [sys.executable, "-c", code, base.name, base.folder.parent, corpus, work]
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.split() == ["training", str(step)]:
                break
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL


def test_a_run_killed_twice_ends_with_the_same_bytes(base: Base, corpus: Path, tmp_path: Path):
    adaptation = make_adaptation(lora=LORA)
    whole = fit(base, corpus, adaptation, work=tmp_path / "whole")
    for step in (4, 9):
        kill_after_step(step, base, corpus, tmp_path / "killed")
    taken: list[int] = []

    resumed = fit(
        base,
        corpus,
        adaptation,
        work=tmp_path / "killed",
        report=lambda step, done, total, n: taken.append(int(done)) if step == "training" else None,
    )

    assert taken[0] > 7  # it went on, and did not begin again
    assert taken[-1] == 12
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert digest_file(resumed.folder / name) == digest_file(whole.folder / name)
    assert resumed.summary["tokens"] == whole.summary["tokens"]
    assert resumed.summary["dev_loss"] == whole.summary["dev_loss"]


def test_another_run_in_the_same_folder_is_left_alone(base: Base, corpus: Path, tmp_path: Path):
    fit(base, corpus, make_adaptation(), work=tmp_path)
    fit(base, corpus, make_adaptation(seed=5), work=tmp_path)

    assert len(list(tmp_path.glob("run-*"))) == 2


def make_checkpoint(step: int) -> checkpoint.Checkpoint:
    import torch

    return checkpoint.Checkpoint(step, {"master": torch.full((3,), float(step))}, {"rows": []})


def test_a_checkpoint_of_other_inputs_is_refused(tmp_path: Path):
    checkpoint.save(tmp_path, "ours", make_checkpoint(1))

    with pytest.raises(TrainingError, match="run with another base, corpus, adaptation or code"):
        checkpoint.load(tmp_path, "theirs")


def test_a_damaged_or_unfinished_checkpoint_gives_way_to_the_one_before(tmp_path: Path):
    for step in (1, 2, 3):
        newest = checkpoint.save(tmp_path, "ours", make_checkpoint(step))
    (newest / checkpoint.TENSORS).write_bytes(b"half")
    (tmp_path / "step-00000009").mkdir()

    found = checkpoint.load(tmp_path, "ours")

    assert found is not None
    assert found.step == 2
    assert found.tensors["master"].tolist() == [2.0, 2.0, 2.0]


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path):
    for step in range(1, 6):
        checkpoint.save(tmp_path, "ours", make_checkpoint(step))

    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-00000004", "step-00000005"]
