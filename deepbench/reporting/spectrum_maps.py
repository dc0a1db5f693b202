"""Figures of spectra with direction: the mean 2-D spectrum, and the block DCT."""

from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.figure import Figure

from deepbench.core import tables
from deepbench.reporting.drawing import STYLE, empty
from deepbench.reporting.spectrum_plots import ALL

SIZE, BLOCK = 224, 8  # pixels of a crop, and of a block of the DCT
SHADES = 25  # of pictures with thousands of values: a third of the bytes of a full scale


def plane(log_magnitude: Float[np.ndarray, "place"]) -> Float[np.ndarray, "112 112"]:
    """The whole spectrum with 0 in the middle, four neighbours as one, out of its stored half."""
    half = log_magnitude.reshape(SIZE, SIZE // 2 + 1)
    mirrored = np.roll(half[::-1], 1, axis=0)[:, SIZE // 2 - 1 : 0 : -1]
    whole = np.fft.fftshift(np.hstack([half, mirrored]))
    edge = SIZE // 2
    coarse: Float[np.ndarray, "112 112"] = whole.reshape(edge, 2, edge, 2).mean(axis=(1, 3))
    return coarse


@mpl.rc_context(STYLE)
def planes(means: pd.DataFrame) -> Figure:
    """Mean 2-D spectra of real and fake crops, and their difference; rows of mean_spectra."""
    real = means[means["method"] == tables.REAL]
    fake = means[means["method"] != tables.REAL]
    if real.empty or fake.empty:
        return empty("no spectra to compare without both real and fake test videos")
    first, second = (
        plane(np.average(np.stack(own["log_magnitude"].tolist()), axis=0, weights=own["n"]))
        for own in (real, fake)
    )
    difference = second - first
    figure = Figure(figsize=(6.4, 2.55), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    limit = float(np.abs(difference).max()) or 1.0
    for axes, picture, title, cmap, ends in (
        (panels[0], first, f"real, {real['n'].sum():,} crops", "viridis", (low, high)),
        (panels[1], second, f"fake, {fake['n'].sum():,} crops", "viridis", (low, high)),
        (panels[2], difference, "fake - real", "PuOr_r", (-limit, limit)),
    ):
        shown = axes.imshow(
            picture, cmap=mpl.colormaps[cmap].resampled(SHADES), vmin=ends[0], vmax=ends[1],
            extent=(-0.5, 0.5, 0.5, -0.5), interpolation="none",
        )  # fmt: skip
        axes.set_title(title, fontsize=8.5, loc="left")
        axes.set(xticks=[-0.5, 0, 0.5], yticks=[-0.5, 0, 0.5])
        bar = figure.colorbar(shown, ax=axes, location="bottom", shrink=0.9, aspect=22)
        bar.ax.tick_params(labelsize=7.5)
    panels[0].set_ylabel("cycles per pixel", fontsize=8.5)
    return figure


class Block(NamedTuple):
    """A value per position of an 8 x 8 block, NaN at DC; and where a band excludes no change."""

    real: Float[np.ndarray, "8 8"]
    ratio: Float[np.ndarray, "8 8"]
    sure: Float[np.ndarray, "8 8"]  # 1 or 0


def block(rows: pd.DataFrame, statistic: str) -> Block:
    """A DCT statistic of all fakes against reals by position: row and column of the block."""
    own = rows[(rows["method"] == ALL) & (rows["treatment"] == "")]
    own = own[own["feature"].str.startswith(f"dct.{statistic}.")]
    place = own["feature"].str[-2].astype(int), own["feature"].str[-1].astype(int)
    maps = np.full((3, BLOCK, BLOCK), np.nan)
    ends = own[["difference_low", "difference_high"]].to_numpy(float)
    maps[0][place] = own["real"]
    maps[1][place] = own["fake"] / own["real"].where(own["real"] > 0)
    maps[2][place] = (ends[:, 0] > 0) | (ends[:, 1] < 0)
    return Block(*maps)


@mpl.rc_context(STYLE)
def dct_maps(rows: pd.DataFrame) -> Figure:
    """Mean DCT magnitude of reals, and of fakes to reals its ratio and that of the deviation."""
    magnitude, deviation = block(rows, "magnitude"), block(rows, "std")
    if np.isnan(magnitude.ratio).all():
        return empty("no block spectra to compare without both real and fake test videos")
    figure = Figure(figsize=(6.4, 2.65), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    ratios = np.log2(np.stack([magnitude.ratio, deviation.ratio]))
    limit = max(0.1, float(np.nanmax(np.abs(ratios))))
    first = np.log10(magnitude.real)
    for axes, picture, title, cmap, ends in (
        (panels[0], first, "real: log10 magnitude", "viridis", (None, None)),
        (panels[1], ratios[0], "fake / real: magnitude", "PuOr_r", (-limit, limit)),
        (panels[2], ratios[1], "fake / real: deviation", "PuOr_r", (-limit, limit)),
    ):
        shown = axes.imshow(picture, cmap=cmap, vmin=ends[0], vmax=ends[1], interpolation="none")
        axes.set_title(title, fontsize=8.5, loc="left")
        axes.set(xticks=[0, 7], yticks=[0, 7])
        axes.text(0, 0, "DC", ha="center", va="center", fontsize=6)
        bar = figure.colorbar(shown, ax=axes, location="bottom", shrink=0.9, aspect=22)
        bar.ax.tick_params(labelsize=7.5)
        if picture is not first:
            bar.set_label("log2 of the ratio", fontsize=7.5)
    for axes, found in zip(panels[1:], (magnitude, deviation), strict=True):
        down, across = np.nonzero(found.sure == 1)
        axes.plot(across, down, ".", color="black", markersize=3)
    panels[0].set_ylabel("vertical frequency", fontsize=8.5)
    return figure
