"""Data preprocessed by DeepfakeBench: its lists (JSON) and its folders of 256-pixel face crops.

Take `faces.crop: whole` with it: the frames are the crops. The format of the lists is that of
preprocessing/rearrange.py in github.com/SCLBD/DeepfakeBench.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from deepbench.core import presence
from deepbench.core.gaps import Gap
from deepbench.core.plugins import DatasetCard
from deepbench.core.tables import REAL, VideoRow
from deepbench.datasets import labels, listing

# its names of the classes
FF = ("FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FF-FH")
FAKES = (
    *(*FF, "CelebDFv1_fake", "CelebDFv2_fake", "DFDC_Fake", "DFDCP_FakeA", "DFDCP_FakeB"),
    *("DFD_fake", "DF_fake", "UADFV_Fake"),
)
REALS = (
    *("FF-real", "CelebDFv1_real", "CelebDFv2_real", "DFDC_Real", "DFDCP_Real"),
    *("DFD_real", "DF_real", "UADFV_Real"),
)
# how a video is named, by the first word of its class; group 1 is whom its cluster is named after
PERSONS = {
    **dict.fromkeys(("CelebDFv1", "CelebDFv2"), r"(id\d+)_.*"),
    **dict.fromkeys(("DFDCP", "DFD", "UADFV"), r"([^_]+)_.*"),
}
# what the folders of the data sets themselves say: the class, or real, or any kind of fake
FOLDERS = {
    **dict.fromkeys(("original_sequences", "Celeb-real", "YouTube-real", "original_videos"), REALS),
    **dict.fromkeys(("manipulated_sequences", "Celeb-synthesis"), FAKES),
    **{"Deepfakes": ("FF-DF",), "Face2Face": ("FF-F2F",), "FaceSwap": ("FF-FS",)},
    **{"NeuralTextures": ("FF-NT",), "FaceShifter": ("FF-FH",)},
    **{"method_A": ("DFDCP_FakeA",), "method_B": ("DFDCP_FakeB",)},
}
COMPRESSIONS = ("raw", "c23", "c40")
# a video in several splits is of the first: its val is its test, its Celeb-DF train holds the test
SPLITS = ("test", "val", "train")

CARD = DatasetCard(
    title="Data preprocessed by DeepfakeBench",
    paper="Yan et al., DeepfakeBench: A Comprehensive Benchmark of Deepfake Detection, "
    "NeurIPS 2023, arXiv:2307.01426",
    homepage="https://github.com/SCLBD/DeepfakeBench",
    licence="CC BY-NC 4.0, and the terms of each data set",
    layout="""\
