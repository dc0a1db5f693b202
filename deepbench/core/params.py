"""`params.yaml` as typed, frozen settings: one block per step, unknown keys are errors."""

import re
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator

from deepbench.core import texts
from deepbench.core.blocks import (
    Block,
    Calibration,
    Comparisons,
    Ensemble,
    Ensembles,
    External,
    Faces,
    Frequency,
    Fusion,
    Gradcam,
    Latency,
    Manifest,
    Results,
    Root,
    Scores,
    Sensitivity,
    Videos,
)

FREQUENCY = "frequency"  # the name of the frequency-only scorer
NAME = re.compile(r"\w(?:[\w .+-]{0,58}\w)?")
LEARNT = ("rank_mean", "stack")  # ensemble rules that look at the development split


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
    latency: Latency
    train_fusion: Fusion

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
        if odd := [n for n in (*self.external, *self.videos.ensembles) if not NAME.fullmatch(n)]:
            msg = (
                f"{odd} name scorers: use letters, digits and _ . + - with spaces between, for the "
                "names become those of files"
            )
            raise ValueError(msg)
        if strangers := sorted(set(self.scores.openvino) - set(self.detectors)):
            msg = f"scores.openvino names {strangers}, not among the detectors {self.detectors}"
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


def _parsed(path: Path) -> object:
    text = texts.read(path)
    try:
        return yaml.safe_load(text)
    # dates and numbers that are none raise a plain ValueError
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        place = f" line {where.line + 1}" if where else ""
        why = getattr(error, "problem", None) or str(error) or "nested too deep"
        msg = f"{path}{place} is no YAML: {why}; compare with the file of the repository"
        raise ValueError(msg) from None


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file.

    Raises:
        ValueError: every wrong key with its place, its value and what would be right.
    """
    try:
        return Params.model_validate(_parsed(path))
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']} (found {str(e['input'])[:80]})"
            for e in error.errors()
        ]
        msg = f"{path} has {len(lines)} wrong setting(s):\n" + "\n".join(lines)
        raise ValueError(msg) from None
