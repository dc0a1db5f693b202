"""Deepfake Detection Challenge: training parts, Kaggle's sample, validation and test set."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from deepbench.core import texts
from deepbench.core.plugins import DatasetCard
from deepbench.core.tables import REAL, VideoRow
from deepbench.datasets import labels, listing

FAKE = "fake"
SPLITS = {"train": "train", "validation": "val", "val": "val", "test": "test"}

CARD = DatasetCard(
    title="Deepfake Detection Challenge (DFDC)",
    paper="Dolhansky et al., The DeepFake Detection Challenge (DFDC) Dataset, arXiv:2006.07397",
    homepage="https://ai.meta.com/datasets/dfdc",
    licence="DFDC licence, on request",
    layout="""\
train/dfdc_train_part_N/{*.mp4,metadata.json}   "x.mp4": {"label": "FAKE", "split": "train", \
"original": "y.mp4"}
validation/{*.mp4,labels.csv}                   4,000 clips, about half of them fake
test/{*.mp4,labels.csv}                         header filename,label: here 1 means fake
test/metadata.json                              "x.mp4": {"is_fake": 1}, if there is no labels.csv
the mp4 files may lie in videos/ beside the labels; a folder of mp4 files and metadata.json alone
is read too (Kaggle's sample)""",
    counts={"train/real": 19154, "train/fake": 100000, "test/real": 2500, "test/fake": 2500},
    identity="the original clip, or the clip itself where none is published (validation, test)",
)
# clusters are clips: one that is in two splits was copied from one into the other
SPLITS_ARE_DISJOINT = True


class Entry(NamedTuple):
    """What a label file says about one video."""

    fake: bool
    split: str
    original: str  # file name; empty where the label file names none


def list_videos(root: Path) -> Iterator[VideoRow]:
    """Every labelled video of the layout, on disk or not, sorted by video_id.

    Raises:
        FileNotFoundError: a training part has no metadata.json.
        ValueError: a label file is not as it should be, or labels contradict each other.
    """
    if labels.has_file(listing.child(root, "dataset.json")):
        msg = (
            f"{root} holds dataset.json: this is the DFDC preview set, another data set; "
            "name it dfdc_preview under datasets and roots in params.yaml"
        )
        raise ValueError(msg)
    rows: dict[str, VideoRow] = {}
    for folder in _folders(root):
        for row in _rows(root, folder):
            other = rows.setdefault(row.path.rpartition("/")[2], row)
            if other is not row:
                msg = f"dfdc: {row.path} and {other.path} are one file name; remove one of them"
                raise ValueError(msg)
    return iter(sorted(rows.values(), key=lambda row: row.video_id))


def notes(root: Path, rows: list[VideoRow]) -> list[str]:
    """What differs from the official data set, which way labels point, and what has none."""
    here = listing.present(root, rows)
    sentences = [
        f"{_prefix(root, folder)}labels.csv: 1 means fake"
        for folder in _folders(root)
        if labels.has_file(listing.child(folder, "labels.csv"))
    ]
    test = sum(row.split == "test" for row in here)
    if test == 3725:
        sentences.append(
            "test: 3,725 clips are the first, incomplete test archive; results on them do not "
            "compare with published ones, which are on 5,000"
        )
    fakes = (row for row in rows if row.split == "train" and row.label)
    orphans = sum(row.cluster_id == f"dfdc/{_stem(row.path)}" for row in fakes)
    if orphans:
        sentences.append(
            f"train: {orphans:,} fakes name no original clip; each is a cluster by itself, "
            "so that intervals over them are too narrow"
        )
    return sentences + listing.shortfall(CARD, here) + list(_unlabelled(root, rows))


def _unlabelled(root: Path, rows: list[VideoRow]) -> Iterator[str]:
    labelled = {row.path for row in rows}
    for folder in listing.two_levels(root):
        paths = [_prefix(root, folder) + name for name in listing.names(folder)]
        extra = [path for path in paths if path not in labelled]
        if extra:
            yield f"{len(extra):,} videos have no label and take no part, first {extra[0]}"


