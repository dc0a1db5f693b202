"""Step `comparisons`: scorers tested against each other, and data sets against each other."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import logit
from tqdm import tqdm

from deepbench.core import findings, params, tables
from deepbench.statistics import comparisons, intervals
from deepbench.statistics.intervals import Draws, Sample
from deepbench.statistics.metrics import DECISIONS, METRICS, Labels, Logits, Metric, Values, Weights

ALL_METHODS = "all"


class Compared(NamedTuple):
    """The tables comparisons and ranks."""

    comparisons: pd.DataFrame
    ranks: pd.DataFrame


class Cell(NamedTuple):
    """All scorers' scores of one data set and method, NaN where a scorer has none."""

    dataset: str
    method: str
    logits: Float[np.ndarray, "scorer video"]
    sample: Sample


class Worth(NamedTuple):
    """What a scorer is worth on one data set."""

    plain: dict[str, float]  # by metric
    replicates: dict[str, Values]
    labels: Labels
    note: str  # why there are no replicates


def compare(manifest: pd.DataFrame, videos: pd.DataFrame, settings: params.Params) -> Compared:
    """Paired tests of all pairs of scorers on the test split, and the ranks that follow.

    Raises:
        ValueError: the table videos has other scorers than the settings.
    """
    draws = Draws(settings.results.replicates, settings.results.interval, settings.seed)
    names, measures = settings.scorers, _measures(settings)
    rows: list[dict[str, object]] = []
    places: list[dict[str, object]] = []
    for cell in tqdm(list(_cells(manifest, videos, names)), desc="comparisons", unit="cell"):
        where: dict[str, object] = {"dataset": cell.dataset, "method": cell.method}
        family = comparisons.compare(measures, cell.logits, cell.sample, draws)
        rows += [where | _row(found, names) for found in family]
        by_metric = {name: list(of) for name, of in groupby(family, key=lambda row: row.metric)}
        for metric in measures:
            ranks = comparisons.ranks(by_metric.get(metric, []), len(names), draws)
            places += [
                where | {"metric": metric, "scorer": name} | _place(rank, names)
                for name, rank in zip(names, ranks, strict=True)
            ]
    return Compared(
        tables.from_rows(findings.COMPARISONS, rows), tables.from_rows(findings.RANKS, places)
    )


def _cells(manifest: pd.DataFrame, videos: pd.DataFrame, names: list[str]) -> Iterator[Cell]:
    """Every data set over all methods and, if it has several, per manipulation."""
    if (there := set(videos["scorer"])) != set(names):
        msg = (
            f"table videos has the scorers {sorted(there)}, params.yaml names {sorted(names)}; "
            "make it anew: dvc repro"
        )
        raise ValueError(msg)
    table = tables.labelled(manifest, videos, "test")
    for dataset, scores in table.groupby("dataset"):
        logits = scores.pivot(index="video_id", columns="scorer", values="fake_logit")[names]
        facts = scores.drop_duplicates("video_id").set_index("video_id").loc[logits.index]
        methods = sorted(set(facts["method"]) - {tables.REAL})
        for method in [ALL_METHODS, *(methods if len(methods) > 1 else [])]:
            chosen = facts["method"].isin([tables.REAL, method]) | (method == ALL_METHODS)
            mine = facts[chosen]
            sample = Sample(mine["label"].to_numpy(bool), mine["cluster_id"].to_numpy(str))
            yield Cell(str(dataset), method, logits[chosen].to_numpy(np.float64).T, sample)


def _measures(settings: params.Params) -> dict[str, Metric]:
    """The metrics of the settings; decisions are made at the threshold of the settings."""
    threshold = float(logit(settings.results.threshold))

    def at_threshold(metric: Metric) -> Metric:
        def shifted(labels: Labels, logits: Logits, weights: Weights) -> Values:
            return metric(labels, logits - threshold, weights)

        return shifted

    known = METRICS | {name: at_threshold(metric) for name, metric in DECISIONS.items()}
    return {name: known[name] for name in settings.comparisons.metrics}


def _row(found: comparisons.Comparison, names: list[str]) -> dict[str, object]:
    scorer, other = (names[i] for i in found.pair)
    return found._asdict() | found.difference._asdict() | {"scorer": scorer, "other": other}


