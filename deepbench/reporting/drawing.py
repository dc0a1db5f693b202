"""What all figures share: colours, style, a grid of panels, and a sentence in place of a figure."""

from itertools import product
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito (2008): told apart with every kind of colour vision
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#595959",
    "legend.frameon": False,
}


class Grid(NamedTuple):
    """A figure and its visible panels, row by row."""

    figure: Figure
    panels: list[Axes]


def line(place: int) -> dict[str, Any]:
    """Colour and dashes of the n-th line of a figure, different for the first 28."""
    return {
        "color": PALETTE[place % len(PALETTE)],
        "linestyle": DASHES[place // len(PALETTE) % len(DASHES)],
    }


def grid(count: int, columns: int, height: float, below: float = 0.5) -> Grid:
    """So many panels with the same axes, each so many inches high, in a figure 6.4 inches wide.

    `below` is the room in inches for what stands under the panels.
    """
    rows = -(-count // columns)
    wide, high = 6.4, height * rows + below
    figure = Figure(figsize=(wide, high))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    # matplotlib's own layout draws everything twice more: too slow for pages of panels
    figure.subplots_adjust(
        left=0.62 / wide, right=1 - 0.12 / wide, top=1 - 0.32 / high, bottom=below / high,
        wspace=0.16, hspace=0.5 / (height - 0.33),
    )  # fmt: skip
    places = list(product(range(rows), range(columns)))
    for place in places[count:]:
        axes[place].set_visible(False)
        axes[place[0] - 1, place[1]].tick_params(labelbottom=True)
    return Grid(figure, [axes[place] for place in places[:count]])


def label(figure: Figure, across: str, up: str) -> None:
    """What the axes of all panels are, at the bottom and the left edge."""
    high = figure.get_figheight()
    figure.text(0.5, 0.07 / high, across, ha="center", va="bottom", fontsize=8.5)
    figure.text(0.1 / 6.4, 0.5, up, ha="left", va="center", rotation=90, fontsize=8.5)


def empty(sentence: str) -> Figure:
    """A figure that says why there is none."""
    figure = Figure(figsize=(4, 1), layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    axes.text(0.5, 0.5, sentence, ha="center", va="center", fontsize=9)
    return figure
