"""Curation of netlang records against datatrove's exact and MinHash deduplication of the same.

    python benchmarks/curate.py [--records 200000] [--repeats 2] [--peer-python PATH] [--million]

datatrove may live in an environment of its own; `--peer-python` is that one's interpreter. Both
sides read the same two JSON lines files and write Parquet, each run in a fresh process, in turn.
Both have two cores: ours one process whose libraries use two threads, the peer two workers. The
peer is tuned: whitespace words instead of spaCy's, lower-casing as its only normalisation, filters
fused with the steps that read the same data, forked workers, large read buffers, and as many bands
as ours of fewer hashes in all (117 against 128). Ours also normalises, sorts, splits and lists
rejects. The peer does not verify what shares a band, so it drops more (`kept`).
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

CACHE = Path(tempfile.gettempdir()) / "modelops-benchmark-curate"
SHARDS = 2
SCRIPTS = {"ours": Path(__file__), "peer": Path(__file__).with_name("curate_peer.py")}


def main() -> None:
    """Print one JSON line."""
    options = parse()
    if options.data:
        print(json.dumps(ours(Path(options.data), Path(options.out))))
        return
    sizes = sorted({options.records // 4, options.records})
    interpreters = {"ours": sys.executable, "peer": options.peer_python}
    if options.million:
        sizes, interpreters = [1_000_000], {"ours": sys.executable}
    print(
        json.dumps({**measure(sizes, interpreters, options.repeats), **surroundings(interpreters)})
    )


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=200_000, help="the larger of two sizes")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each side and size")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with datatrove")
    parser.add_argument("--million", action="store_true", help="ours alone on 1,000,000 records")
    parser.add_argument("--data", help=argparse.SUPPRESS)  # one run of ours, for `run` below
    parser.add_argument("--out", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(sizes: list[int], interpreters: dict[str, str], repeats: int) -> dict[str, Any]:
    """Median speed and highest memory of each side, and how both grow with the records."""
    runs: dict[tuple[str, int], list[dict[str, float]]] = {}
    for size in sizes:
        data = generate(size)
        for _ in range(repeats):
            for side, python in interpreters.items():
                runs.setdefault((side, size), []).append(run(side, python, data))
    sides: dict[str, Any] = {}
    for side in interpreters:
        small, large = (runs[side, size] for size in (sizes[0], sizes[-1]))
        seconds = [median(each["seconds"] for each in group) for group in (small, large)]
        sides[side] = {
            "records_per_second": round(sizes[-1] / seconds[-1]),
            "seconds": round(seconds[-1], 2),
            "peak_mib": round(max(each["peak_mib"] for each in large)),
            "kept": large[0]["kept"],
            "growth": {
                "seconds": round(seconds[1] / seconds[0], 2),
                "records": sizes[-1] / sizes[0],
            },
            "small_peak_mib": round(max(each["peak_mib"] for each in small)),
        }
    ratio = {}
    if "peer" in sides:
        speeds = (sides[side]["records_per_second"] for side in ("ours", "peer"))
        ratio = {"ratio": round(next(speeds) / next(speeds), 2)}
    return {"benchmark": "curate", "records": sizes[-1], **sides, **ratio}


def run(side: str, python: str, data: Path) -> dict[str, float]:
    """One run in a fresh process: seconds without imports, and the peak of the process tree."""
    with tempfile.TemporaryDirectory(dir=CACHE) as out, tempfile.TemporaryFile("w+") as log:
        command = [python, str(SCRIPTS[side]), "--data", str(data), "--out", out]
        env = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(Path(__file__).parents[1])}
        with subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:
            peak = [0.0]
            watcher = threading.Thread(target=watch, args=(process, peak))
            watcher.start()
            stdout, _ = process.communicate()
            watcher.join()
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"{side} failed with exit code {process.returncode}:\n{log.read()}")
    return {**json.loads(stdout.splitlines()[-1]), "peak_mib": peak[0]}


def watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    """Keep the highest proportional set size of a process and its children, in MiB."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(proportional_mib, tree(process.pid))))
        time.sleep(0.05)


def tree(pid: int) -> Iterator[int]:
    """The process and all that it started."""
    yield pid
    try:
        children = [
            child
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def proportional_mib(pid: int) -> float:
    """Memory of one process, shared pages divided among those who share them; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def generate(size: int) -> Path:
    """Two files of netlang records, cached; 10 % exact copies and 10 % with one word changed."""
    folder = CACHE / f"netlang-{size}"
    if not folder.exists():
        scratch = Path(tempfile.mkdtemp(dir=prepared(CACHE)))
        rows = list(texts(size))
        for shard in range(SHARDS):
            with (scratch / f"{shard}.jsonl").open("w") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in rows[shard::SHARDS])
        scratch.rename(folder)
    return folder


def texts(size: int) -> Iterator[dict[str, str]]:
    """Rows in random order."""
    from modelops.blueprints.netlang.blueprint import NETLANG

    rng = random.Random(size)
    fresh = size - 2 * (size // 10)
    options = {"profile": "base", "seed": 0, "records": fresh}
    rows = [
        {"prompt": each.prompt, "completion": each.completion}
        for each in NETLANG.source(options).read()
    ]
    rows += [rows[rng.randrange(fresh)] for _ in range(size // 10)]
    rows += [changed(rows[rng.randrange(fresh)], rng) for _ in range(size // 10)]
    rng.shuffle(rows)
    yield from rows


def changed(row: dict[str, str], rng: random.Random) -> dict[str, str]:
    """The row with one line of its prompt given another last word."""
    lines = row["prompt"].split("\n")
    place = rng.randrange(len(lines))
    lines[place] = f"{lines[place].rpartition(' ')[0]} w{rng.randrange(10**6)}"
    return {**row, "prompt": "\n".join(lines)}


def prepared(folder: Path) -> Path:
    """The folder, made when missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ours(data: Path, out: Path) -> dict[str, float]:
    """Curate with the default settings."""
    from modelops.corpus.curate import curate
    from modelops.corpus.settings import Curation, JsonlSource
    from modelops.corpus.sources import open_source

    section = JsonlSource.model_validate({"kind": "jsonl", "path": data.name})
    source = open_source(section, name="netlang", root=data.parent)
    start = time.perf_counter()
    report = curate({"netlang": source}, Curation(), folder=out)
    return {"seconds": time.perf_counter() - start, "kept": report.kept}


def surroundings(interpreters: dict[str, str]) -> dict[str, Any]:
    """The machine, and the versions that matter."""
    ask = "from importlib.metadata import version; print(version('datatrove'))"
    versions = {name: found(name) for name in ("pyarrow", "rensa", "numpy")}
    if "peer" in interpreters:
        command = [interpreters["peer"], "-c", ask]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        versions["datatrove"] = told.stdout.strip()
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    machine = {"cpu": models[0] if models else platform.machine(), "cores": os.cpu_count()}
    return {"machine": machine, "versions": {"python": platform.python_version(), **versions}}


def found(name: str) -> str:
    """The installed version."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    main()
