"""Time and memory of metrics and their intervals: `python benchmarks/statistics.py`.

Every run has a process of its own, one after another. Seconds are of the clock, so that other work
on the machine counts; the load is printed with them.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import time
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from deepbench.statistics import delong, intervals, metrics

VIDEOS, FRAMES, SCORES = 5_000, 160_000, 1_000_000
CLIPS = 1_000
MEGABYTE = 2**20


class Scored(NamedTuple):
    """Made-up scores by falling logit: an AUC of 0.76, clips that resemble themselves, few ties."""

    labels: np.ndarray
    logits: np.ndarray
    clusters: np.ndarray


class Cost(NamedTuple):
    """What a task took; memory beyond what the libraries need."""

    seconds: float
    megabytes: float


def made_up(items: int) -> Scored:
    """Scores of one scorer; the seed is the same on every call."""
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, CLIPS, items)
    labels = rng.random(items) < 0.5
    logits = labels + rng.normal(0, 0.5**0.5, CLIPS)[cluster] + rng.normal(0, 0.5**0.5, items)
    falling = np.argsort(-logits, kind="stable")
    rounded = logits[falling].astype(np.float32).astype(float)
    return Scored(labels[falling], rounded, cluster[falling])


def intervals_of(scored: Scored, scorers: int, replicates: int, plain: bool) -> None:
    """Every metric with its interval, as the step results does it."""
    clusters = np.arange(len(scored.labels)) if plain else scored.clusters
    for seed in range(scorers):
        found = intervals.estimate(
            metrics.evaluator(scored.labels, scored.logits, 0.0),
            intervals.Sample(scored.labels, clusters),
            intervals.Draws(replicates, 0.95, seed),
        )
        assert found["auc"].low < ndtr(0.5**0.5) + 0.05


def one_metric(name: str, scored: Scored) -> None:
    """One metric without an interval, of scores that are not sorted yet."""
    shuffled = np.random.default_rng(0).permutation(len(scored.labels))
    labels, logits = scored.labels[shuffled], scored.logits[shuffled]
    (metrics.METRICS | metrics.DECISIONS)[name](labels, logits, np.ones((1, len(labels))))


def cross_check(scored: Scored, scorers: int) -> None:
    """DeLong's covariance of all scorers."""
    delong.aucs(scored.labels, np.stack([scored.logits] * scorers))


def measure(task: "partial[None]", items: int) -> Cost:
    """Seconds and peak memory of one task, the scores being there already."""
    scored = made_up(items)
    before = _peak()
    start = time.perf_counter()
    task(scored=scored)
    return Cost(time.perf_counter() - start, (_peak() - before) / MEGABYTE)


def _peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


class Task(NamedTuple):
    """A call that takes `scored`, and how many items it is about."""

    call: "partial[None]"
    items: int


def tasks(scorers: int, replicates: int) -> dict[str, Task]:
    """What is measured, by title."""
    drawn = partial(intervals_of, replicates=replicates)
    videos, many = f"{scorers} scorers x {VIDEOS:,} videos", f"{replicates:,} replicates"
    found = {
        f"{videos}, {many} of clips": Task(partial(drawn, scorers=scorers, plain=False), VIDEOS),
        f"{videos}, {many} of videos": Task(partial(drawn, scorers=scorers, plain=True), VIDEOS),
        f"{FRAMES:,} frames, {many} of clips": Task(partial(drawn, scorers=1, plain=False), FRAMES),
        f"{FRAMES:,} frames, {many} of frames": Task(partial(drawn, scorers=1, plain=True), FRAMES),
        f"DeLong, {videos}": Task(partial(cross_check, scorers=scorers), VIDEOS),
    }
    for name in metrics.METRICS | metrics.DECISIONS:
        found[f"{name} of {SCORES:,} scores"] = Task(partial(one_metric, name), SCORES)
    return found


def main() -> None:
    """Print one line per task."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--scorers", type=int, default=8)
    parser.add_argument("--replicates", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is printed")
    arguments = parser.parse_args()
    chosen = tasks(arguments.scorers, arguments.replicates)
    width = max(map(len, chosen))
    sys.stdout.write(f"{'task':{width}}  seconds  peak MB  load\n")
    # a process per run: peak memory never falls again
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for name, task in chosen.items():
            costs = [pool.apply(measure, task) for _ in range(arguments.runs)]
            seconds, megabytes = np.median(costs, axis=0)
            load = os.getloadavg()[0]
            sys.stdout.write(f"{name:{width}}  {seconds:7.2f}  {megabytes:7.0f}  {load:4.1f}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
