"""Grad-CAM pictures: a crop beside the same crop under its map, and mean maps.

`maps` always holds rows of the table `gradcam`.
"""

import io
from typing import NamedTuple

import cv2
import matplotlib as mpl
import numpy as np
import pandas as pd
from jaxtyping import Float32, UInt8
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from PIL import Image
from scipy.special import expit

from deepbench.reporting.crosstab import Row, records
from deepbench.reporting.drawing import STYLE, empty

Rgb = UInt8[np.ndarray, "h w 3"]
Map = Float32[np.ndarray, "grid grid"]

IMAGE, COLOUR = 0.6, 0.4  # shares of the crop and of the map's colour
WIDE = 6.4  # inches
DPI, QUALITY = 110, 80
LEGEND = 0.5  # inches below the panels


class Panel(NamedTuple):
    """A picture under its title."""

    rgb: Rgb
    title: str


def jet(saliency: Float32[np.ndarray, "h w"]) -> Rgb:
    """Blue for 0 over green and yellow to red for 1."""
    levels = np.rint(saliency * 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_JET)
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2RGB), np.uint8)


def overlay(rgb: Rgb, saliency: Map) -> Rgb:
    """0.6 of the crop and 0.4 of the colour of its map, made as large as the crop."""
    h, w = rgb.shape[:2]
    large = cv2.resize(saliency, (w, h), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    mixed = IMAGE * rgb.astype(np.float64) + COLOUR * jet(large).astype(np.float64)
    return np.asarray(np.rint(mixed), np.uint8)


def square(row: Row) -> Map:
    """The map of a row of the table."""
    return np.asarray(row["map"], np.float32).reshape(row["grid"], row["grid"])


def crop(row: Row) -> Rgb:
    """The picture of a row of the table."""
    with Image.open(io.BytesIO(row["picture"])) as opened:
        return np.asarray(opened.convert("RGB"))


def sheet(maps: pd.DataFrame) -> Figure:
    """Each crop beside its overlay, under its method, outcome and fake probability."""
    panels = []
    for row in records(maps):
        picture, saliency = crop(row), square(row)
        constant = bool(np.isnan(saliency).any())
        shown = picture if constant else overlay(picture, saliency)
        title = (
            f"{row['method']}: {row['outcome']}\nfake probability {expit(row['fake_logit']):.3f}"
        )
        if constant:
            title += ", constant map"
        panels.append(Panel(np.hstack([picture, shown]), title))
    return _panels(panels, 3) if panels else empty("no crop was explained")


def means(maps: pd.DataFrame) -> Figure:
    """Mean maps over mean crops, per data set, method and outcome; constant maps have no part."""
    constant = np.array([np.isnan(cells).any() for cells in maps["map"]], bool)
    known = maps[~constant]
    panels = []
    for (dataset, method, outcome), own in known.groupby(["dataset", "method", "outcome"]):
        rows = records(own)
        picture = np.rint(np.mean([crop(row) for row in rows], axis=0)).astype(np.uint8)
        saliency = np.asarray(np.mean([square(row) for row in rows], axis=0), np.float32)
        title = f"{dataset}\n{method}\n{outcome}, n {len(rows)}"
        panels.append(Panel(overlay(picture, saliency), title))
    return _panels(panels, 6) if panels else empty("no crop has a map")


@mpl.rc_context(STYLE)
def _panels(panels: list[Panel], columns: int) -> Figure:
    """Pictures of one size in a grid, above the legend of the colours."""
    rows = -(-len(panels) // columns)
    across = WIDE / columns
    h, w = panels[0].rgb.shape[:2]
    text = 0.13 * (1.4 + panels[0].title.count("\n"))
    down = 0.94 * across * h / w + text
    high = rows * down + LEGEND
    figure = Figure(figsize=(WIDE, high))
    for place, (rgb, title) in enumerate(panels):
        row, column = divmod(place, columns)
        left, top = (column + 0.03) * across, row * down
        box = (left / WIDE, 1 - (top + down) / high, 0.94 * across / WIDE, (down - text) / high)
        axes = figure.add_axes(box)
        axes.imshow(rgb, interpolation="antialiased", aspect="auto")
        axes.axis("off")
        figure.text(box[0], box[1] + box[3] + 0.03 / high, title, fontsize=6.8, va="bottom")
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    high = figure.get_figheight()
    axes = figure.add_axes((0.3, 0.33 / high, 0.4, 0.08 / high))
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    colours = ListedColormap(jet(ramp)[0] / 255)
    bar = figure.colorbar(ScalarMappable(cmap=colours), cax=axes, orientation="horizontal")
    bar.set_ticks([0, 0.5, 1])
    bar.ax.tick_params(labelsize=7, length=2, pad=1)
    bar.outline.set_visible(False)
    figure.text(0.28, 0.37 / high, "counts least", fontsize=7, ha="right", va="center")
    figure.text(0.72, 0.37 / high, "counts most", fontsize=7, ha="left", va="center")


def jpeg(figure: Figure) -> bytes:
    """A figure as JPEG, several times smaller than as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="jpeg", dpi=DPI, pil_kwargs={"quality": QUALITY})
    return buffer.getvalue()
