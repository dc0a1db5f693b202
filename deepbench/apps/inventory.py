"""A list of a data set's files for DVC to watch, instead of hashing hundreds of gigabytes."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from deepbench.core import files, presence

LABELS = (".json", ".csv", ".txt")
LARGEST = 1_000_000  # bytes; a label file above it is watched by its size alone


class File(NamedTuple):
    """A path as the system gives it, and its size in bytes."""

    path: str
    size: int


def write(root: Path, out: Path) -> int:
    """Write path, size in bytes and, for small label files, sha256 of every file; return how many.

    No times and no names that begin with a dot: a copy on another machine has the same list.

    Raises:
        FileNotFoundError: there is no folder at `root`.
        ValueError: a path holds a tab or a line break, or there is no file behind it.
    """
    if not root.is_dir():
        msg = f"no folder at {root}; give the root of a data set"
        raise FileNotFoundError(msg)
    own = out.resolve()
    found = tqdm(_files(root), desc="inventory", unit=" files")
    lines = sorted(
        _line(root, path, size)
        for path, size in found
        # the list itself may lie in the folder, and would change whenever it is written
        if not (path.endswith(own.name) and Path(path).resolve() == own)
    )
    files.write(out, "".join(lines))
    return len(lines)


def _files(root: Path) -> Iterator[File]:
    """Files at any depth with their sizes, through symbolic links."""
    folders, seen = [str(root)], set()
    while folders:
        folder = folders.pop()
        real = os.path.realpath(folder)
        if real in seen:  # a link back to a folder above would never end
            continue
        seen.add(real)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if Path(entry.path).is_dir():
                    folders.append(entry.path)
                else:
                    yield File(entry.path, _size(entry))


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        found = entry.stat()
    except OSError as error:
        fault = presence.reason(Path(entry.path), error)
    else:
        if stat.S_ISREG(found.st_mode):
            return found.st_size
        fault = presence.look(Path(entry.path)).fault
    msg = f"{entry.path} is {fault}; copy the file again, or remove what stands for it"
    raise ValueError(msg)


def _line(root: Path, path: str, size: int) -> str:
    # no Path here: 100,000 of them take longer than the disk
    name = path.removeprefix(str(root)).replace(os.sep, "/").lstrip("/")
    if any(mark in name for mark in "\t\r\n"):
        msg = f"{name!r} holds a tab or a line break, which a list cannot; rename it"
        raise ValueError(msg)
    small = name.lower().endswith(LABELS) and size < LARGEST
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest() if small else ""
    return f"{name}\t{size}\t{digest}\n"
