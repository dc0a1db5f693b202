"""`params.yaml` as typed, frozen settings: one block per step, unknown keys are errors."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
FREQUENCY = "frequency"  # the name of the frequency-only scorer
LEARNT = ("rank_mean", "stack")  # ensemble rules that look at the development split


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
    crop: Literal["aligned", "padded", "margin", "whole", "dlib"]
    landmark_model: str
    landmark_sha256: str

    @model_validator(mode="after")
    def _dlib_has_its_model(self) -> "Faces":
        if self.crop == "dlib" and not self.landmark_model:
            msg = "crop 'dlib' needs the file of its 81-point model as landmark_model (found none)"
            raise ValueError(msg)
        if self.crop != "dlib" and (self.landmark_model or self.landmark_sha256):
            msg = (
                f"crop {self.crop!r} with landmark_model {self.landmark_model!r} and "
                f"landmark_sha256 {self.landmark_sha256!r}: only the crop 'dlib' uses them, leave "
                "both empty"
            )
            raise ValueError(msg)
        return self


class Scores(Block):
    """How the detectors run."""

    profile: Literal["published", "imagenet_224"]
    precision: Literal["float32", "bfloat16", "float16"]
    batch_size: Positive
    device: Literal["auto", "cpu", "cuda", "mps"]


class External(Block):
    """Scores that somebody else made: a CSV or Parquet file."""

    path: str


class Ensemble(Block):
    """A rule and who takes part: a weight of 0 is out."""

    rule: Literal["weighted_mean", "weighted_log_odds", "median", "max", "rank_mean", "stack"]
    weights: dict[str, Annotated[float, Field(ge=0)]]

    @property
    def members(self) -> list[str]:
        """The scorers with weight."""
        return [name for name, weight in self.weights.items() if weight > 0]

    @model_validator(mode="after")
    def _weights_are_used(self) -> "Ensemble":
        weighted = {name: w for name, w in self.weights.items() if w not in (0, 1)}
        if weighted and not self.rule.startswith("weighted"):
            msg = f"the rule {self.rule} has no use for weights {weighted}; give 1 (in) or 0 (out)"
            raise ValueError(msg)
        return self


class Videos(Block):
    """From frames to videos, from detectors to ensembles."""

    pooling: Literal["mean", "majority", "confidence", "median", "max", "quality"]
    min_detectors: Positive
    ensembles: dict[str, Ensemble]


class Results(Block):
    """Threshold and intervals."""

    threshold: Fraction
    interval: Annotated[float, Field(gt=0, lt=1)]
    replicates: Positive


class Comparisons(Block):
    """Which metrics the paired tests are about."""

    metrics: Annotated[
        list[Literal["auc", "ap", "eer", "balanced_accuracy", "log_loss", "brier"]],
        Field(min_length=1),
    ]


class Ensembles(Block):
    """How the weightings are compared."""

    simplex_steps: Positive


class Calibration(Block):
    """False positive rates that thresholds keep to on the development split; bins of diagrams."""

    false_positive_rates: list[Annotated[float, Field(gt=0, lt=1)]]
    bins: Positive


class Sensitivity(Block):
    """Which choices are varied."""

    frames: list[Positive]


class Frequency(Block):
    """The frequency-only scorer, and what else moves a spectrum."""

    scorer: bool
    jpeg_qualities: list[Annotated[int, Field(ge=1, le=100)]]
    face_sides: list[Positive]


class Gradcam(Block):
    """Which crops are explained, and how thoroughly maps are tested."""

    videos_per_method: Positive
    towards: Literal["fake", "predicted"]
    steps: Positive


class Params(Block):
    """The whole file."""

    seed: Annotated[int, Field(ge=0)]
    datasets: Annotated[list[str], Field(min_length=1)]
    detectors: Annotated[list[str], Field(min_length=1)]
    roots: dict[str, Root]
    development: str
    external: dict[str, External]
    manifest: Manifest
    faces: Faces
    scores: Scores
    videos: Videos
    results: Results
    comparisons: Comparisons
    ensembles: Ensembles
    calibration: Calibration
    sensitivity: Sensitivity
    frequency: Frequency
    gradcam: Gradcam

    @property
    def framewise(self) -> list[str]:
        """Scorers of single crops: detectors, and the frequency-only scorer if it takes part."""
        return [*self.detectors, *([FREQUENCY] if self.frequency.scorer else [])]

    @property
    def scorers(self) -> list[str]:
        """Scorers of crops, then scores from elsewhere, then ensembles."""
        return [*self.framewise, *self.external, *self.videos.ensembles]

    def scores_file(self, dataset: str, scorer: str) -> str:
        """Place of a table of crop scores under artifacts/, without suffix."""
        # the frequency-only scorer is fitted once for all data sets, so its tables share a folder
        two = (scorer, dataset) if scorer == FREQUENCY else (dataset, scorer)
        return "/".join(("scores", *two))

    @model_validator(mode="after")
    def _names_agree(self) -> "Params":
        if set(self.datasets) != set(self.roots):
            named, placed = sorted(self.datasets), sorted(self.roots)
            msg = f"datasets {named} and roots {placed} must name the same data sets"
            raise ValueError(msg)
        if self.development and self.development not in self.datasets:
            msg = (
                f"development {self.development!r} is not one of the datasets {self.datasets}; "
                'leave it empty ("") to do without a development split'
            )
            raise ValueError(msg)
        if doubled := {name for name in self.scorers if self.scorers.count(name) > 1}:
            msg = (
                f"{sorted(doubled)} names two scorers; detectors, external, videos.ensembles "
                f"and the scorer {FREQUENCY!r} need names of their own"
            )
            raise ValueError(msg)
        for name, ensemble in self.videos.ensembles.items():
            self._can_score(name, ensemble)
        return self

    def _can_score(self, name: str, ensemble: Ensemble) -> None:
        known = [*self.framewise, *self.external]
        if strangers := sorted(set(ensemble.weights) - set(known)):
            msg = f"videos.ensembles.{name} weighs {strangers}, not among {known}"
            raise ValueError(msg)
        if len(ensemble.members) < self.videos.min_detectors:
            msg = (
                f"videos.ensembles.{name} gives weight to {len(ensemble.members)} detectors, fewer "
                f"than videos.min_detectors ({self.videos.min_detectors}): it would score no video"
            )
            raise ValueError(msg)
        if ensemble.rule in LEARNT and not (self.development and "val" in self.manifest.splits):
            msg = (
                f"videos.ensembles.{name}: the rule {ensemble.rule} learns from the development "
                f"split; it needs val in manifest.splits (found {self.manifest.splits}) and a data "
                f"set as development (found {self.development!r})"
            )
            raise ValueError(msg)


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
