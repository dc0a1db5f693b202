"""Frames of videos, images and folders of frames: the wanted ones, one in memory at a time."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from jaxtyping import UInt8

from deepbench.core import blocks
from deepbench.media import images

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
        plan = reading.plan(_total(path))
        if not plan:
            reading.problem = "file has no video frames"
            return
        with _open(path) as container:
            yield from _picked(reading, container, plan)
    except FileNotFoundError:
        reading.problem = "file not found"
    except (FFmpegError, OSError) as error:
        reading.problem = f"file unreadable: {_reason(error)}"


def _picked(reading: Reading, container: InputContainer, plan: list[int]) -> Iterator[Frame]:
    wanted, last = set(plan), plan[-1]
    seen, lost, damaged, reason = 0, 0, 0, "the file ends there"
    try:
        for frame in _decoded(container):
            if isinstance(frame, str):
                lost, reason = lost + 1, frame
            elif seen in wanted:
                damaged += frame.is_corrupt
                yield _upright(frame, seen)
            # a frame that fails to decode counts too, or all later ones would be misnumbered
            seen += 1
            if seen > last:
                break
    except FFmpegError as error:
        reason = _reason(error)
    if seen <= last:
        reading.problem = f"decoding stopped after frame {seen} of {reading.total}: {reason}"
    elif lost:
        reading.problem = f"{lost} of {reading.total} frames could not be decoded: {reason}"
    elif damaged:
        reading.problem = f"{damaged} of {reading.expected} frames are damaged"


def _open(path: Path) -> InputContainer:
    # PyAV's default is threads per slice; threads per frame would be faster, but what they make of
    # a damaged file differs from run to run. Odd encodings of metadata are no reason to refuse one.
    return av.open(str(path), metadata_errors="replace")


def _total(path: Path) -> int:
    """Frames the container states, else its packets; 0 if it has no video."""
    with _open(path) as container:
        if not container.streams.video:
            return 0
        stated: int = container.streams.video[0].frames
        return stated or sum(p.size > 0 for p in container.demux(container.streams.video[0]))


def _decoded(container: InputContainer) -> Iterator[VideoFrame | str]:
    """All frames in presentation order; a sentence in the place of each that fails."""
    for packet in container.demux(container.streams.video[0]):
        try:
            yield from packet.decode()
        except FFmpegError as error:
            yield _reason(error)


def _reason(error: FFmpegError | OSError) -> str:
    # str(error) would carry the machine's path into the tables
    return error.strerror or type(error).__name__


def _upright(frame: VideoFrame, index: int) -> Frame:
    rgb = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
    time_s = math.nan if frame.time is None else float(frame.time)
    return Frame(index, time_s, np.ascontiguousarray(rgb))


def _of_stills(reading: Reading, path: Path, media: str) -> Iterator[Frame]:
    if not path.exists():
        reading.problem = "file not found" if media == "image" else "folder not found"
        return
    files = [path] if media == "image" else _numbered(path)
    if not files:
        reading.problem = f"no images in the folder ({', '.join(IMAGE_SUFFIXES)})"
    reasons = []
    for index in reading.plan(len(files)):
        try:
            rgb = images.read(files[index])
        except ValueError as error:
            reasons.append(str(error))
        else:
            yield Frame(index, math.nan, rgb)
    if reasons:
        lost = f"{len(reasons)} of {reading.expected} frames could not be read: "
        reading.problem = ("" if media == "image" else lost) + reasons[0]


def _numbered(folder: Path) -> list[Path]:
    files = [f for f in folder.glob("*") if f.suffix.lower() in IMAGE_SUFFIXES]
    # 2.png comes before 10.png
    return sorted(files, key=lambda f: ([int(n) for n in re.findall(r"\d+", f.stem)], f.name))
