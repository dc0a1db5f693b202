"""What a path leads to, found out without opening it: a named pipe would hang its reader."""

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

ABSENT = "not there"
REASONS = {
    errno.ENOTDIR: "below something that is no folder",
    errno.ENAMETOOLONG: "a name too long for this disk",
}
KINDS = (
    (stat.S_ISDIR, "a folder, not a file"),
    (stat.S_ISFIFO, "a named pipe, not a file"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
)


class Look(NamedTuple):
    """Size of a file in bytes, and what is wrong with it; empty if it has content to read."""

    size: int
    fault: str


def look(path: Path) -> Look:
    """What is known of a file from the outside, through symbolic links."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return Look(0, next((word for kind, word in KINDS if kind(found.st_mode)), "no file"))
        # whether it may be read is a matter of rights and lists that only the system knows
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        return Look(0, reason(path, error))
    return Look(found.st_size, "" if found.st_size else "empty (0 bytes)")


def reason(path: Path, error: OSError) -> str:
    """Why the system refused a path, in words."""
    if isinstance(error, PermissionError):
        return "not readable with these rights"
    if error.errno not in (errno.ENOENT, errno.ELOOP):
        return REASONS.get(error.errno or 0, f"not readable ({error.strerror})")
    # a folder above may be the link that fails
    there = next((p for p in (path, *path.parents) if os.path.lexists(p)), path)
    if not there.is_symlink() or there.exists():
        return ABSENT
    where = "leads nowhere" if error.errno == errno.ENOENT else "leads to itself"
    return f"{'' if there == path else f'below {there}, '}a symbolic link that {where}"


def folder_fault(path: Path) -> str:
    """What keeps a folder from being listed; empty if nothing does."""
    try:
        if not path.is_dir():
            return "a file, not a folder" if path.is_file() else look(path).fault
        with os.scandir(path):
            return ""
    except OSError as error:
        return reason(path, error)
