"""Our training loop against trl: same base, rows, LoRA, supervised tokens, threads and allocator.

    python benchmarks/train.py [--rows 48] [--repeats 2] [--bases $MODELOPS_HOME/bases]

Every run is a fresh process with two threads and tcmalloc (where Debian's is installed), sides in
turn; the best run of each counts, since others on the machine can only slow one down. All sides see
the same token ids once; a run is timed from its first step to its last, model loading apart. Peers:
`default` is SFTConfig as it comes, with its bf16; `tuned` is the fastest found that keeps records
apart: weights and adapter in bf16 without autocast, no gradient checkpointing, four records one
after another per step, so without padding or mask; `packed` is as fast, and lets records in a row
see each other. Ours keeps fp32 masters of the adapter; they do not. `--peer NAME` runs one of the
settings that were tried.
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

BASE, RANK, ALPHA, RATE = "smollm2-135m", 16, 32.0, 1e-3
SIDES = ("ours", "default", "tuned", "packed")
TCMALLOC = Path("/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4")
PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate")
ALONE: dict[str, Any] = {
    "bf16": False,
    "gradient_checkpointing": False,
    "per_device_train_batch_size": 1,
    "gradient_accumulation_steps": 4,
}
GROUPED = ALONE | {
    "per_device_train_batch_size": 4,
    "gradient_accumulation_steps": 1,
    "train_sampling_strategy": "group_by_length",
}
PEERS: dict[str, dict[str, Any]] = {
    "default": {"bf16": True},
    "tuned": ALONE,
    "eager": ALONE | {"attention": "eager"},
    "grouped": GROUPED,
    "grouped-eager": GROUPED | {"attention": "eager"},
    "packed": ALONE | {"packing": True, "packing_strategy": "wrapped"},
}
"""Settings of SFTConfig and the attention; `packed` lets neighbours in a row see each other."""


def main() -> None:
    """Print one JSON line."""
    options = parse()
    if options.side:
        print(json.dumps(one(options)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        corpus = write_corpus(Path(scratch), options.rows)
        runs: dict[str, list[dict[str, float]]] = {}
        sides = ("ours", options.peer) if options.peer else SIDES
        for repeat in range(options.repeats):
            for side in sides:
                if repeat == 0 or side != "default":  # the slow one is measured once
                    runs.setdefault(side, []).append(child(side, corpus, options.bases))
    print(json.dumps(told(runs, options)))


def parse() -> argparse.Namespace:
    """The command line."""
    home = Path(os.environ.get("MODELOPS_HOME", ".modelops"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=48, help="netlang records, each seen once")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each side")
    parser.add_argument("--bases", type=Path, default=home / "bases", help="imported bases")
    parser.add_argument("--peer", choices=sorted(PEERS), help="this peer setting alone")
    parser.add_argument("--side", help=argparse.SUPPRESS)  # one run, for `child` below
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def write_corpus(folder: Path, rows: int) -> Path:
    """`rows` netlang records of profile base as train.parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from modelops.blueprints.netlang.blueprint import NETLANG
    from modelops.corpus.records import SCHEMA

    source = NETLANG.source({"profile": "base", "seed": 1, "records": rows})
    table = pa.Table.from_pylist([record.row() for record in source.read()], SCHEMA)
    pq.write_table(table, folder / "train.parquet")
    return folder


