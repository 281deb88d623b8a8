"""One engine for evaluation and serving: one base, adapters on and off, answers in batches."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from modelops import progress
from modelops.bases.card import Base
from modelops.bases.loading import load_tokenizer
from modelops.errors import AdapterError
from modelops.inference.adapters import AdapterSpec, Pairs, read_adapter
from modelops.inference.chat import Chat, Examples
from modelops.inference.decoding import Answer, Decoder
from modelops.inference.network import open_network
from modelops.inference.scoring import Score, score

if TYPE_CHECKING:
    from modelops.inference.lora import LoraLinear

STEP = "generating"
"""Name of the step in reports."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer."""

    text: str
    """Without the end of the turn."""
    token_ids: list[int]
    """As generated, the end of the turn included."""
    finished: bool
    """Whether the model ended its turn; otherwise it ran into `max_new_tokens`."""
    logprob_sum: float
    """Sum of the log-probabilities of `token_ids`, in nats."""

    @property
    def tokens(self) -> int:
        """How many were generated."""
        return len(self.token_ids)


class Engine:
    """Answers prompts with a base, bare or with one of the attached adapters."""

    def __init__(
        self, base: Base, *, device: str | None = None, dtype: str | None = None, rows: int = 64
    ) -> None:
        """Load `base`; `device` and `dtype` default to the best here, `rows` is the batch."""
        self.network = open_network(base, device=device, dtype=dtype)
        self.chat = Chat(load_tokenizer(base))
        self._rows = rows
        self._adapters: dict[str, tuple[AdapterSpec, Pairs]] = {}
        self._lock = RLock()

    @property
    def adapters(self) -> list[str]:
        """Names of the attached adapters."""
        return sorted(self._adapters)

    def attach(self, folder: Path, name: str) -> AdapterSpec:
        """Load the adapter in `folder` under `name`; the base is not touched.

        Raises AdapterError when it does not fit the base, would change nothing, or `name` is taken:
        another adapter is another name, so that no answer changes its meaning.
        """
        with self._lock:
            if name in self._adapters:
                raise AdapterError(f"{name} is attached already; detach it, or use another name.")
            spec, pairs = read_adapter(folder, self.network)
            like = self.network.head
            live = {layer: (a.to(like), b.to(like)) for layer, (a, b) in pairs.items()}
            self._adapters[name] = (spec, live)
            return spec

    def detach(self, name: str) -> None:
        """Forget an adapter; waits for calls that use it. AdapterError when there is none."""
        with self._lock:
            self._require(name)
            del self._adapters[name]

    def generate(
        self,
        prompts: Sequence[str],
        *,
        adapter: str | None = None,
        max_new_tokens: int,
        examples: Examples = (),
        report: progress.Report = progress.silent,
    ) -> list[Generation]:
        """The most likely answer, token by token, to each prompt, in the order of `prompts`.

        `examples` are shown as earlier turns; `adapter` is a name given to `attach`, None the bare
        base. Raises AdapterError for an unknown name, BaseModelError for a prompt too long.
        """
        import torch

        asked = self.chat.prompts(prompts, examples)
        with self._using(adapter), torch.inference_mode():
            decoder = Decoder(self.network, self.chat.stop_ids, self._rows)
            answers: dict[int, Answer] = {}
            for index, answer in decoder.run(asked, max_new_tokens):
                answers[index] = answer
                tokens = decoder.generated
                report(STEP, len(answers), len(asked), {"tokens": tokens})
        return [self._generation(answers[index]) for index in range(len(asked))]

    def logprobs(
        self,
        prompts: Sequence[str],
        completions: Sequence[str],
        *,
        adapter: str | None = None,
        examples: Examples = (),
    ) -> list[Score]:
        """How likely each completion is after its prompt, the end of the turn included."""
        import torch

        pairs = self.chat.pairs(prompts, completions, examples)
        with self._using(adapter), torch.inference_mode():
            return score(self.network, pairs)

    def _generation(self, answer: Answer) -> Generation:
        finished = bool(answer.ids) and answer.ids[-1] in self.chat.stop_ids
        words = answer.ids[:-1] if finished else answer.ids
        return Generation(self.chat.text(words), answer.ids, finished, answer.logprob)

    @contextmanager
    def _using(self, name: str | None) -> Generator[None]:
        from modelops.inference.lora import Update

        with self._lock:
            layers: list[LoraLinear] = []
            if name is not None:
                spec, pairs = self._require(name)
                for layer, (a, b) in pairs.items():
                    self.network.layers[layer].update = Update(a, b, spec.scale)
                    layers.append(self.network.layers[layer])
            try:
                yield
            finally:
                for layer in layers:
                    layer.update = None

    def _require(self, name: str) -> tuple[AdapterSpec, Pairs]:
        if name not in self._adapters:
            known = ", ".join(self.adapters) or "none"
            raise AdapterError(f"No adapter {name} is attached ({known}); attach it first.")
        return self._adapters[name]
