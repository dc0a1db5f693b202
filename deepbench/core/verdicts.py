"""What `detect` says of one file or of several: the typed answers that apps and pages share."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

Media = Literal["image", "video", "frames"]
Prediction = Literal["fake", "real"]
Step = Literal["frames", "scores", "Grad-CAM", "files"]

# Of a video, beside the rule of params.yaml.
THREE_POOLS = ("mean", "majority", "confidence")


class Decision(NamedTuple):
    """A fake probability, and what it is called at a threshold."""

    fake_prob: float
    prediction: Prediction

    @property
    def real_prob(self) -> float:
        """The rest to 1."""
        return 1 - self.fake_prob

    @property
    def confidence(self) -> float:
        """The larger of both probabilities: how far the score is from even.

        It is not a probability of being right; how often a scorer errs is what `Standing` tells.
        """
        return max(self.fake_prob, self.real_prob)


def decide(fake_prob: float, threshold: float) -> Decision:
    """Call fake what lies above the threshold, as the step results does.

    Raises:
        ValueError: the probability is NaN, which is no verdict.
    """
    if math.isnan(fake_prob):
        msg = "a fake probability of NaN is no verdict; say why there is none instead"
        raise ValueError(msg)
    return Decision(fake_prob, "fake" if fake_prob > threshold else "real")


class Model(NamedTuple):
    """A detector that took part."""

    name: str
    title: str
    weights_file: str
    sha256: str
    demo: bool  # stand-in weights, which know the sample pack's fakes only
    trained_on: tuple[str, ...]
    precision: str


@dataclass(frozen=True)
class FrameAnswer:
    """One frame with a face."""

    index: int  # 0-based, in decoding order
    time_s: float  # NaN for pictures
    decision: Decision  # the scorer's, on this frame alone
    votes: dict[str, Decision]  # by detector
    face_confidence: float  # the face detector's; NaN if it gives none
    box: tuple[float, ...]  # x1, y1, x2, y2 in pixels of the upright frame
    png: bytes  # the crop of the chosen face


class QualityWarning(NamedTuple):
    """A measured figure beyond its limit."""

    what: Literal["small", "blurred", "dark", "heavily compressed"]
    value: float
    limit: float
    sentence: str


class Rate(NamedTuple):
    """How often the scorer was wrong about the reals and the fakes of one data set's test split."""

    dataset: str
    holds: str  # "videos", "pictures" or "pictures and videos"
    sample: bool  # the data set is the shipped sample pack
    n_real: int
    n_fake: int
    false_positive: tuple[float, float, float]  # value, low, high; NaN where `note` says why
    false_negative: tuple[float, float, float]
    note: str


class Standing(NamedTuple):
    """Which measured error rates stand behind a verdict, in words; no rates: why there are none."""

    sentences: tuple[str, ...]
    rates: tuple[Rate, ...]


class Source(NamedTuple):
    """The file that was examined."""

    filename: str  # without folders
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class Answer:
    """All that is said of one file."""

    source: Source
    media: Media
    scorer: str  # an ensemble or a detector of params.yaml
    rule: str  # of the ensemble and of pooling, in words
    threshold: float
    decision: Decision
    votes: dict[str, Decision]  # by detector, over all frames
    pools: dict[str, Decision]  # the scorer's decision by each of `THREE_POOLS` ...
    undecided: dict[str, str]  # ... or the reason why a pooling rule gives none
    frames: tuple[FrameAnswer, ...]
    faces: int  # most faces in one frame
    total_frames: int  # in the file; 0 = unknown
    frames_processed: int  # decoded and searched for faces
    remark: str  # what was lost on the way, one plain sentence, or empty
    warnings: tuple[QualityWarning, ...]
    standing: Standing
    models: tuple[Model, ...]
    device: str
    seconds: float  # from the file to the scores; loading the detectors and Grad-CAM not counted

    @property
    def demo(self) -> bool:
        """Whether any detector ran on demo weights: then the verdict means nothing."""
        return any(model.demo for model in self.models)

    @property
    def face_confidence(self) -> float:
        """Mean over frames of the face detector's confidence; NaN if it gives none."""
        return sum(frame.face_confidence for frame in self.frames) / len(self.frames)

    @property
    def fake_frame_ratio(self) -> float:
        """Share of the frames with a face that are called fake."""
        called = [frame.decision.prediction == "fake" for frame in self.frames]
        return sum(called) / len(called)


class Explanation(NamedTuple):
    """Grad-CAM of one detector on one frame of an answer."""

    detector: str
    frame: int
    towards: Prediction  # the class whose evidence the map shows
    crop: bytes  # JPEG of the face crop
    overlay: bytes  # JPEG of the same under its map; the crop itself where the map is constant
    problem: str  # empty, or why the overlay shows no map


class Progress(NamedTuple):
    """How far an examination is, for whoever shows it."""

    filename: str
    step: Step
    done: int
    total: int


class Failure(NamedTuple):
    """A file without a verdict, and why."""

    filename: str
    sentence: str


@dataclass(frozen=True)
class Batch:
    """The answers of several files, in the order asked."""

    answers: tuple[Answer, ...]
    failures: tuple[Failure, ...]
    left_out: tuple[str, ...]  # files of a folder that are neither pictures nor videos

    @property
    def total(self) -> int:
        """Files that were examined, with or without a verdict."""
        return len(self.answers) + len(self.failures)

    def count(self, prediction: Prediction) -> int:
        """Files called so."""
        return sum(answer.decision.prediction == prediction for answer in self.answers)

    @property
    def average_confidence(self) -> float:
        """Mean over the verdicts; NaN without any."""
        if not self.answers:
            return math.nan
        return sum(a.decision.confidence for a in self.answers) / len(self.answers)
