"""Faces as DeepfakeBench finds them: dlib's frontal HOG detector and 81 landmarks.

dlib is the optional extra `dlib`, and is imported only when this crop is asked for; the landmark
model is a file that the user brings.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import UInt8

from deepbench.media.detection import Detection

UPSAMPLE = 1  # times the picture is doubled before the search: faces from 40 pixels
LANDMARKS = 81
# of 81, counted from 0: an upper lid of each eye, the tip of the nose, two points of the lips
FIVE = (37, 44, 30, 49, 55)
CURE = (
    "the published file is shape_predictor_81_face_landmarks.dat of DeepfakeBench's release v1.0.0"
)

Image = UInt8[np.ndarray, "h w 3"]


class DlibFaces:
    """dlib's detector with a landmark model; `load` makes it."""

    def __init__(self, model: str) -> None:
        dlib = _dlib()
        self._predictor = dlib.shape_predictor(model)
        # the class does not tell how many points it predicts, a prediction does
        blank = np.zeros((64, 64, 3), np.uint8)
        self.landmarks: int = self._predictor(blank, dlib.rectangle(0, 0, 63, 63)).num_parts

    def detect(self, rgb: Image) -> list[Detection]:
        """All faces of a frame, largest first; dlib's score is no probability: confidence is NaN.

        Equally large faces stay in dlib's order, the first of which the published code takes.
        """
        faces = []
        for box in _boxes(rgb):
            shape = self._predictor(np.ascontiguousarray(rgb), box)
            points = np.array([(shape.part(i).x, shape.part(i).y) for i in FIVE], np.float32)
            # the pixels at right and bottom are inside: dlib's own width is right - left + 1
            corners = (box.left(), box.top(), box.right() + 1, box.bottom() + 1)
            faces.append(Detection(np.array(corners, np.float32), points, np.nan))
        return sorted(faces, key=lambda face: -face.area)


def load(model: str, sha256: str) -> DlibFaces:
    """Load the landmark model of a file, which must be one of 81 points.

    Raises:
        ImportError: dlib is not installed.
        FileNotFoundError: there is no such file.
        ValueError: the file has another digest, is not a landmark model of dlib's, or not of 81
            points.
    """
    _dlib()
    if not Path(model).is_file():
        msg = f"faces.landmark_model {model!r} is no file; {CURE}"
        raise FileNotFoundError(msg)
    if (found := hashlib.sha256(Path(model).read_bytes()).hexdigest()) != sha256:
        msg = (
            f"faces.landmark_sha256 is {sha256!r}, but {model} has {found}; write that into "
            "params.yaml if it is the file you mean"
        )
        raise ValueError(msg)
    try:
        faces = DlibFaces(model)
    except (RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0]
        msg = f"faces.landmark_model {model!r} is no landmark model of dlib's ({reason}); {CURE}"
        raise ValueError(msg) from error
    if faces.landmarks != LANDMARKS:
        msg = f"faces.landmark_model {model!r} has {faces.landmarks} points, not 81; {CURE}"
        raise ValueError(msg)
    return faces


def sees_face(image: Image) -> bool:
    """Whether dlib's detector finds any face in a picture."""
    return len(_boxes(image)) > 0


def _boxes(image: Image) -> list[Any]:
    return list(_detector()(np.ascontiguousarray(image), UPSAMPLE))


@cache
def _detector() -> Callable[[Image, int], Iterable[Any]]:
    # one for all: making it takes a third of a second
    detector: Callable[[Image, int], Iterable[Any]] = _dlib().get_frontal_face_detector()
    return detector


def _dlib() -> ModuleType:
    try:
        return import_module("dlib")
    except ImportError as error:
        msg = (
            f"faces.crop 'dlib' needs the package dlib ({error}); pip install \"deepbench[dlib]\" "
            "where dlib-bin is built for your machine, else pip install dlib, which needs CMake "
            "and a C++ compiler"
        )
        raise ImportError(msg) from error
