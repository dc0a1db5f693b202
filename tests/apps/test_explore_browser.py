"""The explorer in a real browser, as `make app` serves it: by keyboard, in two widths."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import chromium
import explore_checkout
import pytest
import yaml

from deepbench.detectors import xception
from deepbench.sample import demo_weights

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
TOKEN = "of-these-tests"
BUDGET = 200  # milliseconds from a key to the new figures
PATIENCE = 180_000  # milliseconds, for what starts a kernel or loads a network
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A checkout with made-up tables, and demo weights of one detector of four."""
    root = explore_checkout.build(tmp_path_factory.mktemp("app"))
    (root / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/explore.ipynb", root / "notebooks")
    # a notebook of the pipeline would run its stage in whoever opens it
    shutil.copy(ROOT / "notebooks/03_scores.ipynb", root / "notebooks")
    demo_weights.write(xception.layout(), 1, root / "weights/xception" / xception.CARD.weights)
    return root


@pytest.fixture(scope="module")
def address(root):
    """The app, served by the command behind `make app`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "deepbench.apps.page", "--root", str(root), "--no-browser"]
    with subprocess.Popen([*command, "--port", str(port), "--token", TOKEN]) as served:
        try:
            wait(f"http://127.0.0.1:{port}/login", served)
            yield f"http://127.0.0.1:{port}"
        finally:
            served.terminate()


def wait(url, served):
    for _ in range(240):
        assert served.poll() is None, "the server has ended"
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    pytest.fail(f"nothing answers at {url}")


@pytest.fixture(scope="module")
def browser():
    with chromium.launched(FLAGS) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(browser, address):
    """The explorer, opened once: each page has a kernel of its own."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.fetched = []
    page.on("requestfinished", lambda request: page.fetched.append(request.url))
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(f"{address}/voila/render/explore.ipynb?token={TOKEN}")
    page.wait_for_selector(".explore .headline", timeout=PATIENCE)
    yield page
    assert not page.faults
    page.close()


@pytest.fixture(params=[1400, 400])
def width(request, page):
    page.set_viewport_size({"width": request.param, "height": 1000})
    yield request.param
    page.set_viewport_size({"width": 1400, "height": 1000})


def open_tab(page, name):
    page.get_by_role("tab", name=name).click()


def slider(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def test_nothing_is_shown_without_the_token(browser, address):
    stranger = browser.new_context().new_page()
    stranger.goto(f"{address}/voila/render/explore.ipynb")
    assert "/login" in stranger.url
    assert stranger.locator(".explore").count() == 0
    stranger.close()


def test_only_the_interactive_notebooks_are_served(page, address):
    refused = page.request.get(f"{address}/voila/render/03_scores.ipynb?token={TOKEN}")
    assert refused.status == 404


def test_nothing_comes_from_elsewhere(page, address):
    assert page.fetched
    outside = [u for u in page.fetched if not u.startswith((address, "data:", "blob:"))]
    assert not outside


def test_a_slider_moved_by_keyboard_changes_the_auc_within_the_budget(page):
    open_tab(page, "Weights")
    page.get_by_label("Preset").select_option("equal")
    # what changes after a key, and when; of some moves, for the machine does other things too
    page.evaluate(
        """() => {
          const shown = () => document.querySelector(".explore .headline").textContent
            .match(/AUC [0-9.]+/)[0];
          let before = shown(), pressed = 0;
          window.moves = [];
          addEventListener("keydown", () => {
            pressed = performance.now();
            before = shown();
          }, true);
          new MutationObserver(() => {
            if (document.querySelector(".explore .headline") && shown() !== before) {
              window.moves.push(performance.now() - pressed);
              before = shown();
            }
          }).observe(document.querySelector(".explore"), {subtree: true, childList: true});
        }"""
    )
    handle = slider(page, "effort")
    handle.focus()
    for move in range(20):
        page.keyboard.press("Home" if move % 7 == 6 else "PageUp")
        page.wait_for_timeout(600)
    moves = sorted(page.evaluate("window.moves"))
    assert len(moves) > 5
    assert moves[len(moves) // 2] < BUDGET, moves


def test_a_weighting_is_written_to_params(page, root):
    open_tab(page, "Weights")
    page.get_by_role("button", name="Fit weights on development").click()
    page.get_by_text("of the development split.").first.wait_for()
    page.get_by_label("Name").fill("fitted")
    page.get_by_label("Name").press("Tab")
    page.get_by_role("button", name="Write to params.yaml").press("Enter")
    page.get_by_text("now has the ensemble").wait_for()
    written = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    assert written["videos"]["ensembles"]["fitted"]["rule"] == "weighted_mean"


def test_a_video_is_picked_by_keyboard_and_explained(page):
    open_tab(page, "Videos")
    page.get_by_label("Data set").select_option("dfdc")
    page.get_by_text("40 of").wait_for()
    videos = page.locator(".explore .list select")
    heading = page.locator(".explore h3").first
    first = heading.inner_text()
    videos.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("t => document.querySelector('.explore h3').innerText !== t", arg=first)
    assert page.locator(".explore .strip img").count() == 2
    slider(page, "Frame").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".explore .strip img:nth-child(2).now").wait_for()
    page.get_by_label("Grad-CAM of this frame").press("Space")
    page.locator(".explore .maps img[alt^='Grad-CAM of xception']").wait_for(timeout=PATIENCE)
    page.get_by_text("no checkpoint in").first.wait_for(timeout=PATIENCE)  # the other three
    assert page.locator(".explore .maps .error").count() == 3
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_a_hostile_name_is_text(page):
    open_tab(page, "Videos")
    page.get_by_label("Data set").select_option("folder")
    option = page.locator(".explore .list option", has_text="<script>")
    option.first.wait_for(state="attached")
    page.locator(".explore .list select").select_option(label=option.first.inner_text())
    page.locator(".explore h3", has_text="<script>").wait_for()
    assert page.locator(".explore script").count() == 0
    page.get_by_label("Data set").select_option("dfdc")


def test_sweeps_opens(page):
    open_tab(page, "Sweeps")
    page.get_by_label("Before").wait_for()
    page.get_by_label("Before").fill("no-such-revision")
    page.get_by_label("Before").press("Tab")
    page.locator(".explore .error:visible", has_text="git").wait_for(timeout=PATIENCE)


@pytest.mark.parametrize("tab", ["Weights", "Videos", "Sweeps"])
def test_it_fits_the_window(page, width, tab):
    open_tab(page, tab)
    page.wait_for_timeout(500)
    wider = page.evaluate(
        """width => [...document.querySelectorAll(".explore *")]
          .filter(e => e.checkVisibility() && !e.closest(".scroll table"))
          .filter(e => e.getBoundingClientRect().right > width + 1)
          .map(e => e.outerHTML.slice(0, 80))""",
        width,
    )
    assert not wider


@pytest.mark.parametrize("tab", ["Weights", "Videos", "Sweeps"])
def test_every_control_has_a_name(page, tab):
    open_tab(page, tab)
    page.wait_for_timeout(500)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(
            ".explore input, .explore select, .explore button, .explore [role=slider]")]
          .filter(e => e.checkVisibility())
          .filter(e => !e.getAttribute("aria-label"))
          .filter(e => e.tagName !== "BUTTON" || !e.textContent.trim())
          .filter(e => ![...e.labels || []].some(l => l.textContent.trim()))
          .map(e => e.outerHTML.slice(0, 100))"""
    )
    assert not nameless
    assert page.evaluate("[...document.querySelectorAll('.explore img')].every(i => i.alt)")
