"""What time buys: the AUC of every scorer beside what it costs per frame."""

import math
from typing import NamedTuple

import pandas as pd

from deepbench.core import params
from deepbench.core.timings import Measurement
from deepbench.reporting import html, scoreboard
from deepbench.reporting.html import Cell, ms
from deepbench.reporting.inputs import ScoreRun, members


class Around(NamedTuple):
    """What the accuracy is taken from."""

    settings: params.Params
    results: pd.DataFrame
    runs: tuple[ScoreRun, ...]


def _per_frame(rows: pd.DataFrame, step: str, detector: str = "") -> float:
    """Milliseconds per frame of a video, or of the image where no video was timed."""
    own = rows[(rows["step"] == step) & (rows["detector"] == detector)]
    own = own[own["unit"].isin(["image", "video"])]
    if own.empty:
        return math.nan
    last = own.sort_values("unit").iloc[-1]
    return float(last["p50_ms"] / last["items"])


def shared(rows: pd.DataFrame) -> float:
    """Milliseconds per frame that every scorer needs first: decode, detect and crop."""
    return sum(_per_frame(rows, step) for step in ("decode", "detect", "crop"))


def price(found: Measurement, around: Around) -> pd.DataFrame:
    """AUC and milliseconds per frame of every scorer on every data set."""
    rows, settings = found.latency, around.settings
    known = {name: _per_frame(rows, "score", name) for name in found.networks["detector"]}
    known[params.FREQUENCY] = _per_frame(rows, "frequency")
    results = scoreboard.index(around.results)
    lines = []
    for dataset in settings.datasets:
        for scorer in settings.scorers:
            cost = sum(known.get(name, math.nan) for name in members(settings, scorer))
            auc = results.get(scoreboard.Key(scorer, dataset))
            if auc is not None:
                said = {"value": auc.value, "low": auc.low, "high": auc.high, "note": auc.note}
                lines.append({"dataset": dataset, "scorer": scorer, "ms": cost} | said)
    return pd.DataFrame(lines, columns=["dataset", "scorer", "ms", "value", "low", "high", "note"])


def table(bought: pd.DataFrame) -> html.Table:
    """The same, a row per scorer."""
    datasets = list(dict.fromkeys(bought["dataset"]))
    lines = []
    for scorer, own in bought.groupby("scorer", sort=False):
        cost = float(own["ms"].iloc[0])
        of_set = {
            r["dataset"]: html.estimate(r["value"], r["low"], r["high"], r["note"])
            for r in own.to_dict("records")
        }
        lines.append(
            [
                Cell(str(scorer)),
                Cell(
                    ms(cost), value=None if math.isnan(cost) else cost, undefined=math.isnan(cost)
                ),
                *(of_set.get(d, Cell("not in the results", undefined=True)) for d in datasets),
            ]
        )
    return html.Table(
        "AUC per video by time per frame", ["Scorer", "ms per frame", *datasets], lines
    )


def differing(networks: pd.DataFrame, runs: tuple[ScoreRun, ...]) -> list[str]:
    """Detectors that were timed in another state than they were scored in."""
    found = []
    for net in networks.to_dict("records"):
        own = [run for run in runs if run.detector == net["detector"]]
        if {run.weights_sha256 for run in own} - {net["weights_sha256"]}:
            found.append(f"{net['detector']} was timed with other weights than its scores rest on.")
        elif {run.precision for run in own} - {net["precision"]}:
            found.append(
                f"{net['detector']} was timed in {net['precision']}, its scores are of "
                f"{', '.join(sorted({run.precision for run in own}))}."
            )
    return found
