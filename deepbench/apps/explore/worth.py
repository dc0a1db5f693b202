"""The AUC of a weighting beside its rivals', with paired differences, in one cell."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import logit

from deepbench.apps.explore.weights import Cell, Rivals, Scores
from deepbench.statistics import delong, simplex
from deepbench.statistics.curves import Confusion
from deepbench.statistics.intervals import Draws, Estimate, Sample, estimate
from deepbench.statistics.metrics import confusion

Values = Float[np.ndarray, "replicate"]


class Shared(NamedTuple):
    """Scores of the videos that all scorers scored; `names` are fields of `Rivals`."""

    names: list[str]
    logits: Float[np.ndarray, "scorer video"]
    sample: Sample
    n_missing: int


class Worth(NamedTuple):
    """AUCs on the videos that all of them scored; differences are mine minus another's."""

    title: str
    n_real: int
    n_fake: int
    n_missing: int
    estimates: dict[str, Estimate]  # mine, equal, single, over_equal, over_single
    p_delong: dict[str, float]  # over_equal, over_single


def shared_videos(rivals: Rivals, cell: Cell) -> Shared:
    """The videos of a cell that all of the scorers scored."""
    names = ["mine", "equal", "single"] if rivals.chosen.name else ["mine", "equal"]
    logits = np.array([getattr(rivals, name)[cell.rows] for name in names])
    scored = ~np.isnan(logits).any(axis=0)
    sample = Sample(cell.sample.labels[scored], cell.sample.clusters[scored])
    return Shared(names, logits[:, scored], sample, int((~scored).sum()))


def worth(rivals: Rivals, cell: Cell, draws: Draws | None) -> Worth:
    """AUCs in one cell; with draws also intervals, and the p of paired differences."""
    names, logits, sample, missing = shared_videos(rivals, cell)
    fakes = int(sample.labels.sum())
    return Worth(
        cell.title,
        len(sample.labels) - fakes,
        fakes,
        missing,
        _estimates(names, logits, sample, draws),
        _delong(names, logits, sample.labels) if draws else {},
    )


def decisions(scores: Scores, cell: Cell, threshold: float) -> Confusion:
    """Counts above a fake probability; what has no score is not among them."""
    logits = scores[cell.rows]
    scored = ~np.isnan(logits)
    shifted = logits[scored] - float(logit(threshold))
    return confusion(cell.sample.labels[scored], shifted, np.ones((1, int(scored.sum()))))


def _estimates(
    names: list[str],
    logits: Float[np.ndarray, "scorer video"],
    sample: Sample,
    draws: Draws | None,
) -> dict[str, Estimate]:
    def statistics(weights: Float[np.ndarray, "replicate video"]) -> dict[str, Values]:
        found = dict(zip(names, simplex.aucs(sample.labels, logits, weights), strict=True))
        over = {f"over_{other}": found["mine"] - found[other] for other in names[1:]}
        return found | over

    if draws:
        return estimate(statistics, sample, draws)
    values = statistics(np.ones((1, len(sample.labels))))
    return {name: Estimate(float(v[0]), np.nan, np.nan, "") for name, v in values.items()}


def _delong(
    names: list[str], logits: Float[np.ndarray, "scorer video"], labels: Bool[np.ndarray, "video"]
) -> dict[str, float]:
    """The paired test that takes videos as independent."""
    found = delong.aucs(labels, logits)
    return {f"over_{other}": delong.p_value(found, 0, i) for i, other in enumerate(names) if i}
