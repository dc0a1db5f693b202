"""Step 1: which videos take part, with their labels, splits and clusters."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from deepbench.core import blocks, gaps, plugins, presence, roots, tables
from deepbench.core.tables import REAL, VideoRow
from deepbench.datasets import contents, official
from deepbench.sample import pack


class Filter(NamedTuple):
    """A setting, the column it selects by, and the values that pass whatever is asked for."""

    setting: str
    column: str
    always: tuple[str, ...]


FILTERS = (
    Filter("splits", "split", ()),
    Filter("compressions", "compression", ("",)),
    Filter("methods", "method", (REAL,)),
)


class Manifest(NamedTuple):
    """The table, and how it compares with the official data set."""

    videos: pd.DataFrame  # tables.MANIFEST
    counts: pd.DataFrame  # split, method, compression, expected (official), found (on disk)
    notes: list[str]
    gaps: list[gaps.Gap]  # what is missing; without manifest.allow_incomplete there is nothing


def build(dataset: str, root: Path, settings: blocks.Manifest) -> Manifest:
    """List, filter and check the videos of one data set.

    Raises:
        FileNotFoundError: there is no folder at `root`.
        ValueError: no video is left, ids repeat, a path leaves the root, a cluster lies in two
            splits, labels contradict each other, or the data set is incomplete (core/gaps.py) and
            that is not allowed.
    """
    source = plugins.load("datasets", dataset)
    _refuse_no_folder(dataset, root)
    everything: list[VideoRow] = list(source.list_videos(root))
    if not everything:
        msg = f"data set {dataset}: no videos in {root}; its layout is\n{source.CARD.layout}"
        raise ValueError(msg)
    for row in everything:
        roots.place(root, row.path)
    _refuse_repeated(everything)
    rows = _select(dataset, everything, settings)
    _refuse_mixed(dataset, rows)
    videos = tables.from_rows(tables.MANIFEST, rows)
    videos = videos.sort_values("video_id", ignore_index=True)
    tables.check(tables.MANIFEST, videos)
    disjoint = getattr(source, "SPLITS_ARE_DISJOINT", True)
    leaks = _leaks(disjoint, rows)
    found = contents.inspect(root, rows)
    here = [content.row for content in found if not content.fault]
    missing = [
        *contents.gaps(found),
        *(source.gaps(root, rows) if hasattr(source, "gaps") else []),
        *(
            _of_sample(root)
            if pack.holds_sample(root)
            else official.gaps(source, everything, here, settings)
        ),
    ]
    _refuse_incomplete(dataset, missing, settings)
    notes = [
        *_filter_notes(everything, rows, settings),
        *leaks,
        *contents.contradictions(contents.copies(found), disjoint),
        *(gap.sentence for gap in missing),
        *_linked(root, here),
        *(source.notes(root, everything) if hasattr(source, "notes") else []),
    ]
    return Manifest(videos, _counts(source.CARD, rows, here), notes, missing)


def _refuse_no_folder(dataset: str, root: Path) -> None:
    fault = presence.folder_fault(root)
    if fault:
        what = "no folder" if fault == presence.ABSENT else f"{fault} instead of a folder"
        msg = (
            f"data set {dataset}: {what} at {root}; run 'deepbench sample' for the sample pack, "
            f"or set roots.{dataset}.path in params.yaml (README, section on data)"
        )
        raise FileNotFoundError(msg)


def _of_sample(root: Path) -> list[gaps.Gap]:
    """The sample pack is held against its own list of files."""
    lost, total = pack.missing(root)
    if not lost:
        return []
    sentence = (
        f"{len(lost):,} of {total:,} files of the sample pack are not here, first {lost[0]}; empty "
        "data/ and run 'deepbench sample' for all of them, or take the rest of the sample away"
    )
    return [gaps.Gap("absent", len(lost), total, sentence)]


def _refuse_incomplete(dataset: str, missing: list[gaps.Gap], settings: blocks.Manifest) -> None:
    if missing and not settings.allow_incomplete:
        told = "\n".join(f"- {gap.sentence}" for gap in missing)
        msg = (
            f"data set {dataset} is incomplete:\n{told}\n{gaps.CURE}, or take {dataset} out of "
            "datasets and roots"
        )
        raise ValueError(msg)


def _refuse_repeated(rows: list[VideoRow]) -> None:
    first: dict[str, VideoRow] = {}
    for row in rows:
        # without case, because scores and reports may pass through disks that ignore it
        other = first.setdefault(row.video_id.casefold(), row)
        if other is not row:
            msg = (
                f"{row.path} and {other.path} are both video {row.video_id}; "
                "remove or rename one of them"
            )
            raise ValueError(msg)


def _select(dataset: str, rows: list[VideoRow], settings: blocks.Manifest) -> list[VideoRow]:
    for setting, column, always in FILTERS:
        wanted: list[str] = getattr(settings, setting)
        # a data set of one kind of fake, as Celeb-DF-v2, has nothing to choose from
        if column == "method" and len({row.method for row in rows} - set(always)) < 2:
            continue
        kept = [r for r in rows if not wanted or getattr(r, column) in (*wanted, *always)]
        # reals alone would pass every later step and end in results that are all undefined
        lost_fakes = column == "method" and _any_fake(rows) and not _any_fake(kept)
        if not kept or lost_fakes:
            there = sorted({getattr(row, column) for row in rows} - set(always))
            msg = (
                f"data set {dataset}: manifest.{setting} {wanted} in params.yaml leaves no "
                f"{'fake' if lost_fakes else 'video'}; {setting} here: {', '.join(there)}. "
                f"Add one of them, or take {dataset} out of datasets"
            )
            raise ValueError(msg)
        rows = kept
    return rows


def _refuse_mixed(dataset: str, rows: list[VideoRow]) -> None:
    """Raise ValueError: an AUC over two compressions would rank codecs, not fakes."""
    found = sorted({row.compression for row in rows} - {""})
    if len(found) > 1:
        msg = (
            f"data set {dataset}: {' and '.join(found)} together would be judged as one; "
            "name one of them in manifest.compressions, and run once for each"
        )
        raise ValueError(msg)


def _any_fake(rows: list[VideoRow]) -> bool:
    return any(row.label for row in rows)


def _filter_notes(
    everything: list[VideoRow], rows: list[VideoRow], settings: blocks.Manifest
) -> list[str]:
    notes = []
    for setting, column, _ in FILTERS:
        there = {getattr(row, column) for row in everything} - {""}
        if column == "method" and len(there - {REAL}) < 2:
            continue
        missing = [value for value in getattr(settings, setting) if there and value not in there]
        if missing:
            notes.append(f"manifest.{setting}: no video here is of {', '.join(missing)}")
    for split in sorted({row.split for row in rows}):
        labels = {row.label for row in rows if row.split == split}
        if len(labels) == 1:
            kind = "fake" if labels == {True} else "real"
            notes.append(f"{split}: every video is {kind}, so that no AUC is defined")
    return notes


def _leaks(splits_are_disjoint: bool, rows: list[VideoRow]) -> list[str]:
    """Note on clusters in two splits, which is an error unless the official split is made so."""
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row.cluster_id, set()).add(row.split)
    shared = sorted(cluster for cluster, found in splits.items() if len(found) > 1)
    if not shared:
        return []
    # FaceForensics++ pairs and DFDC clips belong to one split, so a shared one is a fault of this
    # copy. Celeb-DF-v2's official test list itself shares celebrities with its training videos:
    # refusing that would refuse the benchmark, so the reader is told
    if splits_are_disjoint:
        where = " and ".join(sorted(splits[shared[0]]))
        msg = (
            f"{len(shared)} clusters lie in two splits, first {shared[0]!r} in {where}: "
            "what is tuned on one split would be tested on the same people; correct the labels "
            "or the copy, or take one split in manifest.splits"
        )
        raise ValueError(msg)
    return [
        f"the official split shares {len(shared)} of {len(splits)} identities between splits, "
        f"first {shared[0]}: do not tune on one split and report another"
    ]


def _linked(root: Path, here: list[VideoRow]) -> list[str]:
    away = roots.strays(root, here)
    if not away:
        return []
    return [
        f"{len(away):,} of {len(here):,} videos lie outside the data set's folder, where symbolic "
        f"links lead, first {away[0]}; they are read"
    ]


def _counts(card: plugins.DatasetCard, rows: list[VideoRow], here: list[VideoRow]) -> pd.DataFrame:
    found = Counter((row.split, row.method, row.compression) for row in here)
    cells = {(row.split, row.method, row.compression) for row in rows}
    splits, compressions = {c[0] for c in cells}, {c[2] for c in cells}
    methods = {c[1] for c in cells}
    for cell in card.counts:
        split, _, method = cell.partition("/")
        if split in splits and method in methods:
            cells |= {(split, method, compression) for compression in compressions}
    ordered = sorted(cells, key=lambda c: (c[0], c[1] != REAL, c[1], c[2]))
    frame = pd.DataFrame(ordered, columns=["split", "method", "compression"])
    expected = [card.counts.get(f"{split}/{method}") for split, method, _ in ordered]
    frame["expected"] = pd.array(expected, dtype="Int64")
    frame["found"] = [found[cell] for cell in ordered]
    return frame