def _place(rank: comparisons.Rank, names: list[str]) -> dict[str, object]:
    note = rank.note
    if not note and rank.untested:
        note = f"not compared with {', '.join(names[i] for i in rank.untested)}"
    return {"rank": rank.rank, "tied": ", ".join(names[i] for i in rank.tied), "note": note}


def training_sets(runs: list[dict[str, Any]], settings: params.Params) -> dict[str, set[str]]:
    """The data sets that each scorer was trained on, an ensemble on those of its members.

    `runs` are the facts that the step scores wrote beside its tables. What scores from elsewhere
    were trained on is not known: they and ensembles with them are left out.
    """
    known = {run["detector"]: set(run["trained_on"]) for run in runs}
    return known | {
        name: set().union(*(known[member] for member in ensemble.members))
        for name, ensemble in settings.videos.ensembles.items()
        if set(ensemble.members) <= known.keys()
    }


def transfer(
    manifest: pd.DataFrame,
    videos: pd.DataFrame,
    settings: params.Params,
    trained_on: Mapping[str, set[str]],
) -> pd.DataFrame:
    """Each scorer on data it was trained on, on data it was not, and the difference."""
    names = [name for name in settings.scorers if trained_on.get(name)]
    cells = [c for c in _cells(manifest, videos, settings.scorers) if c.method == ALL_METHODS]
    place = {name: row for row, name in enumerate(settings.scorers)}
    rows: list[dict[str, object]] = []
    for name in tqdm(names, desc="transfer", unit="scorer"):
        homes = [cell.dataset for cell in cells if cell.dataset in trained_on[name]]
        if len(homes) in (0, len(cells)):
            continue
        worth = {cell.dataset: _worth(cell, place[name], settings) for cell in cells}
        rows += [
            {"scorer": name, "metric": metric, "home": home, "dataset": away}
            | _drop(metric, worth[home], worth[away], settings.results.interval)
            for metric in settings.comparisons.metrics
            for home in homes
            for away in sorted(worth.keys() - trained_on[name])
        ]
    return tables.from_rows(findings.TRANSFER, rows)


def _worth(cell: Cell, scorer: int, settings: params.Params) -> Worth:
    scored = ~np.isnan(cell.logits[scorer])
    labels, clusters = cell.sample.labels[scored], cell.sample.clusters[scored]
    logits, measures = cell.logits[scorer, scored], _measures(settings)

    def statistics(weights: Weights) -> dict[str, Values]:
        return {name: metric(labels, logits, weights) for name, metric in measures.items()}

    plain = statistics(np.ones((1, len(labels))))
    note = intervals.why_no_interval(Sample(labels, clusters))
    # data sets share no videos, so none may share its draws with another of the same size
    rng = np.random.default_rng([settings.seed, *cell.dataset.encode()])
    replicates = settings.results.replicates
    return Worth(
        {name: float(value[0]) for name, value in plain.items()},
        {} if note else intervals.bootstrap(statistics, clusters, replicates, rng),
        labels,
        note and f"{cell.dataset}: {note}",
    )


def _drop(metric: str, home: Worth, away: Worth, level: float) -> dict[str, object]:
    at_home, elsewhere = home.plain[metric], away.plain[metric]
    low = high = np.nan
    note = "; ".join(filter(None, [home.note, away.note]))
    # a loss on one class alone is not comparable with one on both
    comparable = all(0 < worth.labels.sum() < len(worth.labels) for worth in (home, away))
    with np.errstate(invalid="ignore"):  # two infinite log-losses have no difference
        value = np.subtract(elsewhere, at_home) if comparable else np.nan
        if not note and not np.isnan(value):
            drawn = away.replicates[metric] - home.replicates[metric]
            low, high = intervals.percentile(drawn, level)
    return {
        "value_home": at_home,
        "value_away": elsewhere,
        "value": float(value),
        "low": low,
        "high": high,
        "n_real": int((~away.labels).sum()),
        "n_fake": int(away.labels.sum()),
        "note": note or "undefined on these videos" * bool(np.isnan(value)),
    }
