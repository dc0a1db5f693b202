"""One's own files in a real browser, as `make app` serves the page: dropped, chosen, filmed."""

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path

import chromium
import cv2
import numpy as np
import pytest
import test_explore_browser as explorer
import yaml

from deepbench.apps.detection import answers
from deepbench.detectors import effort, xception
from deepbench.sample import demo_weights, pack

ROOT = Path(__file__).parents[2]
PATIENCE = explorer.PATIENCE
HOSTILE = "<img src=x onerror=window.hit=1>.png"
FILES = {
    "picture": "folder/real/anna.png",
    "other": "folder/fake/berta_anna_Face2Face.jpg",
    "video": "folder/real/edge_two_faces.mp4",
    "faceless": "folder/real/edge_no_face.mp4",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A checkout with two detectors on demo weights, without data or results."""
    root = tmp_path_factory.mktemp("detect")
    settings = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    settings["detectors"] = ["effort", "xception"]
    settings["faces"]["frames"] = 4
    both = {"rule": "weighted_mean", "weights": {"effort": 1, "xception": 1}}
    settings["videos"]["ensembles"] = {"equal": both}
    (root / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
    (root / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/detect.ipynb", root / "notebooks")
    demo_weights.write(effort.demo_layout(), 1, root / "weights/effort" / effort.CARD.weights)
    layout = xception.layout()
    demo_weights.write(layout, 1, root / "weights/xception" / xception.CARD.weights)
    (root / "tmp").mkdir()
    return root


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of the sample pack, and some that are none."""
    folder = tmp_path_factory.mktemp("own")
    with zipfile.ZipFile(pack.PACK) as archive:
        found = {what: Path(archive.extract(name, folder)) for what, name in FILES.items()}
    empty = np.full((240, 240, 3), 127, np.uint8)
    found["faceless picture"] = folder / HOSTILE
    cv2.imwrite(str(folder / "plain.png"), empty)
    (folder / "plain.png").rename(found["faceless picture"])
    found["text"] = folder / "letter.png"
    found["text"].write_text("no picture")
    found["large"] = folder / "large.png"
    with found["large"].open("wb") as file:
        file.write(found["picture"].read_bytes())
        file.truncate(60_000_000)
    found["folder"] = folder / "album"
    found["folder"].mkdir()
    for what, name in (("picture", "a.png"), ("faceless", "b.mp4"), ("text", "c.txt")):
        shutil.copy(found[what], found["folder"] / name)
    return found


@pytest.fixture(scope="module")
def address(root):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "deepbench.apps.page", "--root", str(root), "--no-browser"]
    command += ["--port", str(port), "--token", explorer.TOKEN]
    # the kernels' temporary folder, to see what is left in it
    with subprocess.Popen(command, env=os.environ | {"TMPDIR": str(root / "tmp")}) as served:
        try:
            explorer.wait(f"http://127.0.0.1:{port}/login", served)
            yield f"http://127.0.0.1:{port}"
        finally:
            served.terminate()


