"""Your own images and videos, in one folder of reals and one of fakes."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from deepbench.core.plugins import DatasetCard
from deepbench.core.tables import REAL, VideoRow
from deepbench.datasets import listing

FAKE = "fake"
MEDIA: dict[str, Literal["image", "video"]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".png", ".webp", ".bmp"), "image"),
    **dict.fromkeys((".mp4", ".avi", ".mov", ".mkv", ".webm"), "video"),
}

CARD = DatasetCard(
    title="A folder of your own images and videos",
    paper="none",
    homepage="none",
    licence="yours",
    layout="""\
real/.../*.{jpg,jpeg,png,webp,bmp,mp4,avi,mov,mkv,webm}    at any depth
fake/METHOD/.../*.{...}                                    METHOD is optional""",
    counts={},
    identity="the image or video itself; a folder says nothing of who is in it, so that "
    "intervals are too narrow if one person or clip is behind several files",
)
# each file is its own cluster, and all are of the test split
SPLITS_ARE_DISJOINT = True


def list_videos(root: Path) -> Iterator[VideoRow]:
    """Every image and video below real/ and fake/, sorted by video_id.

    Raises:
        ValueError: a folder of fakes is called real, or has a name that no figure can show.
    """
    rows = []
    for kind in (REAL, FAKE):
        home = listing.child(root, kind)
        for name in listing.files_below(home):
            media = MEDIA.get(PurePosixPath(name).suffix.lower())
            if media is not None:
                rows.append(_row(kind, name, f"{home.name}/{name}", media))
    return iter(sorted(rows, key=lambda row: row.video_id))


def notes(root: Path, rows: list[VideoRow]) -> list[str]:
    """What is there but not read."""
    homes = [listing.child(root, kind) for kind in (REAL, FAKE)]
    suffixes = [
        PurePosixPath(n).suffix.lower() for home in homes for n in listing.files_below(home)
    ]
    unknown = Counter(s for s in suffixes if s not in MEDIA)
    beside = [n for n in listing.names(root, "") if n not in {home.name for home in homes}]
    sentences = [
        f"{count:,} files {f'end in {suffix}' if suffix else 'have no suffix'} and are not read"
        for suffix, count in sorted(unknown.items())
    ]
    for home in homes:
        sentences += listing.repeats(home)
        named = [f for f in listing.folders_below(home) if PurePosixPath(f).suffix.lower() in MEDIA]
        if named:
            sentences.append(
                f"{home.name}: {len(named):,} folders are named like files; what is in them is "
                f"read, first {home.name}/{named[0]}"
            )
    if beside:
        sentences.append(f"{len(beside):,} entries beside real/ and fake/ are not read: {beside}")
    return sentences


def _row(kind: str, name: str, path: str, media: Literal["image", "video"]) -> VideoRow:
    first, _, rest = name.partition("/")
    method = first if kind == FAKE and rest else kind
    if kind == FAKE and method.lower() == REAL:
        msg = f"{path}: a folder of fakes is called {first}; rename it after its manipulation"
        raise ValueError(msg)
    # surrogates stand for what is no UTF-8, of which the manifest tells
    if "$" in method or not method.encode("utf-8", "ignore").decode().isprintable():
        msg = (
            f"{path!r}: the folder {first!r} names a manipulation in tables and figures, where "
            "control characters and $ (mathematics) have meanings of their own; rename it"
        )
        raise ValueError(msg)
    # with the suffix: a.jpg and a.png are two images
    video_id = f"folder/{kind}/{name}"
    return VideoRow(
        video_id=video_id,
        dataset="folder",
        split="test",
        label=kind == FAKE,
        method=method,
        cluster_id=video_id,
        media=media,
        path=path,
    )
