"""Customization files: what loads, and what a person is told about what does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelops.customization_files import (
    check,
    json_schema,
    load_customization,
    load_customizations,
)
from modelops.errors import CustomizationError

BASES = """\
tiny:
  source: {kind: path, path: models/tiny}
  licence: Apache-2.0
other:
  source: {kind: path, path: models/other}
  licence: Apache-2.0
"""
PLAIN = """\
purpose: Answer the questions of a test.
owner: team:tests
bases: [tiny]
sources:
  rows: {kind: jsonl, path: rows.jsonl}
  more: {kind: jsonl, path: more.jsonl}
adaptation:
  lora: {rank: 8}
  budget: {tokens: 1000}
benchmark:
  headline: unseen
  slices:
    unseen: {kind: jsonl, path: unseen.jsonl}
    seen: {kind: jsonl, path: seen.jsonl}
"""
BLUEPRINT = """\
from pydantic import BaseModel, ConfigDict, Field

class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    records: int = Field(default=1, ge=1)

class Toy:
    name = "toyland"
    def check_options(self, options):
        Options.model_validate(options)

TOY = Toy()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "customizations").mkdir()
    (tmp_path / "bases.yaml").write_text(BASES)
    return tmp_path


@pytest.fixture
def toyland(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that offers the blueprint `toyland`, and a broken one."""
    site = tmp_path / "site"
    folder = site / "toyland-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: toyland\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[modelops.blueprints]\ntoyland = toyland_blueprint:TOY\nbroken = no_such_module:X\n"
    )
    (site / "toyland_blueprint.py").write_text(BLUEPRINT)
    monkeypatch.syspath_prepend(str(site))


def write(checkout: Path, text: str | bytes, name: str = "toy") -> Path:
    path = checkout / "customizations" / f"{name}.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(checkout: Path, text: str | bytes) -> list[tuple[int, str, str, str]]:
    write(checkout, text)
    return [(p.line, p.field, p.fact, p.remedy) for p in check(checkout)]


def test_a_sound_file_has_no_problems_and_is_named_after_itself(checkout: Path):
    write(checkout, PLAIN)

    assert check(checkout) == []
    [customization] = load_customizations(checkout)
    assert (customization.name, customization.profile, customization.slug) == ("toy", "full", "toy")
    assert customization.adaptation.lora.rank == 8


def test_plain_words_stay_words_and_numbers_are_numbers(checkout: Path):
    text = PLAIN.replace("path: rows.jsonl", "path: rows.jsonl, region: no, expires: 2030-01-02")
    write(checkout, text + "tags: {answer: off, version: 1.2.3}\ngate: {min_gain: 1e-3}\n")

    customization = load_customization(checkout, "toy")

    assert customization.sources["rows"].region == "no"
    assert customization.sources["rows"].expires == "2030-01-02"
    assert customization.tags == {"answer": "off", "version": "1.2.3"}
    assert customization.gate.min_gain == 0.001


PROFILE = """\
profiles:
  demo:
    bases: [other]
    sources: {more: null}
    adaptation: {budget: {tokens: null, steps: 5}}
    corpus: {near_duplicates: null}
    benchmark:
      headline: fresh
      slices: {unseen: null, seen: {kind: directory, path: seen}, fresh: {kind: jsonl, path: f}}
"""


def test_a_profile_is_the_file_with_its_overrides_merged_in(checkout: Path):
    write(checkout, PLAIN + PROFILE)

    full, demo = load_customizations(checkout)

    assert (full.slug, demo.slug) == ("toy", "toy_demo")
    assert demo.bases == ("other",)  # lists are replaced
    assert set(demo.sources) == {"rows"}  # null removes
    assert demo.adaptation.lora.rank == 8  # what is not named stays
    assert (demo.adaptation.budget.steps, demo.adaptation.budget.tokens) == (5, None)
    assert demo.corpus.near_duplicates is None  # null is a value where the key is a field
    assert set(demo.benchmark.slices) == {"seen", "fresh"}
    assert demo.benchmark.slices["seen"].kind == "directory"  # another kind replaces the whole
    assert full.digest != demo.digest


def test_one_profile_can_be_asked_for(checkout: Path):
    write(checkout, PLAIN + PROFILE)

    assert load_customization(checkout, "toy", "demo").profile == "demo"
    with pytest.raises(CustomizationError, match="has no profile `d`"):
        load_customization(checkout, "toy", "d")
    with pytest.raises(CustomizationError, match=r"tyo.yaml does not exist. Did you mean `toy`\?"):
        load_customization(checkout, "tyo")


def test_one_file_loads_whatever_is_wrong_with_the_others(checkout: Path):
    write(checkout, PLAIN)
    write(checkout, "purpose: [", name="broken")

    assert load_customization(checkout, "toy").name == "toy"
    with pytest.raises(CustomizationError, match=r"broken\.yaml:1"):
        load_customizations(checkout)


FAULTS = {
    "unknown field": ("rank: 8", "rnak: 8", 8, "adaptation.lora.rnak", "not a known", "`rank`?"),
    "range": ("rank: 8", "rank: 0", 8, "adaptation.lora.rank", "is `0`", "whole number from 1 to"),
    "fraction": ("rank: 8", "rank: 1.5", 8, "adaptation.lora.rank", "`1.5`", "a whole number"),
    "word": ("rank: 8", "rank: big", 8, "adaptation.lora.rank", "`big`", "a whole number from 1"),
    "choice": ("rank: 8", "targets: mpl", 8, "adaptation.lora.targets", "`mpl`", "`mlp`?"),
    "kind": ("kind: jsonl, path: rows", "kind: jsnol, path: rows", 5, "sources.rows", "`jsnol`",
             "Did you mean `jsonl`?"),
    "no kind": ("kind: jsonl, path: rows", "path: rows", 5, "sources.rows", "does not say its",
                "`blueprint` or `directory` or `jsonl` or `parquet`"),
    "field of a kind": ("path: rows.jsonl", "path: r, promt: q", 5, "sources.rows.promt",
                        "not a known", "`prompt`?"),
    "missing in a kind": (", path: rows.jsonl", "", 5, "sources.rows.path", "is missing",
                          "Add `path:`. A file, or a folder"),
    "missing": ("owner: team:tests\n", "", 1, "owner", "is missing", "Add `owner:`. Who answers"),
    "pattern": ("team:tests", "nobody", 2, "owner", "`nobody`", "`team:NAME` or an e-mail"),
    "short": ("Answer the questions of a test.", "Answer", 1, "purpose", "`Answer`", "at least 10"),
    "number for text": ("headline: unseen", "headline: 3", 11, "benchmark.headline", "`3`",
                        'in quotes: "3"'),
    "not a list": ("[tiny]", "tiny", 3, "bases", "`tiny`", "Write a list"),
    "empty list": ("[tiny]", "[]", 3, "bases", "an empty list", "at least 1"),
    "not a mapping": ("{rank: 8}", "8", 8, "adaptation.lora", "`8`", "Write a mapping"),
    "nothing": ("bases: [tiny]", "bases:", 3, "bases", "empty", "Write a list"),
    "own rule": ("headline: unseen", "headline: sen", 10, "benchmark", "headline `sen` is none of",
                 ""),
    "two budgets": ("{tokens: 1000}", "{tokens: 1, steps: 1}", 9, "adaptation.budget",
                    "exactly one", "When training ends"),
    "unknown base": ("[tiny]", "[tiny, tinny]", 3, "bases[1]", "does not declare", "`tiny`?"),
    "base outside": ("[tiny]", "[../tiny]", 3, "bases[0]", "does not declare", "`tiny`?"),
    "name inside": ("owner:", "name: toy\nowner:", 2, "name", "set by the file's name", "Remove"),
    "no blueprint": ("kind: jsonl, path: rows.jsonl", "kind: blueprint", 5, "sources.rows.kind",
                     "needs a blueprint", "Name the blueprint"),
    "unknown blueprint": ("owner:", "blueprint: netlnag\nowner:", 2, "blueprint", "not installed",
                          "netlang"),
    "nan": ("{rank: 8}", "{rank: 8, alpha: .nan}", 8, "adaptation.lora.alpha", "is .nan", "number"),
    "infinite": ("{rank: 8}", "{alpha: inf}", 8, "adaptation.lora.alpha", "is inf", "a number"),
    "quoted nan": ("{rank: 8}", "{alpha: 'nan'}", 8, "adaptation.lora.alpha", "`nan`", "a number"),
    "duplicate": ("owner: team:tests", "owner: team:tests\nowner: team:x", 3, "owner",
                  "stands twice, first on line 2", "Keep one"),
    "tab": ("  lora:", "\tlora:", 8, "", "has a tab", "Indent with spaces"),
    "syntax": ("[tiny]", "[tiny", 4, "", "is not YAML", "Check indentation"),
    "anchor": ("[tiny]", "&b [tiny]", 3, "", "anchor or alias", "Write the value out"),
    "tag": ("[tiny]", "!!python/name:os.system x", 3, "", "uses the tag", "Remove the tag"),
    "two documents": ("owner:", "---\nowner:", 2, "", "second document", "Remove the `---`"),
    "list key": ("owner:", "[a]: b\nowner:", 2, "", "key that is no word", "field: value"),
    "control": ("Answer", "Ans\x07wer", 1, "", "control character", "Delete"),
    "deep": ("[tiny]", "[" * 40 + "]" * 40, 3, "", "nested too deeply", "Flatten"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_is_told_with_its_line_field_and_remedy(checkout: Path, case: str):
    old, new, line, field, fact, remedy = FAULTS[case]
    assert old in PLAIN

    found = problems(checkout, PLAIN.replace(old, new, 1))

    assert any(
        (at, where) == (line, field) and fact in said and remedy in advice
        for at, where, said, advice in found
    ), found


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- a\n- b\n", "does not hold a mapping"),
        ("just words", "does not hold a mapping"),
        (PLAIN.encode() + b"tags: {a: \xff}\n", "is not UTF-8"),
        (b"a: 1\n" * 300_000, "is longer than 1 MB"),
    ],
)
def test_what_is_no_mapping_at_all_is_one_problem(checkout: Path, text: str | bytes, fact: str):
    [(_, _, said, _)] = problems(checkout, text)

    assert said == fact


def test_the_line_of_a_wrong_byte_is_told(checkout: Path):
    [(line, _, _, remedy)] = problems(checkout, b"a: 1\nb: \xff\n")

    assert (line, remedy) == (2, "Save the file as UTF-8.")


def test_every_fault_of_every_file_is_told_at_once(checkout: Path):
    write(checkout, PLAIN.replace("rank: 8", "rank: 0").replace("[tiny]", "[tinny]"))
    write(checkout, "purpose: x\nower: y\n", name="second")
    write(checkout, "a: [", name="third")
    (checkout / "customizations" / "fourth.yml").write_text(PLAIN)
    write(checkout, PLAIN, name="Bad-Name")
    (checkout / "bases.yaml").write_text(BASES.replace("licence: Apache-2.0", "licence: 3", 1))

    found = {(Path(p.file).name, p.field) for p in check(checkout)}

    assert found >= {
        ("bases.yaml", "tiny.licence"),
        ("toy.yaml", "adaptation.lora.rank"),
        ("second.yaml", "ower"),
        ("second.yaml", "sources"),
        ("second.yaml", "purpose"),
        ("third.yaml", ""),
        ("fourth.yml", ""),
        ("Bad-Name.yaml", ""),
    }
    with pytest.raises(CustomizationError) as refused:
        load_customizations(checkout)
    assert len(str(refused.value).splitlines()) == len(check(checkout))


def test_names_are_looked_up_even_where_other_fields_are_wrong(checkout: Path, toyland: None):
    text = (
        PLAIN.replace("rank: 8", "rank: 0")
        .replace("[tiny]", "[tinny]")
        .replace("{kind: jsonl, path: rows.jsonl}", "{kind: blueprint, options: {records: 0}}")
    )
    text = "blueprint: toyland\n" + text + "gate: {floors: {equivalnce: 1}}\n"

    assert [field for _, field, *_ in problems(checkout, text)] == [
        "bases[0]",
        "sources.rows.options.records",
        "adaptation.lora.rank",
        "gate.floors.equivalnce",
    ]


def test_a_fault_in_a_profile_has_the_line_of_the_profile(checkout: Path):
    text = PLAIN + "profiles:\n  demo:\n    adaptation:\n      lora: {rank: 999}\n"

    [(line, field, fact, _)] = problems(checkout, text)

    assert (line, field, fact) == (18, "adaptation.lora.rank", "is `999`")


def test_a_fault_in_the_file_is_told_once_however_many_profiles_share_it(checkout: Path):
    text = PLAIN.replace("rank: 8", "rank: 0") + "profiles: {a: {}, b: {}}\n"

    assert [line for line, *_ in problems(checkout, text)] == [8]


@pytest.mark.parametrize(
    ("profiles", "line", "field", "fact"),
    [
        ("profiles: 3\n", 15, "profiles", "is not a mapping"),
        ("profiles:\n  demo: 3\n", 16, "profiles.demo", "is not a mapping"),
        ("profiles:\n  full: {}\n", 16, "profiles.full", "cannot be a profile's name"),
        ("profiles:\n  A-b: {}\n", 16, "profiles.A-b", "cannot be a profile's name"),
        ("profiles:\n  a:\n    sources: {mroe: null}\n", 17, "profiles.a.sources.mroe",
         "removes an entry that is not there"),
    ],
)  # fmt: skip
def test_faults_of_profiles_themselves(
    checkout: Path, profiles: str, line: int, field: str, fact: str
):
    [(at, where, said, _)] = problems(checkout, PLAIN + profiles)

    assert (at, where, said) == (line, field, fact)


def test_two_lineages_of_one_name_are_refused(checkout: Path):
    write(checkout, PLAIN, name="toy_demo")

    [(_, field, fact, _)] = problems(checkout, PLAIN + "profiles: {demo: {}}\n")

    assert (field, fact) == ("profiles.demo", "has the same name as toy_demo.yaml")


@pytest.mark.parametrize("floor", ["equivalence: 0.9", "f1.vlan: 1", "lint_clean: 0.2", "f1: 0"])
def test_floors_name_metrics_that_a_report_can_hold(checkout: Path, floor: str):
    assert problems(checkout, PLAIN + f"gate:\n  floors: {{{floor}}}\n") == []


@pytest.mark.parametrize(
    ("floor", "fact"),
    [
        ("equivalnce: 0.9", "is not a metric"),
        ("unseen.f1: 0.9", "is not a metric"),
        ("compile_rate: 80", "is 80"),
    ],
)
def test_floors_that_no_report_can_meet_are_told(checkout: Path, floor: str, fact: str):
    [(line, field, said, _)] = problems(checkout, PLAIN + f"gate:\n  floors: {{{floor}}}\n")

    assert (line, field, said) == (16, f"gate.floors.{floor.split(':')[0]}", fact)


def test_options_are_checked_by_the_blueprint(checkout: Path, toyland: None):
    text = PLAIN.replace("owner:", "blueprint: toyland\nowner:").replace(
        "{kind: jsonl, path: rows.jsonl}",
        "\n    kind: blueprint\n    options:\n      records: 0\n      recrods: 1",
    )

    found = problems(checkout, text)

    assert [(line, field, fact) for line, field, fact, _ in found] == [
        (9, "sources.rows.options.records", "is `0`"),
        (10, "sources.rows.options.recrods", "is not a known field"),
    ]
    assert found[0][3] == "Write a whole number from 1."


def test_a_blueprint_that_cannot_be_imported_is_told(checkout: Path, toyland: None):
    [(line, field, fact, _)] = problems(checkout, "blueprint: broken\n" + PLAIN)

    assert (line, field) == (1, "blueprint")
    assert "no_such_module" in fact


def test_loading_definitions_imports_no_framework(checkout: Path):
    write(checkout, PLAIN + PROFILE)
    code = (
        "import sys; from pathlib import Path\n"
        "from modelops.customization_files import load_customizations\n"
        "assert len(load_customizations(Path(sys.argv[1]))) == 2\n"
        "heavy = {'torch', 'transformers', 'peft', 'mlflow', 'scipy', 'pandas', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code, str(checkout)], capture_output=True, text=True, check=True
    )

    assert result.stdout.strip() == "[]"


def test_the_schema_for_editors_knows_fields_manuals_and_profiles():
    schema = json_schema()
    overrides = schema["properties"]["profiles"]["additionalProperties"]

    assert "name" not in schema["properties"]
    assert set(schema["required"]) >= {"purpose", "owner", "bases", "sources", "benchmark"}
    assert "required" not in overrides
    assert overrides["properties"]["adaptation"]["$ref"] == "#/$defs/PartialAdaptation"
    assert "Rank of each update" in schema["$defs"]["Lora"]["properties"]["rank"]["description"]
    references = {word for word in json.dumps(schema).split('"') if word.startswith("#/$defs/")}
    assert {name.removeprefix("#/$defs/") for name in references} <= set(schema["$defs"])


def test_every_shipped_customization_is_sound():
    checkout = Path(__file__).parents[2]

    assert check(checkout) == []
    assert load_customizations(checkout)
