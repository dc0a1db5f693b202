"""The blocks of `params.yaml`, one per step, as typed, frozen settings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    allow_incomplete: bool


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
    workers: Literal["auto"] | Positive

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
    precision: Literal["auto", "float32", "bfloat16", "float16"]
    openvino: list[str]
    batch_size: Literal["auto"] | Positive
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


class Latency(Block):
    """How long, and in which batches, the steps are timed."""

    batch_sizes: Annotated[list[Positive], Field(min_length=1)]
    warm_up: Positive
    repeats: Positive
    seconds: Annotated[float, Field(gt=0)]


class Fusion(Block):
    """What the fusion detector sees, and how it is trained."""

    dataset: str
    inputs: Annotated[list[Literal["spatial", "frequency"]], Field(min_length=1)]
    backbone: Literal["xception", "resnet50"]
    transfer: bool
    augment: bool
    frames: Positive
    batch_size: Positive
    head_epochs: Positive
    head_rate: Annotated[float, Field(gt=0)]
    backbone_epochs: Annotated[int, Field(ge=0)]
    backbone_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    patience: Positive
    plateau: Positive
