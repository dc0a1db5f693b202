"""Step `calibration`: thresholds and temperatures of the development split, and their worth.

Only the validation split of one data set chooses them; they are then used as they are, on every
test split. `fit` is given nothing else, so that no test label can reach them. Intervals say how
sure their worth on a data set is; that other development videos would have chosen otherwise is not
in them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped
from scipy.special import expit, logit
from tqdm import tqdm

from deepbench.core import findings, params, tables
from deepbench.statistics import calibration, intervals, metrics
from deepbench.statistics.calibration import Temperature, Threshold

DEVELOPMENT, TEST = "val", "test"
AS_SCORED, SCALED = "as scored", "scaled"
LOSSES = ("ece", "log_loss", "brier")
COVERAGES = np.arange(1, 11) / 10
IN_SAMPLE = "in-sample: the threshold was chosen on these videos"
PRINTABLE = 14.0  # log-odds; beyond, a probability is 0 or 1 to six digits
Row = dict[str, object]


class Fit(NamedTuple):
    """What one scorer learnt from the development split."""

    thresholds: dict[str, Threshold]
    temperature: Temperature


class Cell(NamedTuple):
    """The scored videos of one scorer in one split of one data set."""

    scorer: str
    dataset: str
    split: str
    labels: Bool[np.ndarray, "video"]
    logits: Float[np.ndarray, "video"]
    clusters: Shaped[np.ndarray, "video"]


class Calibrated(NamedTuple):
    """The tables of this step."""

    thresholds: pd.DataFrame
    calibration: pd.DataFrame
    reliability: pd.DataFrame
    abstention: pd.DataFrame


def fit(development: list[Cell], settings: params.Params) -> dict[str, Fit]:
    """Thresholds and temperature of each scorer, from development videos only."""
    fixed = settings.results.threshold
    rates = list(dict.fromkeys(settings.calibration.false_positive_rates))
    return {
        cell.scorer: Fit(
            {f"{fixed:g}": Threshold(float(logit(fixed)), "")}
            | calibration.thresholds(cell.labels, cell.logits, rates),
            calibration.temperature(cell.labels, cell.logits),
        )
        for cell in development
    }


def calibrate(manifest: pd.DataFrame, videos: pd.DataFrame, settings: params.Params) -> Calibrated:
    """Fit on the development split, and use what was fitted on every test split."""
    scorers = sorted(set(videos["scorer"]))
    home = manifest[manifest["dataset"] == settings.development]
    development = list(_cells(home, videos, DEVELOPMENT, scorers, [settings.development]))
    # without such videos there is nothing to tell of them
    in_sample = development if (home["split"] == DEVELOPMENT).any() else []
    names = list(dict.fromkeys(manifest.loc[manifest["split"] == TEST, "dataset"]))
    test = list(_cells(manifest, videos, TEST, scorers, names))
    fits = fit(development, settings)
    kinds = (findings.THRESHOLDS, findings.CALIBRATION, findings.RELIABILITY, findings.ABSTENTION)
    rows: dict[str, list[Row]] = {kind.name: [] for kind in kinds}
    for cell in tqdm([*in_sample, *test], desc="calibration", unit="cell"):
        mine = fits[cell.scorer]
        found = _estimates(cell, mine, settings)
        rows["thresholds"] += _thresholds(cell, mine, found)
        if cell.split == TEST:
            rows["calibration"] += _calibration(cell, mine, found)
            rows["reliability"] += _reliability(cell, mine, settings)
            rows["abstention"] += _abstention(cell)
    return Calibrated(*(tables.from_rows(kind, rows[kind.name]) for kind in kinds))


def _cells(
    manifest: pd.DataFrame,
    videos: pd.DataFrame,
    split: str,
    scorers: list[str],
    datasets: list[str],
) -> Iterator[Cell]:
    """One cell per data set and scorer, also where nothing was scored."""
    known = tables.labelled(manifest, videos, split).dropna(subset="fake_logit")
    for dataset in datasets:
        for scorer in scorers:
            items = known[(known["dataset"] == dataset) & (known["scorer"] == scorer)]
            yield Cell(
                scorer,
                dataset,
                split,
                items["label"].to_numpy(bool),
                items["fake_logit"].to_numpy(np.float64),
                items["cluster_id"].to_numpy(str),
            )


def _variants(cell: Cell, mine: Fit) -> dict[str, Float[np.ndarray, "video"]]:
    """Log-odds as scored and, if there is a temperature, scaled; nothing of development."""
    if cell.split == DEVELOPMENT:
        return {}
    scale = mine.temperature.value
    scaled = {} if np.isnan(scale) else {SCALED: cell.logits / scale}
    return {AS_SCORED: cell.logits} | scaled


def _estimates(cell: Cell, mine: Fit, settings: params.Params) -> dict[str, intervals.Estimate]:
    """All estimates of one cell, named `<criterion> <metric>` and `<variant> <metric>`.

    One bootstrap for all: its draws cost as much as the metrics.
    """
    chosen = {name: t.logit for name, t in mine.thresholds.items() if not np.isnan(t.logit)}

    def statistics(weights: calibration.Weights) -> dict[str, calibration.Values]:
        values: dict[str, calibration.Values] = {}
        for criterion, threshold in chosen.items():
            called = cell.logits > threshold
            point = calibration.operating_point(cell.labels, called, weights)
            values |= {f"{criterion} {name}": value for name, value in point.items()}
        for variant, logits in _variants(cell, mine).items():
            for name in LOSSES:
                values[f"{variant} {name}"] = metrics.METRICS[name](cell.labels, logits, weights)
        return values

    asked = settings.results
    draws = intervals.Draws(asked.replicates, asked.interval, settings.seed)
    return intervals.estimate(statistics, intervals.Sample(cell.labels, cell.clusters), draws)


def _estimated(cell: Cell, found: intervals.Estimate | None, notes: list[str]) -> Row:
    """The columns of an estimate; NaN where what it rests on was not fitted, as `notes` tell."""
    value, low, high, note = found[:4] if found else (np.nan, np.nan, np.nan, "")
    return {
        "value": value,
        "low": low,
        "high": high,
        "n_real": int((~cell.labels).sum()),
        "n_fake": int(cell.labels.sum()),
        "note": "; ".join(filter(None, [note, *notes])),
    }


def _thresholds(cell: Cell, mine: Fit, found: dict[str, intervals.Estimate]) -> Iterator[Row]:
    for place, (criterion, (at, note)) in enumerate(mine.thresholds.items()):
        notes = [note]
        if abs(at) > PRINTABLE:
            notes.append(f"threshold in log-odds: {at:.6g}")
        # the first is the fixed one
        if cell.split == DEVELOPMENT and place and not np.isnan(at):
            notes.append(IN_SAMPLE)
        for metric in calibration.RATES:
            yield {
                "scorer": cell.scorer,
                "criterion": criterion,
                "threshold": float(expit(at)),
                "dataset": cell.dataset,
                "split": cell.split,
                "metric": metric,
            } | _estimated(cell, found.get(f"{criterion} {metric}"), notes)


def _calibration(cell: Cell, mine: Fit, found: dict[str, intervals.Estimate]) -> Iterator[Row]:
    for variant, scale in ((AS_SCORED, Temperature(1.0, "")), (SCALED, mine.temperature)):
        for metric in LOSSES:
            yield {
                "scorer": cell.scorer,
                "dataset": cell.dataset,
                "variant": variant,
                "temperature": scale.value,
                "metric": metric,
            } | _estimated(cell, found.get(f"{variant} {metric}"), [scale.note])


def _reliability(cell: Cell, mine: Fit, settings: params.Params) -> Iterator[Row]:
    """The diagrams' bins; none of a variant without a temperature: table calibration says why."""
    wanted, level = settings.calibration.bins, settings.results.interval
    for variant, logits in _variants(cell, mine).items():
        bins = calibration.reliability(cell.labels, logits, wanted, level)
        for number, values in enumerate(zip(*bins, strict=True)):
            keys = {"scorer": cell.scorer, "dataset": cell.dataset, "variant": variant}
            yield keys | {"bin": number} | dict(zip(bins._fields, values, strict=True))


def _abstention(cell: Cell) -> Iterator[Row]:
    """Of scores as they are: a temperature changes neither their order nor their side of 0.5."""
    found = calibration.abstention(cell.labels, cell.logits, COVERAGES)
    for coverage, *values in zip(COVERAGES, *found, strict=True):
        keys = {"scorer": cell.scorer, "dataset": cell.dataset, "coverage": coverage}
        yield keys | dict(zip(found._fields, values, strict=True))
