"""Fitting: what it makes, that it repeats itself to the byte, and what it refuses."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modelops.bases.card import Base
from modelops.corpus.records import Record
from modelops.digests import digest_file
from modelops.errors import TrainingError
from modelops.inference.engine import Engine
from modelops.training.fit import ATTACHMENTS, fit
from tests.unit.training.conftest import make_adaptation, make_records, write_split


def test_fitting_lowers_the_loss_and_the_engine_reads_the_result(
    base: Base, corpus: Path, tmp_path: Path
):
    fitted = fit(base, corpus, make_adaptation(budget={"steps": 60}), work=tmp_path)
    engine = Engine(base)
    engine.attach(fitted.folder, "fitted")
    prompts, answers = zip(*((r.prompt, r.completion) for r in make_records(5)), strict=True)
    bare, adapted = (engine.logprobs(prompts, answers, adapter=a) for a in (None, "fitted"))

    curve = pq.read_table(fitted.folder / "loss.parquet")["loss"].to_pylist()
    assert len(curve) == 60
    assert curve[-1] < curve[0] / 2
    assert all(after.total > before.total for before, after in zip(bare, adapted, strict=True))


def test_the_folder_holds_weights_configuration_and_what_tells_of_the_run(
    base: Base, corpus: Path, tmp_path: Path
):
    fitted = fit(base, corpus, make_adaptation(), work=tmp_path)
    names = {path.name for path in fitted.folder.iterdir()}
    config = json.loads((fitted.folder / "adapter_config.json").read_text("utf-8"))
    told = json.loads((fitted.folder / "provenance.json").read_text("utf-8"))

    assert names == {"adapter_model.safetensors", "adapter_config.json", *ATTACHMENTS}
    assert config["base_model_name_or_path"] == base.id
    assert told["base"] == {"id": base.id, "digest": base.digest}
    assert told["corpus"]["train.parquet"] == digest_file(corpus / "train.parquet")
    assert told["run"] == fitted.summary
    assert told["run"]["steps"] == 12
    assert 0 < told["run"]["supervised_tokens"] < told["run"]["tokens"]
    assert told["run"]["energy"]["joules"] > 0
    assert (fitted.folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path) not in json.dumps(told)


def test_the_same_inputs_give_the_same_bytes(base: Base, corpus: Path, tmp_path: Path):
    digests = {
        digest_file(
            fit(base, corpus, make_adaptation(), work=tmp_path / name).folder
            / "adapter_model.safetensors"
        )
        for name in ("once", "twice")
    }
    other = fit(base, corpus, make_adaptation(seed=1), work=tmp_path / "other").folder

    assert len(digests) == 1
    assert digest_file(other / "adapter_model.safetensors") not in digests


def test_dropout_is_seeded_too(base: Base, corpus: Path, tmp_path: Path):
    adaptation = make_adaptation(lora={"rank": 4, "alpha": 8, "dropout": 0.2})
    first, second = (fit(base, corpus, adaptation, work=tmp_path / w).folder for w in "ab")

    assert digest_file(first / "adapter_model.safetensors") == digest_file(
        second / "adapter_model.safetensors"
    )


def test_a_finished_run_is_not_trained_again(base: Base, corpus: Path, tmp_path: Path):
    steps: list[float] = []
    fit(base, corpus, make_adaptation(), work=tmp_path)

    fit(
        base,
        corpus,
        make_adaptation(),
        work=tmp_path,
        report=lambda step, done, total, n: steps.append(done) if step == "training" else None,
    )

    assert steps == []


def test_progress_tells_loss_speed_rate_and_time_left(base: Base, corpus: Path, tmp_path: Path):
    calls = []
    fit(
        base,
        corpus,
        make_adaptation(),
        work=tmp_path,
        report=lambda step, done, total, n: calls.append((step, done, total, dict(n))),
    )
    trained = [call for call in calls if call[0] == "training"]

    assert [call[1:3] for call in trained] == [(n, 12) for n in range(1, 13)]
    assert trained[-1][3].keys() == {"loss", "tokens_per_s", "lr", "eta_s"}
    assert trained[-1][3]["eta_s"] == 0
    assert calls[-1][0] == "dev loss"
    assert calls[-1][1] == calls[-1][2]


def test_empty_completions_are_refused(base: Base, tmp_path: Path):
    write_split(tmp_path / "train.parquet", [Record("a question", " "), Record("another", "")])

    with pytest.raises(TrainingError, match="no supervised token: 2 records"):
        fit(base, tmp_path, make_adaptation(), work=tmp_path / "work")


def test_a_loss_that_is_not_finite_stops_before_the_step_and_names_the_records(
    base: Base, corpus: Path, tmp_path: Path
):
    adaptation = make_adaptation(learning_rate=0.99, clip=1e30, warmup=0, weight_decay=1e38)

    with pytest.raises(TrainingError, match="not finite") as refused:
        fit(base, corpus, adaptation, work=tmp_path)

    known = {record.id[:12] for record in make_records(40)}
    named = str(refused.value).split("batch: ")[1].split(". Lower")[0].split(", ")
    (run,) = tmp_path.glob("run-*")
    assert known.issuperset(named)
    assert not (run / "adapter").exists()
    assert list((run / "checkpoints").glob("step-*"))


def test_an_adapter_without_effect_is_refused(base: Base, corpus: Path, tmp_path: Path):
    adaptation = make_adaptation(learning_rate=1e-60, budget={"steps": 1})

    with pytest.raises(TrainingError, match="is zero"):
        fit(base, corpus, adaptation, work=tmp_path)


def test_a_record_longer_than_the_base_reads_is_refused(base: Base, tmp_path: Path):
    write_split(tmp_path / "train.parquet", [Record("word " * 3000, "answer")])

    with pytest.raises(TrainingError, match="base reads 2048"):
        fit(base, tmp_path, make_adaptation(), work=tmp_path / "work")


def test_roles_choose_the_layers(base: Base, corpus: Path, tmp_path: Path):
    adaptation = make_adaptation(lora={"rank": 2, "alpha": 4, "targets": "attention"})
    fitted = fit(base, corpus, adaptation, work=tmp_path)
    config = json.loads((fitted.folder / "adapter_config.json").read_text("utf-8"))

    assert config["target_modules"] == ["k_proj", "o_proj", "q_proj", "v_proj"]


def test_a_corpus_without_records_set_aside_has_no_closing_loss(base: Base, tmp_path: Path):
    write_split(tmp_path / "train.parquet", make_records(12))
    write_split(tmp_path / "dev.parquet", [])
    fitted = fit(base, tmp_path, make_adaptation(), work=tmp_path / "work")
    assert fitted.summary["dev_loss"] is None