def child(side: str, corpus: Path, bases: Path) -> dict[str, float]:
    """One run of `side` in a fresh process."""
    command = [sys.executable, __file__, "--side", side, "--corpus", corpus, "--bases", bases]
    env = os.environ | {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
    env |= {"PYTHONPATH": str(Path(__file__).parents[1])}
    if TCMALLOC.exists():
        env["LD_PRELOAD"] = str(TCMALLOC)
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def one(options: argparse.Namespace) -> dict[str, float]:
    """Train once, here; seconds, tokens and peak memory."""
    from modelops.offline import stay_offline

    stay_offline()
    tokens, seconds = (ours if options.side == "ours" else trl)(options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"tokens": tokens, "seconds": seconds, "tokens_per_s": tokens / seconds, "mib": peak}


def ours(options: argparse.Namespace) -> tuple[int, float]:
    """One epoch by modelops; (tokens, seconds)."""
    from modelops.bases.shelf import load_base
    from modelops.training.fit import fit
    from modelops.training.recipe import Adaptation

    base = load_base(BASE, options.bases, verify=False)
    tokens = sum(length for length, _ in lengths(options))
    plain = {
        "lora": {"rank": RANK, "alpha": ALPHA},
        "learning_rate": RATE,
        "budget": {"tokens": tokens},
    }
    with tempfile.TemporaryDirectory() as work:
        done = fit(base, options.corpus, Adaptation.model_validate(plain), work=Path(work)).summary
    assert done["tokens"] == tokens
    return tokens, done["seconds"]


def lengths(options: argparse.Namespace) -> list[tuple[int, int]]:
    """Tokens and supervised tokens of each record."""
    return [(len(ids), sum(mask)) for ids, mask in token_ids(options)]


def token_ids(options: argparse.Namespace) -> list[tuple[list[int], list[int]]]:
    """Ids of each record and which of them are supervised: the same on every side."""
    from modelops.bases.loading import load_tokenizer
    from modelops.bases.shelf import load_base
    from modelops.inference.chat import Chat
    from modelops.training.examples import read_examples

    base = load_base(BASE, options.bases, verify=False)
    examples = read_examples(options.corpus / "train.parquet", Chat(load_tokenizer(base)))
    return [
        (e.tokens.ids, [0] * len(e.tokens.prompt) + [1] * len(e.tokens.completion))
        for e in examples
    ]


def trl(options: argparse.Namespace) -> tuple[int, float]:
    """One epoch by SFTTrainer; (tokens, seconds)."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTTrainer

    class Clock(TrainerCallback):
        """Seconds from the first step to the last."""

        def on_train_begin(self, *args: object, **kwargs: object) -> None:
            self.start = time.perf_counter()

        def on_train_end(self, *args: object, **kwargs: object) -> None:
            self.seconds = time.perf_counter() - self.start

    rows = token_ids(options)
    data = Dataset.from_dict(
        {"input_ids": [ids for ids, _ in rows], "completion_mask": [mask for _, mask in rows]}
    )
    folder = options.bases / BASE
    model = AutoModelForCausalLM.from_pretrained(
        folder,  # by default SFTTrainer loads in fp32 and lets autocast choose bf16
        dtype=torch.float32 if options.side == "default" else torch.bfloat16,
        attn_implementation=PEERS[options.side].get("attention", "sdpa"),
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SFTTrainer(
            **adapted(model, options.side),
            args=trl_settings(options.side, scratch),
            train_dataset=data,
            processing_class=AutoTokenizer.from_pretrained(folder),
            callbacks=[clock],
        )
        trainer.train()
    return sum(len(ids) for ids, _ in rows), clock.seconds


def adapted(model: Any, side: str) -> dict[str, Any]:
    """The model with its adapter, as each side makes it."""
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(
        r=RANK, lora_alpha=int(ALPHA), target_modules="all-linear", task_type="CAUSAL_LM"
    )
    if side == "default":
        return {"model": model, "peft_config": lora}
    return {"model": get_peft_model(model, lora, autocast_adapter_dtype=False)}


def trl_settings(side: str, scratch: str) -> Any:
    """SFTConfig of a side; what is not named is trl's default."""
    from trl import SFTConfig

    chosen = {name: value for name, value in PEERS[side].items() if name != "attention"}
    return SFTConfig(
        output_dir=scratch,
        completion_only_loss=True,
        num_train_epochs=1,
        learning_rate=RATE,
        lr_scheduler_type="cosine",
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        **chosen,
    )


def told(runs: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> dict[str, Any]:
    """The best of all sides, ratios, and where they were measured."""
    sides: dict[str, dict[str, Any]] = {
        side: {
            "tokens_per_s": round(max(run["tokens_per_s"] for run in group), 1),
            "peak_mib": round(max(run["mib"] for run in group)),
            "runs": [round(run["tokens_per_s"], 1) for run in group],
        }
        for side, group in runs.items()
    }
    mine = sides.pop("ours")
    ratio = {
        side: {
            "speed": round(mine["tokens_per_s"] / peer["tokens_per_s"], 2),
            "memory": round(mine["peak_mib"] / peer["peak_mib"], 2),
        }
        for side, peer in sides.items()
    }
    return {
        "benchmark": "train",
        "ours": mine,
        "peer": sides,
        "ratio": ratio,
        "machine": machine(),
        "versions": {package: version(package) for package in PACKAGES},
        "settings": {
            "base": BASE,
            "rows": options.rows,
            "rank": RANK,
            "peers": {s: PEERS[s] for s in sides},
        },
    }


def machine() -> dict[str, Any]:
    """Where it ran."""
    from modelops.inference.hardware import describe_hardware

    sides = {"tcmalloc": TCMALLOC.exists(), "python": platform.python_version()}  # not this process
    return describe_hardware("cpu") | sides


if __name__ == "__main__":
    main()
