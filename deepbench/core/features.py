"""Table frequency as matrices, and the names of what was done to its crops."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from deepbench.core import blocks, shards
from deepbench.core.evidence import FEATURES, FREQUENCY

CROP = ["video_id", "frame", "face"]
AT_A_TIME = 4096  # crops


class Features(NamedTuple):
    """Frequency features of some crops."""

    values: Float[np.ndarray, "crop feature"]
    crops: pd.DataFrame  # CROP and treatment, a row each


def read(folder: Path) -> Iterator[Features]:
    """Table frequency of one data set, some crops at a time."""
    columns = [*CROP, "treatment", "features"]
    for batch in shards.batches(FREQUENCY, folder, columns, AT_A_TIME):
        values = np.array(batch["features"].tolist(), np.float64).reshape(-1, FEATURES)
        yield Features(values, batch[[*CROP, "treatment"]])


def jpeg_name(quality: int) -> str:
    """What this compression is called in the tables."""
    return f"jpeg {quality}"


def side_name(side: int) -> str:
    """What a face of so many pixels is called in the tables."""
    return f"{side} px"


def treatments(settings: blocks.Frequency) -> list[str]:
    """All treatments of params.yaml, as the tables call them."""
    qualities, sides = settings.jpeg_qualities, settings.face_sides
    return [*map(jpeg_name, qualities), *map(side_name, sides)]
