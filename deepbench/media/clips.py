"""One video: its frames, the faces in them, which of them is kept, and what was lost.

Frames are decoded one at a time. All faces of a frame are cropped while it is there; which of
them is kept is decided when the video has been seen.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import UInt8

from deepbench.core import blocks
from deepbench.media import align, dlib_faces, tracks, video
from deepbench.media.detection import Detection

PNG_LEVEL = 3  # higher saves 3 % and costs twice the time


@runtime_checkable
class Finder(Protocol):
    """What finds the faces of a frame, largest first."""

    def detect(self, rgb: UInt8[np.ndarray, "h w 3"]) -> list[Detection]:
        """All faces of one frame."""
        ...


class Task(NamedTuple):
    """One video, and how it is to be treated."""

    video_id: str
    path: Path
    media: str
    settings: blocks.Faces


class Crop(NamedTuple):
    """One face of one frame: its crop, or the reason why there is none."""

    face: Detection
    rgb: UInt8[np.ndarray, "size size 3"] | None
    refusal: str


@dataclass(frozen=True)
class Seen:
    """What is kept of a frame."""

    index: int
    time_s: float
    crops: list[Crop]


class Clip(NamedTuple):
    """Outcome for one video: rows of table faces, and its row of the ledger."""

    rows: list[dict[str, object]]
    ledger: dict[str, object]


def make(task: Task) -> Clip:
    """Read a video and keep its faces."""
    finder = _loaded(task.settings.model_dump_json())
    reading = video.read_frames(task.path, task.media, task.settings)
    seen = [look(frame, finder, task.settings.crop) for frame in reading]
    return choose(task.video_id, reading, seen, task.settings)


def lost(video_id: str, problem: str) -> Clip:
    """Outcome for a video that took its reader down with it."""
    counts = ("total", "expected", "decoded", "with_face")
    ledger: dict[str, object] = {"video_id": video_id} | {f"frames_{c}": 0 for c in counts}
    return Clip([], ledger | {"other_faces": 0, "problem": problem})


def finder(settings: blocks.Faces) -> Finder:
    """The face finder that a crop protocol is about.

    Raises:
        ValueError: settings that contradict each other, or a landmark model that is none.
        FileNotFoundError: there is no landmark model.
        ImportError: dlib is wanted and not installed.
    """
    if settings.crop == align.WHOLE:
        return align.WholePicture()
    if settings.crop == align.DLIB:
        return _dlib(settings)
    # it brings torch, seconds that only those who look for faces should wait for
    from deepbench.media import mtcnn

    # always on the CPU, so that crops are the same everywhere
    return mtcnn.load(settings, "cpu")


def check(settings: blocks.Faces) -> None:
    """Refuse before anything is read what `finder` would refuse."""
    if settings.crop == align.DLIB:
        _dlib(settings)


def _dlib(settings: blocks.Faces) -> dlib_faces.DlibFaces:
    if settings.select == "confident":
        msg = (
            "faces.select 'confident' with faces.crop 'dlib': dlib gives no confidence; choose "
            "'largest', as the published protocol does, or 'track' or 'all'"
        )
        raise ValueError(msg)
    return dlib_faces.load(settings.landmark_model, settings.landmark_sha256)


@lru_cache(maxsize=1)
def _loaded(settings: str) -> Finder:
    # this process works beside others: no threads of its own
    cv2.setNumThreads(1)
    return finder(blocks.Faces.model_validate_json(settings))


def look(frame: video.Frame, finder: Finder, crop: str) -> Seen:
    """Find and crop all faces of a frame."""
    crops = []
    for face in finder.detect(frame.rgb):
        try:
            crops.append(Crop(face, align.CROPS[crop](frame.rgb, face), ""))
        except ValueError as error:
            crops.append(Crop(face, None, str(error)))
    return Seen(frame.index, frame.time_s, crops)


def choose(video_id: str, reading: video.Reading, seen: list[Seen], settings: blocks.Faces) -> Clip:
    """Keep the wanted faces of a video that has been read to its end."""
    choice = tracks.CHOICES[settings.select]([[c.face for c in s.crops] for s in seen])
    kept = [_kept(s.crops, c, settings.select) for s, c in zip(seen, choice, strict=True)]
    rows: list[dict[str, object]] = [
        {"video_id": video_id, "frame": frame.index, "time_s": frame.time_s, "face": number}
        | _described(crop.face, crop.rgb)
        for frame, crops in zip(seen, kept, strict=True)
        for number, crop in crops.items()
        if crop.rgb is not None
    ]
    problems = [reading.problem, _missed(seen, kept, settings), _refused(kept)]
    ledger: dict[str, object] = {
        "video_id": video_id,
        "frames_total": reading.total,
        "frames_expected": reading.expected,
        "frames_decoded": reading.decoded,
        "frames_with_face": len({row["frame"] for row in rows}),
        "other_faces": sum(len(s.crops) for s in seen) - sum(len(crops) for crops in kept),
        "problem": "; ".join(filter(None, problems)),
    }
    return Clip(rows, ledger)


def _kept(crops: list[Crop], chosen: int | None, select: str) -> dict[int, Crop]:
    """Crops by their number in the table: 0 the chosen one, then the others, largest first."""
    kept = {} if chosen is None else {0: crops[chosen]}
    if select == "all":
        rest = (crop for i, crop in enumerate(crops) if i != chosen)
        kept |= dict(enumerate(rest, start=1))
    return kept


def _described(face: Detection, rgb: UInt8[np.ndarray, "size size 3"]) -> dict[str, object]:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    return {
        "box": face.box.tolist(),
        "landmarks": face.landmarks.ravel().tolist(),
        "confidence": face.confidence,
        "sharpness": float(cv2.Laplacian(grey, cv2.CV_64F).var()),
        "png": png.tobytes(),
    }


def _missed(seen: list[Seen], kept: list[dict[int, Crop]], settings: blocks.Faces) -> str:
    frames = "1 frame" if len(seen) == 1 else f"{len(seen)} frames"
    found = sum(map(bool, kept))
    if found == len(seen):
        return ""
    if not found:
        by_dlib = settings.crop == align.DLIB
        how = "by dlib" if by_dlib else f"confidence >= {settings.confidence}"
        return f"no face found in {frames} ({how})"
    only_others = any(s.crops and not crops for s, crops in zip(seen, kept, strict=True))
    return f"{'the chosen' if only_others else 'a'} face in {found} of {frames}"


def _refused(kept: list[dict[int, Crop]]) -> str:
    refusals = [c.refusal for crops in kept for c in crops.values() if c.refusal]
    reasons = ", ".join(sorted(set(refusals)))
    return f"faces not cropped: {len(refusals)} ({reasons})" if refusals else ""
