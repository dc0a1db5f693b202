"""What lies behind the rows of a manifest: which files can be read, which are the same bytes."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from deepbench.core import presence
from deepbench.core.gaps import Gap
from deepbench.core.tables import VideoRow

HEAD = 65_536  # bytes that tell nearly all files of one size apart


class Content(NamedTuple):
    """A row with its files: itself, or the frames in its folder."""

    row: VideoRow
    paths: tuple[Path, ...]
    size: int  # bytes of all
    fault: str  # why there is nothing to read; empty if there is


def inspect(root: Path, rows: Iterable[VideoRow]) -> list[Content]:
    """Look at the file of each row, without opening it."""
    return [_inspect(row, root / row.path) for row in rows]


def _inspect(row: VideoRow, path: Path) -> Content:
    if row.media != "frames":
        size, fault = presence.look(path)
        return Content(row, (path,), size, fault)
    fault = presence.folder_fault(path)
    if fault:
        return Content(row, (), 0, fault)
    frames = tuple(sorted(p for p in path.iterdir() if not p.name.startswith(".")))
    seen = [presence.look(frame) for frame in frames]
    wrong = [(p.name, look.fault) for p, look in zip(frames, seen, strict=True) if look.fault]
    if wrong:
        name, what = wrong[0]
        fault = f"a folder in which {len(wrong)} of {len(frames)} frames cannot be read ({name}: "
        fault += f"{what})"
    return Content(row, frames, sum(look.size for look in seen), fault or _empty(frames))


def _empty(frames: tuple[Path, ...]) -> str:
    return "" if frames else "a folder without frames"


def gaps(contents: list[Content]) -> list[Gap]:
    """What of the rows is not on disk, and what of the rest cannot be read."""
    absent = [c.row.path for c in contents if c.fault == presence.ABSENT]
    broken = [c for c in contents if c.fault not in ("", presence.ABSENT)]
    found, total = [], len(contents)
    if absent:
        sentence = (
            f"{len(absent):,} of {total:,} listed videos are not on disk, first {absent[0]}; "
            "they stay in the manifest and count as missing"
        )
        found.append(Gap("absent", len(absent), total, sentence))
    if broken:
        # a fault with its own numbers is told by the first
        kinds = Counter(c.fault.partition(" in which ")[0] for c in broken)
        told = "; ".join(f"{what}: {count:,}" for what, count in sorted(kinds.items()))
        sentence = (
            f"{len(broken):,} of {total:,} videos cannot be read ({told}), first "
            f"{broken[0].row.path}: {broken[0].fault}"
        )
        found.append(Gap("unreadable", len(broken), total, sentence))
    return found


def copies(contents: list[Content]) -> list[list[VideoRow]]:
    """Rows that are the same bytes, two or more each; only files of equal size are opened."""
    groups = [[c for c in contents if not c.fault]]
    keys: tuple[Callable[[Content], object], ...] = (_sizes, _head, _whole)
    for key in keys:
        groups = [part for group in groups for part in _split(group, key) if len(part) > 1]
    return [[c.row for c in group] for group in groups]


def _split(group: list[Content], key: Callable[[Content], object]) -> list[list[Content]]:
    parts: defaultdict[object, list[Content]] = defaultdict(list)
    for content in group:
        parts[key(content)].append(content)
    return list(parts.values())


def _sizes(content: Content) -> object:
    return content.size, len(content.paths)


def _head(content: Content) -> bytes:
    with content.paths[0].open("rb") as file:
        return hashlib.sha256(file.read(HEAD)).digest()


def _whole(content: Content) -> tuple[bytes, ...]:
    if content.size <= HEAD and len(content.paths) == 1:
        return ()  # the head was all of it
    digests = []
    for path in content.paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").digest())
    return tuple(digests)


def contradictions(copied: list[list[VideoRow]], splits_are_disjoint: bool) -> list[str]:
    """Notes on videos that are there twice.

    Raises:
        ValueError: the same bytes are labelled real and fake, or lie in two splits of a data set
            whose splits share nothing.
    """
    torn = [group for group in copied if len({row.label for row in group}) > 1]
    if torn:
        real = next(row for row in torn[0] if not row.label)
        fake = next(row for row in torn[0] if row.label)
        msg = (
            f"{len(torn):,} files are labelled real and fake with the same bytes, first "
            f"{real.path} (real) = {fake.path} (fake): one of the labels is wrong; remove or "
            "replace one of the two files"
        )
        raise ValueError(msg)
    shared = [group for group in copied if len({row.split for row in group}) > 1]
    if shared and splits_are_disjoint:
        one, other = _of_two_splits(shared[0])
        msg = (
            f"{len(shared):,} videos lie in two splits, first {one.path} ({one.split}) = "
            f"{other.path} ({other.split}): what is tuned on one would be tested on itself; remove "
            "one of the two files, or take one split in manifest.splits"
        )
        raise ValueError(msg)
    notes = []
    if shared:
        one, other = _of_two_splits(shared[0])
        notes.append(
            f"{len(shared):,} videos lie in two splits, first {one.path} ({one.split}) = "
            f"{other.path} ({other.split}): do not tune on one split and report another"
        )
    if copied:
        extra = sum(len(group) - 1 for group in copied)
        first, second = copied[0][:2]
        notes.append(
            f"{extra:,} videos are copies of others and count again, first {second.path} = "
            f"{first.path}"
        )
    return notes


def _of_two_splits(group: list[VideoRow]) -> tuple[VideoRow, VideoRow]:
    return group[0], next(row for row in group if row.split != group[0].split)
