"""The report's section on Grad-CAM: maps beside the figures that say what they are worth."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit

from deepbench.reporting import html, overlays
from deepbench.reporting.crosstab import Axis, Row, crosstab, records
from deepbench.reporting.html import Picture

ALL = "all"
ALIGNED = ("aligned", "dlib")  # crops in which eyes and mouth have their places

READING = (
    "A map shows on which places of a crop the evidence for a class rests, in this network and in "
    "this crop: red counts most, blue least. It is coarse: one cell of the network's last layer "
    "covers many pixels. It is scaled within each crop, so two maps do not tell which score rests "
    "on stronger evidence."
)
NOT_READING = (
    "A map does not show what was forged. A detector may rest on compression, background or hair, "
    "and be right or wrong; a red mouth is no proof that the mouth was changed, a blue one none "
    "that it was not. Maps of demo weights, which know the pack's manipulations, say nothing of "
    "others."
)
CHECKS = {
    "deletion": "Deletion: lower than by chance if the map finds what the score rests on",
    "insertion": "Insertion: higher than by chance if it does",
    "randomised": "Same map from random weights: near 0 if the map shows what was learnt",
    "pointing": "Peak within the mask: above chance if the detector rests on changed pixels",
    "iou": "IoU with the mask: likewise",
}
METHOD = (
    "Deletion: the mean probability of the class while the crop is blurred place by place, most "
    "important first; insertion: while it comes back into the blurred crop. Chance is the same in "
    "random order. Random weights: rank correlation of the map with that of the same network whose "
    "weights were all drawn anew. Masks: where the data set says that pixels were changed; chance "
    "is the mask's share of the crop, and for IoU as many places drawn at random. Crops are few, "
    "and lie evenly from the lowest to the highest score of their method."
)


class Explained(NamedTuple):
    """One detector."""

    counts: str
    checks: html.Table
    sheets: dict[str, Picture]  # by data set
    means: Picture | None
    no_means: str  # why there are no mean maps, or nothing


class Section(NamedTuple):
    """What gradcam.html shows."""

    detectors: dict[str, Explained]
    reading: str = READING
    not_reading: str = NOT_READING
    method: str = METHOD


def section(maps: pd.DataFrame, checks: pd.DataFrame, crop: str) -> Section:
    """Figures, contact sheets and mean maps of every detector; `crop` is the crop protocol."""
    found = {}
    for name, own in maps.groupby("detector", sort=False):
        detector = str(name)
        sheets = {str(d): _sheet(part) for d, part in own.groupby("dataset", sort=False)}
        aligned = crop in ALIGNED
        found[detector] = Explained(
            counts(own),
            table(checks[checks["detector"] == detector]),
            sheets,
            _means(own) if aligned else None,
            "" if aligned else f"No mean maps: crops {crop!r} do not lay faces over one another.",
        )
    return Section(found)


def table(checks: pd.DataFrame) -> html.Table:
    """What the maps of one detector are worth, per data set and check."""
    shown = checks.assign(title=checks["check"].map(CHECKS))
    detector = str(checks["detector"].iloc[0]) if len(checks) else "no detector"
    first = Axis("dataset", "Data set", [ALL])
    return crosstab(
        f"{detector}: what its maps are worth",
        shown,
        first,
        Axis("title", values=list(CHECKS.values())),
        _cell,
    )


def _cell(row: Row) -> html.Cell:
    if np.isnan(row["value"]):
        return html.Cell(row["note"], undefined=True)
    lines = (
        f"by chance {html.number(row['chance'])}",
        f"difference {html.signed(row['difference'])}",
        row["note"] or html.interval(row["low"], row["high"]),
        f"n {row['n']}" + (f", {row['n_without']} without" if row["n_without"] else ""),
    )
    return html.Cell(html.number(row["value"]), lines, value=row["value"])


def counts(maps: pd.DataFrame) -> str:
    """How many crops were explained, and what was wrong with some."""
    told = [f"{len(maps)} crops of {maps['video_id'].nunique()} videos."]
    problems = maps.loc[maps["problem"] != "", "problem"]
    told += [f"{n} of them: {problem}." for problem, n in problems.value_counts().items()]
    return " ".join(told)


def metrics(checks: pd.DataFrame, detector: str, dataset: str) -> dict[str, float]:
    """The finite figures of a detector on a data set, or on `all`, by name, for MLflow."""
    own = checks[(checks["detector"] == detector) & (checks["dataset"] == dataset)]
    found = {
        f"gradcam_{row['check']}{suffix}": float(row[column])
        for row in records(own)
        for column, suffix in (("value", ""), ("difference", "_against_chance"))
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _sheet(own: pd.DataFrame) -> Picture:
    told = [
        f"{row['method']}, {row['outcome']}, fake probability {expit(row['fake_logit']):.3f}: "
        f"{_where(row)}."
        for row in records(own)
    ]
    where = f"{own['detector'].iloc[0]} on {own['dataset'].iloc[0]}"
    alt = f"Face crops, each beside its Grad-CAM map of {where}. " + " ".join(told)
    return html.photograph(overlays.jpeg(overlays.sheet(own)), alt)


def _means(own: pd.DataFrame) -> Picture:
    detector = own["detector"].iloc[0]
    alt = f"Mean Grad-CAM maps of {detector} per data set, method and outcome, over mean crops."
    return html.photograph(overlays.jpeg(overlays.means(own)), alt)


def _where(row: Row) -> str:
    """In which ninth of the crop a map is highest."""
    saliency = overlays.square(row)
    if np.isnan(saliency).any():
        return "its map is constant"
    y, x = np.unravel_index(saliency.argmax(), saliency.shape)
    side = row["grid"]
    down = ("top", "middle", "bottom")[int(3 * (y + 0.5) / side)]
    across = ("left", "centre", "right")[int(3 * (x + 0.5) / side)]
    return f"highest at the {down} {across}"
