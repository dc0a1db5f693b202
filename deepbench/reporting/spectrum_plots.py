"""Figures of what sets fakes apart in frequency; rows are those of one data set.

Frequencies are in cycles per pixel of the crop as it was analysed, 224 pixels a side: 0.5 is the
highest that a grid of pixels holds.
"""

from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepbench.core import tables
from deepbench.reporting.drawing import PALETTE, STYLE, empty, line

RINGS = 128  # of the radial spectrum, up to 0.5 cycles per pixel
ALL = "all"
FREQUENCY = "frequency in cycles per pixel"
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 5, 10, 20, 50, 100)
# how treated reals are drawn: black, told apart by their dashes
STROKES: tuple[Any, ...] = (":", (0, (4, 2)), "-.", (0, (7, 2)), (0, (4, 1, 1, 1, 1, 1)))
GREY = "#767676"


class Radial(NamedTuple):
    """One line of the radial spectrum, with its band."""

    frequency: Float[np.ndarray, "ring"]
    value: Float[np.ndarray, "ring"]
    low: Float[np.ndarray, "ring"]
    high: Float[np.ndarray, "ring"]

    @property
    def outside(self) -> Float[np.ndarray, "some"]:
        """Frequencies at which the band of a difference excludes 0."""
        return self.frequency[(self.low > 0) | (self.high < 0)]


def radial_line(rows: pd.DataFrame, method: str, treatment: str, column: str) -> Radial:
    """A column of table spectra (real, fake, difference) along the rings."""
    own = rows[(rows["method"] == method) & (rows["treatment"] == treatment)]
    own = own[own["feature"].str.startswith("fft.radial.")]
    ring = own["feature"].str.rpartition(".")[2].astype(int).to_numpy()
    own = own.iloc[np.argsort(ring)]
    values = (own[name].to_numpy(float) for name in (column, f"{column}_low", f"{column}_high"))
    return Radial((np.sort(ring) + 0.5) / (2 * RINGS), *values)


def methods(rows: pd.DataFrame) -> list[str]:
    """All fakes, then each manipulation where there are several."""
    return list(dict.fromkeys(rows.loc[rows["treatment"] == "", "method"]))


def treatments(rows: pd.DataFrame) -> list[str]:
    """What was done to reals."""
    return [name for name in dict.fromkeys(rows["treatment"]) if name]


def said(method: str) -> str:
    """A method as figures call it."""
    return "all fakes" if method == ALL else method


