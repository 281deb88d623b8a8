"""The frozen spec of one customization, composed of the stages' own sections."""

from pydantic import Field

from modelops.corpus.settings import Curation, SourceSection
from modelops.digests import digest_json
from modelops.evaluation.settings import Benchmark
from modelops.release.policy import Gate
from modelops.section import Section
from modelops.training.recipe import Adaptation


class Customization(Section):
    """One file in `customizations/`, one profile of it: the whole intent."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Same as the file's name without `.yaml`."""

    profile: str = Field(default="full", pattern=r"^[a-z][a-z0-9_]{0,19}$")
    """Which profile of the file this is; set by the loader, never written in the file."""

    purpose: str = Field(min_length=10)
    """What the model is for, in a sentence a model owner would sign."""

    owner: str = Field(pattern=r"^(team:[a-z0-9_-]+|[^@\s]+@[^@\s]+)$")
    """Who answers for it: `team:NAME` or an e-mail address."""

    blueprint: str | None = None
    """Industry whose sources and verifier are used, for example `netlang`."""

    bases: tuple[str, ...] = Field(min_length=1)
    """Base models it may run on, by their names in bases.yaml; the first is the default."""

    sources: dict[str, SourceSection] = Field(min_length=1)
    """Source name -> where its records come from."""

    corpus: Curation = Curation()
    """What may stay in the corpus."""

    adaptation: Adaptation = Adaptation()
    """How the corpus becomes an adapter."""

    benchmark: Benchmark
    """What it is measured on."""

    gate: Gate = Gate()
    """What a candidate has to show."""

    tags: dict[str, str] = Field(default_factory=dict)
    """Copied to the MLflow model version."""

    @property
    def slug(self) -> str:
        """Name of this lineage everywhere: the file's name, and the profile unless it is `full`."""
        return self.name if self.profile == "full" else f"{self.name}_{self.profile}"

    @property
    def digest(self) -> str:
        """Digest of the resolved file."""
        return digest_json(self)
