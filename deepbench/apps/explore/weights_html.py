"""What the explorer's first tab shows of a weighting: a table of AUCs and four figures."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit, ndtri

from deepbench.apps.explore import style, svg
from deepbench.apps.explore.style import Cell as Shown
from deepbench.apps.explore.weights import Cell, Rivals
from deepbench.apps.explore.worth import Shared, Worth, decisions, shared_videos
from deepbench.statistics import metrics
from deepbench.statistics.curves import Curve

BINS = 20
COLUMNS = ("mine", "equal", "single", "over_equal", "over_single")
RATES = (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
FURTHEST = 0.002  # of a detection error tradeoff: rates of 0 and 1 lie at infinity
DET = svg.Axis(
    float(ndtri(FURTHEST)),
    float(ndtri(1 - FURTHEST)),
    [(float(ndtri(rate)), f"{100 * rate:g} %") for rate in RATES],
    "false positive rate",
)


def auc_table(rows: Sequence[Worth], single: str, computing: bool) -> str:
    """AUCs with intervals; while those are being computed, that they are."""
    head = ["AUC per video", "yours", "equal weights", f"best single: {single or 'none'}"]
    head += ["yours - equal", "yours - single"]
    lines: list[style.Row] = []
    for row in rows:
        missing = f"{row.n_missing} without a score" if row.n_missing else ""
        said = {found.note for found in row.estimates.values()}
        shared = said.pop() if len(said) == 1 else ""
        name = Shown(row.title, (f"{row.n_real} real, {row.n_fake} fake", missing), shared)
        cells = [_estimate(row, of, computing) for of in COLUMNS]
        # what is said of the whole row need not be said of each of its figures
        lines.append([name, *(c._replace(note="" if c.note == shared else c.note) for c in cells)])
    return style.table("AUC on the videos that all of these scored", head, lines)


def headline(row: Worth, computing: bool) -> str:
    """The AUC of the weighting in one cell, in a line."""
    shown = _estimate(row, "mine", computing)
    return style.paragraph(" ".join([f"{row.title}: AUC", shown.text, *shown.small]), "headline")


def _estimate(row: Worth, name: str, computing: bool) -> Shown:
    if name not in row.estimates:
        return Shown("", note="no detector could be chosen on development")
    found, paired = row.estimates[name], name.startswith("over")
    if math.isnan(found.value):
        return Shown("undefined", note=found.note)
    text = f"{found.value:+.3f}" if paired else f"{found.value:.3f}"
    if computing:
        return Shown(text, ("computing ...",))
    lines = [] if math.isnan(found.low) else [f"[{found.low:.3f}, {found.high:.3f}]"]
    if paired:
        lines += [_p("p", found.p), _p("DeLong p", row.p_delong[name])]
    return Shown(text, lines, found.note)


def _p(name: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{name} < 0.001" if value < 0.001 else f"{name} {value:.2g}"


def figures(rivals: Rivals, cell: Cell, threshold: float) -> str:
    """ROC, DET, score distributions and the confusion matrix of one cell."""
    shared = shared_videos(rivals, cell)
    labels = shared.sample.labels
    reals, fakes = int((~labels).sum()), int(labels.sum())
    if not reals or not fakes:
        curves = style.paragraph(
            f"{cell.title}: {reals} real and {fakes} fake videos that all scored: ROC and DET "
            "need both."
        )
    else:
        curves = _curves(shared, rivals, cell.title)
    drawn = curves + _distributions(rivals, cell, threshold)
    return f'<div class="figures">{drawn}{_confusion(rivals, cell, threshold)}</div>'


def _curves(shared: Shared, rivals: Rivals, title: str) -> str:
    names = {"mine": "yours", "equal": "equal weights", "single": rivals.chosen.name}
    roc = svg.Frame(svg.shares("false positive rate"), svg.shares("true positive rate"))
    det = svg.Frame(DET, DET._replace(title="false negative rate"))
    looks, lines, errors = [], [], []
    for place, (name, logits) in enumerate(zip(shared.names, shared.logits, strict=True)):
        labels = shared.sample.labels
        look = svg.Look(names[name], svg.COLOURS[place], svg.DASHES[place])
        found = metrics.curve(labels, logits, np.ones((1, len(labels))))
        fpr, tpr = _rates(found)
        looks.append(look)
        lines.append(svg.line(roc, fpr, tpr, look))
        errors.append(svg.line(det, _deviate(fpr), _deviate(1 - tpr), look))
    # on top of the others
    lines, errors = lines[::-1], errors[::-1]
    return svg.figure(
        "ROC", roc, lines, f"ROC curves on {title}: see the AUCs in the table", looks
    ) + svg.figure(
        "DET", det, errors, f"Detection error tradeoff on {title}, normal deviate scales", looks
    )


def _rates(found: Curve) -> tuple[svg.Numbers, svg.Numbers]:
    """False and true positive rates, from (0, 0) to (1, 1)."""
    fpr, tpr = found.false_fake[0], found.true_fake[0]
    return np.asarray(fpr / fpr[-1]), np.asarray(tpr / tpr[-1])


def _deviate(rates: svg.Numbers) -> svg.Numbers:
    return np.asarray(ndtri(np.clip(rates, FURTHEST, 1 - FURTHEST)))


def _distributions(rivals: Rivals, cell: Cell, threshold: float) -> str:
    logits = rivals.mine[cell.rows]
    scored = ~np.isnan(logits)
    edges = np.linspace(0, 1, BINS + 1)
    heights, looks = {}, {}
    for place, (name, of) in enumerate(
        (("real", ~cell.sample.labels), ("fake", cell.sample.labels))
    ):
        counts, _ = np.histogram(expit(logits[scored & of]), edges)
        heights[name] = counts / max(1, counts.sum())
        looks[name] = svg.Look(f"{name} ({counts.sum()} videos)", svg.COLOURS[place])
    top = max(0.05, *(float(of.max()) for of in heights.values()))
    frame = svg.Frame(svg.shares("fake probability"), svg.counted(0.0, top, "share of the class"))
    layers = [svg.bars(frame, edges, heights[name], looks[name]) for name in heights]
    layers.append(svg.upright(frame, threshold))
    alt = f"Histograms of your fake probabilities on {cell.title}, threshold {threshold:.2f}"
    return svg.figure("Score distributions", frame, layers, alt, list(looks.values()))


def _confusion(rivals: Rivals, cell: Cell, threshold: float) -> str:
    found = decisions(rivals.mine, cell, threshold)
    tp, fp, tn, fn = (int(count[0]) for count in found)
    lost = int(np.isnan(rivals.mine[cell.rows]).sum())
    rows: list[style.Row] = [
        ["real videos", _share(tn, tn + fp), _share(fp, tn + fp)],
        ["fake videos", _share(fn, tp + fn), _share(tp, tp + fn)],
    ]
    caption = f"Confusion matrix at {threshold:.2f} (log-odds {float(logit(threshold)):+.2f})"
    left_out = f"{lost} videos without a score are in neither figure." if lost else ""
    made = style.table(caption, ["", "called real", "called fake"], rows)
    return f"<div>{made}{style.paragraph(left_out)}</div>"


def _share(count: int, whole: int) -> Shown:
    return Shown(f"{count}", (f"{100 * count / whole:.1f} %" if whole else "of none",))
