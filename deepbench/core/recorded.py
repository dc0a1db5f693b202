"""What git records of data/ and weights/, held against the files at hand.

`data.dvc` and `weights.dvc` hold one digest for a whole folder, and `dvc repro` takes over changed
bytes in it without a word. Who replaces demo weights by real ones wants that, so it is no error;
but it is said: before any inference, on the first screen of the report, and in MLflow.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import yaml

from deepbench.core import digests, files, presence

TRACKED = ("data", "weights")
CACHE = Path(".dvc/cache/files/md5")
RUNS = Path("runs")
SHOWN = 5  # changes that are spelt out; the rest are counted
SHORT = 12  # hex digits of a digest: enough to tell files apart by eye
# DVC leaves them out of its digests (its own default, and .dvcignore)
IGNORED = {".git", ".hg", ".dvc", "__pycache__"}

Listing = dict[str, str]  # md5 by path below the folder, with / between


class Change(NamedTuple):
    """A file, or a folder whose recorded files nobody knows any more, that is not as recorded."""

    path: str
    recorded: str  # md5; empty if nothing is recorded
    now: str  # md5; empty if nothing is there

    @property
    def sentence(self) -> str:
        """The change in words, with both digests."""
        record = f"what {self.path.partition('/')[0]}.dvc in git records"
        if not self.recorded:
            return f"{self.path} is not in {record} (md5 {self.now[:SHORT]} now)"
        if not self.now:
            return f"{self.path} is gone from {record} (md5 {self.recorded[:SHORT]})"
        digests = f"{self.recorded[:SHORT]} recorded, {self.now[:SHORT]} now"
        return f"{self.path} differs from {record} (md5 {digests})"


class Compared(NamedTuple):
    """How a folder differs from its record."""

    name: str
    now: str  # md5 of the whole folder, as DVC has it; empty if it is not known
    changes: tuple[Change, ...]
    reason: str  # why it could not be compared; empty if it was

    @property
    def sentence(self) -> str:
        """One sentence for all of it."""
        if self.reason:
            return f"not compared with {self.name}.dvc in git: {self.reason}"
        if not self.changes:
            return f"as {self.name}.dvc in git records"
        count = len(self.changes)
        return f"{count:,} {'change' if count == 1 else 'changes'} since {self.name}.dvc in git"


def compare(root: Path, name: str) -> Compared:
    """Hold a tracked folder against the commit that is checked out."""
    text = git(root, "show", f"HEAD:./{name}.dvc")
    try:
        now = _listing(root, name)
    except (OSError, sqlite3.Error) as error:  # of a file, or of the memory of digests in runs/
        return Compared(name, "", (), f"it cannot be read ({error})")
    whole = _digest(now)
    if text is None:
        return Compared(name, whole, (), _why_not(root, name))
    recorded = _stated(text)
    if not recorded:
        return Compared(name, whole, (), f"{name}.dvc in the commit states no md5")
    if recorded == whole:
        with contextlib.suppress(OSError):  # a checkout that one may only read
            _keep(root, whole, now)
        return Compared(name, whole, (), "")
    before = _known(root, recorded)
    if before is None or not now:
        return Compared(name, whole, (Change(name, recorded, whole if now else ""),), "")
    changes = (
        Change(f"{name}/{path}", before.get(path, ""), now.get(path, ""))
        for path in sorted(before.keys() | now.keys())
    )
    return Compared(name, whole, tuple(c for c in changes if c.recorded != c.now), "")


def warnings(root: Path) -> list[str]:
    """What is not as git records it, or could not be compared, a sentence each."""
    told = []
    for name in TRACKED:
        found = compare(root, name)
        told += [f"{name}/ was {found.sentence}"] if found.reason else spelt(found.changes)
    return told


def spelt(changes: tuple[Change, ...]) -> list[str]:
    """The first changes in words, and how many more there are."""
    more = len(changes) - SHOWN
    told = [change.sentence for change in changes[:SHOWN]]
    return [*told, *([f"... and {more:,} more"] if more > 0 else [])]


def tell(checkpoint: Path) -> None:
    """Say on stderr, before a checkpoint is used, that it is not the one that git records.

    A checkpoint elsewhere than in `weights/` of a checkout has no record.
    """
    folder = checkpoint.parent
    root = folder.parent.parent
    if folder.parent.name != "weights" or not (root / "weights.dvc").exists():
        return
    found = compare(root, "weights")
    own = {f"weights/{folder.name}/{checkpoint.name}", "weights"}
    for change in found.changes:
        if change.path in own:
            sys.stderr.write(f"deepbench: {change.sentence}\n")


def _listing(root: Path, name: str) -> Listing:
    found = {}
    with digests.Contents(root / RUNS / "contents.sqlite", "md5") as known:
        # as DVC: a link to a folder is not followed, and what is behind it not recorded
        for place, below, inside in os.walk(root / name):
            below[:] = [folder for folder in below if folder not in IGNORED]
            for file in inside:
                path = Path(place, file)
                fault = presence.look(path).fault
                if fault and not fault.startswith("empty"):  # a pipe would hang its reader
                    msg = f"{path.relative_to(root).as_posix()} is {fault}"
                    raise OSError(msg)
                found[path.relative_to(root / name).as_posix()] = known.of(path)
    return found


def _digest(listing: Listing) -> str:
    """What DVC makes of a folder: the md5 of the list of its files."""
    lines = [{"md5": md5, "relpath": path} for path, md5 in sorted(listing.items())]
    return f"{hashlib.md5(json.dumps(lines, sort_keys=True).encode()).hexdigest()}.dir"


def _known(root: Path, digest: str) -> Listing | None:
    """The files behind a folder's digest, from DVC's cache or from an earlier look."""
    for place in (root / CACHE / digest[:2] / digest[2:], _place(root, digest)):
        if place.is_file():
            lines = json.loads(place.read_text("utf-8"))
            return {line["relpath"]: line["md5"] for line in lines}
    return None


def _keep(root: Path, digest: str, listing: Listing) -> None:
    """DVC's cache may have been emptied, or never filled, by the time that something changes."""
    place = _place(root, digest)
    if not place.exists():
        lines = [{"md5": md5, "relpath": path} for path, md5 in sorted(listing.items())]
        files.write(place, json.dumps(lines))


def _place(root: Path, digest: str) -> Path:
    return root / RUNS / "recorded" / f"{digest}.json"


def _stated(text: str) -> str:
    """The digest in a .dvc file; empty if it has none."""
    try:
        return str(yaml.safe_load(text)["outs"][0]["md5"])
    except (yaml.YAMLError, LookupError, TypeError):
        return ""


def _why_not(root: Path, name: str) -> str:
    if shutil.which("git") is None:
        return "git is not installed"
    if git(root, "rev-parse", "HEAD") is None:
        return "this is no git checkout, or nothing is committed yet"
    return f"the commit has no {name}.dvc"


def git(root: Path, *words: str) -> str | None:
    """Output of a git command; None if git is missing or refuses."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, check=True, timeout=60,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
