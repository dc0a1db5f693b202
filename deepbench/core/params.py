"""`params.yaml` as typed, frozen settings: one block per step, unknown keys are errors."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Block(BaseModel):
    """Settings that cannot change and refuse keys they do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Root(Block):
    """Where a data set lies, and the path whose content DVC watches."""

    path: str
    watch: str


class Manifest(Block):
    """Which videos take part; an empty list means all."""

    splits: list[Literal["train", "val", "test"]]
    compressions: list[Literal["raw", "c23", "c40"]]
    methods: list[str]


class Faces(Block):
    """Frames, face detection, the choice of a face, and the crop."""

    frames: Positive
    frame_rule: Literal["uniform", "every_nth"]
    every: Positive
    at_most: Positive
    min_face: Positive
    thresholds: Annotated[list[Fraction], Field(min_length=3, max_length=3)]
    factor: Annotated[float, Field(gt=0, lt=1)]
    confidence: Fraction
    select: Literal["track", "largest", "confident", "all"]
    crop: Literal["aligned", "padded", "margin", "whole"]


class Scores(Block):
    """How the detectors run."""

    profile: Literal["published", "imagenet_224"]
    precision: Literal["float32", "bfloat16", "float16"]
    batch_size: Positive
    device: Literal["auto", "cpu", "cuda", "mps"]


class Videos(Block):
    """From frames to videos, from detectors to ensembles."""

    pooling: Literal["mean", "majority", "confidence"]
    rule: Literal["weighted_mean"]
    min_detectors: Positive
    ensembles: dict[str, dict[str, Annotated[float, Field(ge=0)]]]


class Results(Block):
    """Threshold and intervals."""

    threshold: Fraction
    interval: Annotated[float, Field(gt=0, lt=1)]
    replicates: Positive


class Params(Block):
    """The whole file."""

    seed: Annotated[int, Field(ge=0)]
    datasets: Annotated[list[str], Field(min_length=1)]
    detectors: Annotated[list[str], Field(min_length=1)]
    roots: dict[str, Root]
    manifest: Manifest
    faces: Faces
    scores: Scores
    videos: Videos
    results: Results

    @model_validator(mode="after")
    def _names_agree(self) -> "Params":
        if set(self.datasets) != set(self.roots):
            named, placed = sorted(self.datasets), sorted(self.roots)
            msg = f"datasets {named} and roots {placed} must name the same data sets"
            raise ValueError(msg)
        for name, weights in self.videos.ensembles.items():
            strangers = sorted(set(weights) - set(self.detectors))
            if strangers:
                msg = (
                    f"videos.ensembles.{name} weighs {strangers}, not in detectors {self.detectors}"
                )
                raise ValueError(msg)
            if name in self.detectors:
                msg = f"videos.ensembles.{name} has the name of a detector; choose another"
                raise ValueError(msg)
            members = sum(weight > 0 for weight in weights.values())
            if members < self.videos.min_detectors:
                msg = (
                    f"videos.ensembles.{name} gives weight to {members} detectors, fewer than "
                    f"videos.min_detectors ({self.videos.min_detectors}): it would score no video"
                )
                raise ValueError(msg)
        return self


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file.

    Raises:
        ValueError: every wrong key with its place, its value and what would be right.
    """
    try:
        return Params.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']} (found {str(e['input'])[:80]})"
            for e in error.errors()
        ]
        msg = f"{path} has {len(lines)} wrong setting(s):\n" + "\n".join(lines)
        raise ValueError(msg) from None
