"""The report in a real browser: it must fit a telephone and fetch nothing."""

import os
from pathlib import Path

import pytest
import report_tables as made

from deepbench.reporting import page

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        # CI installs it: there, a missing browser is a fault
        assert not os.environ.get("CI"), f"no browser at {CHROMIUM}"
        pytest.skip(f"no browser at {CHROMIUM}")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    text = page.compose(made.inputs())
    path.write_text(text.replace("<details>", "<details open>"), "utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_the_window_and_fetches_nothing(browser, report, width):
    tab = browser.new_page(viewport={"width": width, "height": 900})
    requested, complaints = [], []
    tab.on("request", lambda request: requested.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.goto(report.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert [url for url in requested if not url.startswith("data:")] == [report.as_uri()]
    assert not complaints
    tab.close()
