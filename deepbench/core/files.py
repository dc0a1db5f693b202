"""Files that are whole or not there: also after a kill, on a full disk, or with two writers.

Whoever writes a file that a later step, DVC or a person reads uses `write` or `unfinished`.
"""

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PART = ".part"  # no reader looks for a name that ends so
# a folder that is being filled, and one that is full and is being emptied into its place
FILLING, FILLED = ".filling", ".filled"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write(path: Path, content: str | bytes) -> None:
    """Write a file that appears whole or not at all; text is UTF-8 with the line ends it has.

    Raises:
        OSError: it cannot be written; the message names the path, why, and what to do.
    """
    with unfinished(path) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when the block ends well; its folder is made.

    Raises:
        OSError: it cannot be written; the message names the path, why, and what to do.
    """
    # two writers of one path must not share it, and a kernel numbers threads like processes
    part = path.with_name(f"{path.name}.{threading.get_native_id()}{PART}")
    try:
        with telling(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            adopt(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def adopt(part: Path, path: Path) -> None:
    """Give a finished file its name, once the disk holds its content."""
    _settle(part)
    part.replace(path)
    _settle(path.parent)


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """A folder to fill, whose content moves into `folder` when the block ends well.

    After a kill `is_empty` says that nothing is in `folder` or, where all of it had been written,
    moves the rest of it.
    """
    part = folder / FILLING
    try:
        with telling(folder):
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            yield part
            for path in part.rglob("*"):
                _settle(path)
            part.rename(folder / FILLED)
            _empty_out(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def is_empty(folder: Path) -> bool:
    """Whether nothing is in a folder but what a killed `filling` had not finished."""
    if (folder / FILLED).exists():
        _empty_out(folder)
    return not folder.exists() or all(path.name == FILLING for path in folder.iterdir())


def is_filling(folder: Path) -> bool:
    """Whether a `filling` of the folder is under way, or was killed."""
    return any((folder / name).exists() for name in (FILLING, FILLED))


def sweep(folder: Path) -> list[Path]:
    """Remove what writers that are gone have left; returns what it was."""
    left = [path for path in sorted(folder.rglob(f"*{PART}")) if not _has_writer(path)]
    for path in left:
        path.unlink(missing_ok=True)
    return left


def check_writable(*folders: Path) -> None:
    """See that files can be made in folders, which are made if need be.

    Raises:
        OSError: one cannot be written to; the message names it, why, and what to do.
    """
    for folder in folders:
        with telling(folder):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            fixed = os.statvfs(folder).f_flag & os.ST_RDONLY
            raise told(OSError(errno.EROFS if fixed else errno.EACCES, ""), folder)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """A block whose errors name the path, the reason and the cure."""
    try:
        yield
    except OSError as error:
        found = told(error, path)
        if found is error:
            raise
        raise found from error


def told(error: OSError, path: Path) -> OSError:
    """An error with the path, its reason and the cure in one sentence."""
    if isinstance(error.__cause__, OSError):
        return error  # told already, by a block inside
    number = error.errno
    if number in FULL:
        said = f"disk full while writing {path}: {_free(path)}; free some space, then run it again"
    elif number == errno.EROFS:
        said = f"{path} lies on a read-only file system; mount it writable, then run it again"
    elif number in (errno.EACCES, errno.EPERM):
        said = f"no permission to write {path}; change its folder's owner or mode, then run again"
    else:
        return error
    # with both a number and a text, Python would print the number too
    found = type(error)(said)
    found.errno = number
    return found


def sentence(error: OSError) -> str:
    """What to tell of an error that may come from a library: as `told`, of the file it names."""
    if error.errno in FULL | {errno.EROFS, errno.EACCES, errno.EPERM} and error.strerror:
        named = error.filename or tempfile.gettempdir() + "/"
        return str(told(error, Path(os.fsdecode(named))))
    return str(error)


def _free(path: Path) -> str:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    return f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB are left in {folder}"


def _settle(path: Path) -> None:
    """Have the disk hold a file's content or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _empty_out(folder: Path) -> None:
    """Move into a folder what was filled for it; what is there already stays as it is."""
    filled = folder / FILLED
    for path in sorted(filled.iterdir()):
        if not (folder / path.name).exists():
            path.rename(folder / path.name)
    shutil.rmtree(filled)
    _settle(folder)


def _has_writer(part: Path) -> bool:
    number = part.suffixes[-2].removeprefix(".") if len(part.suffixes) > 1 else ""
    if not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
