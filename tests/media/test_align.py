import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepbench.core import blocks
from deepbench.media import align
from deepbench.media.detection import Detection

# Made with DeepfakeBench's own face alignment on NASA's portrait of Eileen Collins (public
# domain, scikit-image's "astronaut"): five points, the matrix and the crop.
REFERENCES = Path(__file__).parents[1] / "data" / "crops"
RNG = np.random.default_rng(0)
FRAME = RNG.integers(0, 255, (240, 320, 3), np.uint8)
BOX = np.array([100, 60, 180, 160], np.float32)
POINTS = align.template(100) + np.array([90, 60], np.float32)


def face(box=BOX, landmarks=POINTS):
    return Detection(np.float32(box), np.float32(landmarks), 0.99)


def disagreement(ours, theirs, points):
    """Why a matrix is not the recorded one, or nothing if it is."""
    if np.allclose(ours, theirs, rtol=0, atol=1e-4):
        return ""
    # both take the middle of the points to the middle of their template
    dx, dy = (ours - theirs) @ [*points.mean(0), 1]
    if np.allclose((dx, dy), 0, atol=1e-3):
        return "the template has another shape, size or angle"
    return f"the template is shifted by ({dx:.1f}, {dy:.1f}) px"


REFERENCED = pytest.mark.parametrize("name", ["frontal", "corner_border", "large_rotated"])


@REFERENCED
def test_matrix_of_the_reference(name):
    with np.load(REFERENCES / f"crop_{name}.npz") as reference:
        points = reference["points"].astype(np.float64)
        for size, matrix in ((256, reference["M"]), (224, reference["M224"])):
            ours = align.similarity(points, align.template(size))
            problem = disagreement(ours, matrix, points)
            assert not problem, problem


@REFERENCED
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda points: points + np.array([3, -2]), "the template is shifted by (3.0, -2.0) px"),
        (lambda points: points + np.array([0, 0.2]), "the template is shifted by (0.0, 0.2) px"),
        (
            lambda points: points.mean(0) + 1.02 * (points - points.mean(0)),
            "the template has another shape, size or angle",
        ),
    ],
)
def test_a_changed_template_fails_with_its_cause(monkeypatch, name, change, reason):
    published = align.template
    monkeypatch.setattr(align, "template", lambda size: np.float32(change(published(size))))
    with pytest.raises(AssertionError, match=re.escape(reason)):
        test_matrix_of_the_reference(name)


@pytest.mark.parametrize("name", ["frontal", "corner_border"])
def test_pixels_of_the_reference(name):
    # the top left of the 512-pixel portrait, all that these two crops see
    portrait = np.zeros((512, 512, 3), np.uint8)
    corner = cv2.imread(str(REFERENCES / "astronaut_corner.png"))[..., ::-1]
    portrait[: corner.shape[0], : corner.shape[1]] = corner
    with np.load(REFERENCES / f"crop_{name}.npz") as reference:
        points, expected = reference["points"].astype(np.float64), reference["crop"]
    crop = align.warp(portrait, align.similarity(points, align.template(256)), 256)
    difference = np.abs(crop.astype(int) - expected)
    assert difference.max() <= 4  # OpenCV 4 interpolates in steps of 1/32 pixel
    assert difference.mean() < 0.15


