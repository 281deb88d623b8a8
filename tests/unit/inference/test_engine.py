"""The engine's batches answer as each prompt alone would be answered, by the plainest loop."""

from pathlib import Path

import pytest
import torch  # noqa: TID253

from modelops.bases.card import Base
from modelops.bases.loading import load_model
from modelops.errors import AdapterError, BaseModelError
from modelops.inference.engine import Engine

PROMPTS = [
    "hostname edge-1",
    "interface GigabitEthernet0/1\n description uplink to core\n ip address 10.0.0.1 255.255.255.0",
    "vlan 20\n name staff",
    "router ospf 1\n network 10.0.0.0 0.0.0.255 area 0\nvlan 30",
    "a",
    "interface GigabitEthernet0/2\n shutdown",
    "hostname hub-100\nvlan 999\n name guests\nvlan 7",
    "the answer is a word",
    "no shutdown " * 12,
]
EXAMPLES = [("vlan 1", "bridge 1 { label one; }"), ("vlan 2", "bridge 2 { label two; }")]


def plain_greedy(base: Base, engine: Engine, prompt: str, limit: int, examples=()) -> list[int]:
    """One prompt, one token at a time, everything computed anew with transformers alone."""
    model = load_model(base, dtype="float32")
    ids = engine.chat.prompts([prompt], examples)[0]
    chosen: list[int] = []
    with torch.inference_mode():
        while len(chosen) < limit and not (chosen and chosen[-1] in engine.chat.stop_ids):
            logits = model(input_ids=torch.tensor([ids + chosen])).logits[0, -1]
            chosen.append(int(logits.argmax()))
    return chosen


def test_a_batch_answers_as_the_plainest_loop_does(base: Base, engine: Engine):
    answers = engine.generate(PROMPTS, max_new_tokens=12)

    for prompt, answer in zip(PROMPTS, answers, strict=True):
        assert answer.token_ids == plain_greedy(base, engine, prompt, 12)


def test_shared_examples_are_computed_once_and_change_nothing(base: Base, engine: Engine):
    answers = engine.generate(PROMPTS, max_new_tokens=8, examples=EXAMPLES)

    for prompt, answer in zip(PROMPTS, answers, strict=True):
        assert answer.token_ids == plain_greedy(base, engine, prompt, 8, EXAMPLES)
    assert [a.token_ids for a in answers] != [
        a.token_ids for a in engine.generate(PROMPTS, max_new_tokens=8)
    ]


@pytest.mark.parametrize("rows", [1, 3, 64])
def test_answers_do_not_depend_on_the_width_of_the_batch(base: Base, engine: Engine, rows: int):
    other = Engine(base, dtype="float32", rows=rows)

    ours, theirs = (e.generate(PROMPTS, max_new_tokens=10) for e in (other, engine))

    assert [a.token_ids for a in ours] == [a.token_ids for a in theirs]
    assert [a.logprob_sum for a in ours] == pytest.approx([a.logprob_sum for a in theirs], abs=1e-3)


def test_an_answer_stops_at_the_end_of_the_turn(base: Base, engine: Engine):
    first = engine.generate(["a"], max_new_tokens=1)[0]
    stopping = Engine(base, dtype="float32")
    stopping.chat.end_of_turn = first.token_ids[0]

    answer = stopping.generate(["a"], max_new_tokens=9)[0]

    assert not first.finished
    assert (answer.finished, answer.text, len(answer.token_ids)) == (True, "", 1)


def test_an_adapter_changes_answers_only_while_it_is_asked_for(engine: Engine, adapter: Path):
    bare = engine.generate(PROMPTS, max_new_tokens=6)
    engine.attach(adapter, "one")

    adapted = engine.generate(PROMPTS, adapter="one", max_new_tokens=6)
    again = engine.generate(PROMPTS, max_new_tokens=6)
    engine.detach("one")

    assert [a.token_ids for a in adapted] != [a.token_ids for a in bare]
    assert [a.token_ids for a in again] == [a.token_ids for a in bare]
    with pytest.raises(AdapterError, match="No adapter one is attached"):
        engine.generate(PROMPTS, adapter="one", max_new_tokens=6)


def test_a_name_is_never_given_to_a_second_adapter(engine: Engine, adapter: Path):
    engine.attach(adapter, "taken")
    with pytest.raises(AdapterError, match="attached already"):
        engine.attach(adapter, "taken")
    engine.detach("taken")


def test_the_logprobability_of_an_answer_is_what_generating_it_reported(engine: Engine):
    answers = engine.generate(PROMPTS, max_new_tokens=200)
    finished = [(p, a) for p, a in zip(PROMPTS, answers, strict=True) if a.finished]
    scores = engine.logprobs([p for p, _ in finished], [a.text for _, a in finished])

    for score, (_, answer) in zip(scores, finished, strict=True):
        assert score.total < 0
        assert score.mean == pytest.approx(score.total / score.tokens)
        if score.tokens == len(answer.token_ids):
            assert score.total == pytest.approx(answer.logprob_sum, abs=1e-2)


def test_logprobs_are_those_of_transformers(base: Base, engine: Engine):
    model = load_model(base, dtype="float32")
    completions = ["one", "two words", "bridge 3 { label x; }"] * 3
    pairs = engine.chat.pairs(PROMPTS, completions)

    scores = engine.logprobs(PROMPTS, completions)

    for pair, score in zip(pairs, scores, strict=True):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([pair.ids])).logits[0].log_softmax(-1)
        rows = range(len(pair.prompt) - 1, len(pair.ids) - 1)
        wanted = sum(float(logits[row, pair.ids[row + 1]]) for row in rows)
        assert score.total == pytest.approx(wanted, abs=1e-3)


def test_progress_ends_with_every_prompt_answered(engine: Engine):
    calls: list[tuple[str, float, float]] = []

    engine.generate(PROMPTS, max_new_tokens=3, report=lambda s, d, t, n: calls.append((s, d, t)))

    assert calls[-1] == ("generating", len(PROMPTS), len(PROMPTS))


def test_a_prompt_longer_than_the_base_reads_is_refused(engine: Engine):
    with pytest.raises(BaseModelError, match="2048 tokens that tiny reads"):
        engine.generate(["vlan"], max_new_tokens=2048)


def test_no_prompts_no_answers(engine: Engine):
    assert engine.generate([], max_new_tokens=3) == []
    assert engine.logprobs([], []) == []
