"""Video files opened: known containers, no other file, and plain words for what fails."""

import errno
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from deepbench.media import kinds

# Others are playlists, which make FFmpeg open other files and addresses, or single pictures.
FORMATS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg"),
    *("mpegvideo", "asf", "flv", "ogg", "gif"),
)
# Encoders round sizes to whole macroblocks and state pixels that are square but for 0.1 %.
SQUARE = 0.02
STRANGE = 4  # no camera has pixels this many times as wide as high; damaged headers say so
NO_FRAMES = "it has no video frames"
MISSING = 2.5  # frames; by fewer what is stated may differ from what is there
MOST_FRAMES = 2**31 - 1  # of a file, in the ledger


def opened(path: Path) -> InputContainer:
    """A video file.

    Raises:
        FFmpegError, OSError: it cannot be opened; `why` says so in plain words.
    """
    # PyAV's default is threads per slice; threads per frame would be faster, but what they make of
    # a damaged file differs from run to run. Odd encodings of metadata are no reason to refuse one.
    return av.open(
        str(path),
        metadata_errors="replace",
        options={"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"},
    )


def stream(container: InputContainer) -> VideoStream:
    """The first video, which the cover of a piece of music is not.

    Raises:
        Refusal: there is none.
    """
    for video in container.streams.video:
        if not video.disposition & Disposition.attached_pic:
            return video
    raise kinds.Refusal(NO_FRAMES)


class Length(NamedTuple):
    """Frames of a file, and whether it is all there: empty or one plain sentence."""

    frames: int
    remark: str


def length(path: Path) -> Length:
    """Frames that the container states, if there is room for them, else its packets."""
    with opened(path) as container:
        video = stream(container)
        stated: int = video.frames
        # a frame takes a byte at least
        if 0 < stated <= min(container.size, MOST_FRAMES):
            return Length(stated, "")
        return _counted(container, video)


def _counted(container: InputContainer, video: VideoStream) -> Length:
    frames, end = 0, 0.0
    for packet in container.demux():
        frames += packet.stream is video and packet.size > 0
        if packet.pts is not None and packet.time_base:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    stated = (container.duration or 0) / av.time_base
    if stated - end > MISSING / (video.average_rate or 10):
        return Length(frames, f"the file ends after {end:.2f} of the {stated:.2f} s that it states")
    # 188 bytes, or 192 with the times that cameras and discs add
    cut = container.format.name == "mpegts" and container.size % 188 and container.size % 192
    return Length(frames, "the file is cut off in the middle of a packet" if cut else "")


def pixel_aspect(video: VideoStream) -> Fraction:
    """Width of a pixel over its height: 1 where it is square, not stated, or beyond belief."""
    stated = video.sample_aspect_ratio
    if not stated or abs(stated - 1) < SQUARE or not Fraction(1, STRANGE) <= stated <= STRANGE:
        return Fraction(1)
    return Fraction(stated)


def why(path: Path, error: FFmpegError | OSError) -> str:
    """Why a file cannot be opened, without its path."""
    if error.errno == errno.ENOENT:
        return "file not found"
    try:
        found = kinds.kind(path)
    except kinds.Refusal as none:
        return f"file unreadable: {str(none).removeprefix('file unreadable: ')}"
    if found == "image":
        return "file unreadable: it is a picture, not a video; give it the suffix of what it is"
    return f"file unreadable: it is incomplete, damaged or of an unknown codec ({said(error)})"


def said(error: FFmpegError | OSError) -> str:
    """FFmpeg's own words, marked as such."""
    # str(error) would carry the machine's path into the tables
    return f"FFmpeg: {error.strerror or type(error).__name__}"
