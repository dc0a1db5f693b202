"""Debian's Chromium for the browser tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLACE = Path("/usr/bin/chromium")


@contextmanager
def launched(flags: list[str]) -> Iterator[object]:
    """The browser, closed in the end; without one the test is skipped, in CI it fails."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not PLACE.exists():
        # CI installs it: there, a missing browser is a fault
        assert not os.environ.get("CI"), f"no browser at {PLACE}"
        pytest.skip(f"no browser at {PLACE}")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=PLACE, args=flags)
        yield opened
        opened.close()
