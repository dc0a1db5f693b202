"""Which differences between scorers are more than chance: a family of tests and its ranks."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import ceil
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from deepbench.statistics import delong
from deepbench.statistics.intervals import Draws, Estimate, Sample, Statistics, estimate
from deepbench.statistics.metrics import Metric

LOWER_IS_BETTER = {"eer", "log_loss", "brier"}


class Pair(NamedTuple):
    """Two scorers by their rows in the matrix of scores."""

    scorer: int
    other: int


class Shared(NamedTuple):
    """Items, and all pairs of scorers that have exactly these in common."""

    items: Bool[np.ndarray, "item"]
    pairs: list[Pair]


class Comparison(NamedTuple):
    """One metric of a scorer minus that of another, on the items that both scored."""

    metric: str
    pair: Pair
    difference: Estimate
    n_real: int
    n_fake: int
    p_holm: float  # corrected for all pairs of this metric
    p_delong: float  # AUC only


class Rank(NamedTuple):
    """A scorer's place; 0 where no test can say anything of it, and the note why."""

    rank: int
    tied: list[int]  # scorers it cannot be told apart from
    untested: list[int]  # scorers it cannot be compared with
    note: str


def holm(p: Float[np.ndarray, "test"]) -> Float[np.ndarray, "test"]:
    """P values corrected for being one family, step-down; NaN are no tests and do not count.

    Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    corrected = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: int(np.sum(~np.isnan(p)))]  # NaN sort last
    stricter = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(stricter), 1.0)
    return corrected


def compare(
    metrics: Mapping[str, Metric],
    logits: Float[np.ndarray, "scorer item"],
    sample: Sample,
    draws: Draws,
) -> list[Comparison]:
    """Every metric of all pairs of scorers, metric by metric; a NaN is an item without a score."""
    found: dict[tuple[str, Pair], Comparison] = {}
    for items, pairs in _common_items(~np.isnan(logits)):
        common = Sample(sample.labels[items], sample.clusters[items])
        for row in _on_the_same_items(metrics, logits[:, items], pairs, common, draws):
            found[row.metric, row.pair] = row
    family = []
    for metric in metrics:
        rows = [found[metric, Pair(*pair)] for pair in combinations(range(len(logits)), 2)]
        corrected = holm(np.array([row.difference.p for row in rows], dtype=float))
        family += [row._replace(p_holm=float(p)) for row, p in zip(rows, corrected, strict=True)]
    return family


def _common_items(scored: Bool[np.ndarray, "scorer item"]) -> list[Shared]:
    """Pairs grouped by the items that they have in common, so that these are drawn only once."""
    groups: dict[bytes, Shared] = {}
    for pair in map(Pair._make, combinations(range(len(scored)), 2)):
        items = scored[pair.scorer] & scored[pair.other]
        groups.setdefault(items.tobytes(), Shared(items, [])).pairs.append(pair)
    return list(groups.values())


def _on_the_same_items(
    metrics: Mapping[str, Metric],
    logits: Float[np.ndarray, "scorer item"],
    pairs: Sequence[Pair],
    sample: Sample,
    draws: Draws,
) -> list[Comparison]:
    """Comparisons before the correction; scorers that are in no pair may have NaN."""
    scorers = sorted({scorer for pair in pairs for scorer in pair})
    names = {(metric, pair): f"{metric} {pair}" for metric in metrics for pair in pairs}
    estimates = estimate(_differences(metrics, logits, names, sample), sample, draws)
    tested = {key: _sound(estimates[name]) for key, name in names.items()}
    aucs = delong.aucs(sample.labels, logits[scorers])
    place = {scorer: row for row, scorer in enumerate(scorers)}
    n_fake = int(sample.labels.sum())
    return [
        Comparison(
            metric,
            pair,
            difference,
            n_real=len(sample.labels) - n_fake,
            n_fake=n_fake,
            p_holm=np.nan,
            p_delong=(
                delong.p_value(aucs, place[pair.scorer], place[pair.other])
                if metric == "auc" and not np.isnan(difference.p)
                else np.nan
            ),
        )
        for (metric, pair), difference in tested.items()
    ]


def _differences(
    metrics: Mapping[str, Metric],
    logits: Float[np.ndarray, "scorer item"],
    names: Mapping[tuple[str, Pair], str],
    sample: Sample,
) -> Statistics:
    """The statistics to bootstrap: a metric is computed once per scorer, then subtracted."""
    scorers = sorted({scorer for _, pair in names for scorer in pair})

    def statistics(
        weights: Float[np.ndarray, "replicate item"],
    ) -> dict[str, Float[np.ndarray, "replicate"]]:
        values = {
            (name, scorer): metric(sample.labels, logits[scorer], weights)
            for name, metric in metrics.items()
            for scorer in scorers
        }
        with np.errstate(invalid="ignore"):  # two infinite log-losses have no difference
            return {
                name: values[metric, pair.scorer] - values[metric, pair.other]
                for (metric, pair), name in names.items()
            }

    return statistics


def _sound(difference: Estimate) -> Estimate:
    """No interval and no p where the difference itself is undefined, though replicates have it."""
    if not np.isnan(difference.value):
        return difference
    return difference._replace(low=np.nan, high=np.nan, p=np.nan)


def ranks(family: Sequence[Comparison], scorers: int, draws: Draws) -> list[Rank]:
    """Each scorer's rank by one metric: 1 + how many are better with p_holm below 1 - level."""
    better: list[list[int]] = [[] for _ in range(scorers)]  # who beats it
    tied: list[list[int]] = [[] for _ in range(scorers)]
    untested: list[dict[int, str]] = [{} for _ in range(scorers)]
    for row in family:
        one, two = row.pair
        if np.isnan(row.p_holm):
            untested[one][two] = untested[two][one] = row.difference.note
        elif row.p_holm >= 1 - draws.level:
            tied[one].append(two)
            tied[two].append(one)
        elif (row.difference.value < 0) == (row.metric in LOWER_IS_BETTER):
            better[two].append(one)
        else:
            better[one].append(two)
    too_few = _too_few_replicates(family, draws)
    found = []
    for rivals, equals, unknown in zip(better, tied, untested, strict=True):
        known = not too_few and len(unknown) < scorers - 1
        why = too_few or next(iter(unknown.values()), "no other scorer to compare with")
        found.append(
            Rank(1 + len(rivals), sorted(equals), sorted(unknown), "")
            if known
            else Rank(0, [], sorted(unknown), why)
        )
    return found


def _too_few_replicates(family: Sequence[Comparison], draws: Draws) -> str:
    """Why not even the clearest difference could pass the correction, or nothing."""
    tests = sum(not np.isnan(row.p_holm) for row in family)
    needed = 2 * tests / (1 - draws.level)  # the smallest p is 2 / (replicates + 1)
    if draws.replicates + 1 > needed:
        return ""
    return f"{tests} pairs need {ceil(needed)} bootstrap replicates, not {draws.replicates}"
