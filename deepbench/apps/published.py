"""What the published checkpoints are, where they are published, and which files are at hand."""

import textwrap
from pathlib import Path
from typing import NamedTuple

from deepbench.core import plugins

UNSTATED = "not stated by anyone we know of"
RELEASE = "https://github.com/SCLBD/DeepfakeBench/releases"
ASSETS = f"{RELEASE}/download/v1.0.1"
DRIVE = "https://drive.google.com/file/d/1m4fyJecABU-Yk3bJ4b1WhUwQa0xCkMLI/view"


class Source(NamedTuple):
    """Where a published file is."""

    page: str
    megabytes: int  # of its tensors; nobody has stated the file's own size
    address: str = ""  # of the file itself; empty where no plain download exists
    by_hand: str = ""  # then, how to get it


# By the file's name; a detector whose file is not here has its card's sentence alone.
SOURCES = {
    "xception_best.pth": Source(f"{RELEASE}/tag/v1.0.1", 88, f"{ASSETS}/xception_best.pth"),
    "effnb4_best.pth": Source(f"{RELEASE}/tag/v1.0.1", 71, f"{ASSETS}/effnb4_best.pth"),
    "f3net_best.pth": Source(f"{RELEASE}/tag/v1.0.1", 90, f"{ASSETS}/f3net_best.pth"),
    "effort_clip_L14_trainOn_FaceForensic.pth": Source(
        "https://github.com/YZY-stack/Effort-AIGI-Detection",
        1214,
        by_hand=f"on Google Drive, which gives it to a browser only: {DRIVE}",
    ),
}


class Hand(NamedTuple):
    """The file of a detector that a run would use, or why there is none."""

    path: Path | None
    problem: str  # empty, or one sentence


def card_of(detector: str) -> plugins.DetectorCard:
    """A detector's card."""
    card: plugins.DetectorCard = plugins.load("detectors", detector).CARD
    return card


def find(root: Path, detector: str) -> Hand:
    """The file that the step `scores` would use."""
    from deepbench import scores

    try:
        return Hand(scores.find_weights(root / "weights" / detector, detector), "")
    except FileNotFoundError:
        return Hand(None, "")
    except ValueError as error:
        return Hand(None, str(error))


def is_demo(path: Path) -> bool:
    """Whether the file is demo weights."""
    from deepbench.sample import demo_weights

    return demo_weights.is_demo(path)


def at_hand(root: Path, detector: str) -> str:
    """Which file of a detector there is, and of what kind, in a few words."""
    path, problem = find(root, detector)
    if path is None:
        return problem or "not at hand"
    kind = "another name than the published file's"
    if is_demo(path):
        kind = "demo weights, which know the fakes of the sample pack only"
    elif path.name == card_of(detector).weights:
        kind = "the published file's name"
    return f"{path.relative_to(root)}, {path.stat().st_size:,} bytes: {kind}"


def listing(root: Path) -> str:
    """All published files and what is at hand of them, in at most 100 columns."""
    return "\n\n".join(_entry(root, name) for name in plugins.names("detectors"))


def _entry(root: Path, detector: str) -> str:
    card = card_of(detector)
    source = SOURCES.get(card.weights)
    rows = {"detector": card.title, "file": card.weights, "licence": card.licence}
    rows["published"] = source.page if source else card.published
    if source:
        rows["download"] = source.address or source.by_hand
    rows["size"] = f"{UNSTATED}; its tensors take {source.megabytes} MB" if source else UNSTATED
    rows["sha256"] = card.sha256 or UNSTATED
    rows["at hand"] = at_hand(root, detector)
    return "\n".join([detector, *(wrapped(f"  {key:<11}", text) for key, text in rows.items())])


def wrapped(start: str, text: str) -> str:
    """Text in lines of at most 100 columns, but for longer words, indented as its start is long."""
    wrapper = textwrap.TextWrapper(100, initial_indent=start, subsequent_indent=" " * len(start))
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.fill(text)
