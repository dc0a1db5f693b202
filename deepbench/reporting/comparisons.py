"""The report's sections on which differences are more than chance, and on unseen data sets."""

from typing import NamedTuple

import pandas as pd

from deepbench.reporting import html
from deepbench.reporting.crosstab import Axis, Row, crosstab, difference, more, noted, records
from deepbench.reporting.inputs import Inputs, scorers
from deepbench.reporting.scoreboard import ALL, title


class Pairs(NamedTuple):
    """How many pairs of scorers differ, and every pair of each data set."""

    summary: html.Table
    datasets: dict[str, html.Table]


def pairs(inputs: Inputs) -> Pairs:
    """Every pair of scorers over all manipulations of a data set, per metric."""
    table = inputs.analyses.comparisons.pairs
    table = table[table["method"] == ALL]
    table = table.assign(
        pair=table["scorer"] + " minus " + table["other"], metric_title=table["metric"].map(title)
    )
    names = inputs.settings.datasets
    groups = {str(name): own for name, own in table.groupby("dataset", sort=False)}
    return Pairs(
        crosstab(
            "Pairs of scorers that differ",
            differing(inputs).assign(shown=lambda counts: counts["metric"].map(title)),
            Axis("dataset", "Data set", inputs.settings.datasets),
            Axis("shown"),
            _counted,
        ),
        {
            name: crosstab(
                f"{name}: differences per video",
                groups[name],
                Axis("pair", "Scorers"),
                Axis("metric_title"),
                _pair,
            )
            for name in names
            if name in groups
        },
    )


def _pair(row: Row) -> html.Cell:
    shown = difference(row)
    if shown.undefined:
        return shown
    return more(
        shown, tested(row), f"DeLong's {delong}" if (delong := html.p(row["p_delong"])) else ""
    )


def tested(row: Row) -> str:
    """The corrected p of a row in words; nothing where the row's note says why there is none."""
    found = html.p(row["p_holm"])
    return f"corrected {found}" if found else ""


def differing(inputs: Inputs) -> pd.DataFrame:
    """How many pairs of each data set and metric differ by a corrected p."""
    table = inputs.analyses.comparisons.pairs
    limit = 1 - inputs.settings.results.interval
    counted = table[table["method"] == ALL].assign(
        tested=table["p_holm"].notna(), found=table["p_holm"] < limit
    )
    return counted.groupby(["dataset", "metric"], sort=False, as_index=False).agg(
        pairs=("p_holm", "size"), tested=("tested", "sum"), found=("found", "sum")
    )


def _counted(row: Row) -> html.Cell:
    if not row["tested"]:
        return html.Cell(f"none of {row['pairs']} could be tested", undefined=True)
    untested = row["pairs"] - row["tested"]
    small = (f"{untested} more could not be tested",) if untested else ()
    return html.Cell(f"{row['found']} of {row['tested']}", small, value=float(row["found"]))


def transfer(inputs: Inputs) -> dict[str, html.Table]:
    """Per metric and home: the value at home, and what is lost on each data set not trained on."""
    table = inputs.analyses.comparisons.transfer
    found = {}
    for keys, own in table.groupby(["metric", "home"], sort=False):
        metric, home = map(str, keys)
        caption = f"{title(metric)} away from {home}"
        found[caption] = _away(inputs, own, home, caption)
    return found


def _away(inputs: Inputs, own: pd.DataFrame, home: str, caption: str) -> html.Table:
    shown = crosstab(
        caption,
        own,
        Axis("scorer", "Scorer", scorers(inputs)),
        Axis("dataset", values=inputs.settings.datasets),
        _drop,
    )
    at_home = {row["scorer"]: html.share(row["value_home"]) for row in records(own)}
    rows = [[line[0], at_home[line[0].text], *line[1:]] for line in shown.rows]
    return html.Table(caption, ["Scorer", f"On {home}", *shown.columns[1:]], rows)


def _drop(row: Row) -> html.Cell:
    """The value away, and below it the change with its interval."""
    away = html.share(row["value_away"])
    change = difference(row)
    if change.undefined:
        return html.Cell(change.text, undefined=True)
    return noted(more(away, " ".join((change.text, *change.small))), change)
