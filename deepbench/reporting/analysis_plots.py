"""Figures of the tables behind the results: calibration, abstention, weights, sensitivity."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepbench.reporting.drawing import PALETTE, STYLE, empty, grid, label, line

VARIANTS = {"as scored": (PALETTE[0], "o", "-"), "scaled": (PALETTE[1], "s", "--")}
GREY = "#8c8c8c"


@mpl.rc_context(STYLE)
def reliability(bins: pd.DataFrame) -> Figure:
    """Share of fakes against fake probability, a panel per scorer, with intervals.

    `bins` are rows of findings.RELIABILITY of one data set.
    """
    groups = bins.groupby("scorer", sort=False)
    if not len(groups):
        return empty("no bins: too few scored test videos")
    figure, panels = grid(len(groups), 3, 2.0)
    for axes, (scorer, group) in zip(panels, groups, strict=True):
        axes.plot([0, 1], [0, 1], color="#767676", linewidth=1, linestyle=":")
        for variant, (colour, marker, dashes) in VARIANTS.items():
            own = group[group["variant"] == variant].sort_values("fake_prob")
            share = own["share_fake"].to_numpy(float)
            ends = np.abs(own[["low", "high"]].to_numpy(float).T - share)
            axes.errorbar(
                own["fake_prob"], share, yerr=ends, color=colour, marker=marker, markersize=3,
                linestyle=dashes, linewidth=1.2, elinewidth=0.6,
            )  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.set_title(str(scorer), fontsize=8.5, loc="left")
    across = "mean fake probability of a bin (as scored: blue dots; scaled: orange squares, dashed)"
    label(figure, across, "share of fakes")
    return figure


@mpl.rc_context(STYLE)
def abstention(rows: pd.DataFrame) -> Figure:
    """Error rate among the decided videos against their share; rows of findings.ABSTENTION."""
    if rows["error_rate"].isna().all():
        return empty("no curve: no error rate is defined")
    figure = Figure(figsize=(4.6, 3.2 + 0.19 * rows["scorer"].nunique()), layout="constrained")
    axes = figure.subplots()
    for place, (scorer, group) in enumerate(rows.groupby("scorer", sort=False)):
        own = group.sort_values("coverage")
        axes.plot(
            own["coverage"], own["error_rate"], label=str(scorer), marker=".", markersize=4,
            linewidth=1.4, **line(place),
        )  # fmt: skip
    axes.set(
        xlim=(0, 1.02),
        ylim=(0, None),
        xlabel="share of videos decided, the surest first",
        ylabel="error rate among them",
    )
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


@mpl.rc_context(STYLE | {"path.simplify": False})  # which would drop lines of no length
def simplex(points: pd.DataFrame) -> Figure:
    """AUC against the weight of each detector, every grid point a dot, a panel per detector.

    `points` are rows of findings.SIMPLEX of one data set and split.
    """
    known = points.dropna(subset="auc")
    if known.empty:
        return empty("no map: the AUC is not defined on these videos")
    groups = known.groupby("detector", sort=False)
    figure, panels = grid(len(groups), 2, 2.2)
    bottom, top = known["auc"].min(), known["auc"].max()
    margin = 0.03 + 0.05 * (top - bottom)
    for axes, (detector, group) in zip(panels, groups, strict=True):
        for flat, colour, size in ((False, GREY, 2.4), (True, PALETTE[0], 3.2)):
            own = group[group["flat"] == flat]
            _dots(axes, own, size, colour)
        best = group.iloc[int(group["auc"].argmax())]
        axes.plot(
            best["weight"], best["auc"], marker="D", markersize=5, color="none",
            markeredgecolor=PALETTE[1], markeredgewidth=1.4,
        )  # fmt: skip
        axes.set(xlim=(-0.04, 1.04), ylim=(bottom - margin, min(top + margin, 1.03)))
        axes.set_title(f"weight of {detector}", fontsize=8.5, loc="left")
    across = "weight (blue: not told apart from the best; grey: worse; orange diamond: the best)"
    label(figure, across, "AUC")
    return figure


def _dots(axes: Axes, points: pd.DataFrame, size: float, colour: str) -> None:
    """Dots as lines of no length with round ends: a third of the bytes of markers in SVG."""
    xy = points[["weight", "auc"]].to_numpy(float)
    ends = np.stack([xy, xy, np.full_like(xy, np.nan)], axis=1).reshape(-1, 2)
    (line,) = axes.plot(ends[:, 0], ends[:, 1], color=colour, linewidth=size)
    line.set_solid_capstyle("round")
    line.get_path()  # made now, while nothing is simplified


@mpl.rc_context(STYLE)
def sensitivity(rows: pd.DataFrame) -> Figure:
    """The metric against each varied choice, a panel per factor, a line per scorer.

    `rows` are those of findings.SENSITIVITY of one data set and metric.
    """
    if rows["value"].isna().all():
        return empty("no figure: the metric is not defined on these videos")
    groups = rows.groupby("factor", sort=False)
    legend = 0.2 * -(-rows["scorer"].nunique() // 4)
    columns = 2
    high = 2.6 * -(-len(groups) // columns) + legend
    figure = Figure(figsize=(6.4, high))
    panels = figure.subplots(-(-len(groups) // columns), columns, squeeze=False, sharey=True)
    figure.subplots_adjust(
        left=0.62 / 6.4, right=1 - 0.12 / 6.4, top=1 - 0.3 / high, bottom=(0.75 + legend) / high,
        wspace=0.08, hspace=0.6,
    )  # fmt: skip
    for axes in panels.ravel()[len(groups) :]:
        axes.set_visible(False)
    for axes, (factor, group) in zip(panels.ravel(), groups, strict=False):
        _factor(axes, group)
        axes.set_title(str(factor), fontsize=9, loc="left")
    panels[0, 0].set_ylim(rows["value"].min() - 0.03, min(rows["value"].max() + 0.03, 1.03))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=8)
    figure.text(0.1 / 6.4, 0.5, _metric(rows), va="center", rotation=90, fontsize=8.5)
    return figure


def _metric(rows: pd.DataFrame) -> str:
    return "AUC" if set(rows["metric"]) == {"auc"} else "value"


def _factor(axes: Axes, group: pd.DataFrame) -> None:
    settings = group.drop_duplicates("place").sort_values("place")
    at = {place: x for x, place in enumerate(settings["place"])}
    for n, (scorer, own) in enumerate(group.groupby("scorer", sort=False)):
        own = own.sort_values("place")
        axes.plot(
            own["place"].map(at), own["value"], label=str(scorer), marker=".", markersize=5,
            linewidth=1.3, **line(n),
        )  # fmt: skip
    # "smallest third: up to 81 px" on three lines
    names = [name.replace(" third", "\nthird").replace(": ", ":\n") for name in settings["setting"]]
    slanted = len(names) > 5
    axes.set_xlim(-0.4, len(names) - 0.6)
    axes.set_xticks(range(len(names)), names, fontsize=7.5, rotation=25 if slanted else 0)
