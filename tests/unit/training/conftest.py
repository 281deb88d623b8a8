"""A tiny base and a small corpus to fit it to."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelops.bases.card import Base
from modelops.corpus.records import SCHEMA, Record
from modelops.training.recipe import Adaptation
from tests.factories import make_tiny_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return make_tiny_base(tmp_path_factory.mktemp("bases"))


def write_split(path: Path, records: list[Record]) -> None:
    pq.write_table(pa.Table.from_pylist([record.row() for record in records], SCHEMA), path)


def make_records(count: int, *, start: int = 0) -> list[Record]:
    return [
        Record(f"vlan {n}\n" + " name staff" * (n % 5), f"bridge {n} {{ label staff; }}")
        for n in range(start, start + count)
    ]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_split(folder / "train.parquet", make_records(40))
    write_split(folder / "dev.parquet", make_records(8, start=900))
    return folder


def make_adaptation(**overrides: Any) -> Adaptation:
    plain = {
        "lora": {"rank": 4, "alpha": 8},
        "budget": {"steps": 12},
        "batch_tokens": 256,
        "learning_rate": 5e-3,
        "checkpoint_every_s": 1e-6,
    }
    return Adaptation.model_validate(plain | overrides)
