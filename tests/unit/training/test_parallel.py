"""Two processes learn from the same batches as one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modelops.bases.card import Base
from modelops.training.fit import fit
from modelops.training.parallel import World
from tests.unit.training.conftest import make_adaptation

CHILD = """
import sys
from pathlib import Path
import torch  # noqa: TID253
torch.set_num_threads(1)
from modelops.bases.shelf import load_base
from modelops.training.fit import fit
from tests.unit.training.conftest import make_adaptation

base = load_base(sys.argv[1], Path(sys.argv[2]))
fit(base, Path(sys.argv[3]), make_adaptation(), work=Path(sys.argv[4]), dtype="float32")
"""


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_two_processes_have_the_losses_of_one(base: Base, corpus: Path, tmp_path: Path):
    alone = fit(base, corpus, make_adaptation(), work=tmp_path / "alone", dtype="float32")
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": free_port(),
        "WORLD_SIZE": "2",
        "PYTHONPATH": str(Path.cwd()),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", CHILD, base.name, base.folder.parent, corpus, tmp_path / "two"]
    children = [
        subprocess.Popen(command, env=os.environ | shared | {"RANK": str(rank)}) for rank in (0, 1)
    ]

    assert [child.wait(timeout=120) for child in children] == [0, 0]
    (run,) = (tmp_path / "two").glob("run-*")
    curves = [
        pq.read_table(folder / "loss.parquet")["loss"].to_pylist()
        for folder in (alone.folder, run / "adapter")
    ]
    assert curves[1] == pytest.approx(curves[0], rel=1e-3)


def test_shares_make_up_the_batch():
    rows = (9, 4, 7, 1, 3)
    shares = [World(rank, 3).share(rows) for rank in range(3)]

    assert sorted(row for share in shares for row in share) == sorted(rows)
