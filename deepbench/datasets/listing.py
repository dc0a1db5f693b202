"""Folders listed, and what is there compared with the official counts."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from deepbench.core.plugins import DatasetCard
from deepbench.core.tables import VideoRow


def names(folder: Path, suffix: str = ".mp4") -> list[str]:
    """Sorted names in a folder that end with `suffix` (any case); none if the folder is missing.

    Raises:
        ValueError: two names differ only in upper and lower case.
    """
    # names alone, no stat: a network disk with 100,000 files answers in seconds
    found = sorted(n for n in _listdir(folder) if n.lower().endswith(suffix))
    _refuse_doubles(folder, found)
    return found


def folders(folder: Path) -> list[str]:
    """Sorted names of the folders in a folder; none if it is missing."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())
    _refuse_doubles(folder, found)
    return found


def two_levels(root: Path) -> list[Path]:
    """The root, its folders and theirs."""
    first = [root / name for name in folders(root)]
    return [root, *first, *(f / name for f in first for name in folders(f))]


def child(folder: Path, name: str) -> Path:
    """The entry called `name` in any case, or the plain path if there is none.

    Raises:
        ValueError: two entries differ only in upper and lower case.
    """
    found = sorted(n for n in _listdir(folder) if n.lower() == name.lower())
    _refuse_doubles(folder, found)
    return folder / (found[0] if found else name)


def files_below(folder: Path) -> Iterator[str]:
    """Paths of all files at any depth, relative to `folder`, through symbolic links."""
    if not folder.is_dir():
        return
    seen: set[str] = set()
    for place, below, found in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(place)
        if real in seen:  # a link back to a folder above would never end
            below.clear()
            continue
        seen.add(real)
        visible = [n for n in sorted(found) if not n.startswith(".")]
        below[:] = sorted(n for n in below if not n.startswith("."))
        _refuse_doubles(Path(place), sorted(visible + below))
        start = os.path.relpath(place, folder)
        yield from (n if start == "." else f"{Path(start).as_posix()}/{n}" for n in visible)


def present(root: Path, rows: list[VideoRow]) -> list[VideoRow]:
    """The rows whose file is on disk, with one listing per folder."""
    there: dict[str, set[str]] = {}
    found = []
    for row in rows:
        folder, _, name = row.path.rpartition("/")
        if folder not in there:
            there[folder] = set(_listdir(root / folder))
        if name in there[folder]:
            found.append(row)
    return found


def shortfall(card: DatasetCard, rows: list[VideoRow]) -> list[str]:
    """One sentence per split and compression whose numbers of videos are not the official ones."""
    found = Counter((row.split, row.method, row.compression) for row in rows)
    official: dict[str, dict[str, int]] = {}
    for cell, count in card.counts.items():
        split, _, method = cell.partition("/")
        official.setdefault(split, {})[method] = count
    notes = []
    for split, methods in official.items():
        compressions = sorted({row.compression for row in rows if row.split == split})
        if not compressions:
            notes.append(f"{split}: none of the {sum(methods.values()):,} official videos is here")
        for compression in compressions:
            here = {method: found[split, method, compression] for method in methods}
            wrong = [f"{m} {here[m]:,} of {n:,}" for m, n in methods.items() if here[m] != n]
            if wrong:
                where = f"{split} {compression}".strip()
                notes.append(f"{where}: here against officially: {', '.join(wrong)}")
    return notes


def not_videos(root: Path, rows: list[VideoRow]) -> list[str]:
    """One sentence per folder of the rows that holds something else than mp4 files."""
    notes = []
    for folder in sorted({row.path.rpartition("/")[0] for row in rows}):
        other = sorted(set(names(root / folder, "")) - set(names(root / folder)))
        if other:
            notes.append(f"{folder}: {len(other):,} entries are no mp4, not read: {other[:3]}")
    return notes


def _listdir(folder: Path) -> list[str]:
    # names with a dot are the system's (.DS_Store, and ._000.mp4 of archives made on a Mac)
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [e.name for e in entries if not e.name.startswith(".")]


def _refuse_doubles(folder: Path, found: list[str]) -> None:
    first: dict[str, str] = {}
    for name in found:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            msg = (
                f"{folder} holds {other} and {name}, equal but for upper and lower case; "
                "remove or rename one of them"
            )
            raise ValueError(msg)


def _raise(error: OSError) -> None:
    raise error
