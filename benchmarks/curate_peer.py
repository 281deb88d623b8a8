# ty: ignore[import-not-found]
"""datatrove's side of benchmarks/curate.py: exact deduplication, MinHash, Parquet.

It runs where datatrove is installed, which need not be where modelops is, and imports nothing
of modelops. It prints one JSON line: `seconds` without imports, and `kept` records.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import exact_dedup, minhash
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.logging import logger
from datatrove.utils.text import TextNormConfig
from datatrove.utils.word_tokenizers import WordTokenizer

SHARDS = 2
BANDS, HASHES = 13, 9
"""Ours has 13 bands at the threshold 0.9; 13 * 9 hashes are the peer's."""


class Whitespace(WordTokenizer):
    """Splits at white space, so that the peer need not run spaCy."""

    def word_tokenize(self, text: str) -> list[str]:
        """The words."""
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        """One sentence."""
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """One span."""
        return [(0, len(text))]


def peer(data: Path, out: Path) -> dict[str, float]:
    """datatrove: exact deduplication, then MinHash, then Parquet."""
    logger.remove()
    start = time.perf_counter()
    for number, (pipeline, tasks) in enumerate(stages(data, out)):
        LocalPipelineExecutor(
            pipeline,
            tasks=tasks,
            workers=min(tasks, SHARDS),
            start_method="fork",
            logging_dir=str(out / f"log{number}"),
        ).run()
    seconds = time.perf_counter() - start
    kept = sum(pq.read_metadata(path).num_rows for path in (out / "kept").glob("*.parquet"))
    return {"seconds": seconds, "kept": kept}


def stages(data: Path, out: Path) -> Iterator[tuple[list[Any], int]]:
    """Each stage's steps and its number of tasks."""

    def document(_self: JsonlReader, row: dict[str, str], path: str, number: int) -> dict[str, Any]:
        return {"text": f"{row['prompt']} \u241e {row['completion']}", "id": f"{path}/{number}"}

    def text(doc: Document) -> str:
        return doc.text

    norm = TextNormConfig(True, False, False, False, False)
    config = minhash.MinhashConfig(
        n_grams=5, num_buckets=BANDS, hashes_per_bucket=HASHES, norm_config=norm
    )
    exact = exact_dedup.ExactDedupConfig(content_getter=text)
    folders = {name: str(out / name) for name in ("hash", "same", "sig", "pair", "drop", "kept")}

    def unique() -> list[Any]:
        reader = JsonlReader(str(data), adapter=document)
        return [reader, exact_dedup.ExactDedupFilter(folders["same"], exact)]

    yield [unique()[0], exact_dedup.ExactDedupSignature(folders["hash"], exact, SHARDS)], SHARDS
    same = exact_dedup.ExactFindDedups(
        folders["hash"], folders["same"], exact, lines_to_buffer=5000
    )
    yield [same], SHARDS
    sign = minhash.MinhashDedupSignature(folders["sig"], config, language=Whitespace())
    yield [*unique(), sign], SHARDS
    pair = minhash.MinhashDedupBuckets(
        folders["sig"], folders["pair"], config=config, lines_to_buffer=5000
    )
    yield [pair], BANDS
    yield [minhash.MinhashDedupCluster(folders["pair"], folders["drop"], config=config)], 1
    drop = minhash.MinhashDedupFilter(folders["drop"], lines_to_buffer=5000)
    yield [*unique(), drop, ParquetWriter(folders["kept"], compression="zstd")], SHARDS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    print(json.dumps(peer(asked.data, asked.out)))
