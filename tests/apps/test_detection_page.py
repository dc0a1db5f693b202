"""What comes from a browser on its way to a verdict: stored, refused, examined, removed."""

import io
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path

import av
import cv2
import detect_answers as made
import numpy as np
import pytest
from PIL import Image

from deepbench.apps.detection import (
    answers,
    documents,
    examiner,
    explaining,
    intake,
    leftovers,
    page_html,
)
from deepbench.apps.detection import page as pages
from deepbench.apps.detection.uploads import Upload
from deepbench.core import params
from deepbench.core.verdicts import Batch, Failure, Progress
from deepbench.media import video

ROOT = Path(__file__).parents[2]
FACES = params.load(ROOT / "params.yaml").faces
HOSTILE = "<img src=x onerror=alert(1)>.png"


def png():
    return cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()


# uploads


def test_pieces_make_the_file_and_nothing_is_left():
    content = png()
    with closing(Upload("../../etc/passwd", [len(content)], burst=False)) as upload:
        upload.add(content[:20])
        with pytest.raises(ValueError, match=r"only \d+% of the file arrived"):
            upload.check_whole()
        upload.add(content[20:])
        upload.check_whole()
        path = upload.path
        assert path.read_bytes() == content
        assert (upload.share, upload.media, path.name) == (1, None, "file")
    assert not path.parent.exists()


def test_a_burst_is_a_folder_of_numbered_pictures():
    content = png()
    with closing(Upload("webcam burst", [len(content)] * 2, burst=True)) as upload:
        upload.add(content)
        upload.add(content[:9])
        upload.add(content[9:])
        upload.check_whole()
        assert sorted(p.name for p in upload.path.iterdir()) == ["000.png", "001.png"]
        assert {p.read_bytes() for p in upload.path.iterdir()} == {content}
        assert upload.media == "frames"


@pytest.mark.parametrize(
    ("size", "piece", "sentence"),
    [
        (50_000_001, png(), "over the limit of 50 MB"),
        (200_000_001, b"\x1a\x45\xdf\xa3", "over the limit of 200 MB"),
        (100, b"no picture", "neither a picture nor a video"),
        (5, png(), "sends more than it announced"),
    ],
)
def test_the_first_piece_can_refuse_a_file(size, piece, sentence):
    with (
        closing(Upload("a.png", [size], burst=False)) as upload,
        pytest.raises(ValueError, match=sentence),
    ):
        upload.add(piece)
    assert upload.foreign == (piece == b"no picture")


@pytest.mark.parametrize("sizes", [[], [1] * 65, [-1]])
def test_a_burst_has_some_pictures(sizes):
    with pytest.raises(ValueError, match="an upload of"):
        Upload("a", sizes, burst=True)


def test_a_video_is_no_picture_of_a_burst():
    with (
        closing(Upload("a", [9], burst=True)) as upload,
        pytest.raises(ValueError, match="made of pictures"),
    ):
        upload.add(b"\x1a\x45\xdf\xa3")


@pytest.mark.parametrize(
    ("sizes", "burst"), [([200_000_001], True), ([100_000_001] * 2, True), ([10**30], False)]
)
def test_what_no_limit_allows_is_refused_before_a_byte_comes(sizes, burst):
    with pytest.raises(ValueError, match="more than any upload may have"):
        Upload("a", sizes, burst)


def test_a_size_that_no_disk_has_is_a_sentence():
    with (
        closing(Upload("a.png", [2**52], burst=False)) as upload,
        pytest.raises(OSError, match="File too large") as caught,
    ):
        upload.add(png())
    assert "/" not in intake.sentence(caught.value)


def bomb(side):
    """A picture of few bytes and many pixels."""
    content = io.BytesIO()
    Image.new("1", (side, side)).save(content, "PNG")
    return content.getvalue()


