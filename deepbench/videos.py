"""Step `videos`: from frames to videos and from detectors to ensembles, losing no video."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Shaped
from scipy.special import expit

from deepbench.core import blocks, params, tables
from deepbench.statistics import ensembles, pooling


def pool(
    manifest: pd.DataFrame,
    ledger: pd.DataFrame,
    faces: pd.DataFrame,
    scores: pd.DataFrame,
    settings: params.Params,
    reasons: Mapping[str, str],
) -> pd.DataFrame:
    """One row per video and scorer of crops; without a score it is NaN with the ledger's reason.

    Where faces were found but not scored, `reasons` may tell why, by scorer.
    """
    frames = pooling.by_frame(scores, faces)
    pooled = pooling.by_video(frames, settings.videos.pooling).set_index(["detector", "video_id"])
    everything = pd.MultiIndex.from_product(
        [settings.framewise, manifest["video_id"]], names=["detector", "video_id"]
    )
    table = pooled.reindex(everything).reset_index().rename(columns={"detector": "scorer"})
    table = table.merge(ledger[["video_id", "problem"]], on="video_id", how="left")
    unexplained = table["fake_logit"].isna() & (table["problem"].fillna("") == "")
    silent = [reasons.get(scorer) or "its faces have no score" for scorer in table["scorer"]]
    table["problem"] = table["problem"].fillna("").where(~unexplained, silent)
    table["frames_used"] = table["frames_used"].fillna(0).astype("int32")
    return _finish(table)


def combine(pooled: pd.DataFrame, manifest: pd.DataFrame, settings: params.Params) -> pd.DataFrame:
    """One row per video and ensemble; `pooled` holds detectors and scores from elsewhere.

    Of the manifest's labels, an ensemble rule gets those of the development split only.
    """
    wide = {
        column: pooled.pivot(index="video_id", columns="scorer", values=column)
        for column in ("fake_logit", "frames_used", "problem")
    }
    parts = []
    for name, ensemble in settings.videos.ensembles.items():
        mine = {column: table[ensemble.members] for column, table in wide.items()}
        known = development(mine["fake_logit"], manifest, settings.development)
        part = _fuse(mine, ensemble, known, settings.videos.min_detectors)
        parts.append(part.assign(scorer=name))
    return _finish(pd.concat(parts)) if parts else tables.from_rows(tables.VIDEOS, [])


def _fuse(
    mine: dict[str, pd.DataFrame],
    ensemble: blocks.Ensemble,
    known: ensembles.Development,
    needed: int,
) -> pd.DataFrame:
    """One ensemble's rows out of its members' columns."""
    weights = np.array([ensemble.weights[m] for m in ensemble.members], dtype=np.float64)
    logits = mine["fake_logit"].to_numpy(np.float64)
    fake = ensembles.ENSEMBLES[ensemble.rule](logits, weights, known)
    lost = np.isnan(logits)
    fake[(~lost).sum(axis=1) < needed] = np.nan
    why = ensembles.unlearnable(ensemble.rule, weights, known)
    why = why or ensembles.WHY_NAN.get(ensemble.rule, "")
    said = mine["problem"].to_numpy(object)
    part = {
        "video_id": mine["fake_logit"].index,
        "fake_logit": fake,
        "frames_used": mine["frames_used"].max(axis=1).to_numpy("int32"),
        "problem": _problems(said, lost, np.where(np.isnan(fake), why, ""), needed),
    }
    return pd.DataFrame(part)


def development(
    logits: pd.DataFrame, manifest: pd.DataFrame, dataset: str
) -> ensembles.Development:
    """What a rule may learn from: scores and labels of the val split of one data set.

    `logits` has a row per video_id and a column per member. Without a data set there is nothing.
    """
    chosen = manifest[(manifest["dataset"] == dataset) & (manifest["split"] == "val")]
    rows = logits.reindex(chosen["video_id"])
    return ensembles.Development(rows.to_numpy(np.float64), chosen["label"].to_numpy(bool))


def _problems(
    said: Shaped[np.ndarray, "video member"],
    lost: Bool[np.ndarray, "video member"],
    why: Shaped[np.ndarray, "video"],
    needed: int,
) -> list[str]:
    """The sentence of each of an ensemble's rows."""
    # most videos lost nothing, and nothing befell them
    quiet = (said == "").all(axis=1) & ~lost.any(axis=1) & (why == "")
    sentences = [""] * len(said)
    for video in np.flatnonzero(~quiet):
        sentences[video] = _problem(said[video], lost[video], str(why[video]), needed)
    return sentences


def _problem(
    said: Shaped[np.ndarray, "member"], lost: Bool[np.ndarray, "member"], why: str, needed: int
) -> str:
    """What the rule lacks, then how many members are missing and why the first is."""
    count = int((~lost).sum())
    short = f"{count} of {len(lost)} detectors scored it"
    if count < needed:
        return f"{short}, {needed} are needed: {said[lost][0]}"
    # what befell the video, as frames without a face, befell every detector alike
    befell = f"{short}: {said[lost][0]}" if lost.any() else next(filter(None, said), "")
    return "; ".join(filter(None, [why, befell]))


def _finish(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(fake_prob=expit(table["fake_logit"].to_numpy(np.float64)))
    table = table.sort_values(["scorer", "video_id"], ignore_index=True)
    return table[list(tables.VIDEOS.columns)]
