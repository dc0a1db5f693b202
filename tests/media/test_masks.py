"""Masks are cut as their crops are, or a sentence says why they cannot be."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from deepbench.core import params
from deepbench.media import align, masks

FACES = params.load(Path(__file__).parents[2] / "params.yaml").faces
SIZE = 256
IDENTITY = align.MTCNN_TARGET  # landmarks whose crop is the frame itself


def encode(path, frames, size=SIZE):
    """A video with a white square that moves by 16 pixels a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 25)
        for i in range(frames):
            rgb = np.zeros((size, size, 3), np.uint8)
            rgb[64:128, 16 * i : 16 * i + 64] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    home = tmp_path_factory.mktemp("method")
    return {
        "mask": encode(home / "masks/videos/a.mp4", 5),
        "video": encode(home / "c23/videos/a.mp4", 5),
        "longer": encode(home / "c23/videos/b.mp4", 7),
        "larger": encode(home / "c23/videos/c.mp4", 5, 320),
    }


@pytest.mark.parametrize("frame", [0, 3])
def test_the_mask_of_the_same_frame(clips, frame):
    place = masks.Place(frame, IDENTITY)
    found = masks.of_crop(clips["mask"], clips["video"], place, FACES)
    expected = np.zeros((SIZE, SIZE), bool)
    expected[64:128, 16 * frame : 16 * frame + 64] = True
    assert (found ^ expected).mean() < 0.002, "only where the compression has blurred an edge"


@pytest.mark.parametrize("crop", ["aligned", "dlib"])
def test_a_mask_is_turned_and_scaled_as_its_crop(crop, rng):
    turn = np.array([[0.8, -0.3], [0.3, 0.8]], np.float32)
    landmarks = (IDENTITY @ turn.T + np.float32([30, -10])).astype(np.float32)
    frame = np.zeros((300, 300, 3), np.uint8)
    frame[100:180, 90:200] = 255
    if crop == "aligned":
        matrix = align.similarity(landmarks, align.MTCNN_TARGET)
    else:
        matrix = align.umeyama(landmarks, align.template(SIZE))
    expected = align.warp(frame, matrix, SIZE)[..., 0] > 127
    found = masks.cut(frame, landmarks, crop)
    assert np.array_equal(found, expected)
    assert 0.05 < found.mean() < 0.8


def test_a_mask_in_a_colour_counts_as_white():
    frame = np.zeros((SIZE, SIZE, 3), np.uint8)
    frame[:128, :, 2] = 200
    assert masks.cut(frame, IDENTITY, "aligned").mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("mask", "video", "frame", "sentence"),
    [
        ("mask", "longer", 2, "mask has 5 frames of 256 x 256 pixels, the video 7 of 256 x 256"),
        ("mask", "larger", 2, "256 x 256 pixels, the video 5 of 320 x 320"),
        ("mask", "video", 9, "no frame 9 in a.mp4 of masks"),
        ("nowhere", "video", 2, "no frame 2 in d.mp4 of masks: file not found"),
    ],
)
def test_what_does_not_fit_is_said(clips, mask, video, frame, sentence):
    path = clips.get(mask, clips["mask"].with_name("d.mp4"))
    with pytest.raises(ValueError, match=sentence):
        masks.of_crop(path, clips[video], masks.Place(frame, IDENTITY), FACES)


def test_a_mask_beside_the_crop_and_crops_without_a_map_are_said(clips):
    # the crop of a small face at the bottom of the frame, where the mask is black
    far = (IDENTITY / 4 + np.float32([0, 190])).astype(np.float32)
    with pytest.raises(ValueError, match="black within this crop"):
        masks.of_crop(clips["mask"], clips["video"], masks.Place(0, far), FACES)
    padded = FACES.model_copy(update={"crop": "padded"})
    with pytest.raises(ValueError, match="no mask for crops 'padded'"):
        masks.of_crop(clips["mask"], clips["video"], masks.Place(0, IDENTITY), padded)
