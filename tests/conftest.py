"""What every test has: nothing leaves the machine, and golden files can be rewritten."""

import os
from pathlib import Path

import pytest

from modelops.offline import stay_offline

os.environ.pop("MODELOPS_HOME", None)  # a test's home lies in its own checkout
os.environ["OMP_NUM_THREADS"] = (
    "1"  # tiny models gain nothing from threads that wait for each other
)
stay_offline()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Compares a text with a file in tests/golden, or rewrites the file with --update-golden."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.write_text(text)
        assert text == path.read_text(), f"{name} changed; if that is meant: pytest --update-golden"

    return compare
