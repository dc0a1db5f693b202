"""What a report is made of: the tables and the facts about how they came about."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deepbench.core import params
from deepbench.core.gaps import Gap
from deepbench.reporting import provenance
from deepbench.reporting.analyses import Analyses, Explanations

TEST = "test"


@dataclass(frozen=True)
class Component:
    """What the report tells of a data set or a detector; from its card."""

    title: str
    paper: str = ""
    trained_on: tuple[str, ...] = ()  # detectors only: names of data sets


@dataclass(frozen=True)
class ScoreRun:
    """One detector on one data set, as the scores stage described it."""

    dataset: str
    detector: str
    weights_file: str
    weights_sha256: str
    weights: str  # a sentence: the published file or what else
    demo: bool
    precision: str
    profile: str
    device: str
    card: Component
    runtime: str = ""  # what ran the network, if not what the detector is written in
    precision_why: str = ""  # half a sentence: why this precision


@dataclass(frozen=True)
class ExternalScores:
    """Scores that somebody else made, as the step that took them in described them."""

    scorer: str
    file: str
    sha256: str
    rows: int
    matched: int  # videos of the manifest that have a score


@dataclass(frozen=True)
class Exhibit:
    """A video that a scorer judged most wrongly, with one of its crops."""

    dataset: str
    scorer: str
    video_id: str
    method: str
    label: bool
    fake_prob: float
    place: int  # 1 = the most wrong of its kind
    jpeg: bytes  # empty where no crop is stored


@dataclass(frozen=True)
class Inputs:
    """Everything on the page; two equal inputs give the same bytes."""

    settings: params.Params
    manifest: pd.DataFrame  # of all data sets
    ledger: pd.DataFrame  # of all data sets
    videos: pd.DataFrame
    results: pd.DataFrame
    published: pd.DataFrame  # statistics/deepfakebench: the published protocol beside this one
    analyses: Analyses
    explanations: Explanations
    exhibits: tuple[Exhibit, ...]
    external: tuple[ExternalScores, ...]
    runs: tuple[ScoreRun, ...]
    components: dict[str, Component]  # data sets and detectors by name
    samples: tuple[str, ...]  # data sets that are the sample pack
    gaps: dict[str, tuple[Gap, ...]]  # what is missing, by data set
    state: provenance.State


SAID = {
    *("detector", "weights_file", "weights_sha256", "demo", "precision", "profile", "device_kind"),
    *("title", "paper", "trained_on", "published_file", "published_sha256"),
}


def read_run(path: Path, dataset: str) -> ScoreRun:
    """What stands beside a table of scores: the run, and the detector's card."""
    said = json.loads(path.read_text("utf-8"))
    if missing := sorted(SAID - said.keys()):
        msg = f"{path} does not say {missing}; make it anew: dvc repro -f scores"
        raise ValueError(msg)
    file, digest = said["weights_file"], said["weights_sha256"]
    demo = bool(said["demo"])
    if demo:
        weights = "demo weights"
    elif not said["published_file"]:
        weights = said["problem"] or "made by this project"
    elif said["published_sha256"] and digest == said["published_sha256"]:
        weights = "the published file"
    elif said["published_sha256"] or file != said["published_file"]:
        weights = "not the published file"
    else:
        weights = "named as the published file, whose sha256 nobody states"
    check = said.get("precision_check", {})
    return ScoreRun(
        dataset=dataset,
        detector=said["detector"],
        weights_file=file,
        weights_sha256=digest,
        weights=weights,
        demo=demo,
        precision=said["precision"],
        profile=said["profile"],
        device=said["device_kind"],
        card=Component(said["title"], said["paper"], tuple(said["trained_on"])),
        runtime="OpenVINO" if check.get("runtime") == "openvino" else "",
        precision_why=check.get("why", ""),
    )


def read_external(path: Path) -> ExternalScores:
    """What the step `external` wrote beside its table."""
    said = json.loads(path.read_text("utf-8"))
    names = ExternalScores.__dataclass_fields__
    if missing := sorted(names - said.keys()):
        msg = f"{path} does not say {missing}; make it anew: dvc repro -f external"
        raise ValueError(msg)
    return ExternalScores(**{name: said[name] for name in names})


def incomplete(inputs: Inputs) -> dict[str, list[str]]:
    """What is missing of each data set that is not whole, in sentences."""
    return {name: [gap.sentence for gap in found] for name, found in inputs.gaps.items() if found}


def scorers(inputs: Inputs) -> list[str]:
    """All scorers in the order of params.yaml; then what else the tables hold."""
    named = inputs.settings.scorers
    present = set(inputs.videos["scorer"]) | set(inputs.results["scorer"])
    return [*named, *sorted(present - set(named))]


def members(settings: params.Params, scorer: str) -> list[str]:
    """The scorers behind a scorer: an ensemble's with a weight above 0, or itself."""
    ensemble = settings.videos.ensembles.get(scorer)
    return ensemble.members if ensemble else [scorer]


def trained_on(inputs: Inputs, scorer: str) -> set[str]:
    """Data sets that any detector behind a scorer was trained on."""
    known = (inputs.components.get(name) for name in members(inputs.settings, scorer))
    return {dataset for card in known if card for dataset in card.trained_on}


def scored_videos(inputs: Inputs, dataset: str) -> pd.DataFrame:
    """Test videos of a data set once per scorer: video_id, label, method, scorer, fake_prob, ..."""
    facts = inputs.manifest[
        (inputs.manifest["dataset"] == dataset) & (inputs.manifest["split"] == TEST)
    ]
    order = scorers(inputs)
    table = facts[["video_id", "label", "method"]].merge(inputs.videos, on="video_id")
    rank = table["scorer"].map(order.index)
    keyed = table.assign(rank=rank).sort_values(["rank", "video_id"], ignore_index=True)
    return keyed.drop(columns="rank")
