"""Load the files in customizations/, every profile of each, or say everything wrong with them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from modelops.bases.catalog import read_catalog
from modelops.blueprints.registry import load_blueprint
from modelops.customization import Customization
from modelops.documents.problem import Problem, refuse
from modelops.documents.profiles import FULL, profiles_of, removable
from modelops.documents.remedies import did_you_mean, problems_of
from modelops.documents.schema import partial, partial_definitions
from modelops.documents.tree import Place, Tree, locate, read_tree
from modelops.errors import CustomizationError

FOLDER, CATALOG = "customizations", "bases.yaml"
FROM_FILE_NAME = ("name", "profile")
"""Fields that the loader sets; a file that repeats them could contradict its own name."""

METRICS = ("equivalence", "compile_rate", "score", "f1")
FACT_METRIC = re.compile(r"f1\.\S+")
FILE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
MEASURE = re.compile(r"[a-z][a-z0-9_]*")


def load_customizations(checkout: Path) -> list[Customization]:
    """Every profile of every file in `checkout / "customizations"`, by slug.

    Raises CustomizationError with every fault of every file.
    """
    loaded, problems = _read_all(checkout)
    refuse(problems)
    return sorted(loaded, key=lambda customization: customization.slug)


def load_customization(checkout: Path, name: str, profile: str = FULL) -> Customization:
    """One profile of one file; faults of other files do not matter.

    Raises CustomizationError when the file is wrong or there is no such file or profile.
    """
    path = checkout / FOLDER / f"{name}.yaml"
    files = {file.stem: file for file in _files(checkout)}
    if name not in files:
        raise CustomizationError(f"{path} does not exist. {did_you_mean(name, files)}")
    bases, problems = read_catalog(checkout / CATALOG)
    resolved, faults = _Reader(bases).read(path)
    refuse([*problems, *faults])
    found = {customization.profile: customization for customization in resolved}
    if profile not in found:
        raise CustomizationError(f"{path} has no profile `{profile}`. {did_you_mean('', found)}")
    return found[profile]


def check(checkout: Path) -> list[Problem]:
    """Everything wrong with bases.yaml and with every file, sorted by file and line."""
    return sorted(set(_read_all(checkout)[1]))


def json_schema() -> dict[str, Any]:
    """JSON Schema of a customization file, `profiles:` included, for editors."""
    schema = Customization.model_json_schema()
    for name in FROM_FILE_NAME:
        schema["properties"].pop(name)
    schema["required"].remove("name")
    definitions = schema.pop("$defs")
    overrides = partial(
        {key: schema[key] for key in ("type", "properties", "additionalProperties")}
    )
    profiles = {
        "description": "Profile name -> what differs from the rest of the file; null removes.",
        "type": "object",
        "additionalProperties": overrides,
    }
    schema["properties"]["profiles"] = profiles
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "$defs": definitions | partial_definitions(definitions),
    }


def _files(checkout: Path) -> list[Path]:
    return sorted((checkout / FOLDER).glob("[!.]*.yaml"))


def _read_all(checkout: Path) -> tuple[list[Customization], list[Problem]]:
    bases, problems = read_catalog(checkout / CATALOG)
    reader, loaded = _Reader(bases), []
    for path in _files(checkout):
        resolved, faults = reader.read(path)
        loaded += resolved
        problems += faults
    for path in sorted((checkout / FOLDER).glob("[!.]*.yml")):
        remedy = f"Rename it to {path.stem}.yaml."
        problems.append(Problem(path.as_posix(), 1, "", "has the ending .yml", remedy))
    return loaded, [*problems, *_clashes(checkout, loaded)]


def _clashes(checkout: Path, loaded: list[Customization]) -> Iterator[Problem]:
    """Two lineages of one name: `a_demo.yaml`, and the profile `demo` of `a.yaml`."""
    owners = {one.slug: one for one in loaded if one.profile == FULL}
    for one in loaded:
        other = owners.get(one.slug, one)
        if other.name != one.name:
            path = checkout / FOLDER / f"{one.name}.yaml"
            fact = f"has the same name as {other.name}.yaml"
            yield Problem(
                path.as_posix(), 1, f"profiles.{one.profile}", fact, "Rename one of them."
            )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one file after the other against the same declared bases."""

    bases: Mapping[str, object]

    def read(self, path: Path) -> tuple[list[Customization], list[Problem]]:
        tree, problems = read_tree(path)
        if not FILE_NAME.fullmatch(path.stem):
            remedy = "Rename it: a small letter, then small letters, digits and `_`, at most 40."
            return [], [Problem(path.as_posix(), 1, "", "cannot be named so", remedy)]
        if tree is None:
            return [], problems
        resolved = []
        for profile, profiled in profiles_of(tree, path, REMOVABLE, problems).items():
            customization = self._resolve(path, profile, profiled, problems)
            resolved += [customization] if customization else []
        return resolved, list(dict.fromkeys(problems))

    def _resolve(
        self, path: Path, profile: str, tree: Tree, problems: list[Problem]
    ) -> Customization | None:
        plain = {key: child.plain() for key, child in tree.value.items()}
        for name in FROM_FILE_NAME:
            if plain.pop(name, None) is not None:
                _add(problems, path, tree, (name,), "is set by the file's name", "Remove it.")
        try:
            customization = Customization.model_validate(
                {**plain, "name": path.stem, "profile": profile}
            )
        except ValidationError as error:
            problems += problems_of(error, tree, path, model=Customization)
            customization = None
        self._check_names(tree, path, problems)
        return customization

    def _check_names(self, tree: Tree, path: Path, problems: list[Problem]) -> None:
        """What only a look beyond the file can tell, of whatever else is sound in it."""
        for index, base in enumerate(_entries(tree, "bases", list)):
            if isinstance(base.value, str) and base.value not in self.bases:
                fact = f"names the base `{base.value}`, which bases.yaml does not declare"
                remedy = did_you_mean(base.value, self.bases)
                _add(problems, path, tree, ("bases", index), fact, remedy)
        for metric, least in _entries(tree, "gate.floors", dict).items():
            wrong = _floor_fault(metric, least.value)
            if wrong:
                _add(problems, path, tree, ("gate", "floors", metric), *wrong)
        problems += _blueprint_problems(tree, path)


