"""What a weighting of detectors is worth, from stored scores: the explorer's first tab.

Test labels serve the figures only. Weights are fitted, and the best single detector is chosen, on
the development split.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from deepbench.apps.explore.checkout import Stored
from deepbench.core import tables
from deepbench.statistics import agreement, pooling, simplex
from deepbench.statistics.ensembles import ENSEMBLES, Development, unlearnable
from deepbench.statistics.intervals import Draws, Sample

DEVELOPMENT = "development"
NEAR = 1e-12  # AUCs closer than this are tied
Scores = Float[np.ndarray, "video"]


class Weighting(NamedTuple):
    """What the controls say."""

    rule: str
    weights: Mapping[str, float]
    pooling: str

    @property
    def used(self) -> dict[str, float]:
        """Weights as the rule uses them: some rules know only in and out."""
        if self.rule.startswith("weighted"):
            return dict(self.weights)
        return {name: float(weight > 0) for name, weight in self.weights.items()}

    @property
    def shares(self) -> dict[str, float]:
        """The same, summing to 1; all 0 where nobody has weight."""
        total = sum(self.used.values()) or 1.0
        return {name: weight / total for name, weight in self.used.items()}


class Cell(NamedTuple):
    """Videos that figures are about."""

    title: str
    rows: Int[np.ndarray, "video"]  # of the manifest
    sample: Sample


class Rivals(NamedTuple):
    """Scores of all videos of the manifest by three scorers, NaN where there is none."""

    mine: Scores
    equal: Scores
    single: Scores
    chosen: agreement.Best  # which detector `single` is
    why: str  # why `mine` has no scores, or nothing


class Workbench:
    """Stored scores, ready to be weighted in any way."""

    def __init__(self, stored: Stored) -> None:
        self.stored, self.members = stored, stored.members
        self._voices = cache(self._pooled)
        self._facts = stored.manifest.reset_index(drop=True)
        self.cells = self._cells()
        self.development = self._cell(DEVELOPMENT, self._development())
        self.draws = Draws(
            stored.settings.results.replicates,
            stored.settings.results.interval,
            stored.settings.seed,
        )

    def rivals(self, weighting: Weighting) -> Rivals:
        """Scores of a weighting, of equal weights and of the best single detector."""
        equal = Weighting(
            "weighted_mean", dict.fromkeys(self.stored.settings.detectors, 1.0), weighting.pooling
        )
        chosen = self.best_single(weighting.pooling)
        voices = self._voices(weighting.pooling)
        nobody = np.full(len(voices), np.nan)
        single = voices[:, self.members.index(chosen.name)] if chosen.name else nobody
        mine, why = self._fuse(weighting)
        return Rivals(mine, self._fuse(equal)[0], single, chosen, why)

    def best_single(self, pool: str) -> agreement.Best:
        """The detector of the highest AUC on the development split."""
        labels, voices = self.development.sample.labels, self._of_development(pool)
        known = {name: voices[:, self.members.index(name)] for name in self._singles()}
        counts = {name: int((~np.isnan(own)).sum()) for name, own in known.items()}
        # one that scored few videos would leave few to choose by
        known = {n: own for n, own in known.items() if 2 * counts[n] >= max(counts.values())}
        scored = ~np.isnan(list(known.values())).any(axis=0)
        own = {name: scores[scored] for name, scores in known.items()}
        threshold = self.stored.settings.results.threshold
        return agreement.best_singles(labels[scored], own, threshold)["auc"]

    def fit(self, pool: str) -> dict[str, float]:
        """Weights of the weighted mean with the highest AUC on the development split.

        Of tied ones those nearest to equal weights. Members that this project itself has fitted on
        development get 0: they would look too good there.

        Raises:
            ValueError: the development split has too few videos.
        """
        names = self._singles()
        own = self._of_development(pool)[:, [self.members.index(name) for name in names]]
        scored = ~np.isnan(own).any(axis=1)
        labels = self.development.sample.labels[scored]
        if labels.all() or not labels.any():
            reals = int((~labels).sum())
            msg = (
                f"the development split has {reals} real and {int(labels.sum())} fake videos that "
                "all detectors scored: weights need both; see development in params.yaml"
            )
            raise ValueError(msg)
        steps = simplex.steps_that_fit(len(names), self.stored.settings.ensembles.simplex_steps)
        weights = simplex.grid(len(names), steps)
        scores = simplex.weighted_means(own[scored], weights)
        auc = simplex.aucs(labels, scores, np.ones((1, len(labels))))[:, 0]
        best = weights[auc >= auc.max() - NEAR]
        nearest = best[np.argmin(((best - 1 / len(names)) ** 2).sum(axis=1))]
        return dict.fromkeys(self.members, 0.0) | dict(
            zip(names, nearest.round(9).tolist(), strict=True)
        )

    def _singles(self) -> list[str]:
        settings = self.stored.settings
        # nothing that this project fits on development, where it would look too good
        return [*settings.detectors, *settings.external]

    def _pooled(self, rule: str) -> Float[np.ndarray, "video member"]:
        """Log-odds of all videos of the manifest by each member."""
        found = pooling.by_video(self.stored.frames, rule).rename(columns={"detector": "scorer"})
        videos = self.stored.videos
        elsewhere = videos[videos["scorer"].isin(list(self.stored.settings.external))]
        columns = ["video_id", "scorer", "fake_logit"]
        wide = pd.concat([found[columns], elsewhere[columns]]).pivot(
            index="video_id", columns="scorer", values="fake_logit"
        )
        whole = wide.reindex(index=self._facts["video_id"], columns=self.members)
        return np.asarray(whole, np.float64)

    def _fuse(self, weighting: Weighting) -> tuple[Scores, str]:
        voices = self._voices(weighting.pooling)
        weights = np.array([weighting.used.get(name, 0.0) for name in self.members])
        needed, own = self.stored.settings.videos.min_detectors, int((weights > 0).sum())
        if own < needed:
            why = f"{own} detectors have weight, videos.min_detectors in params.yaml asks {needed}"
            return np.full(len(voices), np.nan), why
        seen = Development(self._of_development(weighting.pooling), self.development.sample.labels)
        if why := unlearnable(weighting.rule, weights, seen):
            return np.full(len(voices), np.nan), why
        fused = ENSEMBLES[weighting.rule](voices, weights, seen)
        fused[(~np.isnan(voices[:, weights > 0])).sum(axis=1) < needed] = np.nan
        return fused, ""

    def _of_development(self, pool: str) -> Float[np.ndarray, "video member"]:
        return np.asarray(self._voices(pool)[self.development.rows], np.float64)

    def _development(self) -> Bool[np.ndarray, "video"]:
        of = self._facts["dataset"] == self.stored.settings.development
        return (of & (self._facts["split"] == "val")).to_numpy(bool)

    def _cells(self) -> list[Cell]:
        """The test split of every data set, its manipulations if several, and development."""
        facts, cells = self._facts, []
        for name in self.stored.settings.datasets:
            test = ((facts["dataset"] == name) & (facts["split"] == "test")).to_numpy(bool)
            if not test.any():
                continue
            cells.append(self._cell(name, test))
            methods = sorted(set(facts.loc[test, "method"]) - {tables.REAL})
            for method in methods if len(methods) > 1 else []:
                of_method = facts["method"].isin([tables.REAL, method]).to_numpy(bool)
                cells.append(self._cell(f"{name}, {method}", test & of_method))
        if self._development().any():
            cells.append(self._cell(f"{DEVELOPMENT} split", self._development()))
        return cells

    def _cell(self, title: str, rows: Bool[np.ndarray, "video"]) -> Cell:
        own = self._facts[rows]
        sample = Sample(own["label"].to_numpy(bool), own["cluster_id"].to_numpy(str))
        return Cell(title, np.flatnonzero(rows), sample)
