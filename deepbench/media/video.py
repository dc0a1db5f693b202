"""Frames of videos, images and folders of frames: the wanted ones, one in memory at a time."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

from deepbench.core import blocks
from deepbench.media import containers, images, kinds
from deepbench.media.damage import Damage

MEDIA = ("video", "image", "frames")
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Frame:
    """One upright frame."""

    index: int  # 0-based, in the order of decoding
    time_s: float  # presentation time; NaN for images
    rgb: UInt8[np.ndarray, "h w 3"]


def frame_indices(total: int, rule: str, frames: int, every: int, at_most: int) -> list[int]:
    """Ascending frame indices of a rule.

    `uniform` spreads `frames` from the first to the last frame, truncated as DeepfakeBench does
    and without the repeats of short videos; `every_nth` takes 0, every, 2 * every, ...
    """
    if rule == "uniform":
        return np.unique(np.linspace(0, total - 1, frames).astype(int)).tolist() if total else []
    if rule == "every_nth":
        return list(range(0, total, every))[:at_most]
    msg = f"unknown frame rule {rule!r}; available: uniform, every_nth"
    raise ValueError(msg)


class Reading(Iterator[Frame]):
    """The wanted frames of one file; its counts are final when the frames are used up."""

    def __init__(self, path: Path, media: str, settings: blocks.Faces) -> None:
        self.total = 0  # frames in the file, as far as known; 0 = unknown
        self.expected = 0  # frames asked for
        self.decoded = 0  # of those, frames delivered
        self.problem = ""  # empty or one plain sentence
        self._settings = settings
        self._frames = _of_video(self, path) if media == "video" else _of_stills(self, path, media)

    def __next__(self) -> Frame:
        frame = next(self._frames)
        self.decoded += 1
        return frame

    def plan(self, total: int) -> list[int]:
        """Indices wanted of a file with this many frames."""
        s = self._settings
        wanted = frame_indices(total, s.frame_rule, s.frames, s.every, s.at_most)
        self.total, self.expected = total, len(wanted)
        return wanted


def read_frames(path: Path, media: str, settings: blocks.Faces) -> Reading:
    """The frames that the frame rule wants, of a video, an image or a folder of numbered frames.

    Nothing a file can contain raises: what can be read is, and `problem` says what could not.
    """
    if media not in MEDIA:
        msg = f"unknown media {media!r}; available: {', '.join(MEDIA)}"
        raise ValueError(msg)
    return Reading(path, media, settings)


def _of_video(reading: Reading, path: Path) -> Iterator[Frame]:
    try:
        kinds.check_regular(path)
        length = containers.length(path)
        plan = reading.plan(length.frames)
        if not plan:
            raise kinds.Refusal(containers.NO_FRAMES)
        with containers.opened(path) as container:
            yield from _picked(reading, container, plan)
        reading.problem = "; ".join(filter(None, [length.remark, reading.problem]))
    except kinds.Refusal as refusal:
        reading.problem = f"file unreadable: {refusal}"
    except (FFmpegError, OSError) as error:
        if isinstance(error, MemoryError):
            raise
        reading.problem = containers.why(path, error)


def _picked(reading: Reading, container: InputContainer, plan: list[int]) -> Iterator[Frame]:
    wanted, last = set(plan), plan[-1]
    stream = containers.stream(container)
    kinds.check_pixels(stream.codec_context.width, stream.codec_context.height)
    shape = containers.pixel_aspect(stream)
    damage, seen, lost, interlaced = Damage(wanted), 0, 0, 0
    reason = "the file ends there"
    try:
        for frame in _decoded(container, stream):
            damage.saw(seen, None if isinstance(frame, str) else frame)
            if isinstance(frame, str):
                lost, reason = lost + 1, frame
            elif seen in wanted:
                kinds.check_pixels(frame.width, frame.height)
                interlaced += frame.interlaced_frame
                yield _upright(frame, seen, shape)
            # a frame that fails to decode counts too, or all later ones would be misnumbered
            seen += 1
            if seen > last:
                break
    except kinds.Refusal as refusal:
        reason = str(refusal)
    except FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        reason = containers.said(error)
    problems = []
    if seen <= last:
        problems.append(f"decoding stopped after frame {seen} of {reading.total}: {reason}")
    elif lost:
        problems.append(f"{lost} of {reading.total} frames could not be decoded: {reason}")
    if damage.found:
        which = f"{len(damage.found)} of {reading.expected} frames"
        problems.append(f"{which} are damaged or rest on damaged ones")
    if interlaced:
        which = f"{interlaced} of {reading.expected} frames"
        problems.append(f"{which} are interlaced, and taken as they are")
    reading.problem = "; ".join(problems)


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame | str]:
    """All frames in presentation order; a sentence in the place of each that fails."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            yield containers.said(error)


def _upright(frame: VideoFrame, index: int, shape: Fraction) -> Frame:
    rgb: np.ndarray = frame.to_ndarray(format="rgb24")
    if shape != 1:
        # never fewer pixels than there are
        wide, high = max(shape, Fraction(1)), max(1 / shape, Fraction(1))
        size = round(rgb.shape[1] * wide), round(rgb.shape[0] * high)
        kinds.check_pixels(*size)
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR))
    rgb = np.rot90(rgb, round(frame.rotation / 90))
    time_s = math.nan if frame.time is None else float(frame.time)
    return Frame(index, time_s, np.ascontiguousarray(rgb))


def _of_stills(reading: Reading, path: Path, media: str) -> Iterator[Frame]:
    if not path.exists():
        reading.problem = "file not found" if media == "image" else "folder not found"
        return
    files = [path] if media == "image" else _numbered(path)
    if not files:
        reading.problem = f"no images in the folder ({', '.join(IMAGE_SUFFIXES)})"
    reasons, remarks = [], []
    for index in reading.plan(len(files)):
        try:
            picture = images.read(files[index])
        except ValueError as error:
            reasons.append(str(error))
        else:
            remarks += [picture.remark] if picture.remark else []
            yield Frame(index, math.nan, picture.rgb)
    if reasons:
        lost = f"{len(reasons)} of {reading.expected} frames could not be read: "
        reasons[0] = ("" if media == "image" else lost) + reasons[0]
    # of a folder, one of each stands for all
    told = [reading.problem, *reasons[:1], *remarks[:1]]
    reading.problem = "; ".join(filter(None, told))


def _numbered(folder: Path) -> list[Path]:
    files = [f for f in folder.glob("*") if f.suffix.lower() in IMAGE_SUFFIXES]
    # 2.png comes before 10.png
    return sorted(files, key=lambda f: ([int(n) for n in re.findall(r"\d+", f.stem)], f.name))