REMOVABLE = frozenset(removable(Customization))


def _floor_fault(metric: str, least: object) -> tuple[str, str] | None:
    """Fact and remedy for a floor that no report can ever meet."""
    known = metric in METRICS or bool(FACT_METRIC.fullmatch(metric))
    if known and isinstance(least, int | float) and not 0 <= least <= 1:
        return f"is {least}", "Write a share from 0 to 1."
    hint = did_you_mean(metric, METRICS)
    if not known and (hint.startswith("Did") or not MEASURE.fullmatch(metric)):
        return "is not a metric", f"{hint} `f1.GROUP` and the blueprint's measures exist too."
    return None


def _blueprint_problems(tree: Tree, path: Path) -> list[Problem]:
    problems: list[Problem] = []
    drawn = dict(_blueprint_sources(tree))
    name = tree.child("blueprint")
    if name is None or name.value is None:
        for place in drawn:
            remedy = "Name the blueprint in `blueprint:`, or read files with another kind."
            _add(problems, path, tree, (*place, "kind"), "needs a blueprint", remedy)
    if name is None or not isinstance(name.value, str):
        return problems
    try:
        blueprint = load_blueprint(name.value)
    except CustomizationError as error:
        fact, _, remedy = str(error).partition("; ")
        _add(problems, path, tree, ("blueprint",), f"is refused: {fact}", remedy.capitalize())
        return problems
    for place, options in drawn.items():
        try:
            blueprint.check_options(options)
        except ValidationError as error:
            problems += problems_of(error, tree, path, prefix=(*place, "options"))
    return problems


def _blueprint_sources(tree: Tree) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Place and options of everything that the blueprint shall read."""
    for field in ("sources", "benchmark.slices"):
        for name, source in _entries(tree, field, dict).items():
            kind = source.child("kind")
            if kind is not None and kind.value == "blueprint":
                options = _entries(source, "options", dict)
                yield (*field.split("."), name), {k: v.plain() for k, v in options.items()}


Kind = TypeVar("Kind", list, dict)


def _entries(tree: Tree, field: str, kind: type[Kind]) -> Kind:
    """The list or mapping at a dotted field; empty when there is something else or nothing."""
    here: Tree | None = tree
    for key in field.split("."):
        here = here.child(key) if here is not None else None
    return here.value if here is not None and isinstance(here.value, kind) else kind()


def _add(problems: list[Problem], path: Path, tree: Tree, place: Place, *words: str) -> None:
    line, field = locate(tree, place)
    problems.append(Problem(path.as_posix(), line, field, *words))
