"""Single videos, what was said of them and why: the explorer's second tab."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Float64
from scipy.special import expit

from deepbench.apps.explore import checkout
from deepbench.apps.explore.checkout import Stored
from deepbench.core import tables
from deepbench.media import crops as stored_crops
from deepbench.media import spectrum, treatments

ANY = "any"
OUTCOMES = ("hit", "miss", "false alarm", "right on real", "not scored")
# relative to the data set: what is small or blurred for one is not for another
REMARK, SEVERAL = "remark in the ledger", "several faces"
SMALL, BLURRED = "smallest tenth of faces", "most blurred tenth"
QUALITIES = (REMARK, SEVERAL, SMALL, BLURRED)
TENTH = 0.1
MIDDLE = (0.05, 0.95)  # of the reals' crops: the band
FEWEST = 10  # crops of reals: of fewer the band would be their extremes


class Filter(NamedTuple):
    """Which videos are shown; `ANY` takes all."""

    dataset: str = ANY
    method: str = ANY
    outcome: str = ANY
    quality: str = ANY
    disagreement: float = 0.0  # at least


class Band(NamedTuple):
    """Azimuthal mean spectra of reals, ln magnitude by cycles per crop; NaN where unknown."""

    low: Float[np.ndarray, "ring"]
    high: Float[np.ndarray, "ring"]
    note: str  # how many crops, or why there is no band


def overview(stored: Stored, scorer: str, threshold: float) -> pd.DataFrame:
    """One row per video of the manifest: outcome, fake_prob, disagreement and the face's quality.

    Disagreement is the range of the detectors' fake probabilities, 0 to 1; NaN of fewer than two.
    """
    videos = stored.videos
    own = videos[videos["scorer"] == scorer][["video_id", "fake_prob", "problem"]]
    by_detector = videos[videos["scorer"].isin(stored.settings.detectors)]
    known = by_detector.dropna(subset="fake_prob").groupby("video_id")["fake_prob"]
    ranges = (known.max() - known.min()).where(known.size() > 1).rename("disagreement")
    table = stored.manifest.merge(own.rename(columns={"problem": "said"}), on="video_id")
    # medians over the scored frames
    faces = stored.frames.groupby("video_id")[["side", "sharpness"]].median().reset_index()
    table = table.merge(ranges, on="video_id", how="left").merge(faces, how="left")
    table = table.merge(stored.ledger[["video_id", "other_faces", "problem"]], how="left")
    table["problem"] = table["problem"].fillna("").astype(str)
    table["outcome"] = _outcomes(table, threshold)
    return table


def _outcomes(table: pd.DataFrame, threshold: float) -> list[str]:
    words = {
        (True, True): "hit",
        (True, False): "miss",
        (False, True): "false alarm",
        (False, False): "right on real",
    }
    return [
        "not scored" if np.isnan(prob) else words[bool(label), prob > threshold]
        for label, prob in zip(table["label"], table["fake_prob"], strict=True)
    ]


def choose(table: pd.DataFrame, wanted: Filter) -> pd.DataFrame:
    """The rows that a filter lets through, those that the detectors disagree on most first."""
    kept = np.ones(len(table), bool)
    for column in ("dataset", "method", "outcome"):
        value = getattr(wanted, column)
        if value != ANY:
            kept &= (table[column] == value).to_numpy(bool)
    if wanted.quality != ANY:
        kept &= _of_quality(table, wanted.quality)
    if wanted.disagreement > 0:
        kept &= (table["disagreement"] >= wanted.disagreement).to_numpy(bool)
    return table[kept].sort_values(
        ["disagreement", "video_id"], ascending=[False, True], na_position="last"
    )


def _of_quality(table: pd.DataFrame, quality: str) -> Bool[np.ndarray, "video"]:
    if quality == REMARK:
        return (table["problem"] != "").to_numpy(bool)
    if quality == SEVERAL:
        return (table["other_faces"] > 0).to_numpy(bool)
    column = "side" if quality == SMALL else "sharpness"
    limits = table.groupby("dataset")[column].transform(lambda own: own.quantile(TENTH))
    return (table[column] <= limits).to_numpy(bool)


def timeline(stored: Stored, video: str) -> pd.DataFrame:
    """Fake probabilities of one video: a row per frame, a column per scorer of frames.

    Where a frame has several faces, the highest counts, as in pooling.
    """
    own = stored.frames[stored.frames["video_id"] == video]
    logits = own.pivot(index="frame", columns="detector", values="fake_logit")
    wide = logits.reindex(columns=stored.settings.framewise)
    return pd.DataFrame(expit(wide), index=wide.index, columns=wide.columns)


def band(stored: Stored, dataset: str) -> Band:
    """The middle nine tenths of a data set's real test crops, ring by ring."""
    nothing = np.full(spectrum.RINGS, np.nan)
    facts = stored.manifest
    wanted = (facts["dataset"] == dataset) & (facts["split"] == "test") & ~facts["label"]
    reals = set(facts.loc[wanted, "video_id"])
    try:
        rings = checkout.rings(stored, dataset, sorted(reals), spectrum.RINGS)
    except FileNotFoundError as error:
        return Band(nothing, nothing, f"no band of reals: {error}")
    rings = rings[np.isfinite(rings).all(axis=1)]
    if len(rings) < FEWEST:
        why = f"no band of reals from {len(rings)} crops, fewer than {FEWEST}"
        return Band(nothing, nothing, why)
    low, high = np.quantile(rings, MIDDLE, axis=0)
    return Band(low, high, f"grey: the middle 90 % of {len(rings)} crops of real test videos")


def rings_of(png: bytes) -> Float64[np.ndarray, "ring"]:
    """A crop's azimuthal mean spectrum, as the table frequency holds it."""
    grey = treatments.grey(stored_crops.decode(png))
    return np.asarray(spectrum.features(grey[None])[0, : spectrum.RINGS], np.float64)


class Votes(NamedTuple):
    """How many of the detectors that scored a video call it fake."""

    fake: int
    scored: int


def votes(stored: Stored, video: str, threshold: float) -> Votes:
    """The consensus of the detectors."""
    rows = said(stored, video)
    own = rows[rows["scorer"].isin(stored.settings.detectors)].dropna(subset="fake_prob")
    return Votes(int((own["fake_prob"] > threshold).sum()), len(own))


def said(stored: Stored, video: str) -> pd.DataFrame:
    """What every scorer says of one video, in the order of params.yaml."""
    rows = stored.videos[stored.videos["video_id"] == video].set_index("scorer")
    return rows.reindex(stored.settings.scorers).reset_index()


def frames(stored: Stored, video: str) -> pd.DataFrame:
    """The stored crops of one video."""
    dataset = str(checkout.one(stored.manifest, video)["dataset"])
    return checkout.crops(stored, dataset, video)


def methods(stored: Stored, dataset: str) -> list[str]:
    """Manipulations of a data set, or of all; reals first."""
    facts = stored.manifest
    own = facts if dataset == ANY else facts[facts["dataset"] == dataset]
    return [tables.REAL, *sorted(set(own["method"]) - {tables.REAL})]
