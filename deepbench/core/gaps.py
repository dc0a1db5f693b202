"""What makes a data set incomplete, said in one place.

A data set is incomplete if, among the videos that `manifest` in params.yaml asks for,

- `absent`: a list of the data set (or of the sample pack) names a file that is not on disk;
- `unreadable`: there is a file, but no content: a symbolic link that leads nowhere or in a circle,
  a folder or a pipe in the place of a file, no right to read, zero bytes, a video without frames;
- `official`: fewer videos are there than were published. The sample pack is whole in its own way
  and is not held against the published counts.

The step `manifest` then stops, unless `manifest.allow_incomplete` is true; the report says it on
its first screen. A file whose bytes are damaged is no gap: the ledger of the step `faces` has it.
"""

import json
from pathlib import Path
from typing import Literal, NamedTuple

from deepbench.core import files

CURE = (
    "Finish the download and compare it with what the publisher states, name in `manifest` of "
    "params.yaml only the splits and methods that are wanted, or set manifest.allow_incomplete: "
    "true; the report then says on its first screen that the data are incomplete"
)


class Gap(NamedTuple):
    """One way in which a data set is incomplete."""

    kind: Literal["absent", "unreadable", "official"]
    missing: int
    of: int
    sentence: str  # with both numbers, and the first of what is missing


def write(gaps: list[Gap], path: Path) -> None:
    """Write what is missing of one data set as JSON, beside its manifest."""
    content = {"incomplete": bool(gaps), "gaps": [gap._asdict() for gap in gaps]}
    files.write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> tuple[Gap, ...]:
    """What is missing of one data set.

    Raises:
        FileNotFoundError: the step `manifest` has not said.
    """
    if not path.exists():
        msg = f"{path} does not say what is missing of the data; make it anew: dvc repro manifest"
        raise FileNotFoundError(msg)
    return tuple(Gap(**gap) for gap in json.loads(path.read_text("utf-8"))["gaps"])
