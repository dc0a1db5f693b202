"""How far present figures are from those of the checked-out commit."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from deepbench.reporting import provenance

METRICS = Path("reports/results/metrics.json")

Figures = dict[str, dict[str, dict[str, float | None]]]  # data set, scorer, metric


class Drift(NamedTuple):
    """How far present figures are from recorded ones."""

    sentence: str
    largest: float  # absolute difference; infinite where a figure appeared or vanished
    where: str  # data set / scorer / metric; "" where all is equal


def drift(recorded: Figures, current: Figures) -> Drift:
    """The largest difference between two sets of figures, `None` being an undefined one."""
    before, now = _flat(recorded), _flat(current)
    gaps = {place: _gap(before, now, place) for place in sorted(before.keys() | now.keys())}
    changed = {place: gap for place, gap in gaps.items() if gap > 0}
    if not changed:
        return Drift(f"equal to the recorded results ({len(gaps)} figures)", 0.0, "")
    where, largest = max(changed.items(), key=lambda item: item[1])
    old, new = before.get(where, "absent"), now.get(where, "absent")
    sentence = (
        f"{len(changed)} of {len(gaps)} figures differ from the recorded results; the largest "
        f"difference is at {where}: {_shown(old)} recorded, {_shown(new)} now"
    )
    return Drift(sentence, largest, where)


def _flat(figures: Figures) -> dict[str, float | None]:
    return {
        f"{dataset} / {scorer} / {metric}": value
        for dataset, by_scorer in figures.items()
        for scorer, by_metric in by_scorer.items()
        for metric, value in by_metric.items()
    }


def _gap(before: dict[str, Any], now: dict[str, Any], place: str) -> float:
    if place not in before or place not in now:
        return math.inf
    old, new = before[place], now[place]
    if old is None or new is None:
        return 0.0 if old is new else math.inf
    return abs(float(new) - float(old))


def _shown(value: float | str | None) -> str:
    return "undefined" if value is None else f"{value}"


def from_commit(root: Path = Path()) -> str:
    """Compare the present metrics with those in the checked-out commit, as one sentence."""
    current = json.loads((root / METRICS).read_text("utf-8"))
    committed = provenance.committed_text(root, METRICS.as_posix())
    if committed is None:
        return f"nothing to compare with: {METRICS} is not in the checked-out commit"
    return drift(json.loads(committed), current).sentence
