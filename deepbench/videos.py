"""Step `videos`: from frames to videos and from detectors to ensembles, losing no video."""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Shaped
from scipy.special import expit

from deepbench.core import params, plugins, tables
from deepbench.statistics.ensembles import ENSEMBLES
from deepbench.statistics.pooling import POOLS


def pool(
    manifest: pd.DataFrame,
    ledger: pd.DataFrame,
    scores: pd.DataFrame,
    detectors: list[str],
    rule: str,
) -> pd.DataFrame:
    """One row per video and detector; a video without a score is NaN with the ledger's reason.

    Where a frame has several scored faces, the highest counts: one forged face makes a forgery.
    """
    if rule not in POOLS:
        raise ValueError(plugins.unknown("pooling rule", rule, list(POOLS)))
    frames = scores.groupby(["detector", "video_id", "frame"], sort=True)["fake_logit"].max()
    by_video = frames.astype(np.float64).groupby(level=["detector", "video_id"])
    logit = by_video.agg(lambda x: POOLS[rule](x.to_numpy()))
    pooled = pd.DataFrame({"fake_logit": logit, "frames_used": by_video.size()})
    everything = pd.MultiIndex.from_product(
        [detectors, manifest["video_id"]], names=["detector", "video_id"]
    )
    table = pooled.reindex(everything).reset_index().rename(columns={"detector": "scorer"})
    table = table.merge(ledger[["video_id", "problem"]], on="video_id", how="left")
    unexplained = table["fake_logit"].isna() & (table["problem"].fillna("") == "")
    table["problem"] = table["problem"].fillna("").mask(unexplained, "its faces have no score")
    table["frames_used"] = table["frames_used"].fillna(0).astype("int32")
    return _finish(table)


def combine(pooled: pd.DataFrame, settings: params.Videos) -> pd.DataFrame:
    """One row per video and ensemble of the weighted detectors."""
    wide = {
        column: pooled.pivot(index="video_id", columns="scorer", values=column)
        for column in ("fake_logit", "frames_used", "problem")
    }
    parts = []
    for name, weights in settings.ensembles.items():
        members = [detector for detector, weight in weights.items() if weight > 0]
        mine = {column: table.reindex(columns=members) for column, table in wide.items()}
        logits = mine["fake_logit"].to_numpy()
        weight = np.array([weights[m] for m in members], dtype=np.float64)
        fake = ENSEMBLES[settings.rule](logits, weight)
        lost = np.isnan(logits)
        enough = (~lost).sum(axis=1) >= settings.min_detectors
        sentences = zip(mine["problem"].to_numpy(object), lost, strict=True)
        ensemble = {
            "video_id": wide["fake_logit"].index,
            "scorer": name,
            "fake_logit": np.where(enough, fake, np.nan),
            "frames_used": mine["frames_used"].max(axis=1).to_numpy("int32"),
            "problem": [_problem(said, gone, settings.min_detectors) for said, gone in sentences],
        }
        parts.append(pd.DataFrame(ensemble))
    return _finish(pd.concat(parts)) if parts else tables.from_rows(tables.VIDEOS, [])


def _problem(
    said: Shaped[np.ndarray, "detector"], lost: Bool[np.ndarray, "detector"], needed: int
) -> str:
    """The sentence of an ensemble's row: how many detectors are missing, and why the first is."""
    count = int((~lost).sum())
    short = f"{count} of {len(lost)} detectors scored it"
    if count < needed:
        short += f", {needed} are needed"
    if lost.any():
        return f"{short}: {said[lost][0]}"
    # what befell the video, as frames without a face, befell every detector alike
    return short if count < needed else str(said[0])


def _finish(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(fake_prob=expit(table["fake_logit"].to_numpy()))
    table = table.sort_values(["scorer", "video_id"], ignore_index=True)
    return table[list(tables.VIDEOS.columns)]
