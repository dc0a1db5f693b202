"""FaceForensics++: 1,000 YouTube videos and their manipulations, with official pair splits."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from deepbench.core.plugins import DatasetCard
from deepbench.core.tables import REAL, VideoRow
from deepbench.datasets import listing

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
MASKED = METHODS[:-1]  # no masks are published for FaceShifter
COMPRESSIONS = ("raw", "c23", "c40")
ORIGINALS = ("original_sequences", "youtube")
MANIPULATED = "manipulated_sequences"
OFFICIAL = {"train": 720, "val": 140, "test": 140}

CARD = DatasetCard(
    title="FaceForensics++",
    paper="Rossler et al., FaceForensics++: Learning to Detect Manipulated Facial Images, "
    "ICCV 2019, arXiv:1901.08971; FaceShifter: Li et al., CVPR 2020, arXiv:1912.13457",
    homepage="https://github.com/ondyari/FaceForensics",
    licence="FaceForensics terms of use, on request; the split files are under MIT",
    layout="""\
original_sequences/youtube/{raw,c23,c40}/videos/NNN.mp4
manipulated_sequences/{Deepfakes,Face2Face,FaceSwap,NeuralTextures,FaceShifter}/{raw,c23,c40}/\
videos/TARGET_SOURCE.mp4
manipulated_sequences/METHOD/masks/videos/TARGET_SOURCE.mp4 (where they are, Grad-CAM uses them)""",
    counts={f"{s}/{m}": n for s, n in OFFICIAL.items() for m in (REAL, *METHODS)},
    identity="the official pair of videos that were swapped with each other: both originals "
    "and all fakes of both directions",
)
# a pair lies in one split, so a cluster in two splits is a fault
SPLITS_ARE_DISJOINT = True


class Place(NamedTuple):
    """Where an original's three digits belong."""

    split: str
    pair: str


def list_videos(root: Path) -> Iterator[VideoRow]:
    """Every video of the layout, sorted by video_id.

    Raises:
        ValueError: a file name is no official id or pair.
    """
    rows = _rows(root, REAL, root.joinpath(*ORIGINALS))
    for method in METHODS:
        rows += _rows(root, method, listing.child(root / MANIPULATED, method))
    return iter(sorted(rows, key=lambda row: row.video_id))


def notes(root: Path, rows: list[VideoRow]) -> list[str]:
    """What differs from the official data set, and what is there but not read."""
    unread = [
        f"{top}/{name}"
        for top, known in ((MANIPULATED, METHODS), (ORIGINALS[0], ORIGINALS[1:]))
        for name in listing.folders(root / top)
        if name.lower() not in {k.lower() for k in known}
    ]
    return [
        *listing.shortfall(CARD, listing.present(root, rows)),
        *(f"{place} is not read: it has no official split" for place in unread),
        *listing.not_videos(root, rows),
    ]


def mask_of(path: str) -> str:
    """Where the mask video of a video lies, white where pixels were changed; empty if nowhere.

    Both paths are relative to the root of the data set.
    """
    parts = path.split("/")
    if parts[0] != MANIPULATED or parts[1].lower() not in {name.lower() for name in MASKED}:
        return ""
    return "/".join([*parts[:2], "masks", *parts[3:]])


def _rows(root: Path, method: str, home: Path) -> list[VideoRow]:
    rows = []
    for compression in COMPRESSIONS:
        folder = home / compression / "videos"
        for name in listing.names(folder):
            stem = name[: -len(".mp4")]
            place = _place(stem, method, folder / name)
            rows.append(
                VideoRow(
                    video_id=f"faceforensics/{method}/{compression}/{stem}",
                    dataset="faceforensics",
                    split=place.split,
                    label=method != REAL,
                    method=method,
                    cluster_id=f"faceforensics/{place.pair}",
                    media="video",
                    path=f"{folder.relative_to(root).as_posix()}/{name}",
                    compression=compression,
                )
            )
    return rows


def _place(stem: str, method: str, path: Path) -> Place:
    shape = r"\d{3}" if method == REAL else r"\d{3}_\d{3}"
    official = _official()
    target = stem[:3]
    if re.fullmatch(shape, stem, re.ASCII) is None:
        want = "NNN.mp4" if method == REAL else "TARGET_SOURCE.mp4, e.g. 000_003.mp4"
        msg = f"{path} is not named like a video of {method} ({want}); rename it or move it away"
    elif target not in official:
        msg = f"{path}: id {target} is in no official split (000 to 999); move the file away"
    elif method != REAL and "_".join(sorted(stem.split("_"))) != official[target].pair:
        msg = (
            f"{path} is no official pair: {target} belongs to {official[target].pair}; "
            "move the file away, or list your own fakes with the data set 'folder'"
        )
    else:
        return official[target]
    raise ValueError(msg)


@cache
def _official() -> dict[str, Place]:
    places = {}
    for split in OFFICIAL:
        file = Path(__file__).with_name("faceforensics_splits") / f"{split}.json"
        for pair in json.loads(file.read_text("utf-8")):
            places.update(dict.fromkeys(pair, Place(split, "_".join(sorted(pair)))))
    return places
