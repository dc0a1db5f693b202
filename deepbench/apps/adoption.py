"""Before a run: what DVC would hang on, stumble over, or take over without a word."""

import os
import sys
from pathlib import Path

from deepbench.core import presence, recorded

SHOWN = 3  # of the paths that DVC cannot record; the rest are counted


def warn(root: Path) -> None:
    """Say on stderr which bytes in data/ and weights/ are not those that git records."""
    for line in recorded.warnings(root):
        sys.stderr.write(f"deepbench: {line}\n")


def unrecordable(root: Path) -> list[str]:
    """A sentence per tracked folder in which DVC cannot digest everything.

    It opens what is called a file, which a named pipe never answers, and ends at the first link
    that leads nowhere, with the path alone.
    """
    told = []
    for name in recorded.TRACKED:
        faults = list(_faults(root / name))
        if faults:
            shown = "; ".join(
                f"{path.relative_to(root)} is {fault}" for path, fault in faults[:SHOWN]
            )
            told.append(
                f"{name}/ holds {len(faults):,} entries without content that DVC could record "
                f"({shown}): remove them or copy the files again"
            )
    return told


def _faults(folder: Path) -> list[tuple[Path, str]]:
    found = []
    for place, below, inside in os.walk(folder, followlinks=False):
        # a folder that cannot be listed is walked past
        closed = [p for p in (Path(place, b) for b in below) if presence.folder_fault(p)]
        found += [(path, presence.folder_fault(path)) for path in closed]
        for path in (Path(place, file) for file in inside):
            fault = presence.look(path).fault
            if fault and not fault.startswith("empty"):
                found.append((path, fault))
    return sorted(found)