@pytest.fixture(scope="module")
def browser(files):
    """With a webcam that films the sample pack's picture."""
    film = files["picture"].parent / "webcam.y4m"
    rgb = cv2.resize(cv2.imread(str(files["picture"])), (480, 480))
    frame = cv2.cvtColor(cv2.copyMakeBorder(rgb, 0, 0, 80, 80, 0), cv2.COLOR_BGR2YUV_I420)
    head = b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n"
    film.write_bytes(head + 3 * (b"FRAME\n" + frame.tobytes()))
    flags = [
        *explorer.FLAGS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]  # fmt: skip
    with chromium.launched(flags) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(browser, address):
    """The page, opened once: the detectors are loaded with its first file."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.fetched, page.faults = [], []
    page.on("requestfinished", lambda request: page.fetched.append(request.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(f"{address}/voila/render/detect.ipynb?token={explorer.TOKEN}")
    page.get_by_role("button", name="Choose files").wait_for(timeout=PATIENCE)
    yield page
    assert not page.faults
    assert page.evaluate("window.hit") is None
    page.close()


@pytest.fixture(autouse=True)
def _photographed(request, page):
    """A screenshot of each test in two widths, where DEEPBENCH_SHOTS names a folder."""
    yield
    if folder := os.environ.get("DEEPBENCH_SHOTS"):
        for width in (1400, 400):
            page.set_viewport_size({"width": width, "height": 2400})
            page.screenshot(path=f"{folder}/{request.node.name}-{width}.png")
        page.set_viewport_size({"width": 1400, "height": 1000})


def choose(page, *paths, by="Choose files"):
    """Give files to the page, and wait until it has said everything."""
    with finished(page):
        page.locator(f".detect input[aria-label='{by}']").set_input_files(list(paths))


@contextmanager
def finished(page):
    """Wait until what is begun inside has ended."""
    page.evaluate("document.querySelector('.detect .drop').removeAttribute('aria-busy')")
    yield
    page.locator(".detect .drop[aria-busy=false]").wait_for(timeout=PATIENCE)


def said(page):
    return page.locator(".detect").inner_text()


def check_result(page):
    """What no verdict is shown without."""
    text = said(page)
    assert page.locator(".detect .verdict span").inner_text() in ("FAKE", "REAL")
    assert "No validated error rate stands behind this verdict" in text
    assert answers.CONFIDENCE in text
    assert answers.DEMO in text
    maps = page.locator(".detect .maps img[alt^='Grad-CAM of']")
    assert maps.count() == 2
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def saved(page, words):
    """The content of a data link."""
    link = page.get_by_role("link", name=words).get_attribute("href")
    head, _, data = link.partition(",")
    assert head.startswith("data:")
    with urllib.request.urlopen(f"{head},{urllib.parse.quote(data)}") as opened:
        return opened.read().decode()


def test_a_picture_is_judged_and_explained(page, files, root):
    choose(page, files["picture"])
    check_result(page)
    text = said(page)
    assert "anna.png" in text
    assert "face confidence" in text
    assert "processing time" in text
    assert page.get_by_role("status").inner_text().startswith("anna.png: ")
    told = json.loads(saved(page, "Save as JSON"))
    assert told["filename"] == "anna.png"
    assert set(told["model_predictions"]) == {"effort", "xception"}
    report = saved(page, "Save the report")
    assert told["sha256"] in report
    assert "Its verdict means nothing" in report


def test_a_video_has_a_timeline_and_three_rules(page, files):
    choose(page, files["video"])
    check_result(page)
    rules = page.locator("table", has_text="three pooling rules")
    for rule in ("mean", "majority", "confidence"):
        assert rules.locator("th", has_text=rule).count()
    assert page.get_by_role("img", name="Fake probability of equal over the frames").count() == 1
    assert page.locator(".detect .strip img").count() == 4
    frames = page.get_by_label("Frame", exact=True)
    options = frames.locator("option").all_inner_texts()
    frames.select_option(label=options[-1])
    page.locator(".detect .strip img:last-child.now").wait_for(timeout=PATIENCE)
    overall = json.loads(saved(page, "Save as JSON"))["overall_result"]
    assert set(overall["by_pooling"]) == {"mean", "majority", "confidence"}


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("faceless picture", "no face found"),
        ("faceless", "no face found"),
        ("text", "neither a picture nor a video"),
        ("large", "over the limit of 50 MB"),
    ],
)
def test_without_a_verdict_it_says_why(page, files, what, sentence):
    choose(page, files[what])
    error = page.locator(".detect .error")
    assert sentence in error.inner_text()
    assert error.inner_text().startswith(files[what].name)
    assert page.locator(".detect .verdict, .detect .maps").count() == 0
    assert page.get_by_role("status").inner_text().endswith(": there is no verdict.")


def test_a_file_larger_than_a_message_arrives_whole(page, files):
    whole = files["folder"].parent / "padded.png"
    # decoders read no further than the picture's end; a websocket's message ends at 10 MiB
    whole.write_bytes(files["picture"].read_bytes() + bytes(12_000_000))
    choose(page, whole)
    check_result(page)
    told = json.loads(saved(page, "Save as JSON"))
    assert told["sha256"] == hashlib.sha256(whole.read_bytes()).hexdigest()


def test_a_folder_has_a_summary_and_every_file(page, files):
    choose(page, files["folder"], by="Choose a folder")
    summary = page.locator(".detect .summary").inner_text()
    assert summary.startswith("2 files: ")
    assert "left out: album/c.txt" in summary
    picked = page.get_by_label("File", exact=True)
    assert page.locator(".detect .error").count() == 0
    picked.select_option(index=1)
    page.locator(".detect .error", has_text="no face found").wait_for(timeout=PATIENCE)
    picked.select_option(index=0)
    page.locator(".detect .maps").wait_for(timeout=PATIENCE)
    told = json.loads(saved(page, "Save as JSON"))
    assert (told["total"], len(told["errors"])) == (2, 1)


def test_what_is_dropped_is_taken(page, files):
    transfer = page.evaluate_handle(
        """async (base64) => {
          const bytes = await (await fetch(`data:image/png;base64,${base64}`)).arrayBuffer();
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "dropped <b>.png"));
          return transfer;
        }""",
        base64.b64encode(files["picture"].read_bytes()).decode(),
    )
    with finished(page):
        page.dispatch_event(".detect .drop", "drop", {"dataTransfer": transfer})
    check_result(page)
    assert "dropped <b>.png" in said(page)


def test_the_webcam_takes_a_picture_and_a_burst(page):
    page.get_by_role("button", name="Use the webcam").press("Enter")
    page.get_by_label("What the webcam sees").wait_for()
    page.wait_for_function("document.querySelector('.detect video').videoWidth > 0")
    with finished(page):
        page.get_by_role("button", name="Take a picture").press("Enter")
    check_result(page)
    assert "webcam.png" in said(page)
    with finished(page):
        page.get_by_role("button", name="Take a burst of 8").press("Enter")
    check_result(page)
    assert page.locator(".detect .strip img").count() == 4  # of 8, as params.yaml asks
    page.get_by_role("button", name="Stop the webcam").press("Enter")
    page.get_by_label("What the webcam sees").wait_for(state="hidden")


def test_choices_are_taken(page, files, root):
    page.get_by_label("Scorer").select_option("effort")
    page.get_by_role("spinbutton", name="Frames").fill("2")
    page.get_by_role("spinbutton", name="Frames").press("Tab")
    page.get_by_label("Log to MLflow").check()
    choose(page, files["video"])
    assert page.locator(".detect .strip img").count() == 2
    assert page.locator(".detect .maps img[alt^='Grad-CAM of']").count() == 1
    assert "Logged to MLflow: 1" in page.get_by_role("status").inner_text()
    assert (root / "mlflow.db").exists()
    page.get_by_label("Log to MLflow").uncheck()
    page.get_by_label("Scorer").select_option("equal")
    page.get_by_role("spinbutton", name="Frames").fill("4")
    page.get_by_role("spinbutton", name="Frames").press("Tab")


def test_nothing_is_left_of_the_files(page, root):
    assert not [p for p in (root / "tmp").rglob("*") if p.is_file() and _looks_uploaded(p)]


def _looks_uploaded(path):
    return path.name == "file" or path.suffix in (".png", ".mp4")


def test_nothing_comes_from_elsewhere(page, address):
    assert page.fetched
    outside = [u for u in page.fetched if not u.startswith((address, "data:", "blob:"))]
    assert not outside


@pytest.mark.parametrize("width", [1400, 400])
def test_it_fits_the_window_and_every_control_has_a_name(page, files, width):
    page.set_viewport_size({"width": width, "height": 1000})
    choose(page, files["video"])
    wider = page.evaluate(
        """width => [...document.querySelectorAll(".detect *")]
          .filter(e => e.checkVisibility() && !e.closest(".scroll table"))
          .filter(e => e.getBoundingClientRect().right > width + 1)
          .map(e => e.outerHTML.slice(0, 80))""",
        width,
    )
    assert not wider
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(
            ".detect input, .detect select, .detect button, .detect video, .detect progress")]
          .filter(e => e.checkVisibility())
          .filter(e => !e.getAttribute("aria-label"))
          .filter(e => e.tagName !== "BUTTON" || !e.textContent.trim())
          .filter(e => ![...e.labels || []].some(l => l.textContent.trim()))
          .map(e => e.outerHTML.slice(0, 100))"""
    )
    assert not nameless
    assert page.evaluate("[...document.querySelectorAll('.detect img')].every(i => i.alt)")
