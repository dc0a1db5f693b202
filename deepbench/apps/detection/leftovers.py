"""Temporary folders of programs that were killed, and could not remove them.

A folder in use is locked by its program, and the system takes the lock away when the program ends,
however it ends. Windows has no such locks: this module is for other systems.
"""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

YOUNG = 60  # seconds; a folder may be so new that it is not locked yet


def lock(folder: Path) -> int:
    """Lock a folder until what is returned, a file descriptor, is closed."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        raise
    return opened


def remove(prefix: str) -> None:
    """Remove this user's folders with such names, of programs that are no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            facts = folder.lstat()
            if facts.st_uid != os.getuid() or time.time() - facts.st_mtime < YOUNG:
                continue
            locked = lock(folder)
        except OSError:  # in use, or another program was faster
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(locked)