<Dataset>.json     {Dataset: {class: {split: {compression, FF++ only: {video: {label, frames}}}}}}
.../frames/<video>/NNN.png     256-pixel face crops, where the lists say""",
    counts={
        **{
            f"{split}/{method}": count
            for method in FF
            for split, count in (("train", 720), ("val", 140), ("test", 140))
        },
        "test/CelebDFv2_fake": 340,
        "test/DFDC_Fake": 2500,
    },
    identity="as far as its names tell: the pair of videos in FaceForensics++, the person filmed "
    "in Celeb-DF, DFDCP, DFD and UADFV, else the video itself, which makes intervals too narrow",
)
# the lists themselves name one video in several splits; it is counted in one
SPLITS_ARE_DISJOINT = False


class Entry(NamedTuple):
    """One video as a list has it."""

    where: str  # file and place in it
    kind: str  # its name of the class
    split: str
    compression: str
    folder: str  # below the root, with / between
    frames: frozenset[str]  # file names


def list_videos(root: Path) -> Iterator[VideoRow]:
    """Every video of the lists, on disk or not, once, sorted by video_id.

    Raises:
        ValueError: a list is not DeepfakeBench's, a class is unknown, two lists contradict each
            other, or they have different reals, which would be mixed in one figure.
    """
    entries = _once(_entries(root))
    reals = sorted({entry.kind for entry in entries} & set(REALS))
    if len(reals) > 1:
        msg = (
            f"the lists in {root} have the reals of {len(reals)} data sets ({', '.join(reals)}), "
            "against which all fakes would be measured; keep the lists of one data set there"
        )
        raise ValueError(msg)
    # an original of FaceForensics++ has one number; its fakes tell the other of the pair
    names = [entry.folder.rpartition("/")[2] for entry in entries if entry.kind in FF]
    pairs = {n: "_".join(sorted(name.split("_"))) for name in names for n in (name, name[:3])}
    return iter(sorted((_row(e, pairs) for e in entries), key=lambda row: row.video_id))


def official(rows: list[VideoRow]) -> dict[str, int]:
    """Published counts of the classes that the lists name; each list is of one data set."""
    named = {row.method for row in rows}
    return {cell: n for cell, n in CARD.counts.items() if cell.partition("/")[2] in named}


def gaps(root: Path, rows: list[VideoRow]) -> list[Gap]:
    """Listed frames that are not on disk, of videos that have some there."""
    listed = {e.folder: e.frames for e in _once(_entries(root))}
    here = [row.path for row in rows if not presence.folder_fault(root / row.path)]
    lost = {path: listed[path] - set(listing.names(root / path, "")) for path in here}
    lost = {path: names for path, names in lost.items() if names}
    missing, total = sum(map(len, lost.values())), sum(len(listed[path]) for path in here)
    if not missing:
        return []
    first = next(iter(lost))
    sentence = (
        f"{missing:,} of {total:,} listed frames are not on disk, in {len(lost):,} videos, first "
        f"{first}/{min(lost[first])}"
    )
    return [Gap("absent", missing, total, sentence)]


def notes(root: Path, rows: list[VideoRow]) -> list[str]:
    """What the lists repeat or lack, and where folders hold other frames than they say."""
    entries = _entries(root)
    repeated = Counter(folder for folder, _ in {(e.folder, e.split) for e in entries})
    several = sum(n > 1 for n in repeated.values())
    empty = [e.folder for e in _once(entries) if not e.frames]
    here = {row.path for row in rows if not presence.folder_fault(root / row.path)}
    other = [
        e.folder
        for e in _once(entries)
        if e.frames and e.folder in here and e.frames != set(listing.names(root / e.folder, ""))
    ]
    told = [
        (several, "are listed in several splits and count in the first of test, val and train"),
        (len(empty), f"are listed without frames, first {empty[:1]}"),
        (len(other), f"have other frames on disk, which are read, than listed, first {other[:1]}"),
    ]
    return [f"{count:,} videos {what}" for count, what in told if count]


def _entries(root: Path) -> list[Entry]:
    entries: list[Entry] = []
    for name in listing.names(root, ".json"):
        entries += _below(root, list(_read(root / name)))
    return entries


def _read(path: Path) -> Iterator[Entry]:
    content = labels.read_json(path) if labels.has_file(path) else None
    for data_set, kinds in _items(content, path.name):
        for kind, splits in _items(kinds, data_set):
            for split, videos in _items(splits, kind):
                if split not in SPLITS:
                    msg = f"{path}: {data_set} / {kind} has a split {split!r}, not {list(SPLITS)}"
                    raise ValueError(msg)
                below = dict(_items(videos, split))
                nested = below if set(below) <= set(COMPRESSIONS) else {"": below}
                for compression, own in nested.items():
                    # its DFDC lists have one bare video in the place of the videos of val
                    named = {"": own} if "frames" in own else own
                    for video, entry in _items(named, split):
                        where = f"{path.name}: {data_set} / {kind} / {split} / {video}"
                        yield _entry(where, split, compression, entry)


def _items(level: object, where: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(level, dict):
        msg = (
            f"{where} holds a {type(level).__name__} where DeepfakeBench's lists have names; only "
            f"its lists may lie in the root. Their layout:\n{CARD.layout}"
        )
        raise ValueError(msg)
    return iter(level.items())


def _entry(where: str, split: str, compression: str, entry: object) -> Entry:
    said = dict(_items(entry, where))
    kind, frames = said.get("label"), said.get("frames", [])
    if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
        msg = f"{where} has frames that are no list of paths: {str(frames)[:80]}; list it anew"
        raise ValueError(msg)
    if kind not in (*REALS, *FAKES):
        msg = f"{where} is labelled {kind!r}; known are {', '.join([*REALS, *FAKES])}"
        raise ValueError(msg)
    paths = [frame.replace("\\", "/").rpartition("/") for frame in frames]
    folders = {folder for folder, _, _ in paths}
    if len(folders) > 1:
        msg = f"{where} has frames in {len(folders)} folders: {sorted(folders)[:2]}; list it anew"
        raise ValueError(msg)
    for part in next(iter(folders), "").split("/")[:-1]:
        if kind not in FOLDERS.get(part, (kind,)):
            msg = (
                f"{where} is labelled {kind}, but its frames lie in {part}, which holds "
                f"{' or '.join(FOLDERS[part][:5])}: use the list that came with the frames"
            )
            raise ValueError(msg)
    # without frames nothing says where it should lie; it stays, as a video that is not on disk
    lost = f"{kind}/{compression or '.'}/frames/{where.rpartition(' ')[2]}"
    folder = folders.pop() if folders else lost
    return Entry(where, kind, split, compression, folder, frozenset(n for _, _, n in paths))


def _below(root: Path, entries: list[Entry]) -> list[Entry]:
    """The entries with folders below the root, without what their paths have before it."""
    parts = [[p for p in e.folder.split("/") if p not in ("", ".", "..")] for e in entries]
    depth = max(map(len, parts), default=0)
    # of a path nothing is left but the video's own folder: two parts must agree
    drops = range(max(depth - 1, 0))
    found = (d for d in drops if any(root.joinpath(*p[d:]).is_dir() for p in parts if p[d + 1 :]))
    drop = next(found, 0)
    return [
        e._replace(folder="/".join(p[drop:] if e.frames else p))
        for e, p in zip(entries, parts, strict=True)
    ]


def _once(entries: list[Entry]) -> list[Entry]:
    """Each folder once, in the first of its splits."""
    found: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda e: SPLITS.index(e.split)):
        first = found.setdefault(entry.folder, entry)
        if first.kind != entry.kind:
            msg = (
                f"{first.where} is {first.kind}, but {entry.where} is {entry.kind}: the same video"
            )
            raise ValueError(f"{msg}, {entry.folder}; remove one of the lists")
    return list(found.values())


def _row(entry: Entry, pairs: dict[str, str]) -> VideoRow:
    name = entry.folder.rpartition("/")[2]
    person = re.fullmatch(PERSONS.get(re.split("[-_]", entry.kind)[0], "(.*)"), name, re.ASCII)
    whom = person[1] if person else name
    fake = entry.kind in FAKES
    item = "/".join(part for part in entry.folder.split("/") if part != "frames")
    return VideoRow(
        video_id=f"deepfakebench/{item}",
        dataset="deepfakebench",
        split=entry.split,
        label=fake,
        method=entry.kind if fake else REAL,
        cluster_id=f"deepfakebench/{pairs.get(whom, whom)}",
        media="frames",
        path=entry.folder,
        compression=entry.compression,
    )
