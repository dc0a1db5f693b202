"""The step faces: manifest -> one row per face crop, and the ledger of what was lost.

Frames are decoded one at a time. All faces of a frame are cropped while it is there; which of
them is kept is decided when the video has been seen.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from jaxtyping import UInt8
from tqdm import tqdm

from deepbench.core import params, shards, tables
from deepbench.media import align, dlib_faces, mtcnn, tracks, video
from deepbench.media.detection import Detection

PNG_LEVEL = 3  # higher saves 3 % and costs twice the time

Finder = mtcnn.Mtcnn | align.WholePicture | dlib_faces.DlibFaces


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
    """Outcome for one video."""

    rows: list[dict[str, object]]
    ledger: dict[str, object]


def extract(
    manifest: pd.DataFrame, root: Path, settings: params.Faces, out: Path, device: str = "cpu"
) -> pd.DataFrame:
    """Crop the faces of every video into shards in `out`; returns the ledger, also written there.

    Every video of the manifest has one row in the ledger, whatever happened to it.
    """
    tables.check(tables.MANIFEST, manifest)
    finder = _finder(settings, device)
    sizes: set[int] = set()
    (out / "ledger.parquet").unlink(missing_ok=True)
    entries: list[dict[str, object]] = []
    with shards.ShardWriter(tables.FACES, out) as writer:
        columns = zip(manifest["video_id"], manifest["path"], manifest["media"], strict=True)
        for video_id, path, media in tqdm(columns, "faces", len(manifest), unit="video"):
            reading = video.read_frames(root / path, media, settings)
            seen = [look(frame, finder, settings.crop) for frame in reading]
            _one_size(sizes, seen, video_id)
            clip = choose(video_id, reading, seen, settings)
            writer.add(clip.rows)
            entries.append(clip.ledger)
    ledger = tables.from_rows(tables.LEDGER, entries)
    tables.write(tables.LEDGER, ledger, out / "ledger.parquet")
    return ledger


def _finder(settings: params.Faces, device: str) -> Finder:
    """The face finder that a crop protocol is about."""
    if settings.crop == align.WHOLE:
        return align.WholePicture()
    if settings.crop != align.DLIB:
        return mtcnn.load(settings, device)
    if settings.select == "confident":
        msg = (
            "faces.select 'confident' with faces.crop 'dlib': dlib gives no confidence; choose "
            "'largest', as the published protocol does, or 'track' or 'all'"
        )
        raise ValueError(msg)
    return dlib_faces.load(settings.landmark_model, settings.landmark_sha256)


def _one_size(sizes: set[int], seen: list[Seen], video_id: str) -> None:
    """Refuse a second size: detectors run on batches of equal crops."""
    sizes |= {len(c.rgb) for s in seen for c in s.crops if c.rgb is not None}
    if len(sizes) > 1:
        first, second = sorted(sizes)
        msg = (
            f"{video_id}: whole pictures of {first} and of {second} pixels in one data set; bring "
            "them to one size, or let faces.crop cut the faces"
        )
        raise ValueError(msg)


def look(frame: video.Frame, finder: Finder, crop: str) -> Seen:
    """Find and crop all faces of a frame."""
    crops = []
    for face in finder.detect(frame.rgb):
        try:
            crops.append(Crop(face, align.CROPS[crop](frame.rgb, face), ""))
        except ValueError as error:
            crops.append(Crop(face, None, str(error)))
    return Seen(frame.index, frame.time_s, crops)


def choose(video_id: str, reading: video.Reading, seen: list[Seen], settings: params.Faces) -> Clip:
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


def _missed(seen: list[Seen], kept: list[dict[int, Crop]], settings: params.Faces) -> str:
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
