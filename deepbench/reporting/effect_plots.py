"""Figure of a few telling frequency features: their distributions, and how far fakes lie apart."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepbench.core import tables
from deepbench.reporting.drawing import PALETTE, STYLE, empty
from deepbench.reporting.spectrum_plots import ALL, methods, said, treatments

TITLES = {
    "fft.high_frequency_ratio": "energy beyond 60 cycles per crop",
    "fft.entropy": "entropy within rings",
    "dct.energy_compaction": "DCT energy in the lowest 4 x 4",
}
MOST_DOTS = 60  # videos: beyond, the box says it


def lines(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Method and treatment of each line of the figure, from the top."""
    manipulations = [(method, "") for method in methods(rows)]
    return [*manipulations, *((tables.REAL, name) for name in treatments(rows))]


def line_name(method: str, treatment: str) -> str:
    """What a line of the figure or table is called."""
    return f"reals, {treatment}" if treatment else said(method)


@mpl.rc_context(STYLE)
def summaries(rows: pd.DataFrame, values: pd.DataFrame) -> Figure:
    """Per feature the videos' values by manipulation, and Cohen's d against the reals.

    `rows` are those of table spectra and `values` those of table summaries, of one data set.
    """
    if values["value"].isna().all():
        return empty("no test video has these features")
    shown = lines(rows)
    names = ["real", *(line_name(*one) for one in shown)]
    each = 0.34 + 0.17 * len(names)
    high = each * len(TITLES) + 0.55
    figure = Figure(figsize=(6.4, high), layout="constrained")
    panels = figure.subplots(len(TITLES), 2, sharey=True)
    for (left, right), (feature, title) in zip(panels, TITLES.items(), strict=True):
        _values(left, values[values["feature"] == feature], shown)
        _effects(right, rows[rows["feature"] == feature], shown)
        left.set_title(title, fontsize=8.5, loc="left", pad=3)
        left.set_yticks(range(len(names)), names, fontsize=7.5)
        left.set_ylim(len(names) - 0.4, -0.6)
    panels[-1, 0].set_xlabel("value of a video (dots), quartiles, median", fontsize=8)
    panels[-1, 1].set_xlabel("Cohen's d against reals (hollow: no interval)", fontsize=8)
    return figure


def _values(axes: Axes, values: pd.DataFrame, shown: list[tuple[str, str]]) -> None:
    """Quartiles, 5 to 95 % and median per manipulation, and its videos if they are few."""
    fakes = values[values["method"] != tables.REAL]
    groups = {0: values[values["method"] == tables.REAL]}
    for place, (method, treatment) in enumerate(shown, 1):
        if not treatment:
            groups[place] = fakes if method == ALL else fakes[fakes["method"] == method]
    known = {place: own["value"].dropna().to_numpy(float) for place, own in groups.items()}
    drawn = {place: own for place, own in known.items() if len(own)}
    places = list(drawn)
    low, first, median, third, high = np.array(
        [np.quantile(own, [0.05, 0.25, 0.5, 0.75, 0.95]) for own in drawn.values()]
    ).reshape(-1, 5).T  # fmt: skip
    axes.hlines(places, low, high, color="#9a9a9a", linewidth=0.9)
    axes.hlines(places, first, third, color="#c9c9c9", linewidth=6)
    axes.plot(median, places, "|", color="black", markersize=8, markeredgewidth=1.6)
    for colour, own in ((PALETTE[0], [0]), (PALETTE[1], places[1:])):
        few = [place for place in own if place in drawn and len(drawn[place]) <= MOST_DOTS]
        if few:
            across = np.concatenate([drawn[place] for place in few])
            up = np.repeat(few, [len(drawn[place]) for place in few])
            axes.plot(across, up, ".", color=colour, markersize=3, alpha=0.8)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.locator_params(axis="x", nbins=5)


def _effects(axes: Axes, rows: pd.DataFrame, shown: list[tuple[str, str]]) -> None:
    """Points with their intervals; hollow where there is none."""
    axes.axvline(0, color="#767676", linewidth=0.8, linestyle=":")
    places = {one: place for place, one in enumerate(shown, 1)}
    own = rows.assign(
        place=[places[key] for key in zip(rows["method"], rows["treatment"], strict=True)],
        treated=rows["treatment"] != "",
        bare=rows["effect_low"].isna(),
    )
    for treated, colour, marker in ((False, PALETTE[1], "o"), (True, "black", "s")):
        kind = own[own["treated"] == treated]
        axes.hlines(kind["place"], kind["effect_low"], kind["effect_high"], color=colour)
        for bare, filling in ((False, colour), (True, "white")):
            part = kind[kind["bare"] == bare]
            axes.plot(
                part["effect"], part["place"], marker, color=colour, markersize=4,
                markerfacecolor=filling,
            )  # fmt: skip
    axes.tick_params(axis="x", labelsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=5)
