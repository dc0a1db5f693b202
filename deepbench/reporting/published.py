"""The report's two sections on published work: its figures, and its protocol side by side."""

import math
from typing import NamedTuple

import pandas as pd

from deepbench.reporting import anchors, html
from deepbench.reporting.anchors import Anchor, Compared
from deepbench.reporting.inputs import Inputs, scorers


class Explained(NamedTuple):
    """A table and the sentences that explain it."""

    table: html.Table
    reasons: list[str]


class Figures(NamedTuple):
    """The section on published figures: what there is to say, and a table per source."""

    sentences: list[str]
    tables: list[Explained]


def figures(inputs: Inputs, known: list[Anchor]) -> Figures:
    """Published figures beside measured ones; no verdict where demo weights or samples ran."""
    rows = anchors.compare(inputs, known)
    unreal = [run for run in inputs.runs if not anchors.is_real(inputs, run)]
    if not rows:
        return Figures([_nothing(inputs, len(unreal) == len(inputs.runs))], [])
    sentences = [
        f"{len({row.anchor for row in rows})} of {len(known)} published figures at hand are of a "
        "detector and a data set that ran here. Reproduced means that the published value lies in "
        "the measured interval; a verdict is given only where the protocols agree."
    ]
    if unreal:
        told = ", ".join(f"{run.detector} on {run.dataset}" for run in unreal)
        sentences.append(f"Left out are demo weights and the sample pack: {told}.")
    sources = dict.fromkeys((row.anchor.source, row.anchor.kind) for row in rows)
    return Figures(
        sentences,
        [
            _of_source(f"{source}: {kind}", [r for r in rows if r.anchor[7:9] == (source, kind)])
            for source, kind in sources
        ],
    )


def rows(inputs: Inputs) -> list[dict[str, object]]:
    """The same figures as plain rows."""
    return [
        row.anchor._asdict()
        | {
            "here": row.dataset,
            "measured": row.measured.value,
            "low": row.measured.low,
            "high": row.measured.high,
            "verdict": row.verdict,
            "note": "; ".join(row.reasons),
        }
        for row in anchors.compare(inputs, anchors.load())
    ]


def _of_source(caption: str, rows: list[Compared]) -> Explained:
    columns = ["Detector", "Data set", "Figure", "Published", "Here", "Difference", "Verdict"]
    reasons = list(dict.fromkeys(reason for row in rows for reason in row.reasons))
    table = html.Table(caption, columns, [_row(row, reasons) for row in rows])
    return Explained(table, [f"({n}) {reason}" for n, reason in enumerate(reasons, 1)])


def _nothing(inputs: Inputs, all_unreal: bool) -> str:
    if not all_unreal:
        return "No published figure at hand is of a detector and a data set that ran here."
    demo = any(run.demo for run in inputs.runs)
    what = " and ".join(["the sample pack"] * bool(inputs.samples) + ["demo weights"] * demo)
    return f"Nothing here is comparable with published figures: these are figures of {what}."


def _row(row: Compared, reasons: list[str]) -> list[html.Cell]:
    anchor, measured = row.anchor, row.measured
    which = " ".join(filter(None, (anchor.dataset, anchor.compression)))
    own = f"as {row.dataset}" if row.dataset != anchor.dataset else ""
    level = anchor.level if anchor.level != anchors.UNSTATED else "level not stated,"
    why = " ".join(f"({reasons.index(reason) + 1})" for reason in row.reasons)
    return html.row(
        anchor.detector,
        html.Cell(which, (anchor.method if anchor.method != "all" else "", own)),
        f"{level} {anchor.metric.upper()}",
        html.Cell(f"{anchor.value:.4g}", value=anchor.value),
        html.estimate(measured.value, measured.low, measured.high, measured.note),
        html.Cell("undefined", undefined=True)
        if math.isnan(row.difference)
        else html.Cell(html.signed(row.difference), value=row.difference),
        html.Cell(row.verdict, (why,)),
    )


def side_by_side(inputs: Inputs) -> list[Explained]:
    """Each data set's figures by this project's protocol and by DeepfakeBench's."""
    order = scorers(inputs)
    return [
        _side_by_side(str(name), own, order)
        for name, own in inputs.published.groupby("dataset", sort=False)
    ]


def _side_by_side(name: str, own: pd.DataFrame, order: list[str]) -> Explained:
    metrics = list(dict.fromkeys(own["metric"]))
    ranked = own.assign(rank=own["scorer"].map(order.index)).sort_values("rank", kind="stable")
    rows = [
        html.row(str(scorer), *(_both(*pair) for pair in _pairs(of_scorer, metrics)))
        for scorer, of_scorer in ranked.groupby("scorer", sort=False)
    ]
    return Explained(html.Table(name, ["Scorer", *metrics], rows), _reasons(ranked, metrics))


def _reasons(own: pd.DataFrame, metrics: list[str]) -> list[str]:
    """Each reason once, after the figures it is about; scorers are named where not all have it."""
    everybody = own["scorer"].nunique()
    about: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for metric in metrics:
        of_metric = own[(own["metric"] == metric) & (own["why_different"] != "the same")]
        for why, rows in of_metric.groupby("why_different", sort=False):
            who = tuple(rows["scorer"]) if len(rows) < everybody else ()
            about.setdefault((str(why), who), []).append(metric)
    return [
        f"{', '.join(found)}: {why}" + (f" ({', '.join(who)})" if who else "")
        for (why, who), found in about.items()
    ]


def _pairs(own: pd.DataFrame, metrics: list[str]) -> list[tuple[float, float]]:
    values = own.set_index("metric").loc[metrics, ["value_here", "value_deepfakebench"]]
    return [(float(here), float(there)) for here, there in values.itertuples(index=False)]


def _both(here: float, there: float) -> html.Cell:
    if math.isnan(there):
        below = "there undefined"
    elif math.isclose(here, there, rel_tol=0, abs_tol=1e-9):
        below = "there the same"
    else:
        below = f"there {html.number(there)}"
    if math.isnan(here):
        return html.Cell("undefined", (below,), undefined=True)
    return html.Cell(html.number(here), (below,), value=here)
