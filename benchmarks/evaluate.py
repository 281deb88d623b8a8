"""Benchmark items per second: our engine against transformers' generate, alone and in batches.

    python benchmarks/evaluate.py [--items 64] [--repeats 2] [--adapter FOLDER]

Every run is a fresh process with two threads and tcmalloc (where Debian's is installed), sides in
turn; the best run of each counts, since others on the machine can only slow one down, and loading
is not timed. All sides answer the same unseen netlang prompts, greedily, in bf16, with the same
unmerged adapter: `one` is a loop over single prompts (a quarter of the items, for it is slow),
`batch16` is left-padded batches of 16 in dataset order. The adapter is fitted first for `--tokens`
tokens unless one is given, so that answers end by themselves.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

BASE, LIMIT, BATCH = "smollm2-135m", 256, 16
SIDES = ("ours", "batch16", "one")
SLICE = {"profile": "base", "sizes": [1], "features": ["vlan", "route"]}
TCMALLOC = Path("/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4")
PACKAGES = ("torch", "transformers", "peft")


def main() -> None:
    """Print one JSON line."""
    options = parse()
    if options.side:
        print(json.dumps(one(options)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        adapter = options.adapter or fitted(Path(scratch), options)
        runs: dict[str, list[dict[str, Any]]] = {}
        for _ in range(options.repeats):
            for side in SIDES:
                runs.setdefault(side, []).append(child(side, adapter, options))
    print(json.dumps(told(runs, options)))


def parse() -> argparse.Namespace:
    """The command line."""
    home = Path(os.environ.get("MODELOPS_HOME", ".modelops"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=64, help="prompts to answer")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each side")
    parser.add_argument("--tokens", type=int, default=30_000, help="budget of the adapter")
    parser.add_argument("--bases", type=Path, default=home / "bases", help="imported bases")
    parser.add_argument("--adapter", type=Path, help="folder of a fitted adapter")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)  # one run, for `child`
    return parser.parse_args()


def records(seed: int, count: int) -> list[Any]:
    """Netlang records of the slice."""
    from modelops.blueprints.netlang.blueprint import NETLANG

    return list(NETLANG.source({**SLICE, "seed": seed, "records": count}).read())


def fitted(folder: Path, options: argparse.Namespace) -> Path:
    """A briefly fitted adapter."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from modelops.bases.shelf import load_base
    from modelops.corpus.records import SCHEMA
    from modelops.training.fit import fit
    from modelops.training.recipe import Adaptation

    table = pa.Table.from_pylist([record.row() for record in records(1, 1000)], SCHEMA)
    pq.write_table(table, folder / "train.parquet")
    plain = {"budget": {"tokens": options.tokens}, "learning_rate": 2e-3}
    base = load_base(BASE, options.bases, verify=False)
    return fit(base, folder, Adaptation.model_validate(plain), work=folder / "work").folder


def child(side: str, adapter: Path, options: argparse.Namespace) -> dict[str, Any]:
    """One run of `side` in a fresh process."""
    command = [sys.executable, __file__, "--side", side, "--adapter", adapter]
    command += ["--bases", options.bases, "--items", str(options.items)]
    env = os.environ | {"OMP_NUM_THREADS": "2", "PYTHONPATH": str(Path(__file__).parents[1])}
    if TCMALLOC.exists():
        env["LD_PRELOAD"] = str(TCMALLOC)
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def one(options: argparse.Namespace) -> dict[str, Any]:
    """Answer the items once, here."""
    from modelops.offline import stay_offline

    stay_offline()
    prompts = [record.prompt for record in records(7, options.items)]
    answer = ours(options) if options.side == "ours" else peer(options)
    answer(prompts[:2])  # warm
    asked = prompts[: max(4, len(prompts) // 4)] if options.side == "one" else prompts
    start = time.perf_counter()
    texts = answer(asked)
    seconds = time.perf_counter() - start
    return {
        "items_per_s": len(asked) / seconds,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "texts": texts,
    }


def ours(options: argparse.Namespace) -> Any:
    """Prompts to answers by the engine."""
    from modelops.bases.shelf import load_base
    from modelops.inference.engine import Engine

    engine = Engine(load_base(BASE, options.bases, verify=False))
    engine.attach(options.adapter, "fitted")

    def answer(prompts: list[str]) -> list[str]:
        done = engine.generate(prompts, adapter="fitted", max_new_tokens=LIMIT)
        return [generation.text for generation in done]

    return answer


def peer(options: argparse.Namespace) -> Any:
    """Prompts to answers by `generate` of transformers and peft."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = options.bases / BASE
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
    bare = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    model: Any = PeftModel.from_pretrained(
        bare, str(options.adapter), autocast_adapter_dtype=False
    ).eval()
    width = BATCH if options.side == "batch16" else 1

    @torch.inference_mode()
    def answer(prompts: list[str]) -> list[str]:
        texts = []
        for start in range(0, len(prompts), width):
            turns = [[{"role": "user", "content": p}] for p in prompts[start : start + width]]
            batch = tokenizer.apply_chat_template(
                turns,
                add_generation_prompt=True,
                return_dict=True,
                return_tensors="pt",
                padding=True,
            )
            ids = model.generate(**batch, max_new_tokens=LIMIT, do_sample=False)
            new = ids[:, batch["input_ids"].shape[1] :]
            texts += tokenizer.batch_decode(new, skip_special_tokens=True)
        return texts

    return answer


def told(runs: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> dict[str, Any]:
    """The best of all sides, ratios, how many answers agree, and where they were measured."""
    from modelops.inference.hardware import describe_hardware

    answers = {side: group[0]["texts"] for side, group in runs.items()}
    sides: dict[str, dict[str, Any]] = {
        side: {
            "items_per_s": round(max(run["items_per_s"] for run in group), 3),
            "peak_mib": round(max(run["mib"] for run in group)),
            "same_answers": round(
                sum(a == b for a, b in zip(answers["ours"], answers[side], strict=False))
                / len(answers[side]),
                2,
            ),
        }
        for side, group in runs.items()
    }
    mine = sides.pop("ours")
    return {
        "benchmark": "evaluate",
        "ours": mine,
        "peer": sides,
        "ratio": {s: round(mine["items_per_s"] / p["items_per_s"], 2) for s, p in sides.items()},
        "machine": describe_hardware("cpu")
        | {"tcmalloc": TCMALLOC.exists(), "python": platform.python_version()},  # of the sides
        "versions": {package: version(package) for package in PACKAGES},
        "settings": {"base": BASE, "items": options.items, "limit": LIMIT, "slice": SLICE},
    }


if __name__ == "__main__":
    main()
