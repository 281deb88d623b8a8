"""The loss looks at answers alone, and its gradient is torch's."""

from pathlib import Path

import pytest
import torch  # noqa: TID253
from torch.nn import functional as F  # noqa: TID253

from modelops.bases.card import Base
from modelops.bases.loading import load_model, load_tokenizer
from modelops.inference.chat import Chat
from modelops.inference.network import open_network
from modelops.training import loss
from modelops.training.examples import collate, read_examples
from modelops.training.loop import batch_loss
from modelops.training.loss import HeadLoss


@pytest.mark.parametrize("chunk", [256, 3])
def test_the_loss_and_its_gradient_are_torchs(chunk: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loss, "CHUNK", chunk)
    draw = torch.Generator().manual_seed(0)
    hidden = torch.randn(20, 8, generator=draw).requires_grad_()
    head = torch.randn(50, 8, generator=draw)
    where = torch.tensor([1, 4, 5, 9, 17, 18, 19])
    targets = torch.tensor([3, 49, 0, 7, 7, 12, 30])

    ours = HeadLoss.apply(hidden, head, where, targets) / 7
    theirs = F.cross_entropy(hidden[where] @ head.t(), targets)

    assert torch.allclose(ours, theirs, atol=1e-5)
    mine, wanted = (torch.autograd.grad(value, hidden)[0] for value in (ours, theirs))
    assert torch.allclose(mine, wanted, atol=1e-5)
    assert mine[0].abs().sum() == 0


def test_a_padded_batch_has_the_loss_of_its_records_one_by_one(base: Base, corpus: Path):
    examples = read_examples(corpus / "train.parquet", Chat(load_tokenizer(base)))[:7]
    network = open_network(base, device="cpu", dtype="float32")
    with torch.no_grad():
        together = float(batch_loss(network, examples))
        apart = sum(float(batch_loss(network, [example])) for example in examples)

    assert len({example.length for example in examples}) > 1
    assert together == pytest.approx(apart, rel=1e-5)


def test_supervised_are_the_completions_and_nothing_else(base: Base, corpus: Path):
    examples = read_examples(corpus / "train.parquet", Chat(load_tokenizer(base)))[:3]
    batch = collate(examples, "cpu")
    wanted = [token for example in examples for token in example.tokens.completion]

    assert batch.targets.tolist() == wanted
    assert batch.ids.flatten()[batch.where + 1].tolist() == wanted


def test_transformers_computes_the_same_loss(base: Base, corpus: Path):
    examples = read_examples(corpus / "train.parquet", Chat(load_tokenizer(base)))[:5]
    network = open_network(base, device="cpu", dtype="float32")
    batch = collate(examples, "cpu")
    labels = torch.full_like(batch.ids, -100)
    labels.view(-1)[batch.where + 1] = batch.targets
    mask = torch.zeros_like(batch.ids)
    for row, example in enumerate(examples):
        mask[row, : example.length] = 1
    with torch.no_grad():
        theirs = load_model(base, dtype="float32")(
            input_ids=batch.ids, attention_mask=mask, labels=labels
        ).loss
        ours = batch_loss(network, examples) / len(batch.targets)

    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
