"""Locks between processes, which the system releases when the last holder ends, however it ends."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deepbench.core import files


@contextmanager
def alone(path: Path, what: str) -> Iterator[int]:
    """Run a block while no other process does; a second one says for whom it waits, and waits.

    Yields the lock's file descriptor: a process that is given it (`pass_fds`) holds the lock too,
    so that one that outlives its parent is waited for.

    Raises:
        OSError: the lock cannot be written; the message says why and what to do.
    """
    with files.telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait(descriptor, what)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{what}, process {os.getpid()}".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait(descriptor: int, what: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
        sys.stderr.write(f"deepbench: {what} waits for {holder}, or for what it left running\n")
        sys.stderr.flush()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
