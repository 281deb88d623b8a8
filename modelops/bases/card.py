"""What is known about an imported base, and the base itself: a folder with its card."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from modelops.digests import digest_json

CARD_FILE = "card.json"
"""Name of the card inside the base's folder; the one file the base's digest does not cover."""


class CardFile(BaseModel):
    """One file of a base."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Card(BaseModel):
    """The card of an imported base, kept as `card.json` beside its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """Its name in bases.yaml."""

    source: dict[str, str]
    """Where it came from: the fields of the declared source."""

    licence: str
    """SPDX identifier, as declared."""

    architecture: str
    """Class that transformers instantiates, for example `LlamaForCausalLM`."""

    parameter_count: int
    """Parameters as stored; tied weights count once."""

    dtype: str
    """Type of most of the stored weights, for example `bfloat16`."""

    quantization: tuple[str, ...] = ()
    """What the weights went through before, oldest first; empty when nothing is known."""

    tokenizer_digest: str
    """Digest of the tokenizer's files."""

    chat_template_digest: str
    """Digest of the chat template's text."""

    files: tuple[CardFile, ...]
    """Every file of the base, sorted by path; the card itself is not among them."""

    created: str
    """When it was imported: ISO 8601, UTC."""

    @property
    def digest(self) -> str:
        """Digest over the names and contents of all files: the base's identity."""
        return digest_json({file.path: file.sha256 for file in self.files})

    @property
    def id(self) -> str:
        """`name@` and 12 digits of the digest: what reports and adapters quote."""
        return f"{self.name}@{self.digest[:12]}"

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Base:
    """An imported base model: local safetensors, tokenizer and card."""

    folder: Path
    card: Card

    @property
    def name(self) -> str:
        """Its name in bases.yaml."""
        return self.card.name

    @property
    def digest(self) -> str:
        """64 hexadecimal digits over all its files."""
        return self.card.digest

    @property
    def id(self) -> str:
        """For example `smollm2-135m@0f3a9c1be772`."""
        return self.card.id