@mpl.rc_context(STYLE)
def radial(rows: pd.DataFrame) -> Figure:
    """Mean radial spectra of reals and fakes with bands, and their ratio per manipulation."""
    shown = methods(rows)
    real, fake = (radial_line(rows, ALL, "", column) for column in ("real", "fake"))
    if np.isnan(real.value).all() or np.isnan(fake.value).all():
        return empty("no spectra to compare without both real and fake test videos")
    columns = min(3, len(shown))
    down = -(-len(shown) // columns)
    high = 2.3 + 1.55 * down
    figure = Figure(figsize=(6.4, high))
    edges = {"left": 0.72 / 6.4, "right": 1 - 0.12 / 6.4}
    top = figure.add_gridspec(1, 1, top=1 - 0.12 / high, bottom=1 - 1.75 / high, **edges)
    _both(figure.add_subplot(top[0, 0]), real, fake)
    below = figure.add_gridspec(
        down, columns, top=1 - 2.25 / high, bottom=0.5 / high, wspace=0.12, hspace=0.45, **edges
    )
    lines = [radial_line(rows, method, "", "difference") for method in shown]
    widest = np.nanmax([np.nanmax(np.abs([o.value, o.low, o.high])) for o in map(_known, lines)])
    limit = float(np.exp(max(0.1, 1.08 * widest)))
    for place, (method, one) in enumerate(zip(shown, lines, strict=True)):
        panel = figure.add_subplot(below[place // columns, place % columns])
        _ratio(panel, one, limit)
        panel.set_title(f"{said(method)} / real", fontsize=8.5, loc="left", pad=3)
        panel.tick_params(labelleft=place % columns == 0, labelsize=8)
    figure.text(0.5, 0.06 / high, FREQUENCY, ha="center", fontsize=8.5)
    return figure


def _both(axes: Axes, real: Radial, fake: Radial) -> None:
    """The spectra themselves, with their bands."""
    looks = ((real, "real", PALETTE[0], "-"), (fake, "all fakes", PALETTE[1], "--"))
    for one, name, colour, dashes in looks:
        axes.fill_between(one.frequency, one.low, one.high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(one.frequency, one.value, label=name, color=colour, linestyle=dashes)
    axes.set(xlim=(0, 0.5), ylabel="mean ln(1 + |F|)")
    axes.legend(loc="upper right", fontsize=8)


def _known(one: Radial) -> Radial:
    """With the line itself where there is no band."""
    low, high = (np.where(np.isnan(end), one.value, end) for end in (one.low, one.high))
    return one._replace(low=low, high=high)


def _ratio(axes: Axes, one: Radial, limit: float) -> None:
    """The ratio of magnitudes, its band, and a mark at every frequency where that excludes 1."""
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
    colour = PALETTE[1]
    axes.fill_between(
        one.frequency, np.exp(one.low), np.exp(one.high), color=colour, alpha=0.25, linewidth=0
    )
    axes.plot(one.frequency, np.exp(one.value), color=colour, linewidth=1.2)
    marks = one.outside
    axes.vlines(marks, 0, 0.06, color="black", linewidth=1, transform=axes.get_xaxis_transform())
    axes.set_xlim(0, 0.5)
    axes.set_xticks([0, 0.25, 0.5], ["0", "0.25", "0.5"])
    _log(axes, 1 / limit, limit)


def _log(axes: Axes, low: float, high: float) -> None:
    """A scale for ratios, with few enough ticks to be read."""
    axes.set(yscale="log", ylim=(low, high))
    kept = [1.0]
    for tick in sorted(TICKS, key=lambda tick: abs(np.log(tick))):
        apart = min(abs(np.log(tick / other)) for other in kept)
        if low <= tick <= high and apart > 0.12 * np.log(high / low):
            kept.append(tick)
    axes.set_yticks(kept, [f"{tick:g}" for tick in kept])
    axes.set_yticks([], minor=True)


@mpl.rc_context(STYLE)
def alone(rows: pd.DataFrame) -> Figure:
    """Ratios to untreated reals: of each manipulation, and of reals compressed or shrunk."""
    shown = methods(rows)
    several = [method for method in shown if method != ALL] or shown
    lines = {
        said(m): (radial_line(rows, m, "", "difference"), line(n)) for n, m in enumerate(several)
    }
    for place, name in enumerate(treatments(rows)):
        stroke = {"color": "black", "linestyle": STROKES[place % len(STROKES)]}
        lines[f"reals, {name}"] = (radial_line(rows, tables.REAL, name, "difference"), stroke)
    drawn = {name: found for name, found in lines.items() if not np.isnan(found[0].value).all()}
    if not drawn:
        return empty("no spectra to compare with")
    figure = Figure(figsize=(6.4, 3.0 + 0.2 * -(-len(drawn) // 3)), layout="constrained")
    axes = figure.subplots()
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
    for name, (one, style) in drawn.items():
        axes.plot(one.frequency, np.exp(one.value), label=name, linewidth=1.3, **style)
    ends = np.array([(np.nanmin(one.value), np.nanmax(one.value)) for one, _ in drawn.values()])
    low, high = min(-0.1, ends[:, 0].min() - 0.05), max(0.1, ends[:, 1].max() + 0.05)
    _log(axes, float(np.exp(low)), float(np.exp(high)))
    axes.set(xlim=(0, 0.5), xlabel=FREQUENCY, ylabel="magnitude / that of reals")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure
