"""Find the pydantic field behind a validation error's location: its manual, bounds and choices."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from modelops.documents.tree import Place

BOUNDS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


@dataclass(frozen=True, slots=True)
class Found:
    """What a location leads to."""

    owner: type[BaseModel] | None = None
    """The model in which the last word of the location stands, if it is a model."""
    info: FieldInfo | None = None
    """The field that the last word is, or that holds it."""
    annotation: object = None
    """Type of the value there."""

    @property
    def manual(self) -> str:
        """The string under the field, on one line; empty when there is none."""
        return " ".join((self.info.description or "").split()) if self.info else ""

    @property
    def siblings(self) -> tuple[str, ...]:
        """Names of all fields beside the last word of the location."""
        return tuple(self.owner.model_fields) if self.owner else ()

    @property
    def bounds(self) -> dict[str, float]:
        """`ge`, `gt`, `le` and `lt` of the field, those it has."""
        constraints = self.info.metadata if self.info else ()
        return {name: getattr(c, name) for c in constraints for name in BOUNDS if hasattr(c, name)}

    @property
    def whole(self) -> bool:
        """Whether the value is an integer."""
        return int in _choices(self.annotation)

    @property
    def kinds(self) -> list[str]:
        """Values of `kind` among the models that may stand here."""
        return [kind for choice in _choices(self.annotation) for kind in _kinds(choice)]


def find_field(model: type[BaseModel] | None, place: Place) -> Found:
    """Walk `place`, a pydantic error location, down from `model`; an empty Found when lost."""
    found = Found(annotation=model)
    for key in place:
        found = _step(found, key)
    return found


def _step(found: Found, key: str | int) -> Found:
    choices = list(_choices(found.annotation))
    for choice in choices:
        if get_origin(choice) in (dict, tuple, list):
            arguments = [a for a in get_args(choice) if a is not Ellipsis]
            return Found(None, found.info, arguments[-1])
    models = [model for choice in choices for model in _models(choice)]
    for model in models:
        if len(models) > 1 and key in _kinds(model):
            return Found(None, found.info, model)  # the tag of a union
    for model in models:
        if str(key) in model.model_fields:
            info = model.model_fields[str(key)]
            return Found(model, info, info.annotation)
    return Found(models[0] if models else None)


def _choices(annotation: object) -> Iterator[type]:
    """The members of a union, with Annotated peeled off."""
    if get_origin(annotation) is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif isinstance(annotation, type) or get_origin(annotation) in (dict, tuple, list):
        yield annotation  # ty: ignore[invalid-yield]
    else:
        for inner in get_args(annotation):
            yield from _choices(inner)


def _models(choice: object) -> list[type[BaseModel]]:
    return [choice] if isinstance(choice, type) and issubclass(choice, BaseModel) else []


def _kinds(choice: object) -> tuple[str, ...]:
    fields = [model.model_fields.get("kind") for model in _models(choice)]
    return tuple(kind for field in fields if field for kind in get_args(field.annotation))
