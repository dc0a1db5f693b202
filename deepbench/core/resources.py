"""What this process takes of its machine."""

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

MEGABYTE = 1e6


class Load(NamedTuple):
    """Processes that want to run, averaged over so many minutes; NaN where nobody counts them."""

    one: float
    five: float
    fifteen: float


def load() -> Load:
    """How busy the machine is."""
    try:
        return Load(*os.getloadavg())
    except (AttributeError, OSError):  # Windows
        return Load(*[float("nan")] * 3)


def forget_peak() -> bool:
    """Let the peak of resident memory start anew; False where the system cannot (not Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "utf-8")
    except OSError:
        return False
    return True


def peak_memory() -> float:
    """Most resident memory since `forget_peak`, or since the start; megabytes, NaN if unknown."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text("utf-8"), re.MULTILINE)
        return int(found[1]) * 1024 / MEGABYTE if found else float("nan")
    if sys.platform == "win32":
        return float("nan")
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / MEGABYTE