def test_similarity_recovers_a_known_map():
    angle, scale, shift = 0.4, 1.7, np.array([12.0, -7.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    target = align.MTCNN_TARGET.astype(np.float64)
    points = (target - shift) @ np.linalg.inv(turn).T
    matrix = align.similarity(points, target)
    np.testing.assert_allclose(matrix, np.hstack([turn, shift[:, None]]), atol=1e-9)


def test_aligned_puts_mtcnn_points_on_their_target():
    frame = np.zeros((240, 320, 3), np.uint8)
    points = align.MTCNN_TARGET / 2 + np.float32([80, 40])
    for x, y in np.round(points).astype(int):
        frame[y - 2 : y + 3, x - 2 : x + 3] = 255
    crop = align.aligned(frame, face(landmarks=points))
    for x, y in np.round(align.MTCNN_TARGET).astype(int):
        assert crop[y, x].min() > 200


@pytest.mark.parametrize("name", sorted(align.CROPS.keys() - {align.WHOLE, align.DLIB}))
@pytest.mark.parametrize("box", [BOX, BOX - 90, BOX + 150])
def test_crops_are_square_and_repeat(name, box):
    shifted = face(box, POINTS + (box - BOX)[:2])
    first, second = (align.CROPS[name](FRAME, shifted) for _ in range(2))
    assert first.shape == {"aligned": (256, 256, 3)}.get(name, (224, 224, 3))
    np.testing.assert_array_equal(first, second)
    assert first.std() > 0


def test_every_crop_parameter_is_a_protocol():
    assert set(align.CROPS) == set(blocks.Faces.model_fields["crop"].annotation.__args__)


def test_padded_adds_thirty_pixels_within_the_frame():
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[30:190, 70:210] = 200
    assert align.padded(frame, face()).min() == 200
    frame[29:191, 69] = 0
    frame[:, 70] = 0
    assert align.padded(frame, face())[:, 0].max() < 200
    assert align.padded(FRAME, face([-20, -20, 400, 400])).shape == (224, 224, 3)


@pytest.mark.parametrize("degrees", [-30, 0, 50])
def test_margin_levels_the_eyes(degrees):
    frame = np.zeros((300, 300, 3), np.uint8)
    centre = np.array([150.0, 150.0])
    direction = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    eyes = np.round(centre + 25 * np.array([-direction, direction]))
    for i, (x, y) in enumerate(eyes):
        cv2.circle(frame, (int(x), int(y)), 4, (255 * (i == 0), 255 * (i == 1), 0), -1)
    points = np.vstack([eyes, centre, eyes + np.array([0, 40])])
    crop = align.margin(frame, face([110, 110, 190, 190], points))
    (x_left, y_left), (x_right, y_right) = (
        np.argwhere(crop[..., c] > 128).mean(0)[::-1] for c in (0, 1)
    )
    assert y_left == pytest.approx(y_right, abs=1)
    # 50 pixels apart in a square of 1.3 * 80 pixels, resized to 224
    assert x_right - x_left == pytest.approx(50 * 224 / 104, abs=3)


def test_margin_averages_when_it_shrinks():
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 255
    points = align.template(600) + np.float32([300, 300])
    points[1, 1] = points[0, 1]
    crop = align.margin(stripes, face([300, 300, 900, 900], points))
    assert crop[50:-50, 50:-50].std() < 12  # sampled without averaging it is above 100


@pytest.mark.parametrize(
    ("landmarks", "reason"),
    [
        (np.full((5, 2), 100.0), "landmarks coincide"),
        (np.where(np.eye(5, 2) > 0, np.nan, POINTS), "landmarks are not finite"),
        (np.where(np.eye(5, 2) > 0, np.inf, POINTS), "landmarks are not finite"),
        (POINTS * [-1, 1] + [300, 0], "landmarks are mirrored"),
        (POINTS[[1, 0, 2, 4, 3]], "landmarks are mirrored"),
    ],
)
def test_degenerate_landmarks_are_refused(landmarks, reason):
    with pytest.raises(ValueError, match=reason):
        align.aligned(FRAME, face(landmarks=landmarks))


def test_profile_and_upside_down_faces_are_not_degenerate():
    profile = POINTS.copy()
    profile[:, 0] = profile[2, 0]
    assert align.aligned(FRAME, face(landmarks=profile)).any()
    assert align.aligned(FRAME, face(landmarks=[300, 220] - POINTS)).any()


@pytest.mark.parametrize("name", ["padded", "margin"])
@pytest.mark.parametrize("box", [[5, 5, 5, 9], [9, 9, 5, 5], [np.nan, 1, 5, 5]])
def test_degenerate_boxes_are_refused(name, box):
    with pytest.raises(ValueError, match="box is empty or not finite"):
        align.CROPS[name](FRAME, face(box))


def test_box_outside_the_frame_is_refused():
    with pytest.raises(ValueError, match="box lies outside the frame"):
        align.padded(FRAME, face([500, 500, 600, 600]))


def test_margin_without_eyes_is_refused():
    with pytest.raises(ValueError, match="eyes coincide"):
        align.margin(FRAME, face(landmarks=np.full((5, 2), 50.0)))


def test_whole_is_the_picture_itself():
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    (found,) = align.WholePicture().detect(picture)
    assert found.box.tolist() == [0, 0, 256, 256]
    assert np.isnan(found.landmarks).all()
    assert np.isnan(found.confidence)
    np.testing.assert_array_equal(align.whole(picture, found), picture)
    with pytest.raises(ValueError, match="picture is 256 x 200 pixels, not square"):
        align.whole(picture[:200], found)
