"""The base class of everything a person writes in YAML: frozen, closed, documented in place."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One mapping of a customization file; the string under a field is its manual."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )
