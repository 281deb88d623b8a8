"""The verifier: is a completion equivalent to the right answer, and how much of it is right?

It knows both languages, so `canonical(parse_legacy(text).config)` is a perfect translator and the
upper bound of every score. Customers whose language has a compiler but no translator get the
same judgement from `compile` and a device model; this blueprint shows the method.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelops.blueprints.netlang.axon import compile_axon
from modelops.blueprints.netlang.grammar import AxonError
from modelops.blueprints.netlang.ir import GROUPS, Config, facts
from modelops.blueprints.netlang.legacy import parse_legacy


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier says of one completion."""

    score: float
    """0 without a right fact, else 0.1 + 0.5 * f1 + 0.4 * exact, rounded to four decimals."""
    exact: bool
    """The completion means exactly what the source means."""
    compiles: bool
    """The completion is a valid program of the version."""
    f1: float
    """2 * right / (wanted + given) over all facts; 0 when nothing is wanted or given."""
    facts: Mapping[str, tuple[int, int, int]]
    """Each of `ir.GROUPS` -> (right, wanted, given); (0, 0, 0) where nothing is said."""
    error: str | None
    """Why the completion does not compile, with the line where there is one."""
    unsupported: int
    """Lines of the source that the legacy parser does not know; 0 for a source in Axon."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a source asks for."""

    config: Config
    unsupported: int
    modern: bool
    """The source already is a program of the version."""


def wanted(source: str, version: str = "5.0") -> Wanted:
    """The IR of a source: Axon of this version if it compiles as such, legacy text otherwise.

    Raises ValueError for an unknown version.
    """
    try:
        return Wanted(compile_axon(source, version), 0, modern=True)
    except AxonError:
        legacy = parse_legacy(source)
        return Wanted(legacy.config, len(legacy.unsupported), modern=False)


def verify(legacy: str, completion: str, version: str = "5.0") -> Verdict:
    """Judge `completion` as the translation of `legacy` into Axon `version`.

    The completion is compiled as it is: nothing is stripped. Never raises for strings and a known
    version; raises ValueError for an unknown version.
    """
    source = wanted(legacy, version)
    try:
        given = compile_axon(completion, version)
    except AxonError as fault:
        return _verdict(source, None, error=str(fault))
    return _verdict(source, given, error=None)


def _verdict(source: Wanted, given: Config | None, *, error: str | None) -> Verdict:
    want, have = facts(source.config), facts(given or Config())
    counts = {
        group: (len(want[group] & have[group]), len(want[group]), len(have[group]))
        for group in GROUPS
    }
    right, asked, said = map(sum, zip(*counts.values(), strict=True))
    f1 = 2 * right / (asked + said) if right else 0.0
    exact = right > 0 and given == source.config
    return Verdict(
        score=round(0.1 + 0.5 * f1 + 0.4 * exact, 4) if right else 0.0,
        exact=exact,
        compiles=given is not None,
        f1=f1,
        facts=counts,
        error=error,
        unsupported=source.unsupported,
    )
