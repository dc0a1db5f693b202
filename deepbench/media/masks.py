"""Manipulation masks: where in a crop pixels were changed, as the data set's mask videos say."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from deepbench.core import blocks
from deepbench.media import align, video

WHITE = 127  # masks are black and white, but for what their compression has made of edges


class Place(NamedTuple):
    """The crop that a mask is for."""

    frame: int
    landmarks: Float32[np.ndarray, "5 2"]  # in pixels of the frame


def of_crop(
    mask: Path, fake: Path, place: Place, settings: blocks.Faces
) -> Bool[np.ndarray, "size size"]:
    """The mask video's frame, cut like the crop of the fake.

    Raises:
        ValueError: a plain sentence: no such frame, or one that need not fit the fake's.
    """
    if settings.crop not in ("aligned", align.DLIB):
        msg = f"no mask for crops {settings.crop!r}, only for 'aligned' and 'dlib'"
        raise ValueError(msg)
    pictures, frames = _frame(mask, place.frame, settings)
    original, of_fake = _frame(fake, 0, settings)
    if (pictures.shape, frames) != (original.shape, of_fake):
        msg = (
            f"the mask has {frames} frames of {_size(pictures)} pixels, the video {of_fake} of "
            f"{_size(original)}"
        )
        raise ValueError(msg)
    found = cut(pictures, place.landmarks, settings.crop)
    if not found.any():
        msg = "the mask is black within this crop"
        raise ValueError(msg)
    return found


def cut(
    mask: UInt8[np.ndarray, "h w 3"], landmarks: Float32[np.ndarray, "5 2"], crop: str
) -> Bool[np.ndarray, "size size"]:
    """A mask's frame under the map that took the fake's frame to its crop."""
    size = align.ALIGNED_SIZE
    matrix = (
        align.umeyama(landmarks, align.template(size))
        if crop == align.DLIB
        else align.similarity(landmarks, align.MTCNN_TARGET)
    )
    # the brightest channel: a mask may be drawn in a colour
    result: np.ndarray = align.warp(mask, matrix, size).max(axis=2) > WHITE
    return result


class _Found(NamedTuple):
    rgb: UInt8[np.ndarray, "h w 3"]
    total: int  # frames in the file


def _frame(path: Path, index: int, settings: blocks.Faces) -> _Found:
    # the first frame and the wanted one, whatever frame rule the crops were made with
    rule = {"frame_rule": "every_nth", "every": max(index, 1), "at_most": 2 if index else 1}
    reading = video.read_frames(path, "video", settings.model_copy(update=rule))
    found = {frame.index: frame.rgb for frame in reading}
    if index not in found:
        msg = f"no frame {index} in {path.name} of {path.parent.parent.name}: {reading.problem}"
        raise ValueError(msg.removesuffix(": "))
    return _Found(found[index], reading.total)


def _size(picture: UInt8[np.ndarray, "h w 3"]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
