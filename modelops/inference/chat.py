"""One way from a prompt to token ids, shared by training, evaluation and serving.

The base's own chat template is rendered once with markers in place of the texts, so that a record
costs concatenation and no template engine. Texts are encoded apart from the template: a prompt that
spells a control token cannot end its turn or speak for the assistant. No system prompt is added; a
template that brings its own (SmolLM2's does) keeps it, because that is what the base was tuned with
and what every other client of the same template sends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelops.errors import BaseModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Examples = Sequence[tuple[str, str]]
"""Earlier turns shown to the model: (prompt, completion) each."""

ROLES = ("user", "assistant")

_MARK = "\u27e6{}{}\u27e7"
"""Stands for a text while the template is rendered; nothing that a template would alter."""
_ANY_MARK = re.compile("\u27e6[ua][0-9]+\u27e7")


@dataclass(frozen=True, slots=True)
class Tokens:
    """One training or scoring example: what is given and what is to be said."""

    prompt: list[int]
    """Ids up to and including what asks the assistant to speak."""
    completion: list[int]
    """Ids of the answer, ending with the end of the turn."""

    @property
    def ids(self) -> list[int]:
        """Both, as the model reads them."""
        return self.prompt + self.completion


class Chat:
    """The chat format of one base."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self._head, self._between, tail = self._frame()
        ends = self._control([tail])[0]
        if not ends:
            raise BaseModelError(
                "The chat template writes nothing after an answer, so no answer would ever end: "
                "choose an instruction-tuned base."
            )
        self.end_of_turn = ends[0]
        """Id that ends an answer."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """Ids after which nothing more is generated."""
        eos: Any = self.tokenizer.eos_token_id
        return frozenset({self.end_of_turn} | ({eos} if isinstance(eos, int) else set()))

    def prompts(self, prompts: Sequence[str], examples: Examples = ()) -> list[list[int]]:
        """Ids of each prompt as the next user's turn after `examples`, asking for an answer."""
        opening, asking = self._opening(examples), self._control([self._between])[0]
        return [opening + text + asking for text in self._literal(list(prompts))]

    def pairs(
        self, prompts: Sequence[str], completions: Sequence[str], examples: Examples = ()
    ) -> list[Tokens]:
        """Ids of prompts with their answers, one `Tokens` each."""
        asked = self.prompts(prompts, examples)
        answers = self._literal(list(completions))
        return [
            Tokens(ask, [*answer, self.end_of_turn])
            for ask, answer in zip(asked, answers, strict=True)
        ]

    def text(self, ids: Sequence[int]) -> str:
        """The words of generated ids, without the end of the turn or other special tokens."""
        decode: Any = self.tokenizer.decode
        return decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _opening(self, examples: Examples) -> list[int]:
        """Ids of all before the last prompt: the examples as turns that have already happened."""
        if not examples:
            return self._control([self._head])[0]
        rendered = self._render(len(examples)).split(_MARK.format("u", len(examples)))[0]
        first, *between = self._control(_ANY_MARK.split(rendered))
        texts = self._literal([text for turns in examples for text in turns])
        return first + [
            one for text, after in zip(texts, between, strict=True) for one in (*text, *after)
        ]

    def _frame(self) -> tuple[str, str, str]:
        """What the template writes before a prompt, between it and the answer, after the answer."""
        user, answer = _MARK.format("u", 0), _MARK.format("a", 0)
        asked = self._apply([("user", user)], ask=True)
        whole = self._apply([("user", user), ("assistant", answer)], ask=False)
        head, _, between = asked.partition(user)
        given, found, tail = whole.partition(answer)
        if not found or given != asked:
            raise BaseModelError(
                "The chat template does not write an answer right after asking for it, so training "
                "would teach another format than the one that is served: choose another base."
            )
        return head, between, tail

    def _render(self, count: int) -> str:
        turns = [(role, _MARK.format(role[0], i)) for i in range(count) for role in ROLES]
        return self._apply([*turns, ("user", _MARK.format("u", count))], ask=True)

    def _apply(self, turns: Sequence[tuple[str, str]], *, ask: bool) -> str:
        messages = [{"role": role, "content": text} for role, text in turns]
        apply: Any = self.tokenizer.apply_chat_template
        return apply(messages, tokenize=False, add_generation_prompt=ask)

    def _control(self, texts: list[str]) -> list[list[int]]:
        """Ids of the template's own words, control tokens among them."""
        return self._ids(texts, literal=False)

    def _literal(self, texts: list[str]) -> list[list[int]]:
        """Ids of somebody's text: what looks like a control token in it is spelled out."""
        return self._ids(texts, literal=True)

    def _ids(self, texts: list[str], *, literal: bool) -> list[list[int]]:
        if not texts:
            return []
        call: Any = self.tokenizer
        encoded = call(texts, add_special_tokens=False, split_special_tokens=literal, verbose=False)
        return encoded["input_ids"]
