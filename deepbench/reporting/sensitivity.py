"""The report's section on what a figure owes to frames, pooling, face size and sharpness."""

from typing import NamedTuple

import pandas as pd

from deepbench.reporting import analysis_plots, html
from deepbench.reporting.crosstab import Axis, crosstab, estimate
from deepbench.reporting.html import Picture
from deepbench.reporting.inputs import Inputs, scorers
from deepbench.reporting.scoreboard import title


class Varied(NamedTuple):
    """One data set: a figure, and a table per varied choice."""

    picture: Picture
    tables: list[html.Table]


def varied(inputs: Inputs) -> dict[str, Varied]:
    """Per data set, the metric by each varied choice."""
    table = inputs.analyses.sensitivity
    order = scorers(inputs)
    table = table.sort_values("scorer", key=lambda names: names.map(order.index), kind="stable")
    found = {}
    for name in inputs.settings.datasets:
        own = table[table["dataset"] == name]
        if len(own):
            # one metric is on the page: the first, which is the AUC
            own = own[own["metric"] == own["metric"].iloc[0]]
            found[name] = _varied(name, own)
    return found


def _varied(dataset: str, own: pd.DataFrame) -> Varied:
    metric = title(str(own["metric"].iloc[0]))
    factors = list(dict.fromkeys(own["factor"]))
    alt = (
        f"{metric} on {dataset} by {', '.join(factors)}, per scorer; the tables below hold it all."
    )
    tables = []
    for factor in factors:
        part = own[own["factor"] == factor].sort_values("place", kind="stable")
        settings = list(dict.fromkeys(part["setting"]))
        shown = crosstab(
            f"{dataset}: {metric} by {factor}",
            own[own["factor"] == factor],
            Axis("scorer", "Scorer"),
            Axis("setting", values=settings),
            estimate,
        )
        tables.append(shown)
    return Varied(html.picture(analysis_plots.sensitivity(own), alt), tables)
