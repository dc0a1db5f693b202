"""Figures of latency: throughput by batch size, and AUC against time per frame."""

import matplotlib as mpl
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from deepbench.reporting.drawing import PALETTE, STYLE, empty, grid, label, line

MARKERS = "osD^vPX*"
APART = 1.06  # scorers of equal cost would hide one another


@mpl.rc_context(STYLE)
def throughput(batches: pd.DataFrame) -> Figure:
    """Crops per second against batch size, a line per detector; rows of timings.LATENCY."""
    if batches.empty:
        return empty("no batches were timed")
    figure = Figure(figsize=(4.6, 3.3), layout="constrained")
    axes = figure.subplots()
    for place, (detector, own) in enumerate(batches.groupby("detector", sort=False)):
        own = own.sort_values("items")
        axes.plot(
            own["items"], own["per_second"], label=str(detector), marker=MARKERS[place % 8],
            markersize=4, linewidth=1.4, **line(place),
        )  # fmt: skip
    sizes = sorted(set(batches["items"]))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sizes, [f"{size}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    _decades(axes.yaxis, batches["per_second"])
    axes.set(xlabel="crops per batch", ylabel="crops per second")
    axes.grid(visible=True, which="major", color="#e3e6ea", linewidth=0.6)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def _decades(axis: Axis, values: pd.Series) -> None:
    """Plain numbers along a logarithmic axis; more than powers of ten if there are few of those."""
    axis.set_major_formatter(FuncFormatter(_plain))
    few = values.max() < 20 * values.min()
    axis.set_minor_locator(LogLocator(subs=(2, 5) if few else ()))
    axis.set_minor_formatter(FuncFormatter(_plain))


def _plain(value: float, place: int) -> str:
    return f"{value:,g}" if value < 1e6 else f"{value:.0e}"


@mpl.rc_context(STYLE)
def price(bought: pd.DataFrame) -> Figure:
    """AUC with its interval against milliseconds per frame, a panel per data set.

    `bought` has `dataset`, `scorer`, `ms`, `value`, `low` and `high`.
    """
    known = bought.dropna(subset=["ms", "value"])
    if known.empty:
        return empty("no scorer has both an AUC and a measured time")
    scorers = list(dict.fromkeys(known["scorer"]))
    style = {
        name: (MARKERS[place % len(MARKERS)], PALETTE[place % len(PALETTE)])
        for place, name in enumerate(scorers)
    }
    groups = known.groupby("dataset", sort=False)
    legend = 0.2 * -(-len(scorers) // 4)
    figure, panels = grid(len(groups), 2, 2.2, 0.75 + legend)
    for axes, (dataset, own) in zip(panels, groups, strict=True):
        for row, x in zip(own.to_dict("records"), _apart(own["ms"].tolist()), strict=True):
            marker, colour = style[row["scorer"]]
            axes.plot(x, row["value"], marker, color=colour, markersize=5, label=row["scorer"])
            # nothing is drawn where an end is NaN
            axes.vlines(x, row["low"], row["high"], color=colour, linewidth=1)
        axes.set_xscale("log")
        _decades(axes.xaxis, known["ms"])
        axes.set_title(str(dataset), fontsize=8.5, loc="left")
    handles = {n: h for a in panels for h, n in zip(*a.get_legend_handles_labels(), strict=True)}
    high = figure.get_figheight()
    figure.legend(
        handles.values(), handles.keys(), loc="lower center", ncols=4, fontsize=8,
        bbox_to_anchor=(0.5, 0.24 / high),
    )  # fmt: skip
    label(figure, "milliseconds per frame", "AUC per video")
    return figure


def _apart(places: list[float]) -> list[float]:
    """Places of which equal ones are moved beside each other."""
    seen: dict[float, int] = {}
    found = []
    for x in places:
        key = float(f"{x:.3g}")
        found.append(x * APART ** seen.get(key, 0))
        seen[key] = seen.get(key, 0) + 1
    return found
