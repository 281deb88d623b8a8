"""The `benchmark:` section of a customization."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from modelops.corpus.settings import SourceSection
from modelops.section import Section

SliceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
"""Part of file names and of metric names in MLflow."""


class Benchmark(Section):
    """Frozen items, cut into named slices, never trained on."""

    slices: dict[SliceName, SourceSection] = Field(min_length=1)
    """Slice name -> where its items come from."""

    headline: str
    """The slice on which the gate decides."""

    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest of the items, so that a newer generator or an edited file cannot move the goalposts;
    a wrong one is refused with the digest found."""

    max_new_tokens: int = Field(default=512, ge=1)
    """Longest answer, in tokens; an answer that does not end by then is judged as it stands."""

    base_examples: int = Field(default=3, ge=0, le=16)
    """Worked examples from the corpus shown to the bare base, which has not learned the task."""

    bootstrap: int = Field(default=10_000, ge=1_000)
    """Resamples behind each interval of F1 and of measures; the gate's interval is exact."""

    @model_validator(mode="after")
    def _headline_exists(self) -> Self:
        if self.headline not in self.slices:
            raise ValueError(f"headline `{self.headline}` is none of {sorted(self.slices)}")
        return self
