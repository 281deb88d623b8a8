"""The generator as a source of records: the options a customization writes, and the stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from modelops.blueprints.netlang.canonical import canonical, ir_digest
from modelops.blueprints.netlang.dialects import write_legacy
from modelops.blueprints.netlang.generate import GENERATOR_VERSION, Draw
from modelops.blueprints.netlang.ir import FEATURES, Config, identity
from modelops.blueprints.netlang.profiles import PROFILES, Profile, feature_sets
from modelops.corpus.records import Record
from modelops.errors import CorpusError
from modelops.section import Section

ProfileName = Literal[
    "base", "combo", "large", "xe", "xecombo", "benign", "modern",
    "bgpmix", "aclmix", "vrfmix", "ospfmix", "vlanmix", "routemix",
    "base51", "combo51", "large51", "xe51", "xecombo51", "benign51", "modern51",
    "bgpmix51", "aclmix51", "vrfmix51", "ospfmix51", "vlanmix51", "routemix51",
]  # fmt: skip
PrefixLength = Annotated[int, Field(ge=0, le=32)]
Feature = Literal["vrf", "vlan", "acl", "route", "ospf", "bgp"]

TRIES = 1000
"""Draws in a row that may repeat earlier records before a space counts as exhausted."""


class GeneratorOptions(Section):
    """`options:` of a netlang source: which traffic to draw, and how much."""

    profile: ProfileName = "base"
    """Kind of traffic; the names ending in 51 answer in Axon 5.1."""

    seed: int = Field(default=0, ge=0)
    """Same options and seed, same bytes."""

    records: int = Field(ge=1, le=10_000_000)
    """How many records, no two of which differ in the host alone."""

    features: tuple[Feature, ...] = FEATURES
    """Draw only feature sets within these; an empty list leaves ports alone."""

    sizes: tuple[int, ...] | None = None
    """Draw only feature sets of these sizes, of those the profile has, and 0; null: all."""

    max_ports: int | None = Field(default=None, ge=1, le=128)
    """Most ports of a configuration; null: as the profile says."""

    lengths: tuple[PrefixLength, ...] | None = Field(default=None, min_length=1)
    """Draw nets of these prefix lengths only, where the profile draws one of several; null: all."""

    modern_share: float = Field(default=0.0, ge=0, le=1)
    """Share of records whose prompt already is the canonical answer (0.05 for training)."""

    @model_validator(mode="after")
    def _something_to_draw(self) -> Self:
        known = {0, *PROFILES[self.profile].sizes}
        if unknown := sorted(set(self.sizes or ()) - known):
            raise ValueError(
                f"sizes {unknown} are none of profile {self.profile}; use some of {sorted(known)}"
            )
        if not self.sets():
            sizes = "any size" if self.sizes is None else f"sizes {list(self.sizes)}"
            raise ValueError(
                f"profile {self.profile} has no feature set of {sizes} within "
                f"{list(self.features)}; allow more features or other sizes"
            )
        return self

    def sets(self) -> list[list[tuple[str, ...]]]:
        """The feature sets that may be drawn, for each size; a repeated size weighs twice."""
        profile = PROFILES[self.profile]
        sizes = profile.sizes
        if self.sizes is not None:
            sizes = (*(size for size in sizes if size in self.sizes), *(0,) * (0 in self.sizes))
        found = [feature_sets(profile, size, self.features) for size in sizes]
        return [sets for sets in found if sets]


@dataclass(frozen=True, slots=True)
class Generator:
    """A source that draws its records one by one; memory grows by about 100 bytes a record."""

    options: GeneratorOptions

    def read(self) -> Iterator[Record]:
        """Yield `options.records` records, different in more than the host.

        Raises CorpusError when the options leave fewer than that.
        """
        sets, seen = self.options.sets(), set[bytes]()
        for index in range(self.options.records):
            yield self._unseen(index, sets, seen)

    def _unseen(self, index: int, sets: list[list[tuple[str, ...]]], seen: set[bytes]) -> Record:
        traffic = self.options.profile.removesuffix("51")  # both versions draw the same
        for attempt in range(TRIES):
            random = Random(f"{traffic}/{self.options.seed}/{index}/{attempt}")
            modern = random.random() < self.options.modern_share
            draw = Draw(
                random, PROFILES[self.options.profile], self.options.max_ports, self.options.lengths
            )
            config = draw.config(draw.features(sets))
            key = bytes.fromhex(identity(config) or "")[:16]
            if key not in seen:
                seen.add(key)
                return self._record(index, config, self._written(modern), random)
        raise CorpusError(
            f"netlang source: {self.options.records} records of profile {self.options.profile} "
            f"were asked for and {TRIES} draws in a row found none beside the first {len(seen)} "
            f"distinct ones: lower `records` or allow more features, sizes or ports."
        )

    def _written(self, modern: bool) -> Profile:
        profile = PROFILES[self.options.profile]
        if not modern:
            return profile
        return PROFILES["modern51" if profile.version == "5.1" else "modern"]

    def _record(self, index: int, config: Config, profile: Profile, random: Random) -> Record:
        answer = canonical(config, profile.version)
        prompt = answer
        if profile.dialect != "axon":
            prompt = write_legacy(config, newer=profile.dialect == "xe", random=random)
        attributes = {
            "axon_version": profile.version,
            "dialect": profile.dialect,
            "profile": profile.name,
            "features": "+".join(config.features) or "none",
            "size": str(len(config.features)),
            "ports": str(len(config.port)),
            "seed": str(self.options.seed),
            "index": str(index),
            "ir_digest": ir_digest(config),
            "origin": "generator",
            "generator_version": GENERATOR_VERSION,
        }
        return Record(prompt, answer, licence="Apache-2.0", attributes=attributes)
