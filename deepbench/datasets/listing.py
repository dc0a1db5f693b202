"""Folders listed, and what is there compared with the official counts."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from deepbench.core import presence
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
    if not _is_folder(folder):
        return []
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    # a link without a suffix stands for a folder, and what is behind it would be missed
    found = sorted(
        entry.name
        for entry in visible
        if (_is_folder(Path(entry.path)) if _lost_link(entry) else Path(entry.path).is_dir())
    )
    _refuse_doubles(folder, found)
    return found


def _lost_link(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry is a link that leads nowhere or in a circle, and is named like a folder."""
    path = Path(entry.path)
    return entry.is_symlink() and not path.suffix and bool(presence.folder_fault(path))


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
    """Paths of all files at any depth, relative to `folder`, through symbolic links.

    Raises:
        ValueError: a folder cannot be listed, or two names differ only in upper and lower case.
    """
    if not _is_folder(folder):
        return
    for place, below, found in _walk(folder):
        visible = [n for n in sorted(found) if not n.startswith(".")]
        below[:] = sorted(n for n in below if not n.startswith("."))
        _refuse_doubles(Path(place), sorted(visible + below))
        start = os.path.relpath(place, folder)
        yield from (n if start == "." else f"{Path(start).as_posix()}/{n}" for n in visible)


def folders_below(folder: Path) -> list[str]:
    """Paths of all folders at any depth, relative to `folder`."""
    places = [os.path.relpath(place, folder) for place, _, _ in _walk(folder)]
    return sorted(Path(place).as_posix() for place in places if place != ".")


def repeats(folder: Path) -> list[str]:
    """Notes on folders that symbolic links lead to again; `files_below` reads each once."""
    if not _is_folder(folder):
        return []
    again: list[str] = []
    for _ in _walk(folder, again):
        pass
    if not again:
        return []
    first = Path(os.path.relpath(sorted(again)[0], folder.parent)).as_posix()
    what = "symbolic links lead to folders that are read already, also in a circle"
    return [f"{folder.name}: {len(again):,} {what}; not read again, first {first}"]


def _walk(
    folder: Path, again: list[str] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each folder once, though links lead there again, which go into `again`."""
    seen: set[str] = set()
    for place, below, found in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(place)
        if real in seen:  # a link back to a folder above would never end
            below.clear()
            if again is not None:
                again.append(place)
            continue
        seen.add(real)
        yield place, below, found


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
    if not _is_folder(folder):
        return []
    with os.scandir(folder) as entries:
        return [e.name for e in entries if not e.name.startswith(".")]


def _is_folder(folder: Path) -> bool:
    """Whether there is a folder; what stands in its place, or cannot be listed, is refused.

    Nobody can count what is behind a link to a disk that is not mounted.
    """
    fault = presence.folder_fault(folder)
    if fault in ("", presence.ABSENT):
        return not fault
    msg = (
        f"{folder} should be a folder and is {fault}; mount or copy what it stands for, give the "
        "right to read it, or move it away"
    )
    raise ValueError(msg)


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
    msg = (
        f"{error.filename} cannot be listed ({presence.reason(Path(error.filename), error)}); give "
        "the right to read it, or move it away"
    )
    raise ValueError(msg) from None
