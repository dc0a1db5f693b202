"""DFDC preview (DFDCP): two manipulations, an official train and test set in dataset.json."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepbench.core.plugins import DatasetCard
from deepbench.core.tables import REAL, VideoRow
from deepbench.datasets import labels, listing

METHODS = ("method_A", "method_B")
# stated per label, not per method: (real, fake)
OFFICIAL = {"train": (855, 3618), "test": (276, 501)}

CARD = DatasetCard(
    title="DFDC preview",
    paper="Dolhansky et al., The Deepfake Detection Challenge (DFDC) Preview Dataset, 2019, "
    "arXiv:1910.08854",
    homepage="https://ai.meta.com/datasets/dfdc",
    licence="DFDC licence, on request",
    layout="""\
dataset.json    "method_A/.../x.mp4": {"label": "fake", "set": "test", "target_id": 123, ...}
original_videos/.../*.mp4
{method_A,method_B}/.../*.mp4""",
    counts={f"{split}/real": real for split, (real, _) in OFFICIAL.items()},
    identity="the person filmed (target_id), in originals and in fakes made of their clips",
)
FAKES = {split: fake for split, (_, fake) in OFFICIAL.items()}
# test clips of a person who is also in train would be the data set's own, not a copying fault
SPLITS_ARE_DISJOINT = False


def list_videos(root: Path) -> Iterator[VideoRow]:
    """Every video of dataset.json, on disk or not, sorted by video_id.

    Raises:
        FileNotFoundError: dataset.json is missing.
        ValueError: an entry is not what it should be.
    """
    path = listing.child(root, "dataset.json")
    if not labels.has_file(path):
        msg = f"{path} is missing; it holds the labels and comes with the preview set's archive"
        raise FileNotFoundError(msg)
    entries = labels.entries(path)
    return iter([_row(path, name, entries[name]) for name in sorted(entries)])


def notes(root: Path, rows: list[VideoRow]) -> list[str]:
    """What differs from the official data set."""
    here = listing.present(root, rows)
    found = Counter(row.split for row in here if row.label)
    fakes = [
        f"{split}: {found[split]:,} fakes of both methods are here, officially {official:,}"
        for split, (_, official) in OFFICIAL.items()
        if found[split] != official
    ]
    return listing.shortfall(CARD, here) + fakes


def _row(path: Path, name: str, stated: object) -> VideoRow:
    entry: dict[str, Any] = stated if isinstance(stated, dict) else {}
    label, split, folder = entry.get("label"), entry.get("set"), name.partition("/")[0]
    if label not in ("real", "fake") or split not in list(OFFICIAL):
        msg = f"{path} says label {label!r}, set {split!r} for {name}: not real|fake, train|test"
        raise ValueError(f"{msg}; use the file of the archive")
    if folder not in ("original_videos", *METHODS) or (label == "fake") != (folder in METHODS):
        msg = (
            f"{path} says {label} for {name}; reals lie in original_videos, fakes in "
            f"{' and '.join(METHODS)}: use the file of the archive"
        )
        raise ValueError(msg)
    stem = name.removesuffix(".mp4")
    # names begin with the person filmed: original_videos/643669/643669_C_001.mp4
    person = entry.get("target_id") or stem.rpartition("/")[2].partition("_")[0]
    return VideoRow(
        video_id=f"dfdc_preview/{stem}",
        dataset="dfdc_preview",
        split=split,
        label=label == "fake",
        method=folder if label == "fake" else REAL,
        cluster_id=f"dfdc_preview/{person}",
        media="video",
        path=name,
    )
