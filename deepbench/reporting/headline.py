"""The report's first figures: AUC per scorer and data set, ranks, bounds, widths of intervals."""

import math
import statistics
from typing import NamedTuple

from deepbench.reporting import html
from deepbench.reporting.crosstab import Axis, Row, crosstab, more, records
from deepbench.reporting.inputs import Inputs, scorers, trained_on
from deepbench.reporting.scoreboard import ALL, Key, Results, cell, counts, index

TRAINED, CHANCE = "†", "°"
METRIC = "auc"
Ranks = dict[tuple[str, str, str], Row]  # scorer, data set, method


def table(inputs: Inputs) -> html.Table:
    """AUC per video of every scorer on every data set."""
    results, datasets, standing = index(inputs.results), inputs.settings.datasets, ranks(inputs)
    rows = []
    for scorer in scorers(inputs):
        keys = [Key(scorer, dataset) for dataset in datasets]
        rows.append(html.row(scorer, *(_cell(inputs, results, key, standing) for key in keys)))
    return html.Table("AUC per video, test split", ["Scorer", *datasets], rows)


def _cell(inputs: Inputs, results: Results, key: Key, standing: Ranks) -> html.Cell:
    shown, found = cell(results, key), results.get(key)
    if found is None:
        return shown
    if shown.undefined:
        return more(shown, counts(found))
    marks = TRAINED if key.dataset in trained_on(inputs, key.scorer) else ""
    marks += CHANCE if found.low <= 0.5 <= found.high else ""
    shown = more(shown, rank(standing.get((key.scorer, key.dataset, ALL))), counts(found))
    return shown._replace(text=shown.text + marks)


def ranks(inputs: Inputs) -> Ranks:
    """Ranks by AUC for look-ups; empty where params.yaml asks for no comparison of AUCs."""
    own = inputs.analyses.comparisons.ranks
    return {
        (row["scorer"], row["dataset"], row["method"]): row
        for row in records(own[own["metric"] == METRIC])
    }


def rank(row: Row | None) -> str:
    """A rank in words; nothing where there is no such row."""
    if row is None:
        return ""
    if row["rank"] == 0:
        return "not ranked"
    tied = [name for name in row["tied"].split(",") if name.strip()]
    return f"rank {row['rank']}, tied with {len(tied)}" if tied else f"rank {row['rank']}, no tie"


def ties(inputs: Inputs) -> html.Table:
    """Who cannot be told apart from whom, by AUC over all manipulations."""
    own = inputs.analyses.comparisons.ranks
    return crosstab(
        "Rank by AUC, and the scorers that it cannot be told apart from",
        own[(own["metric"] == METRIC) & (own["method"] == ALL)],
        Axis("scorer", "Scorer", scorers(inputs)),
        Axis("dataset", values=inputs.settings.datasets),
        _tied,
    )


def _tied(row: Row) -> html.Cell:
    if row["rank"] == 0:
        return html.Cell(row["note"] or "not ranked", undefined=True)
    tied = [name.strip() for name in row["tied"].split(",") if name.strip()]
    below = f"tied with {', '.join(tied)}" if tied else "no tie"
    return html.Cell(str(row["rank"]), (below,), value=float(row["rank"]))


def bounds(inputs: Inputs) -> html.Table:
    """Between which AUCs the lost videos could have moved a figure, where any were lost."""
    results = index(inputs.results)
    lost = {key for key, found in results.items() if key in _own(results) and found.n_missing}
    datasets = [d for d in inputs.settings.datasets if any(key.dataset == d for key in lost)]
    rows = [
        html.row(scorer, *(_bound(results, Key(scorer, d), lost) for d in datasets))
        for scorer in scorers(inputs)
        if any(key.scorer == scorer for key in lost)
    ]
    return html.Table("AUC in the worst and in the best case", ["Scorer", *datasets], rows)


def _own(results: Results) -> set[Key]:
    """The keys of the headline."""
    return {key for key in results if key == Key(key.scorer, key.dataset)}


def _bound(results: Results, key: Key, lost: set[Key]) -> html.Cell:
    if key not in lost:
        return html.Cell("none lost")
    worst, best = (
        cell(results, key._replace(metric=f"auc_lost_{end}")) for end in ("worst", "best")
    )
    if worst.undefined or best.undefined:
        return html.Cell((worst if worst.undefined else best).text, undefined=True)
    below = f"{results[key].n_missing} lost"
    return html.Cell(f"{worst.text} to {best.text}", (below,), value=worst.value)


class Widths(NamedTuple):
    """Widths of the AUCs' intervals over those of independent videos; NaN without any."""

    median: float
    least: float
    most: float
    figures: int

    @property
    def sentence(self) -> str:
        """The same in words; empty without any."""
        if not self.figures:
            return ""
        return (
            f"The intervals of these AUCs are on median {self.median:.2f} times as wide as they "
            "would be if all videos were independent of one another "
            f"(from {self.least:.2f} to {self.most:.2f} times, {self.figures} figures)."
        )


def widths(inputs: Inputs) -> Widths:
    """How much wider the headline's intervals are than those of independent videos would be."""
    results = index(inputs.results)
    chosen = [results[key] for key in _own(results)]
    ratios = [
        (found.high - found.low) / (found.plain_high - found.plain_low)
        for found in chosen
        if math.isfinite(found.low) and found.plain_high > found.plain_low
    ]
    if not ratios:
        return Widths(math.nan, math.nan, math.nan, 0)
    return Widths(statistics.median(ratios), min(ratios), max(ratios), len(ratios))
