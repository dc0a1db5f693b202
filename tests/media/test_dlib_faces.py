"""The published crop: the same as a reference written out here, and refused where it is not to be.

Models are trained on the spot: the published one is not ours to ship, and no test can hold that
its points are those of a published run.
"""

import sys
from pathlib import Path

import cv2
import landmark_models
import numpy as np
import pytest
from landmark_models import PORTRAIT, sha256

from deepbench.media import align, dlib_faces, tracks
from deepbench.media.detection import Detection

POINTS = align.template(256) / 2 + np.float32([60, 40])


@pytest.fixture(scope="module")
def dlib():
    return pytest.importorskip("dlib", reason="the extra dlib is not installed")


@pytest.fixture(scope="module")
def model(dlib, tmp_path_factory):
    return landmark_models.train(dlib, tmp_path_factory.mktemp("model") / "81.dat")


def svd_umeyama(points, target):
    """The transform as Umeyama's paper has it, by singular values."""
    a, b = points - points.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a / len(a))
    d = np.array([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = (s * d).sum() / a.var(0).sum() * u @ np.diag(d) @ vt
    return np.hstack([turn, (target.mean(0) - turn @ points.mean(0))[:, None]])


def published_crop(dlib, model, rgb):
    """Points, crop and whether it is kept, by the steps of DeepfakeBench's preprocessing."""
    detector, predictor = landmark_models.detector(dlib), dlib.shape_predictor(model)
    face = max(detector(rgb, 1), key=lambda r: r.width() * r.height())
    shape = predictor(rgb, face)
    points = np.array([[shape.part(i).x, shape.part(i).y] for i in (37, 44, 30, 49, 55)], float)
    template = np.array(
        [[30.2946, 51.6963], [65.5318, 51.5014], [48.0252, 71.7366], [33.5493, 92.3655],
         [62.7299, 92.2041]]
    )  # fmt: skip
    template[:, 0] += 8
    target = (template * 256 / 112 + 256 * 0.15) * 256 / (256 * 1.3)
    crop = cv2.warpAffine(rgb, svd_umeyama(points, target), (256, 256))
    return points, crop, len(detector(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), 1)) > 0


def pictures():
    turn = cv2.getRotationMatrix2D((220, 120), 12, 1)
    small = cv2.resize(PORTRAIT, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    two = np.full((480, 960, 3), 90, np.uint8)
    two[:129, :201] = small[:129, :201]
    two[200:416, 500:836] = PORTRAIT
    return {
        "portrait": PORTRAIT,
        "turned": cv2.warpAffine(PORTRAIT, turn, (336, 216)),
        "large": cv2.resize(PORTRAIT, None, fx=2.3, fy=2.3),
        "cut off": PORTRAIT[:, :250],
        "two": two,
    }


@pytest.mark.parametrize("name", pictures())
def test_crop_is_the_published_one(dlib, model, name):
    rgb = np.ascontiguousarray(pictures()[name])
    points, crop, kept = published_crop(dlib, model, rgb)
    found = dlib_faces.load(model, sha256(model)).detect(rgb)
    assert len(found) == (2 if name == "two" else 1)
    np.testing.assert_array_equal(found[0].landmarks, points)
    assert np.isnan(found[0].confidence)
    assert kept
    # the template is rounded to float32, which a few pixels feel: OpenCV has steps of 1/32 pixel
    difference = np.abs(align.CROPS["dlib"](rgb, found[0]).astype(int) - crop)
    assert difference.mean() < 0.001
    assert difference.max() <= 8


def test_equally_large_faces_stay_in_the_order_of_dlib(monkeypatch, dlib, model):
    boxes = [
        dlib.rectangle(10, 10, 60, 60),
        dlib.rectangle(200, 50, 299, 149),
        dlib.rectangle(40, 50, 139, 149),
    ]
    monkeypatch.setattr(dlib_faces, "_boxes", lambda _: boxes)
    found = dlib_faces.load(model, sha256(model)).detect(PORTRAIT)
    assert [face.box.tolist() for face in found] == [
        [200, 50, 300, 150], [40, 50, 140, 150], [10, 10, 61, 61],
    ]  # fmt: skip
    largest = max(boxes, key=lambda r: r.width() * r.height())
    assert tracks.largest([found]) == [0]
    assert found[0].box[0] == largest.left()


def test_upside_down_crop_is_discarded(dlib, tmp_path):
    turned = landmark_models.turned(landmark_models.UPRIGHT)
    model = landmark_models.train(dlib, tmp_path / "turned.dat", turned)
    assert not published_crop(dlib, model, PORTRAIT)[2]
    (face,) = dlib_faces.load(model, sha256(model)).detect(PORTRAIT)
    with pytest.raises(ValueError, match="dlib finds no face in the crop"):
        align.published(PORTRAIT, face)


def test_pictures_need_not_be_contiguous(dlib, model):
    mirrored = PORTRAIT[:, ::-1]
    (face,) = dlib_faces.load(model, sha256(model)).detect(mirrored)
    (same,) = dlib_faces.load(model, sha256(model)).detect(np.ascontiguousarray(mirrored))
    np.testing.assert_array_equal(face.box, same.box)
    assert dlib_faces.sees_face(mirrored)


def test_the_second_look_is_at_bgr(monkeypatch):
    seen = []
    monkeypatch.setattr(dlib_faces, "sees_face", lambda image: not seen.append(image))
    crop = align.published(PORTRAIT, Detection(np.zeros(4, np.float32), POINTS, np.nan))
    assert (crop[..., 0] != crop[..., 2]).any()
    np.testing.assert_array_equal(seen[0], crop[..., ::-1])


@pytest.mark.parametrize("mirrored", [False, True])
def test_umeyama_is_the_one_by_singular_values(mirrored):
    rng = np.random.default_rng(0)
    target = align.template(256).astype(np.float64)
    for _ in range(20):
        points = target @ rng.normal(size=(2, 2)) + rng.normal(0, 20, (5, 2)) + 300
        if (np.linalg.det((points - points.mean(0)).T @ target) < 0) != mirrored:
            points[:, 0] *= -1
        expected = svd_umeyama(points, target)
        np.testing.assert_allclose(align.umeyama(points, target), expected, atol=1e-9)


def test_only_the_second_look_refuses_mirrored_points(monkeypatch):
    mirrored = Detection(np.zeros(4, np.float32), POINTS[[1, 0, 2, 4, 3]], np.nan)
    with pytest.raises(ValueError, match="landmarks are mirrored"):
        align.aligned(PORTRAIT, mirrored)
    monkeypatch.setattr(dlib_faces, "sees_face", lambda _: True)
    assert align.published(PORTRAIT, mirrored).shape == (256, 256, 3)


@pytest.mark.parametrize("points", [5, 68])
def test_models_of_other_landmarks_are_refused(dlib, tmp_path, points):
    model = landmark_models.train(dlib, tmp_path / "other.dat", count=points)
    with pytest.raises(ValueError, match=rf"other\.dat' has {points} points, not 81; the publ"):
        dlib_faces.load(model, sha256(model))


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_broken_models_are_refused(model, tmp_path, share):
    broken = tmp_path / "broken.dat"
    content = Path(model).read_bytes()
    broken.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=r"broken\.dat' is no landmark model of dlib's \(Error"):
        dlib_faces.load(str(broken), sha256(broken))


def test_a_web_page_is_no_model(dlib, tmp_path):
    page = tmp_path / "page.dat"
    page.write_text("<html>404 not found</html>")
    with pytest.raises(ValueError, match=r"page\.dat' is no landmark model.*release v1\.0\.0"):
        dlib_faces.load(str(page), sha256(page))


@pytest.mark.parametrize("name", ["", "lost.dat", "."])
def test_missing_models_are_named(dlib, name):
    with pytest.raises(FileNotFoundError, match=f"faces.landmark_model '{name}' is no file"):
        dlib_faces.load(name, "")


def test_missing_dlib_is_said_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(ImportError, match=r'pip install "deepbench\[dlib\]".*CMake'):
        dlib_faces.load("lost.dat", "")


def test_another_file_than_recorded_is_noticed(model):
    with pytest.raises(ValueError, match=f"landmark_sha256 is '00', but .* has {sha256(model)}"):
        dlib_faces.load(model, "00")
