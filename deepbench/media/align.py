"""Crop protocols: how a face in a frame becomes a square image.

Published detectors saw faces cut in one way; another cut changes their scores. `dlib` is
DeepfakeBench's (Yan et al. 2023, arXiv:2307.01426), which most published weights expect;
`aligned` comes near it with MTCNN's landmarks.
"""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float, Float32, Float64, UInt8
from PIL import Image

from deepbench.media import dlib_faces
from deepbench.media.detection import Detection

Rgb = UInt8[np.ndarray, "h w 3"]
Square = UInt8[np.ndarray, "size size 3"]
Points = Float[np.ndarray, "5 2"]

ALIGNED_SIZE, PADDED_SIZE, MARGIN_SIZE = 256, 224, 224
WHOLE, DLIB = "whole", "dlib"
PADDING = 30  # pixels on each side
MARGIN = 0.3  # of the box, both sides together

# ArcFace's template for 112 x 112 pixels, as DeepfakeBench's preprocessing uses it
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)

# Where MTCNN's points lie in DeepfakeBench's 256-pixel crops. Those come from dlib's points 37,
# 44, 30, 49 and 55 (eyelids and lips), not from MTCNN's eye centres and mouth corners. Medians
# over 169 frames of 11 FaceForensics++ and DFDC clips, dlib 20; against the template they bring
# the crop from 5.3 to 3.9 pixels of dlib's (near-frontal clips, leave one clip out).
MTCNN_TARGET = np.array(
    [[96.8, 125.1], [158.3, 122.6], [128.4, 156.5], [104.5, 191.9], [155.4, 189.2]], np.float32
)

# Share of the target's spread that the points must explain: frontal faces reach 0.9, a profile
# whose points stand on one line 0.6, a mirrored face 0.05
LEAST_FIT = 0.3


def template(size: int) -> Float32[np.ndarray, "5 2"]:
    """Target points of a crop of `size` pixels: the template with a margin, at scale 1.3."""
    return (TEMPLATE * np.float32(size / 112) + np.float32(0.15 * size)) / np.float32(1.3)


def umeyama(points: Points, target: Points) -> Float64[np.ndarray, "2 3"]:
    """Least-squares rotation, scale and shift that take points to target (Umeyama 1991).

    Raises:
        ValueError: the points are not finite or coincide.
    """
    if not np.isfinite(points).all():
        msg = "landmarks are not finite"
        raise ValueError(msg)
    points, target = points.astype(np.float64), target.astype(np.float64)
    a, b = points - points.mean(0), target - target.mean(0)
    spread = (a**2).sum()
    if spread < 1:
        msg = "landmarks coincide"
        raise ValueError(msg)
    p, q = (a * b).sum() / spread, (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / spread
    turn = np.array([[p, -q], [q, p]])
    shift = target.mean(0) - turn @ points.mean(0)
    return np.hstack([turn, shift[:, None]])


def similarity(points: Points, target: Points) -> Float64[np.ndarray, "2 3"]:
    """Umeyama's map, for points that are arranged like a face.

    Raises:
        ValueError: the points are not finite, coincide, or are not arranged like a face.
    """
    matrix = umeyama(points, target)
    # squared scale times spread of the points: what of the target's spread they explain
    explained = (matrix[:, 0] ** 2).sum() * points.var(0, dtype=np.float64).sum()
    if explained < LEAST_FIT * target.var(0, dtype=np.float64).sum():
        msg = "landmarks are mirrored or not arranged like a face"
        raise ValueError(msg)
    return matrix


def warp(rgb: Rgb, matrix: Float64[np.ndarray, "2 3"], size: int) -> Square:
    """Square image under a map from frame to crop: bilinear, black beyond the frame."""
    crop: np.ndarray = cv2.warpAffine(rgb, matrix, (size, size))
    return crop


def aligned(rgb: Rgb, face: Detection) -> Square:
    """DeepfakeBench's crop, with the target points corrected for MTCNN's landmarks."""
    return warp(rgb, similarity(face.landmarks, MTCNN_TARGET), ALIGNED_SIZE)


def published(rgb: Rgb, face: Detection) -> Square:
    """DeepfakeBench's crop from dlib's landmarks, if dlib finds a face in it again."""
    # not `similarity`: the published code refuses no arrangement, its second look does
    crop = warp(rgb, umeyama(face.landmarks, template(ALIGNED_SIZE)), ALIGNED_SIZE)
    # that look is at BGR, which may be a slip of the published code (DeepfakeBench issue #176),
    # but decides which frames are in it
    if not dlib_faces.sees_face(crop[..., ::-1]):
        msg = "dlib finds no face in the crop"
        raise ValueError(msg)
    return crop


def padded(rgb: Rgb, face: Detection) -> Square:
    """The box and 30 pixels around it, clipped to the frame, squeezed into a square."""
    _check_box(face)
    h, w = rgb.shape[:2]
    x1, y1 = np.maximum(np.trunc(face.box[:2]).astype(int) - PADDING, 0)
    x2, y2 = np.minimum(np.trunc(face.box[2:]).astype(int) + PADDING, (w, h))
    if x2 <= x1 or y2 <= y1:
        msg = "box lies outside the frame"
        raise ValueError(msg)
    return _resized(rgb[y1:y2, x1:x2], PADDED_SIZE)


def margin(rgb: Rgb, face: Detection) -> Square:
    """A square 1.3 times the longer side of the box, turned until the eyes are level."""
    _check_box(face)
    x, y = (face.landmarks[1] - face.landmarks[0]).astype(np.float64)
    if not np.hypot(x, y) >= 1:
        msg = "eyes coincide or are not finite"
        raise ValueError(msg)
    x1, y1, x2, y2 = face.box.astype(np.float64)
    side = max(round((1 + MARGIN) * max(x2 - x1, y2 - y1)), 1)
    turn = cv2.getRotationMatrix2D(face.centre, np.degrees(np.arctan2(y, x)), 1.0)
    turn[:, 2] += (side - 1) / 2 - np.array(face.centre)
    # turned at full resolution, so that only the resize, which averages, makes it smaller
    level = cv2.warpAffine(rgb, turn, (side, side), flags=cv2.INTER_CUBIC)
    return _resized(level, MARGIN_SIZE)


def whole(rgb: Rgb, face: Detection) -> Square:
    """The picture itself, pixel for pixel: data that others have cropped."""
    h, w = rgb.shape[:2]
    if h != w:
        msg = f"picture is {w} x {h} pixels, not square"
        raise ValueError(msg)
    return rgb


class WholePicture:
    """The face finder of the protocol `whole`: looks for nothing, and says so."""

    def detect(self, rgb: Rgb) -> list[Detection]:
        """One face as large as the picture, with landmarks and confidence unknown (NaN)."""
        h, w = rgb.shape[:2]
        box = np.array([0, 0, w, h], np.float32)
        return [Detection(box, np.full((5, 2), np.nan, np.float32), np.nan)]


def _check_box(face: Detection) -> None:
    if not np.isfinite(face.box).all() or not (face.box[2:] > face.box[:2]).all():
        msg = "box is empty or not finite"
        raise ValueError(msg)


def _resized(rgb: Rgb, size: int) -> Square:
    """Bicubic with antialiasing, which OpenCV does not have."""
    image = Image.fromarray(np.ascontiguousarray(rgb)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    return np.asarray(image)


CROPS: dict[str, Callable[[Rgb, Detection], Square]] = {
    "aligned": aligned,
    "padded": padded,
    "margin": margin,
    WHOLE: whole,
    DLIB: published,
}
