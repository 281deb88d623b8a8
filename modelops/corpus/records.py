"""The record: one training or evaluation example with its provenance, and its Parquet schema."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from modelops.digests import digest_bytes

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("prompt", pa.string()),
        ("completion", pa.string()),
        ("source", pa.string()),
        ("subject", pa.string()),
        ("licence", pa.string()),
        ("region", pa.string()),
        ("purpose", pa.string()),
        ("created", pa.string()),
        ("expires", pa.string()),
        ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)


@dataclass(frozen=True)
class Record:
    """One example. `prompt` is the user's turn, `completion` the answer to learn or to expect."""

    prompt: str
    completion: str
    source: str = ""
    """The name of the source in the customization file."""
    subject: str = ""
    """Whom or what the record is about, for deletion requests."""
    licence: str = ""
    region: str = ""
    purpose: str = ""
    created: str = ""
    """ISO 8601 date, or empty when unknown."""
    expires: str = ""
    """ISO 8601 date from which the record may no longer be used, or empty."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What only the blueprint understands; keys are its own."""

    @cached_property
    def id(self) -> str:
        """Digest of what is learned: prompt and completion, not the provenance."""
        return digest_bytes(f"{self.prompt}\x1f{self.completion}".encode())

    def row(self) -> dict[str, Any]:
        """The record as a row of `SCHEMA`."""
        return {**asdict(self), "id": self.id, "attributes": sorted(self.attributes.items())}


def record_of(row: Mapping[str, Any]) -> Record:
    """The record in one row of `SCHEMA`; `id` is computed again, not believed."""
    known = {name: row[name] or "" for name in SCHEMA.names if name not in ("id", "attributes")}
    return Record(**known, attributes=dict(row["attributes"] or ()))