def _folders(root: Path) -> list[Path]:
    """Folders with a label file, at most two levels down."""
    found = []
    for folder in listing.two_levels(root):
        files = [listing.child(folder, n) for n in ("labels.csv", "metadata.json")]
        if any(labels.has_file(file) for file in files):
            found.append(folder)
        elif folder.name.startswith("dfdc_train_part"):
            msg = f"{folder} has no metadata.json, which holds the labels; copy it from the archive"
            raise FileNotFoundError(msg)
    return found


def _rows(root: Path, folder: Path) -> Iterator[VideoRow]:
    entries = _labels(folder)
    below = listing.child(folder, "videos")
    in_videos = set(listing.names(below))
    beside = _prefix(root, folder)
    for name, entry in entries.items():
        yield VideoRow(
            video_id=f"dfdc/{entry.split}/{_stem(name)}",
            dataset="dfdc",
            split=entry.split,
            label=entry.fake,
            method=FAKE if entry.fake else REAL,
            cluster_id=f"dfdc/{_stem(entry.original or name)}",
            media="video",
            path=f"{beside}{below.name}/{name}" if name in in_videos else beside + name,
        )


def _labels(folder: Path) -> dict[str, Entry]:
    table = listing.child(folder, "labels.csv")
    metadata = listing.child(folder, "metadata.json")
    entries = _read_metadata(metadata) if labels.has_file(metadata) else {}
    if not labels.has_file(table):
        return entries
    stated = _read_table(table)
    for name in sorted(stated.keys() & entries.keys()):
        if stated[name].fake != entries[name].fake:
            msg = (
                f"{table} and {metadata.name} contradict each other about {name}: in labels.csv "
                "1 means fake; keep the one that came with the videos and remove the other"
            )
            raise ValueError(msg)
    return stated


def _read_table(path: Path) -> dict[str, Entry]:
    try:
        return _parsed_table(path, csv.DictReader(io.StringIO(texts.read(path), newline="")))
    except csv.Error as error:
        msg = f"{path} is no table with commas ({error}); use the file of the archive"
        raise ValueError(msg) from None


def _parsed_table(path: Path, lines: "csv.DictReader[str]") -> dict[str, Entry]:
    if not {"filename", "label"} <= set(lines.fieldnames or []):
        msg = (
            f"{path} begins with {lines.fieldnames}, not with the header filename,label; "
            "add that line (and check that 1 means fake)"
        )
        raise ValueError(msg)
    entries: dict[str, Entry] = {}
    for line in lines:
        name, label = line["filename"], line["label"]
        if not name or "\0" in name or label not in ("0", "1") or name in entries:
            msg = (
                f"{path} line {lines.line_num} says {label!r} for {name!r}; "
                "each video has one line, with 0 (real) or 1 (fake)"
            )
            raise ValueError(msg)
        entries[name] = Entry(label == "1", _split(path.parent) or "test", "")
    return entries


def _read_metadata(path: Path) -> dict[str, Entry]:
    known = {"REAL": False, "FAKE": True, 0: False, 1: True}
    entries = {}
    for name, value in labels.entries(path).items():
        label = value.get("label", value.get("is_fake"))
        if not isinstance(label, str | int) or label not in known:
            msg = f"{path} says {label!r} for {name}; label is REAL or FAKE, or is_fake 0 or 1"
            raise ValueError(msg)
        if value.get("original") and not known[label]:
            msg = (
                f"{path} says {label} for {name} and names {value['original']} as its original: a "
                "real clip has none; use the file that came with the videos"
            )
            raise ValueError(msg)
        # files with is_fake are those of validation and test, which state no split
        split = value.get("split", _split(path.parent) or ("test" if "is_fake" in value else ""))
        if split not in list(SPLITS):
            msg = f"{path} says split {split!r} for {name}; it is one of {', '.join(SPLITS)}"
            raise ValueError(msg)
        original = value.get("original") or ""
        if not isinstance(original, str):
            msg = f"{path} says original {original!r} for {name}; it is the name of a video"
            raise ValueError(msg)
        entries[name] = Entry(known[label], SPLITS[split], original)
    return entries


def _split(folder: Path) -> str:
    """Split that an official folder name states, or an empty string."""
    name = folder.name.lower()
    return "train" if name.startswith(("dfdc_train", "train")) else SPLITS.get(name, "")


def _prefix(root: Path, folder: Path) -> str:
    return "" if folder == root else f"{folder.relative_to(root).as_posix()}/"


def _stem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".mp4")
