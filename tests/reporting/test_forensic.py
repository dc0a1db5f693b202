"""The page about one file: complete, alone, and safe whatever the file is called."""

import math
import os
import re
from pathlib import Path

import detect_answers as made
import pytest

from deepbench.core.verdicts import Source
from deepbench.reporting import forensic

SETTINGS = {"faces.frames": "8", "faces.landmark_model": ""}
FACTS = {"Page made": "2026-11-22 09:00 UTC", "torch": "2.9"}
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>.jpg'


def page(answer, maps=()):
    return forensic.page(answer, maps, SETTINGS, FACTS)


def text(html):
    """What a reader sees, roughly."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.partition("<body>")[2]))


def test_it_says_all_that_is_known_of_a_picture():
    shown = text(page(made.answer(), made.maps()))
    for part in (
        "FAKE",
        "fake probability 0.700, real probability 0.300, confidence 0.700",
        *made.SENTENCES,
        "dark: mean grey level 31",
        "f" * 64,
        "x" * 64,
        "e" * 64,
        "12,345 bytes",
        "xception.pth",
        "weighted_mean of xception 1 + effort 1",
        "no place counts more than another",
        "2.00 s on cpu",
        *forensic.NOT_MEANT,
        *SETTINGS,
        *FACTS.values(),
    ):
        assert part in shown.replace("&#39;", "'"), part


def test_a_video_has_its_timeline_frames_and_pooling_rules():
    html = page(made.video())
    shown = text(html)
    assert "certain of opposite things" in shown
    assert "4 of 90 looked at, 3 with a face, 67% of them called fake" in shown
    assert "a face in 3 of 4 frames" in shown
    assert "fake probability of equal over the frames: 0.30, 0.80, 0.70" in html
    assert re.search(r"<th[^>]*>\s*60\s*</th>", html)


def test_a_picture_has_none_of_them():
    assert "Fake probability over time" not in page(made.answer())


def test_demo_weights_are_told_above_everything():
    demo = (made.model("xception", True), made.model("effort", False))
    html = page(made.answer(models=demo))
    assert html.index("Its verdict means nothing") < html.index("FAKE", html.index("<main>"))
    assert "Its verdict means nothing" not in page(made.answer())


@pytest.mark.parametrize("field", ["filename", "remark", "sentence"])
def test_nothing_from_outside_becomes_markup(field):
    answer = {
        "filename": made.answer(source=Source(HOSTILE, "f" * 64, 1)),
        "remark": made.video(remark=HOSTILE),
        "sentence": made.answer(undecided={"majority": HOSTILE}, media="video"),
    }[field]
    html = page(answer, made.maps())
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_it_needs_no_other_file():
    html = page(made.video(), made.maps())
    assert not re.findall(r'(?:src|href)="(?!data:|#)', html)
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert "@page { size: A4" in html


def test_face_finders_without_confidence_leave_it_out():
    alone = made.frame(0, 0.7)
    unknown = alone.__class__(**vars(alone) | {"face_confidence": math.nan})
    html = page(made.video(frames=(unknown,)))
    assert not re.search(r"\bnan\b", text(html))


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_the_window(tmp_path, width):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        assert not os.environ.get("CI"), f"no browser at {chromium}"
        pytest.skip(f"no browser at {chromium}")
    path = tmp_path / "page.html"
    path.write_text(page(made.video(source=Source(HOSTILE, "e" * 64, 9)), made.maps()), "utf-8")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        complaints, requested = [], []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("dialog", lambda dialog: complaints.append(dialog.message))
        tab.on("request", lambda request: requested.append(request.url))
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert [url for url in requested if not url.startswith("data:")] == [path.as_uri()]
        assert not complaints
        browser.close()
