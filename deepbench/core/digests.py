"""Digests of what determines a result: what has not changed need not be made again."""

import ast
import hashlib
import json
import sqlite3
import stat
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

PACKAGE = Path(__file__).parents[1]
FRESH = 2_000_000_000  # nanoseconds in which a second change of a file may leave its time alone


def of(value: object) -> str:
    """SHA-256 of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def of_code(*modules: str) -> str:
    """SHA-256 of the source of modules of the package and of all that they import of it.

    The folder `core` is left out: what it says enters as values, such as settings and columns.
    """
    seen: dict[str, str] = {}
    todo = [_file(name) for name in modules]
    while todo:
        path = todo.pop()
        name = path.relative_to(PACKAGE).as_posix() if path else ""
        if path and name not in seen and not name.startswith("core/"):
            seen[name] = path.read_text("utf-8")
            todo += [_file(used) for used in _imported(seen[name])]
    return of(seen)


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of packages; empty for one that is not there."""
    return {name: _version(name) for name in packages}


class Contents:
    """SHA-256 of files, each read once: as long as size, time and inode stay, it is remembered.

    The memory is a file of SQLite that several stages may use at once. Nothing but time is lost
    with it.
    """

    def __init__(self, memory: Path) -> None:
        memory.parent.mkdir(parents=True, exist_ok=True)
        self._known = sqlite3.connect(memory, timeout=60)
        self._known.execute(
            "create table if not exists files (path text primary key, state text, sha256 text)"
        )

    def __enter__(self) -> "Contents":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._known.commit()
        self._known.close()

    def of(self, path: Path) -> str:
        """Digest of a file, of the names and contents in a folder, or of the lack of either."""
        try:
            if not path.is_dir():
                return self._of_file(path)
            inside = sorted(p for p in path.iterdir() if p.is_file())
            return of([[p.name, self._of_file(p)] for p in inside])
        except OSError as error:
            return type(error).__name__
        finally:
            self._known.commit()

    def _of_file(self, path: Path) -> str:
        now = path.stat()
        if not stat.S_ISREG(now.st_mode):
            return "no file"  # a named pipe would never end
        state = f"{now.st_size} {now.st_mtime_ns} {now.st_ino}"
        place = str(path.absolute())
        row = self._known.execute(
            "select sha256 from files where path = ? and state = ?", (place, state)
        ).fetchone()
        if row:
            return str(row[0])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if time.time_ns() - now.st_mtime_ns > FRESH:
            self._known.execute("replace into files values (?, ?, ?)", (place, state, found))
        return found


def _file(module: str) -> Path | None:
    """The file of a module, or of the module that a name was imported from."""
    parts = module.split(".")
    if parts[0] != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*parts[1:])
    found = (path.with_suffix(".py"), path.parent.with_suffix(".py"))
    return next((p for p in found if p.is_file()), None)


def _imported(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
