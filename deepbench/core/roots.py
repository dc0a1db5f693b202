"""No file that a data set lists lies outside the data set's folder."""

import os
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

from deepbench.core.tables import VideoRow


def place(root: Path, path: str) -> Path:
    """Where a listed file lies: below the root, whatever a list, a table or a JSON file says.

    Raises:
        ValueError: the path is empty or absolute, goes up with `..`, or is no UTF-8.
    """
    parts = PureWindowsPath(path)  # knows / and \ alike, and drives
    if not parts.parts or parts.anchor or ".." in parts.parts or "\0" in path:
        msg = (
            f"{path!r} is listed as a file of {root}, but does not lie in it; a listed path is "
            "relative to the data set's folder and has no '..': correct the list"
        )
        raise ValueError(msg)
    if any("\ud800" <= letter <= "\udfff" for letter in path):
        msg = (
            f"{path!r} in {root} has a name that is no UTF-8, which tables cannot hold; rename it, "
            "or run without PYTHONUTF8=0"
        )
        raise ValueError(msg)
    return root / path


def strays(root: Path, rows: Iterable[VideoRow]) -> list[str]:
    """Paths of what symbolic links take out of the root; what is not on disk is passed over."""
    home = Path(os.path.realpath(root))
    folders: dict[str, tuple[bool, set[str]]] = {}
    found = []
    for row in rows:
        folder, _, name = row.path.rpartition("/")
        if folder not in folders:
            folders[folder] = (_leaves(root / folder, home), _links(root / folder))
        away, links = folders[folder]
        linked = [row.path] if name in links else []
        if row.media == "frames":
            linked += [f"{row.path}/{inner}" for inner in _links(root / row.path)]
        if away or any(_leaves(root / path, home) for path in linked):
            found.append(row.path)
    return found


def _leaves(path: Path, home: Path) -> bool:
    return not Path(os.path.realpath(path)).is_relative_to(home)


def _links(folder: Path) -> set[str]:
    """Names of the links in a folder, from one listing: a look at each file would take hours."""
    if not folder.is_dir():
        return set()
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_symlink()}
