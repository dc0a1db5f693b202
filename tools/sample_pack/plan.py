"""What a part of the pack is described by: takes, and the files made from them."""

from typing import NamedTuple

from tools.sample_pack.people import Sex
from tools.sample_pack.takes import TakePlan

FRAMES = 32
FEW_FRAMES = 12  # of clips that are there for their number
MALE: Sex = "male"
FEMALE: Sex = "female"


class FilePlan(NamedTuple):
    """One media file made from the takes of its group."""

    path: str
    take: int
    """Index of the take (for a fake: the one whose face is replaced)."""
    donor: int | None = None
    method: str = "real"
    crf: int | None = None
    """None: what the camera of the take says."""
    mask: str | None = None
    """Where the mask video goes, if the data set has masks."""


class Group(NamedTuple):
    """Takes that are manipulated with one another, and the files made from them."""

    takes: tuple[TakePlan, ...]
    files: tuple[FilePlan, ...]
