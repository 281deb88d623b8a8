"""What the ledger hands out: rulings, decisions, promotions; and which promotions stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["promote", "hold", "refuse"]
Action = Literal["promote", "rollback"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a gate said about one adapter on the ground of one eval report."""

    customization: str
    base: str
    adapter: str
    """Digest of the adapter."""
    report: str
    """Digest of the eval report."""
    verdict: Verdict
    reasons: tuple[str, ...]
    evidence: Mapping[str, Any]
    """The numbers behind the verdict: a JSON object without NaN or infinity."""


@dataclass(frozen=True, slots=True)
class Decision(Ruling):
    """A recorded ruling."""

    id: int
    at: str
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One row of the truth about what serves; the row with the highest epoch is in force."""

    customization: str
    epoch: int
    """1, 2, 3 ... for each customization."""
    action: Action
    base: str
    adapter: str
    report: str
    decision_id: int
    version: str
    """MLflow model version at that time."""
    lineage: Mapping[str, Any]
    """What the model registry has to show; with it a lost registry can be written again."""
    actor: str
    at: str
    """UTC, ISO 8601."""
    undoes: int | None
    """Epoch of the promotion that a rollback takes back."""


def standing(history: Sequence[Promotion]) -> list[Promotion]:
    """Promotions that were not taken back, oldest first: the last is champion, the one before it
    is the way back. `history` holds every row of one customization, by epoch."""
    undone = {row.undoes for row in history if row.action == "rollback"}
    return [row for row in history if row.action == "promote" and row.epoch not in undone]
