"""The `sources:` and `corpus:` sections of a customization."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field

from modelops.section import Section


class Provenance(Section):
    """What every record of a source inherits unless the record says otherwise."""

    licence: str = ""
    """SPDX identifier, or the name of the contract under which the data may be used."""

    region: str = ""
    """Where the data may be processed, for example `EU`."""

    purpose: str = ""
    """What the data was collected for."""

    expires: str = Field(default="", pattern=r"^(\d{4}-\d{2}-\d{2})?$")
    """ISO 8601 date from which the records may no longer be used."""


class FileSource(Provenance):
    """Fields that the file-reading sources share."""

    path: PurePosixPath
    """A file, or a folder whose matching files are all read; relative to the checkout."""

    prompt: str = "prompt"
    """Name of the column that holds the user's turn."""

    completion: str = "completion"
    """Name of the column that holds the answer."""

    subject: str = ""
    """Name of the column that says whom the record is about; empty for none."""


class JsonlSource(FileSource):
    """Files of one JSON object a line, plain or gzip-compressed."""

    kind: Literal["jsonl"]
    """Which reader this source wants."""


class ParquetSource(FileSource):
    """Parquet files, read in row groups."""

    kind: Literal["parquet"]
    """Which reader this source wants."""


class DirectorySource(Provenance):
    """Pairs of text files: `name.<prompt_suffix>` and `name.<completion_suffix>`."""

    kind: Literal["directory"]
    """Which reader this source wants."""

    path: PurePosixPath
    """The folder, searched recursively; relative to the checkout."""

    prompt_suffix: str = Field(default=".in", min_length=2)
    """Ending of the files that hold prompts."""

    completion_suffix: str = Field(default=".out", min_length=2)
    """Ending of the files that hold answers."""


class BlueprintSource(Provenance):
    """A source that the customization's blueprint implements."""

    kind: Literal["blueprint"]
    """Which reader this source wants."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Handed to the blueprint, which checks it against its own model."""


SourceSection = Annotated[
    JsonlSource | ParquetSource | DirectorySource | BlueprintSource, Field(discriminator="kind")
]


class Curation(Section):
    """The `corpus:` section: what may stay in the corpus."""

    max_tokens: int = Field(default=2048, ge=16)
    """Longest prompt + completion, in tokens of the default base, chat template included."""

    min_characters: int = Field(default=1, ge=0)
    """Shortest prompt and shortest completion, in characters after normalisation."""

    near_duplicates: float | None = Field(default=0.9, gt=0.5, le=1.0)
    """Estimated Jaccard similarity from which a record is a copy of an earlier one; null: keep."""

    shingle_words: int = Field(default=5, ge=1, le=20)
    """Words per shingle for near-duplicate detection."""

    contamination_words: int = Field(default=30, ge=5)
    """Length of a run of words shared with a benchmark item that counts as contamination."""

    contamination_share: float = Field(default=0.9, gt=0, le=1)
    """Share of a benchmark item's word runs found in a record from which the record is dropped."""

    dev_share: float = Field(default=0.05, ge=0, lt=0.5)
    """Share of records set aside for the loss on unseen data; chosen by digest, not by order."""