def refusal(name, content, media):
    """What the examiner's reader says of an upload of which it takes no frame."""
    with closing(Upload(name, [len(content)], burst=False)) as upload:
        upload.add(content)
        upload.check_whole()
        reading = video.read_frames(upload.path, media, FACES)
        assert list(reading) == []
        return reading.problem


def test_a_small_file_of_many_pixels_is_refused():
    content = bomb(8_000)
    assert len(content) < 20_000
    said = refusal("a.png", content, "image")
    assert "8000 x 8000 pixels are over the limit of 50 million" in said


def test_a_video_of_huge_frames_is_refused(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as made:
        stream = made.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 8_000, 7_000, "yuvj420p"
        frame = av.VideoFrame(8_000, 7_000, "yuvj420p")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            made.mux(packet)
    said = refusal("a.mkv", path.read_bytes(), "video")
    assert "8000 x 7000 pixels are over the limit of 50 million" in said


def test_names_of_the_browser_name_no_file():
    for name in ("../../etc/passwd", "/etc/passwd", "C:\\x.png", "a\0b.png", HOSTILE, ""):
        with closing(Upload(name, [len(png())], burst=False)) as upload:
            upload.add(png())
            upload.check_whole()
            assert upload.path.name == "file"
            assert [p.name for p in upload.path.parent.iterdir()] == ["file"]
            # nobody else on this machine may look into it
            assert upload.path.parent.stat().st_mode & 0o077 == 0


def test_uploads_side_by_side_do_not_meet():
    content = [png(), png() + b"more", png() + b"other"]
    with ExitStack() as stack:
        uploads = [stack.enter_context(closing(Upload("a", [len(c)], False))) for c in content]
        for start in range(0, max(map(len, content)), 9):
            for upload, own in zip(uploads, content, strict=True):
                if piece := own[start : start + 9]:
                    upload.add(piece)
        assert [upload.path.read_bytes() for upload in uploads] == content


def test_ten_thousand_pieces_make_one_file():
    content = png() + bytes(10_000 - len(png()))
    with closing(Upload("a.png", [len(content)], burst=False)) as upload:
        upload.add(content[:400])
        for place in range(400, len(content)):
            upload.add(content[place : place + 1])
        upload.check_whole()
        assert upload.path.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
def test_what_a_killed_program_left_is_removed_by_the_next(tmp_path, monkeypatch):
    program = (
        "import sys, time; from deepbench.apps.detection.uploads import Upload; "
        "made = Upload('a', [9], False); print(made.path.parent, flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", program]
    own = os.environ | {"TMPDIR": str(tmp_path)}
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(words, env=own, stdout=subprocess.PIPE, encoding="utf-8") as killed:
        folder = Path(killed.stdout.readline().strip())
        long_ago = time.time() - 2 * leftovers.YOUNG
        os.utime(folder, (long_ago, long_ago))
        with closing(Upload("b", [9], burst=False)):
            assert folder.is_dir()  # it is in use
        killed.kill()
    assert folder.is_dir()
    (tmp_path / "deepbench-upload-file").touch()  # none of ours
    with closing(Upload("b", [9], burst=False)):
        assert not folder.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["deepbench-upload-file"]


# the page


class Judge(examiner.Examiner):
    """Loads nothing, and has an answer to everything."""

    def __init__(self):
        object.__setattr__(self, "saw", [])

    def examine(self, path, name, media, limits, tell):
        self.saw.append((path, path.read_bytes(), limits))
        if name.startswith("bad"):
            raise ValueError("no face found")
        return made.answer(source=made.answer().source._replace(filename=name))


@pytest.fixture
def judge(monkeypatch):
    judge = Judge()
    monkeypatch.setattr(examiner, "load", lambda *asked: judge)
    monkeypatch.setattr(explaining, "explain", lambda *asked, **more: made.maps())
    monkeypatch.setattr(documents, "page", lambda *asked: "<p>report</p>")
    return judge


@pytest.fixture
def page(judge):
    page = pages.Page(ROOT, pages.params.load(ROOT / "params.yaml"))
    page.replies = []
    page.intake.send = lambda content: page.replies.append(content["refused"])
    return page


def ask(page, buffers=(), **content):
    page.intake._heard(page.intake, {"id": "1"} | content, [memoryview(b) for b in buffers])
    return page.replies[-1]


def upload(page, name, content):
    ask(page, do="begin", name=name, media="", sizes=[len(content)])
    if not ask(page, [content], do="piece"):
        ask(page, do="end")


def html_of(page):
    return "".join(shown.value for shown in page._shown.values())


def test_a_file_is_examined_and_removed(page, judge):
    ask(page, do="open", count=1)
    upload(page, HOSTILE, png())
    ask(page, do="close")
    (path, content, limits) = judge.saw[0]
    assert (content, limits.image) == (png(), 50_000_000)
    assert not path.parent.exists()
    told = html_of(page)
    assert "FAKE" in told
    assert HOSTILE not in told
    assert "&lt;img src=x" in told
    for sentence in made.SENTENCES:
        assert sentence in told
    assert "Save as JSON" in told


def test_several_files_have_a_summary_and_failures_no_verdict(page):
    ask(page, do="open", count=3)
    upload(page, "bad.png", png())
    upload(page, "album/notes.txt", b"no picture")
    upload(page, "good.png", png())
    ask(page, do="close")
    assert "no verdict: no face found" in page._shown["result"].value
    assert 'class="verdict"' not in page._shown["result"].value
    assert "2 files: 1 called fake" in page._shown["summary"].value
    assert "left out: album/notes.txt" in page._shown["summary"].value
    page.file.value = 1
    assert "good.png" in page._shown["result"].value
    ask(page, do="open", count=1)
    assert html_of(page) == ""


def test_it_tells_which_of_several_files_is_examined(page):
    ask(page, do="open", count=2)
    upload(page, "first.png", png())
    page._tell(Progress("second.png", "scores", 1, 4))
    told = (page.intake.status, page.intake.done, page.intake.total)
    assert told == ("second.png (2 of 2): scoring", 1, 4)


@pytest.mark.parametrize("content", [{"do": "end"}, {"do": "fly"}, {"do": "piece"}])
def test_what_makes_no_sense_is_refused_in_words(page, content):
    assert ask(page, [b"1"], **content)
    assert "load the page again" in page._shown["result"].value


def test_a_fault_of_the_program_is_told_and_raised(page, judge, monkeypatch):
    ask(page, do="open", count=1)
    ask(page, do="begin", name="a.png", media="", sizes=[len(png())])
    ask(page, [png()], do="piece")
    monkeypatch.setattr(Judge, "examine", lambda *asked: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(page, do="end")
    assert page.replies[-1]
    ask(page, do="close")
    assert "the program failed with ZeroDivisionError" in page._shown["result"].value


def test_missing_weights_are_told(page, monkeypatch):
    def missing(*asked):
        raise FileNotFoundError("no checkpoint in weights/effort: put it there")

    monkeypatch.setattr(examiner, "load", missing)
    assert ask(page, do="open", count=1)
    assert "no checkpoint in weights/effort" in page._shown["result"].value


def test_wrong_settings_are_told(tmp_path):
    (tmp_path / "params.yaml").write_text("seed: none\n")
    box = pages.show(tmp_path)
    assert 'class="error"' in box.children[1].value


# what is said


def test_a_video_shows_rules_without_a_verdict_and_demo_weights():
    answer = made.video(models=(made.model("xception", True), made.model("effort", False)))
    told = page_html.answer(answer, 30)
    assert answers.DEMO in told
    assert "certain of opposite things" in told
    assert told.count("Face in frame") == 3
    assert "together (equal)" in told


def test_a_summary_escapes_names():
    told = page_html.batch(Batch((made.answer(),), (Failure(HOSTILE, "<b>"),), ()))
    assert HOSTILE not in told
    assert "<b>" not in told
