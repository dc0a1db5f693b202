"""Files in the official layouts that hold their own name: nothing here looks into videos."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

Tree = Callable[[Iterable[str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Function that makes the named files in one root and returns that root."""

    def make(paths: Iterable[str]) -> Path:
        for path in paths:
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(str(path), "utf-8")  # no two are the same bytes
        return tmp_path

    return make


@pytest.fixture(scope="session")
def real() -> Path:
    """Published clips beside the repository; they never enter it."""
    folder = Path(__file__).parents[2] / "../shared/real"
    if not folder.is_dir():
        pytest.skip("the published clips are not on this machine")
    return folder
