"""Documents cannot lie: commands, files, links and fields that they name exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from modelops.cli import app
from modelops.customization_files import check
from tests.field_reference import reference

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REFERENCE = ROOT / "docs/customization.md"
MARK = "<!-- From here on written by: pytest tests/unit/test_docs.py --update-golden -->\n"
CODE_FOLDERS = ("modelops", "assets", "sensors")
COMMANDS = typer.main.get_command(app)


def fences(document: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text("utf-8"), re.M | re.S)


def lines_of_shell(document: Path) -> list[list[str]]:
    """Words of each command, comments left out."""
    lines = "\n".join(fences(document, "sh")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def inline_commands(document: Path) -> list[list[str]]:
    """Commands of ours between backticks in the text."""
    prose = re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.M | re.S)
    return [shlex.split(code) for code in re.findall(r"`((?:modelops|make) [a-z][^`]*)`", prose)]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def subcommands(command: Any) -> dict[str, Any]:
    return getattr(command, "commands", {})


def fault(words: list[str]) -> str | None:
    """What is wrong with a command line, if anything."""
    program, *rest = words
    if program == "make":
        missing = set(rest) - targets()
        return f"make has no {missing}" if missing else None
    if Path(program).name != "modelops":
        return None
    command = COMMANDS
    while rest and (inner := subcommands(command)):
        name, *rest = rest
        if name not in inner:
            return f"modelops has no command {name}"
        command = inner[name]
    options = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in rest if word.startswith("--") and word not in options]
    return f"{' '.join(words)}: no option {unknown}" if unknown else None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_in_a_document_exists(document: Path):
    named = lines_of_shell(document) + inline_commands(document)

    assert [found for words in named if (found := fault(words))] == []


@pytest.mark.parametrize(
    "line", ["make demos", "modelops chek", "modelops release drop x", "modelops run x --bass y"]
)
def test_a_command_that_does_not_exist_is_noticed(line: str):
    assert fault(line.split())


def test_the_readme_names_every_command():
    text = README.read_text("utf-8")
    spelled = [
        " ".join(word for word in (name, inner) if word)
        for name, command in subcommands(COMMANDS).items()
        for inner in subcommands(command) or [""]
    ]

    assert [words for words in spelled if not re.search(rf"`(modelops )?{words}[` ]", text)] == []


def links(document: Path) -> list[str]:
    """Targets of links and pictures, those within a page and on other machines left out."""
    found = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text("utf-8"))
    return [link for link in found if "://" not in link]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document: Path):
    wanted = [document.parent / link for link in links(document) if not link.endswith(".png")]

    assert [path for path in wanted if not path.exists()] == []


def test_every_picture_is_one_that_the_script_takes():
    script = (ROOT / "docs/take_screenshots.py").read_text("utf-8")
    pictures = [document.parent / n for document in DOCUMENTS for n in links(document)]
    pictures = [path for path in pictures if path.suffix == ".png"]

    assert pictures
    for picture in pictures:
        assert picture.parent == ROOT / "docs/images" or picture.exists()
        assert f'"{picture.stem}"' in script or f'"{picture.name}"' in script
    taken = (ROOT / "docs/images").exists()
    assert [picture for picture in pictures if taken and not picture.exists()] == []


def paths_of(tree: str) -> Iterator[str]:
    """The paths in a drawn tree, whose indentation says what lies where."""
    above: list[tuple[int, str]] = []
    for line in tree.splitlines():
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        above = [(depth, folder) for depth, folder in above if depth < indent]
        yield "".join(folder for _, folder in above) + name
        above.append((indent, name))


def test_the_tree_in_the_readme_is_there_and_leaves_out_no_part_of_the_library():
    [tree] = [block for block in fences(README, "text") if "modelops/ " in block]
    drawn = list(paths_of(tree))

    assert [path for path in drawn if not (ROOT / path).exists()] == []
    folders = {path.parent.name for path in (ROOT / "modelops").glob("*/__init__.py")}
    assert folders <= {Path(path).name for path in drawn}


def test_the_variables_in_the_readme_are_those_that_the_code_reads():
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", README.read_text("utf-8"), re.M))
    code = "".join(p.read_text("utf-8") for f in CODE_FOLDERS for p in (ROOT / f).rglob("*.py"))
    read = set(re.findall(r"environ\.get\(\s*\"((?:MODELOPS|MLFLOW_TRACKING)_\w+)\"", code))

    assert table == read


@pytest.mark.parametrize("document", [README, REFERENCE], ids=lambda path: path.name)
def test_the_examples_are_files_that_load(document: Path, tmp_path: Path):
    (tmp_path / "customizations").mkdir()
    (tmp_path / "bases.yaml").write_bytes((ROOT / "bases.yaml").read_bytes())
    examples = fences(document, "yaml")

    for number, example in enumerate(examples):
        (tmp_path / f"customizations/example{number}.yaml").write_text(example)

    assert examples
    assert [str(problem) for problem in check(tmp_path)] == []


def test_the_reference_has_every_field_as_the_models_have_it(request: pytest.FixtureRequest):
    written, generated = REFERENCE.read_text("utf-8").split(MARK)[0], reference()
    if request.config.getoption("--update-golden"):
        REFERENCE.write_text(f"{written}{MARK}\n{generated}", "utf-8")

    assert REFERENCE.read_text("utf-8") == f"{written}{MARK}\n{generated}", (
        "docs/customization.md is old: pytest tests/unit/test_docs.py --update-golden"
    )
