"""The report's section on thresholds, probabilities and abstention."""

from typing import NamedTuple

import pandas as pd

from deepbench.reporting import analysis_plots, html
from deepbench.reporting.crosstab import Axis, Row, crosstab, estimate, more, noted, records
from deepbench.reporting.html import Picture
from deepbench.reporting.inputs import TEST, Inputs, scorers
from deepbench.reporting.scoreboard import title

PLAIN = "as scored"


def criterion_title(criterion: str) -> str:
    """What a threshold was chosen for, as the page says it."""
    known = {"eer": "equal error rate", "balanced_accuracy": "best balanced accuracy"}
    if criterion.startswith("fpr "):
        return f"FPR of {float(criterion.removeprefix('fpr ')) * 100:g} %"
    return known.get(criterion, f"fixed at {criterion}")


class Thresholds(NamedTuple):
    """What became of one criterion everywhere, and every criterion per data set."""

    criterion: str
    everywhere: html.Table
    places: dict[str, html.Table]


def thresholds(inputs: Inputs) -> Thresholds:
    """Real false positive rates of the thresholds that the development split chose."""
    table = inputs.analyses.calibration.thresholds
    rates = table[table["metric"] == "fpr"]
    criterion = _chosen(inputs, list(dict.fromkeys(table["criterion"])))
    test = rates[(rates["criterion"] == criterion) & (rates["split"] == TEST)]
    tpr = {_place(row): row for row in records(table[table["metric"] == "tpr"])}
    return Thresholds(
        criterion,
        crosstab(
            f"Real false positive rate; threshold by development: {criterion_title(criterion)}",
            test,
            Axis("scorer", "Scorer", scorers(inputs)),
            Axis("dataset", values=inputs.settings.datasets),
            estimate,
        ),
        {name: _per_criterion(inputs, name, own, tpr) for name, own in _places(inputs, rates)},
    )


def _chosen(inputs: Inputs, criteria: list[str]) -> str:
    """The most lenient false positive rate, which few reals resolve best; else the first."""
    asked = [f"fpr {rate:g}" for rate in sorted(inputs.settings.calibration.false_positive_rates)]
    found = [name for name in reversed(asked) if name in criteria]
    return found[0] if found else next(iter(criteria), "none")


def _place(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in ("scorer", "criterion", "dataset", "split"))


def _places(inputs: Inputs, rates: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The development split first, where thresholds were chosen; then every test split."""
    chosen = rates[rates["split"] != TEST]
    found = [(f"{inputs.settings.development}, where they were chosen", chosen)]
    for name in inputs.settings.datasets:
        found.append((name, rates[(rates["dataset"] == name) & (rates["split"] == TEST)]))
    return [(name, own) for name, own in found if len(own)]


def _per_criterion(
    inputs: Inputs, name: str, own: pd.DataFrame, tpr: dict[tuple[str, ...], Row]
) -> html.Table:
    def cell(row: Row) -> html.Cell:
        shown = estimate(row)
        if shown.undefined:
            return shown
        hits = estimate(tpr[_place(row)])
        found = f"undefined: {hits.text}" if hits.undefined else " ".join((hits.text, *hits.small))
        return noted(more(shown, f"TPR {found}", f"above {row['threshold']:.3g}"), hits)

    return crosstab(
        f"{name}: false positive rate by criterion",
        own.assign(criterion_title=own["criterion"].map(criterion_title)),
        Axis("scorer", "Scorer", scorers(inputs)),
        Axis("criterion_title"),
        cell,
    )


def errors(inputs: Inputs) -> dict[str, html.Table]:
    """Per metric of calibration, each scorer on each data set as scored and scaled."""
    table = inputs.analyses.calibration.figures
    temperature = dict(zip(table["scorer"], table["temperature"], strict=True))
    found = {}
    for metric, own in table.groupby("metric", sort=False):
        scaled = {
            (row["scorer"], row["dataset"]): estimate(row)
            for row in records(own[own["variant"] != PLAIN])
        }
        shown = crosstab(
            f"{title(str(metric))} per video, as scored and scaled",
            own[own["variant"] == PLAIN],
            Axis("scorer", "Scorer", scorers(inputs)),
            Axis("dataset", values=inputs.settings.datasets),
            lambda row, scaled=scaled: _both(estimate(row), scaled[row["scorer"], row["dataset"]]),  # type: ignore[misc]
        )
        rows = [[line[0], html.share(temperature[line[0].text]), *line[1:]] for line in shown.rows]
        columns = [shown.columns[0], "Temperature", *shown.columns[1:]]
        found[str(metric)] = html.Table(shown.caption, columns, rows)
    return found


def _both(plain: html.Cell, scaled: html.Cell) -> html.Cell:
    if plain.undefined:
        return plain
    if scaled.undefined:
        return more(plain, f"scaled: {scaled.text}")
    return noted(more(plain, " ".join(("scaled", scaled.text, *scaled.small))), scaled)


def pictures(inputs: Inputs) -> dict[str, list[Picture]]:
    """Reliability diagrams and abstention curves per data set."""
    own = inputs.analyses.calibration
    order = scorers(inputs)
    found = {}
    for name in inputs.settings.datasets:
        bins, rows = (_of(table, name, order) for table in (own.reliability, own.abstention))
        decided = rows[rows["coverage"] == 1]
        told = "; ".join(f"{r['scorer']} {_rate(r['error_rate'])}" for r in records(decided))
        found[name] = [
            html.picture(
                analysis_plots.reliability(bins),
                f"Reliability diagrams on {name}: share of fakes against fake probability in bins "
                "of equally many videos, per scorer, as scored and scaled.",
            ),
            html.picture(
                analysis_plots.abstention(rows),
                f"Error rate on {name} when only the surest videos are decided. "
                f"With all decided: {told or 'no scorer'}.",
            ),
        ]
    return found


def _rate(value: float) -> str:
    return html.share(value).text


def _of(table: pd.DataFrame, dataset: str, order: list[str]) -> pd.DataFrame:
    own = table[table["dataset"] == dataset]
    return own.sort_values("scorer", key=lambda names: names.map(order.index), kind="stable")
