"""Figures out of data frames, without pyplot: they work in a notebook, a test and a thread.

`scored` always holds one row per video and scorer with `scorer`, `label` (True = fake),
`fake_logit` and `fake_prob` (NaN where the video could not be scored).
"""

import matplotlib as mpl
import numpy as np
import pandas as pd
from jaxtyping import UInt8
from matplotlib.figure import Figure
from scipy.stats import rankdata
from sklearn.metrics import roc_curve

from deepbench.reporting.drawing import PALETTE, STYLE, empty, grid, label, line

REAL_COLOUR, FAKE_COLOUR = PALETTE[0], PALETTE[1]


@mpl.rc_context(STYLE)
def roc(scored: pd.DataFrame, legend: dict[str, str]) -> Figure:
    """ROC curves of all scorers; `legend` gives the text of each, e.g. with its AUC."""
    known = scored.dropna(subset="fake_logit")
    if not (known.groupby("scorer")["label"].nunique() == 2).any():
        return empty("no curve without both real and fake test videos")
    figure = Figure(figsize=(4.6, 4.3 + 0.19 * scored["scorer"].nunique()), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#767676", linewidth=1, linestyle=":")
    for place, (scorer, group) in enumerate(scored.groupby("scorer", sort=False)):
        name, known = str(scorer), group.dropna(subset="fake_logit")
        style = line(place)
        if known["label"].nunique() < 2:
            axes.plot([], [], label=f"{name}: no curve, {_counts(group)}", **style)
            continue
        # ranks, because log-odds may be infinite and probabilities near 1 collapse into ties
        fpr, tpr, _ = roc_curve(known["label"], rankdata(known["fake_logit"], method="dense"))
        axes.plot(fpr, tpr, label=legend.get(name, name), linewidth=1.6, **style)
    axes.set(
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        xlabel="false positive rate: reals called fake",
        ylabel="true positive rate: fakes called fake",
        aspect="equal",
    )
    figure.legend(loc="outside lower center", ncols=1, fontsize=8.5)
    return figure


@mpl.rc_context(STYLE)
def distributions(scored: pd.DataFrame, threshold: float) -> Figure:
    """Fake probabilities of real and fake videos, one small panel per scorer."""
    groups = scored.groupby("scorer", sort=False)
    if not len(groups):
        return empty("no test videos")
    figure, panels = grid(len(groups), 3, 1.7)
    edges = np.linspace(0, 1, 21)
    for axes, (scorer, group) in zip(panels, groups, strict=True):
        for fake, colour in ((False, REAL_COLOUR), (True, FAKE_COLOUR)):
            values = group.loc[group["label"] == fake, "fake_prob"].dropna().to_numpy(float)
            if len(values):
                share = np.histogram(values, edges)[0] / len(values)
                axes.stairs(share, edges, fill=True, color=colour, alpha=0.25)
                axes.stairs(
                    share, edges, color=colour, linewidth=1.4, linestyle="--" if fake else "-"
                )
        axes.axvline(threshold, color="#595959", linewidth=0.8, linestyle=":")
        axes.set(xlim=(0, 1), xticks=[0, 0.5, 1], ylim=(0, 1))
        axes.set_title(f"{scorer}\n{_counts(group)}", fontsize=7.5, loc="left")
    label(figure, "fake probability (real: solid blue, fake: dashed orange)", "share of the class")
    return figure


@mpl.rc_context(STYLE)
def confusion(scored: pd.DataFrame, threshold: float) -> Figure:
    """Decisions at the threshold, one 2 x 2 panel per scorer; colour is the share of the row."""
    groups = scored.groupby("scorer", sort=False)
    if not len(groups):
        return empty("no test videos")
    figure, panels = grid(len(groups), 3, 1.9, 0.4)
    for axes, (scorer, group) in zip(panels, groups, strict=True):
        counts = decisions(group, threshold).to_numpy()
        # a class without videos has a pale row of zeros
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            ink = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=11, color=ink)
        axes.set_xticks([0, 1], ["called\nreal", "called\nfake"])
        axes.set_yticks([0, 1], ["real", "fake"])
        axes.tick_params(length=0, labelsize=8.5)
        axes.spines[:].set_visible(False)
        lost = int(group["fake_prob"].isna().sum())
        title = f"{scorer}\n{lost} not scored" if lost else f"{scorer}\n"
        axes.set_title(title, fontsize=8.5, loc="left")
    return figure


def decisions(scored: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Counts by truth (rows) and decision (columns); unscored videos have no decision."""
    known = scored.dropna(subset="fake_prob")
    called = known["fake_prob"] > threshold
    cells = [
        [int(((known["label"] == truth) & (called == said)).sum()) for said in (False, True)]
        for truth in (False, True)
    ]
    return pd.DataFrame(cells, index=["real", "fake"], columns=["called real", "called fake"])


@mpl.rc_context(STYLE)
def contact_sheet(
    crops: UInt8[np.ndarray, "n h w 3"], titles: list[str], columns: int = 8
) -> Figure:
    """RGB crops side by side under their titles."""
    if len(crops) != len(titles):
        msg = f"{len(crops)} crops but {len(titles)} titles; give one title per crop"
        raise ValueError(msg)
    if not len(crops):
        return empty("no crops")
    wide = min(columns, len(crops))
    high = -(-len(crops) // wide)
    figure = Figure(figsize=(1.25 * wide, 1.45 * high), layout="constrained")
    places = figure.subplots(high, wide, squeeze=False).ravel()
    for axes in places:
        axes.axis("off")
    for axes, crop, title in zip(places, crops, titles, strict=False):
        axes.imshow(crop)
        axes.set_title(title, fontsize=7)
    return figure


def _counts(group: pd.DataFrame) -> str:
    """How many videos are behind a panel, and how many are not."""
    known = group.dropna(subset="fake_prob")
    fakes, lost = int(known["label"].sum()), len(group) - len(known)
    text = f"{len(known) - fakes} real, {fakes} fake"
    return f"{text}, {lost} not scored" if lost else text
