"""What a blueprint plugs in. The engine calls these and never imports a blueprint by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelops.corpus.records import Record


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verifier's opinion of one completion."""

    score: float
    """Between 0 and 1."""
    exact: bool
    """Equivalent to a right answer: the headline."""
    valid: bool
    """Well-formed by the language's own rules (it compiles)."""
    facts: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """Group -> (right, wanted, given); F1 of a group is 2*right / (wanted + given)."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """Further numbers of this completion, averaged over items under their own names."""
    error: str | None = None
    """Why the completion is not valid, for a person."""


class Source(Protocol):
    """Anything that yields records; reading twice yields the same records."""

    def read(self) -> Iterator[Record]:
        """Yield every record once."""
        ...


class Blueprint(Protocol):
    """An industry: where its records come from, what counts as right, what counts as the same."""

    @property
    def name(self) -> str:
        """The name by which customizations call it."""
        ...

    @property
    def code_digest(self) -> str:
        """Digest of the code that decides records and judgements; part of every derived version."""
        ...

    @property
    def note(self) -> str:
        """What a reader of a report has to know of the verifier: its reach and its blind spots."""
        ...

    @property
    def slice_by(self) -> tuple[str, ...]:
        """Record attributes by which a report is cut, for example `size`."""
        ...

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise pydantic's ValidationError when `options` of a source are wrong."""
        ...

    def source(self, options: Mapping[str, Any]) -> Source:
        """The source that `options` describe."""
        ...

    def identity(self, record: Record) -> str | None:
        """A key that equivalent records share, or None when the record has none."""
        ...

    def judge(self, record: Record, completion: str) -> Judgement:
        """Judge a completion of `record.prompt`; never raises for strings."""
        ...
