from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN

from deepbench.core import params
from deepbench.media import mtcnn, video

ROOT = Path(__file__).parents[2]
REAL = ROOT / "../shared/real"
FACES = params.load(ROOT / "params.yaml").faces
ANY = FACES.model_copy(update={"confidence": 0.0})


@pytest.fixture(scope="module")
def finder():
    return mtcnn.load(ANY, "cpu")


@pytest.fixture(scope="module")
def portrait():
    return cv2.imread(str(ROOT / "tests/data/crops/astronaut_corner.png"))[..., ::-1]


def equal_to_facenet(found: list, rgb: np.ndarray) -> int:
    theirs = MTCNN(keep_all=True, min_face_size=FACES.min_face)
    boxes, confidences, points = theirs.detect(np.ascontiguousarray(rgb), landmarks=True)
    if boxes is None:
        assert found == []
        return 0
    order = np.argsort([-box[2:4].astype(float) @ [1, 1] for box in boxes])
    ours = sorted(found, key=lambda d: -float(d.box[2:].sum()))
    assert len(ours) == len(boxes)
    for face, i in zip(ours, order, strict=True):
        np.testing.assert_allclose(face.box, boxes[i].astype(float), atol=1e-3)
        np.testing.assert_allclose(face.landmarks, points[i].astype(float), atol=1e-3)
        assert face.confidence == pytest.approx(confidences[i], abs=1e-5)
    return len(boxes)


def test_detections_are_those_of_facenet_pytorch(finder, portrait):
    beside = np.hstack([portrait, portrait[:, ::-1], portrait // 2])
    for rgb in (portrait, beside, cv2.resize(portrait, None, fx=2.3, fy=2.3)):
        assert equal_to_facenet(finder.detect(rgb), rgb) > 0


def test_detections_on_real_clips_are_those_of_facenet_pytorch(finder):
    clips = sorted(REAL.rglob("*.mp4"))
    if not clips:
        pytest.skip("no real clips here")
    settings = FACES.model_copy(update={"frame_rule": "every_nth", "every": 20, "at_most": 2})
    frames = [frame for clip in clips for frame in video.read_frames(clip, "video", settings)]
    assert sum(equal_to_facenet(finder.detect(f.rgb), f.rgb) for f in frames) >= len(frames)


def test_points_lie_in_the_box_left_before_right(finder, portrait):
    face, *_ = finder.detect(portrait)
    x, y = face.landmarks.T
    assert (face.box[:2] < face.landmarks.min(0)).all()
    assert (face.landmarks.max(0) < face.box[2:]).all()
    assert x[0] < x[2] < x[1]
    assert x[3] < x[4]
    assert y[:2].max() < y[2] < y[3:].min()
    assert face.confidence > 0.99


def test_same_for_any_number_of_threads(finder, portrait):
    found = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append(finder.detect(portrait))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one.box, two.box)
            np.testing.assert_array_equal(one.landmarks, two.landmarks)
            assert one.confidence == two.confidence


def test_confidence_limits_and_order_is_by_area(finder, portrait):
    small = cv2.resize(portrait, None, fx=0.7, fy=0.7)
    canvas = np.zeros((portrait.shape[0], 700, 3), np.uint8)
    canvas[:, -portrait.shape[1] :] = portrait
    canvas[: small.shape[0], : small.shape[1]] = small
    found = finder.detect(canvas)
    assert len(found) >= 2
    assert [f.area for f in found] == sorted((f.area for f in found), reverse=True)
    limit = sorted(f.confidence for f in found)[-1]
    strict = mtcnn.load(FACES.model_copy(update={"confidence": min(limit + 1e-7, 1.0)}), "cpu")
    assert len(strict.detect(canvas)) < len(found)


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (39, 39), (40, 40), (200, 200)])
def test_no_face_in_small_or_blank_frames(finder, size):
    assert finder.detect(np.full((*size, 3), 128, np.uint8)) == []


def test_reads_frames_that_are_not_contiguous(finder, portrait):
    turned = np.rot90(np.ascontiguousarray(np.rot90(portrait)), -1)
    (one, *_), (two, *_) = finder.detect(turned), finder.detect(np.ascontiguousarray(portrait))
    np.testing.assert_array_equal(one.box, two.box)
