"""Components found by file name: `load("detectors", "xception")` imports that one file.

The file name is the name in `params.yaml` and in the tables. A file of the folder is a component
if it defines a `CARD`.
"""

import difflib
import re
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal

Kind = Literal["datasets", "detectors"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How a crop becomes a network's input: RGB / 255, resized (cubic), minus mean, over std."""

    size: int  # pixels, square
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class DetectorCard:
    """What a detector is, where its weights come from and what they were trained on."""

    title: str
    paper: str  # authors, year, venue, arXiv id
    weights: str  # file name of the published checkpoint
    published: str  # where it is published
    licence: str
    sha256: str  # of the published file; empty where nobody has stated it
    parameters: int
    trained_on: tuple[str, ...]  # names of data sets
    crop: str  # crop protocol of the training data
    preprocessing: Preprocessing


@dataclass(frozen=True)
class DatasetCard:
    """What a data set is, its official layout and the counts it should have."""

    title: str
    paper: str
    homepage: str
    licence: str
    layout: str  # the official folder layout, one line per folder
    counts: dict[str, int] = field(default_factory=dict)  # e.g. {"test/real": 140}
    identity: str = ""  # what cluster_id means here


# Preprocessing that replaces every card's own, to measure what such a habit costs.
PROFILES = {"imagenet_224": Preprocessing(224, IMAGENET_MEAN, IMAGENET_STD)}


def names(kind: Kind) -> list[str]:
    """Components of one kind, sorted."""
    folder = Path(__file__).parents[1] / kind
    is_component = re.compile(r"^CARD\b", re.MULTILINE)
    return sorted(p.stem for p in folder.glob("*.py") if is_component.search(p.read_text("utf-8")))


def load(kind: Kind, name: str) -> ModuleType:
    """Import one component, and only that file, so that heavy libraries stay unloaded."""
    available = names(kind)
    if name not in available:
        raise KeyError(unknown(kind.removesuffix("s"), name, available))
    return import_module(f"deepbench.{kind}.{name}")


def unknown(what: str, name: str, available: list[str]) -> str:
    """Sentence for a failed look-up: what was asked for, what is near, what there is."""
    close = difflib.get_close_matches(name, available, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {name!r}.{hint} Available: {', '.join(available)}"
