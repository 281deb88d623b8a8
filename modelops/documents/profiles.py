"""Profiles of a file: what differs from the rest of it, laid over the rest."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from modelops.documents.problem import Problem
from modelops.documents.remedies import did_you_mean
from modelops.documents.tree import Place, Tree

FULL = "full"
"""The profile that is the file without its `profiles:`."""

PROFILE_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")


def profiles_of(
    tree: Tree, path: Path, removable: Collection[Place], problems: list[Problem]
) -> dict[str, Tree]:
    """Profile name -> the file with that profile's overrides laid over it; `full` is first.

    Mappings are merged, everything else is replaced; null removes an entry of the mappings at
    `removable`; a mapping of another `kind` replaces the whole. Faults go to `problems`.
    """
    plain = Tree({key: child for key, child in tree.value.items() if key != "profiles"}, tree.line)
    resolved = {FULL: plain}
    profiles = tree.child("profiles")
    if profiles is None:
        return resolved
    if not isinstance(profiles.value, dict):
        remedy = "Write a mapping: profile name -> what differs."
        problems.append(
            Problem(path.as_posix(), profiles.line, "profiles", "is not a mapping", remedy)
        )
        return resolved
    for name, overrides in profiles.value.items():
        overlay = _Overlay(path, f"profiles.{name}", removable, problems)
        if name == FULL or not PROFILE_NAME.fullmatch(name):
            remedy = "Use small letters, digits and `_`, at most 20; `full` is the file itself."
            overlay.add(overrides, (), "cannot be a profile's name", remedy)
        elif not isinstance(overrides.value, dict):
            overlay.add(overrides, (), "is not a mapping", "Write below it what differs.")
        else:
            resolved[name] = overlay.lay(plain, overrides, ())
    return resolved


def removable(model: type[BaseModel], place: Place = ()) -> Iterator[Place]:
    """Places of the mappings whose keys people choose, such as `sources`; not those of Any."""
    for name, field in model.model_fields.items():
        here = (*place, name)
        if get_origin(field.annotation) is dict and get_args(field.annotation)[1] is not Any:
            yield here
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from removable(field.annotation, here)


@dataclass(frozen=True, slots=True)
class _Overlay:
    """Lays one profile over the file."""

    path: Path
    field: str
    removable: Collection[Place]
    problems: list[Problem]

    def lay(self, tree: Tree, overrides: Tree, place: Place) -> Tree:
        if not isinstance(tree.value, dict) or not isinstance(overrides.value, dict):
            return overrides
        if _kind(overrides) not in (None, _kind(tree)):
            return overrides
        merged = dict(tree.value)
        for key, child in overrides.value.items():
            if child.value is None and place in self.removable:
                self._remove(merged, key, child, place)
            elif key in merged:
                merged[key] = self.lay(merged[key], child, (*place, key))
            else:
                merged[key] = child
        return Tree(merged, overrides.line)

    def _remove(self, merged: dict[str, Tree], key: str, child: Tree, place: Place) -> None:
        if merged.pop(key, None) is None:
            fact = "removes an entry that is not there"
            self.add(child, (*place, key), fact, did_you_mean(key, merged))

    def add(self, tree: Tree, place: Place, fact: str, remedy: str) -> None:
        field = ".".join(map(str, (self.field, *place)))
        self.problems.append(Problem(self.path.as_posix(), tree.line, field, fact, remedy))


def _kind(tree: Tree) -> object:
    kind = tree.child("kind")
    return kind.value if kind is not None else None
