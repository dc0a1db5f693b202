"""Published figures beside measured ones: reproduced, different, or why not comparable.

Published protocols differ in ways that move a figure by more than most improvements: a cell of
DeepfakeBench's table is the mean of the three best test results along training, so that no
checkpoint has it. A verdict is given only where the protocols agree.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

from deepbench.reporting import scoreboard
from deepbench.reporting.inputs import TEST, Inputs, ScoreRun

FILE = Path(__file__).with_name("anchors.json")
TABLE = "mean of the three best test results along training"
SINGLE = "single checkpoint, a user's run"
UNSTATED = "not stated"

# the fakes over which a published figure of a whole data set goes
FAKES = {
    "faceforensics": {"Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"},
    "celeb_df": {"Celeb-synthesis"},
    "dfdc": {"fake"},
    "dfdc_preview": {"method_A", "method_B"},
    "celeb_df_v1": {"CelebDFv1_fake"},
    "deeperforensics": {"DF_fake"},
    "dfd": {"DFD_fake"},
    "uadfv": {"UADFV_Fake"},
}
# which data set and manipulation a class of the data set `deepfakebench` is
CLASSES = {
    "FF-DF": ("faceforensics", "Deepfakes"),
    "FF-F2F": ("faceforensics", "Face2Face"),
    "FF-FS": ("faceforensics", "FaceSwap"),
    "FF-NT": ("faceforensics", "NeuralTextures"),
    "FF-FH": ("faceforensics", "FaceShifter"),
    "CelebDFv1_fake": ("celeb_df_v1", "CelebDFv1_fake"),
    "CelebDFv2_fake": ("celeb_df", "Celeb-synthesis"),
    "DFDC_Fake": ("dfdc", "fake"),
    "DFDCP_FakeA": ("dfdc_preview", "method_A"),
    "DFDCP_FakeB": ("dfdc_preview", "method_B"),
    "DFD_fake": ("dfd", "DFD_fake"),
    "DF_fake": ("deeperforensics", "DF_fake"),
    "UADFV_Fake": ("uadfv", "UADFV_Fake"),
}


class Anchor(NamedTuple):
    """One published figure and how it came about."""

    detector: str
    dataset: str
    method: str  # "all", or one manipulation against the reals
    compression: str  # empty where the data set has one
    level: str  # frame, video, not stated
    metric: str
    value: float
    source: str
    kind: str
    frames: int  # per video
    crop: str


class Compared(NamedTuple):
    """A published figure, the measured one, and what to make of both."""

    anchor: Anchor
    dataset: str  # as the tables call it
    measured: scoreboard.Result
    reasons: tuple[str, ...]  # why it is not comparable; none where it is

    @property
    def difference(self) -> float:
        """Measured minus published."""
        return self.measured.value - self.anchor.value

    @property
    def verdict(self) -> str:
        """Whether the published value lies in the measured interval, where that can be said."""
        if self.reasons:
            return "not comparable"
        low, high = self.measured.low, self.measured.high
        return "reproduced" if low <= self.anchor.value <= high else "differs"


class Source(NamedTuple):
    """What one data set of the tables is, in the words of the published figures."""

    name: str
    dataset: str
    methods: dict[str, str]  # manipulations with test videos: published name, name in the tables
    compressions: set[str]


def load(path: Path = FILE) -> list[Anchor]:
    """The published figures that come with the project."""
    found = []
    for group in json.loads(path.read_text("utf-8"))["groups"]:
        for detector, values in group["values"].items():
            for key, value in values.items():
                dataset, method, *rest = key.split()
                place = (detector, dataset, method, rest[0] if rest else "")
                told = (group["source"], group["kind"], group["frames"], group["crop"])
                found.append(Anchor(*place, group["level"], group["metric"], value, *told))
    return found


def is_real(inputs: Inputs, run: ScoreRun) -> bool:
    """Whether a run is of real weights on real data."""
    return not run.demo and run.dataset not in inputs.samples


def compare(inputs: Inputs, anchors: list[Anchor]) -> list[Compared]:
    """Every published figure whose detector and data really ran, beside the measured one."""
    results, sources = scoreboard.index(inputs.results), _sources(inputs)
    rows = []
    for anchor in anchors:
        for run in inputs.runs:
            source = sources.get(run.dataset)
            if run.detector != anchor.detector or source is None or not is_real(inputs, run):
                continue
            if not _holds(source, anchor):
                continue
            wanted = _wanted(anchor)
            one = wanted.copy().pop() if len(wanted) == 1 else ""
            same = wanted == source.methods.keys()
            method = source.methods[one] if one and not same else scoreboard.ALL
            level = "video" if anchor.level == UNSTATED else anchor.level
            key = scoreboard.Key(run.detector, run.dataset, method, level, anchor.metric)
            measured = results.get(key, ABSENT)
            other = [] if same or one else [_other_fakes(source, wanted)]
            reasons = other + _reasons(inputs, run, anchor) + _undefined(source, measured)
            rows.append(Compared(anchor, run.dataset, measured, tuple(reasons)))
    return rows


ABSENT = scoreboard.Result(math.nan, math.nan, math.nan, 0, 0, 0, "not in the results table")


def _sources(inputs: Inputs) -> dict[str, Source]:
    found = {}
    test = inputs.manifest[(inputs.manifest["split"] == TEST) & inputs.manifest["label"]]
    for name, fakes in test.groupby("dataset"):
        methods = {str(m): str(m) for m in sorted(set(fakes["method"]))}
        dataset = str(name)
        if name == "deepfakebench":
            # its lists have one kind of reals, so all its classes are of one data set
            dataset = CLASSES[next(iter(methods))][0]
            methods = {CLASSES[m][1]: m for m in methods}
        found[str(name)] = Source(str(name), dataset, methods, set(fakes["compression"]))
    return found


def _wanted(anchor: Anchor) -> set[str]:
    return FAKES[anchor.dataset] if anchor.method == scoreboard.ALL else {anchor.method}


def _holds(source: Source, anchor: Anchor) -> bool:
    """Whether any of the videos behind a published figure ran."""
    if source.dataset != anchor.dataset or not _wanted(anchor) & source.methods.keys():
        return False
    return not anchor.compression or anchor.compression in source.compressions


def _other_fakes(source: Source, wanted: set[str]) -> str:
    return f"it is over {', '.join(sorted(wanted))}, here over {', '.join(sorted(source.methods))}"


def _reasons(inputs: Inputs, run: ScoreRun, anchor: Anchor) -> list[str]:
    """What keeps a published figure from being this run's, one clause each."""
    faces, uniform = inputs.settings.faces, inputs.settings.faces.frame_rule == "uniform"
    frames = str(faces.frames) if uniform else f"every {faces.every}th, at most {faces.at_most},"
    # the frames of the data set `deepfakebench` are the published crops themselves
    whole = (run.dataset, faces.crop) == ("deepfakebench", "whole")
    by_dlib = (anchor.crop, faces.crop) == ("aligned", "dlib")
    crop = anchor.crop if whole or by_dlib else faces.crop
    pooling = inputs.settings.videos.pooling
    found = {
        "a cell of the table is the mean of the three best test results along training, "
        "not the released checkpoint's": anchor.kind == TABLE,
        "the paper does not state whether it is per frame or per video": anchor.level == UNSTATED,
        f"{anchor.frames} frames per video, here {frames}": frames != str(anchor.frames),
        f"{anchor.crop} crops, here {crop}": crop != anchor.crop,
        # whoever crops by dlib means the published protocol; `aligned` is near it either way
        f"the largest face of each frame, here the choice is {faces.select}": by_dlib
        and faces.select != "largest",
        f"here the input is {run.profile}": run.profile != "published",
        f"here the precision is {run.precision}": run.precision != "float32",
        f"videos are means of frames, here pooled by {pooling}": pooling != "mean"
        and anchor.level == "video",
        "here the data set is incomplete": bool(inputs.gaps.get(run.dataset)),
        f"the weights are {run.weights}": run.weights.startswith("not the published"),
    }
    return [reason for reason, holds in found.items() if holds]


def _undefined(source: Source, measured: scoreboard.Result) -> list[str]:
    found = []
    if len(source.compressions) > 1:
        found.append(f"here {' and '.join(sorted(source.compressions))} are mixed")
    if math.isnan(measured.value) or math.isnan(measured.low):
        found.append(measured.note or "no interval")
    return found
