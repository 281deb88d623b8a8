"""The kinds of traffic: how each differs from `base`, and which feature sets it may have."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from modelops.blueprints.netlang.ir import FEATURES

Dialect = Literal["ios12", "xe", "axon"]

HELD_OUT = (("vrf", "bgp"), ("acl", "ospf"), ("vlan", "route"))
"""A feature set with one of these pairs is never trained on."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of traffic: how it differs from `base`."""

    name: str
    version: str = "5.0"
    dialect: Dialect = "ios12"
    sizes: tuple[int, ...] = (1, 1, 2, 2, 3)
    """Drawn uniformly; repeats weigh."""
    held_out: bool | None = False
    """Whether only held-out sets are drawn (True), only the others (False), or all (None)."""
    pivot: tuple[str, float] | None = ("bgp", 0.2)
    """A feature whose presence is drawn first, and its probability."""
    ports: tuple[int, int] | None = None
    """Fewest and most ports; None for 1 to 2 + size // 2."""
    hosts: tuple[tuple[str, ...], tuple[int, int]] = (("edge", "core", "dist", "acc"), (1, 99))
    asns: tuple[int, int] = (64512, 65534)
    first_port: tuple[int, int] = (0, 0)
    """Range of the lowest port number."""


def _profiles() -> Iterable[Profile]:
    base = Profile("base")
    combo = replace(base, name="combo", sizes=(2, 2, 3), held_out=True, pivot=None)
    yield from (base, combo)
    yield replace(base, name="large", sizes=(4, 5, 6), held_out=None, pivot=None, ports=(3, 8))
    yield replace(base, name="xe", dialect="xe")
    yield replace(combo, name="xecombo", dialect="xe")
    for feature in FEATURES:
        yield replace(base, name=f"{feature}mix", pivot=(feature, 0.6))
    yield replace(
        base,
        name="benign",
        hosts=(("hub", "branch", "site", "pop"), (100, 999)),
        asns=(20000, 39999),
        first_port=(12, 40),
    )
    yield replace(base, name="modern", dialect="axon")


PROFILES = {
    profile.name: profile
    for old in _profiles()
    for profile in (old, replace(old, name=f"{old.name}51", version="5.1"))
}
"""Every profile by name; `...51` answers in Axon 5.1."""


def feature_sets(profile: Profile, size: int, allowed: Iterable[str]) -> list[tuple[str, ...]]:
    """The sets of `size` features within `allowed` that the profile may draw, in fixed order."""
    within = [feature for feature in FEATURES if feature in set(allowed)]
    return [
        chosen
        for chosen in combinations(within, size)
        if profile.held_out is None or is_held_out(chosen) == profile.held_out
    ]


def is_held_out(features: Iterable[str]) -> bool:
    """Whether a feature set contains one of the pairs kept for measuring."""
    present = set(features)
    return any(present.issuperset(pair) for pair in HELD_OUT)
