"""Each warning on a face that deserves it, and none on one that does not."""

import math
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from deepbench.media import quality

NOTHING = quality.FileFigures(1.0)


def textured(size=256, level=128, seed=1):
    """A picture with detail at all sizes, as faces have."""
    rng = np.random.default_rng(seed)
    total = np.full((size, size, 3), float(level))
    for cells in (8, 32, 128, 256):
        rough = rng.normal(0, 12, (cells, cells, 3))
        total += cv2.resize(rough, (size, size), interpolation=cv2.INTER_CUBIC)
    return total.clip(0, 255).astype(np.uint8)


def warned(rgb, side=150.0, file=NOTHING):
    return [found.what for found in quality.warnings([quality.of_face(side, rgb)], file)]


def clip(path, quantiser, frames=6):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": str(quantiser)})
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 25)
        for place in range(frames):
            frame = av.VideoFrame.from_ndarray(textured(seed=place), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_a_good_face_has_no_warning():
    assert warned(textured()) == []


def test_a_small_face():
    assert warned(textured(), side=79.0) == ["small"]
    assert warned(textured(), side=81.0) == []


def test_a_blurred_face():
    assert warned(cv2.GaussianBlur(textured(), (0, 0), 4)) == ["blurred"]


def test_a_dark_face():
    assert warned(textured(level=40)) == ["dark"]


def test_the_warning_tells_figure_and_limit():
    (found,) = quality.warnings([quality.of_face(62.0, textured())], NOTHING)
    assert (found.value, found.limit) == (62.0, quality.SMALLEST_SIDE)
    assert found.sentence == "small: the face is 62 px wide, under 80"


def test_the_median_frame_decides():
    good, small = quality.of_face(200.0, textured()), quality.of_face(20.0, textured())
    assert quality.warnings([good, good, small], NOTHING) == ()
    assert [w.what for w in quality.warnings([good, small, small], NOTHING)] == ["small"]


@pytest.mark.parametrize("wanted", [20, 40, 50, 75, 95])
def test_the_quality_of_a_jpeg_is_the_one_it_was_saved_with(tmp_path, wanted):
    Image.fromarray(textured()).save(tmp_path / "a.jpg", quality=wanted)
    assert quality.jpeg_quality(tmp_path / "a.jpg") == pytest.approx(wanted, abs=1.5)


def test_other_pictures_have_none(tmp_path):
    Image.fromarray(textured()).save(tmp_path / "a.png")
    assert math.isnan(quality.jpeg_quality(tmp_path / "a.png"))


def test_a_coarse_jpeg_is_warned_of_by_its_table(tmp_path):
    Image.fromarray(textured()).save(tmp_path / "a.jpg", quality=30)
    figures = quality.of_file(tmp_path / "a.jpg", "image", 1.0)
    (found,) = quality.warnings([quality.of_face(150.0, textured())], figures)
    assert found.what == "heavily compressed"
    assert "JPEG quality 30, under 50" in found.sentence


def test_blocks_remain_when_a_coarse_jpeg_is_saved_as_png(tmp_path):
    smooth = cv2.GaussianBlur(textured(), (0, 0), 3)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=15)
    coarse = quality.blockiness(np.asarray(Image.open(tmp_path / "a.jpg")))
    assert coarse > quality.MOST_BLOCKINESS
    assert quality.blockiness(textured()) == pytest.approx(1, abs=0.1)
    assert warned(textured(), file=quality.FileFigures(coarse)) == ["heavily compressed"]


@pytest.mark.parametrize(("quantiser", "said"), [(23, []), (42, ["heavily compressed"])])
def test_the_quantiser_of_h264(tmp_path, quantiser, said):
    clip(tmp_path / "a.mp4", quantiser)
    figures = quality.of_file(tmp_path / "a.mp4", "video", 1.0)
    assert figures.quantiser == pytest.approx(quantiser, abs=3)
    assert warned(textured(), file=figures) == said


def test_what_is_no_video_has_no_quantiser(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    assert math.isnan(quality.quantiser(tmp_path / "a.mp4"))


def test_a_flat_picture_has_no_blockiness():
    assert math.isnan(quality.blockiness(np.zeros((64, 64, 3), np.uint8)))
