"""The claim that curation streams: what is read may be larger than what is held."""

import subprocess
import sys

CURATE = """
import sys
from pathlib import Path
import numpy as np
from modelops.corpus.curate import curate
from modelops.corpus.records import Record
from modelops.corpus.settings import Curation

class Long:
    def read(self):
        rng = np.random.default_rng(0)
        vocabulary = [f"word{number}" for number in range(5000)]
        for number in range(int(sys.argv[2])):
            words = " ".join(map(vocabulary.__getitem__, rng.integers(0, 5000, 1000).tolist()))
            yield Record(words, f"answer {number}")

report = curate({"long": Long()}, Curation(), folder=Path(sys.argv[1]))
# getrusage would say the peak of the parent too, if that was higher when it started this process
[peak] = [line for line in Path("/proc/self/status").open() if line.startswith("VmHWM:")]
print(report.characters / 2**20, int(peak.split()[1]) / 1024)
"""


def text_and_peak_mib(folder: str, records: int) -> tuple[float, float]:
    """Size of the text, and the peak resident set of the process that curated it."""
    command = [sys.executable, "-c", CURATE, folder, str(records)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    text, peak = map(float, told.stdout.split())
    return text, peak


def test_four_times_the_text_is_not_four_times_the_memory(tmp_path):
    small_text, small_peak = text_and_peak_mib(str(tmp_path / "small"), 3000)
    large_text, large_peak = text_and_peak_mib(str(tmp_path / "large"), 12_000)
    assert large_text - small_text > 70
    assert large_peak - small_peak < 0.5 * (large_text - small_text)
