"""One image and one video with faces, and what the steps make of them: what is timed."""

import functools
import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from deepbench.core import blocks, params, roots
from deepbench.media import clips, video
from deepbench.media.detection import Detection

Rgb = UInt8[np.ndarray, "h w 3"]
Crops = UInt8[np.ndarray, "n size size 3"]


class Shown(NamedTuple):
    """A frame with its largest face and the crop of it."""

    rgb: Rgb
    face: Detection
    crop: UInt8[np.ndarray, "size size 3"]


@dataclass(frozen=True, eq=False)
class Sample:
    """One file, and what the steps make of it."""

    unit: str  # image, video
    video_id: str
    decode: Callable[[], list[video.Frame]]
    seen: list[Shown]

    @property
    def crops(self) -> Crops:
        """The crops of all frames."""
        return np.stack([one.crop for one in self.seen])

    @property
    def told(self) -> str:
        """Which file, and its size."""
        height, width = self.seen[0].rgb.shape[:2]
        count = "1 frame" if len(self.seen) == 1 else f"{len(self.seen)} frames"
        return f"{self.video_id}, {count} of {width} x {height} pixels"


def first(manifest: pd.DataFrame, finder: clips.Finder, settings: params.Params) -> list[Sample]:
    """The first image and the first video in which a face is found, as far as there are any.

    Without images the first frame of a video stands in for one.

    Raises:
        ValueError: no face in any file.
    """
    still = manifest["media"] == "image"
    units = {"image": manifest[still] if still.any() else manifest, "video": manifest[~still]}
    found: list[Sample] = []
    for unit, rows in units.items():
        made = (_sample(unit, row, finder, settings) for row in rows.to_dict("records"))
        found += itertools.islice((sample for sample in made if sample.seen), 1)
    if not found:
        msg = (
            f"no face in any of the {len(manifest)} files of the manifest, so there is nothing to "
            "time; see the ledgers in artifacts/faces, and faces.min_face in params.yaml"
        )
        raise ValueError(msg)
    return found


def look(frames: list[video.Frame], finder: clips.Finder, crop: str) -> list[Shown]:
    """The largest face that can be cropped, of each frame that has one."""
    found: list[Shown] = []
    for frame in frames:
        crops = clips.look(frame, finder, crop).crops
        shown = (Shown(frame.rgb, c.face, c.rgb) for c in crops if c.rgb is not None)
        found += itertools.islice(shown, 1)
    return found


def _sample(
    unit: str, row: dict[Hashable, Any], finder: clips.Finder, settings: params.Params
) -> Sample:
    path = roots.place(Path(settings.roots[row["dataset"]].path), row["path"])
    at_most = 1 if unit == "image" else None
    decode = functools.partial(_decode, path, row["media"], settings.faces, at_most)
    return Sample(unit, row["video_id"], decode, look(decode(), finder, settings.faces.crop))


def _decode(
    path: Path, media: str, settings: blocks.Faces, at_most: int | None
) -> list[video.Frame]:
    # nothing is decoded beyond the last frame that is asked for
    return list(itertools.islice(video.read_frames(path, media, settings), at_most))
