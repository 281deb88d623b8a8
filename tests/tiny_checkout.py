"""A whole deployment in a temporary folder: the real code, a toy task, a tiny random base.

`python -m tests.tiny_checkout FOLDER` writes one; `modelops demo toy --profile full` runs there.
"""

import json
import random
import shutil
import sys
from pathlib import Path

from tests.factories import make_tiny_model

CHECKOUT = Path(__file__).resolve().parent.parent
CODE = (
    "assets",
    "sensors",
    "definitions.py",
    "location.py",
    "launch.py",
    "workspace.yaml",
    "deploy",
)
CUSTOMIZATION = """\
purpose: Tell from a line of a configuration what it is about, in one word.
owner: team:tests
bases: [tiny]
sources:
  rows: {kind: jsonl, path: data/train.jsonl, licence: Apache-2.0}
corpus: {max_tokens: 128, near_duplicates: null, contamination_share: 1.0, dev_share: 0.1}
adaptation:
  lora: {rank: 32, alpha: 64}
  learning_rate: 0.01
  batch_tokens: 1024
  budget: {steps: 300}
  checkpoint_every_s: 1.0
benchmark:
  headline: unseen
  max_new_tokens: 24
  base_examples: 2
  bootstrap: 1000
  slices:
    unseen: {kind: jsonl, path: data/unseen.jsonl}
gate: {minimum_effect: 0.2}
"""
BASES = """\
tiny:
  source: {kind: path, path: tiny-model}
  licence: Apache-2.0
"""
KINDS = {"vlan": "bridge", "hostname": "system", "router": "routing"}


def write_checkout(folder: Path, *, rows: int = 400, items: int = 60) -> Path:
    """A checkout whose customization `toy` fits a tiny base in seconds; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CODE:
        source, target = CHECKOUT / name, folder / name
        ignore = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignore)
        else:
            shutil.copy(source, target)
    (folder / "customizations").mkdir()
    (folder / "customizations/toy.yaml").write_text(CUSTOMIZATION)
    (folder / "bases.yaml").write_text(BASES)
    make_tiny_model(folder / "tiny-model")
    drawn = _rows(rows + items)
    _write(folder / "data/train.jsonl", drawn[items:])
    _write(folder / "data/unseen.jsonl", drawn[:items])
    return folder


def _rows(count: int) -> list[dict[str, str]]:
    draw, seen = random.Random(7), {}
    while len(seen) < count:
        word = draw.choice(sorted(KINDS))
        seen[f"{word} {draw.randrange(10_000)}"] = KINDS[word]
    return [{"prompt": prompt, "completion": answer} for prompt, answer in seen.items()]


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    write_checkout(Path(sys.argv[1]))
