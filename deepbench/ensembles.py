"""Step `ensembles`: what each weighting is worth, what its members share, what any could reach.

It is about whole videos of all methods and uses stored scores alone. Test labels serve the figures
only: rules are fitted, and the best single scorer is chosen, on the development split.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float
from tqdm import tqdm

from deepbench.core import blocks, findings, params, tables
from deepbench.statistics import agreement as members
from deepbench.statistics import comparisons
from deepbench.statistics.ensembles import ENSEMBLES, Development, unlearnable
from deepbench.statistics.intervals import Draws, Estimate, Sample, estimate
from deepbench.statistics.metrics import METRICS
from deepbench.statistics.simplex import auc_map, steps_that_fit

COMPARED = {name: METRICS[name] for name in ("auc", "log_loss")}
MAP_REPLICATES = 200  # enough to see what is flat; results.replicates would take ten times as long
BOUND = (
    "each video's best of {}, picked by its label: bounds rules of these that stay between their "
    "members' scores (means, median, max), not a stack or a mean of ranks"
)
Row = dict[str, object]


class Cell(NamedTuple):
    """The videos of one data set and split."""

    dataset: str
    sample: Sample
    logits: pd.DataFrame  # video by scorer; NaN = not scored


class Rival(NamedTuple):
    """What an ensemble is held against."""

    title: str
    logits: Float[np.ndarray, "video"]
    note: str


def contributions(
    manifest: pd.DataFrame, videos: pd.DataFrame, settings: params.Params
) -> pd.DataFrame:
    """Ensembles against themselves without a member, the best single scorer and equal weights."""
    development = _development(manifest, videos, settings)
    rows: list[Row] = []
    for cell in _cells(manifest, videos, settings, "test"):
        rivals = _rivals(cell, development, settings)
        bar = tqdm(rivals.items(), desc=f"contributions {cell.dataset}", unit="ensemble")
        found = [row for name, of in bar for row in _compare(cell, name, of, _draws(settings))]
        for metric in COMPARED:
            own = [row for row in found if row["metric"] == metric]
            p = np.array([row["p"] for row in own], dtype=np.float64)
            corrected, few = members.family(p, _draws(settings))
            for row, p_holm in zip(own, corrected.tolist(), strict=True):
                note = _join(str(row["note"]), "" if np.isnan(p_holm) else few)
                rows.append(row | {"p_holm": p_holm, "note": note})
    return tables.from_rows(findings.CONTRIBUTIONS, rows)


def agreement(
    manifest: pd.DataFrame, videos: pd.DataFrame, settings: params.Params
) -> pd.DataFrame:
    """Whether scorers err on the same videos: all pairs that are no ensembles."""
    singles = [name for name in settings.scorers if name not in settings.videos.ensembles]
    rows: list[Row] = []
    for cell in _cells(manifest, videos, settings, "test"):
        for pair in combinations(singles, 2):
            both = _on(cell, list(pair))
            one, two = both.logits.to_numpy().T
            found = members.agree(both.sample.labels, one, two, settings.results.threshold)
            names: Row = {"dataset": cell.dataset, "detector": pair[0], "other": pair[1]}
            rows.append(names | found._asdict())
    return tables.from_rows(findings.AGREEMENT, rows)


def oracle(manifest: pd.DataFrame, videos: pd.DataFrame, settings: params.Params) -> pd.DataFrame:
    """What picking each video's best member would reach, beside the best single scorer.

    Both are about the videos that all members scored.
    """
    rows: list[Row] = []
    for cell in tqdm(_cells(manifest, videos, settings, "test"), desc="oracle", unit="set"):
        shared = _shared(cell, settings)
        labels = shared.sample.labels
        picks = members.best_picks(labels, shared.logits.to_numpy())
        statistics = members.auc_and_accuracy(labels, picks, settings.results.threshold)
        singles, bound = _best(shared, settings), BOUND.format(", ".join(map(str, shared.logits)))
        for metric, found in estimate(statistics, shared.sample, _draws(settings)).items():
            single, about = singles[metric], "" if np.isnan(found.value) else bound
            row: Row = {"dataset": cell.dataset, "metric": metric, "best_single": single.name}
            row |= {"value_single": single.value, "n_fake": int(labels.sum())}
            row |= {"n_real": len(labels) - int(labels.sum())}
            rows.append(row | _figures(found, _join(about, single.note)))
    return tables.from_rows(findings.ORACLE, rows)


def simplex(manifest: pd.DataFrame, videos: pd.DataFrame, settings: params.Params) -> pd.DataFrame:
    """AUC over all weightings of the detectors, on videos that all scored; none of one detector.

    On each data set's test split, and on the development split, where weights may be chosen.
    `auc_map` says what is flat, `steps_that_fit` how fine the grid is.
    """
    detectors = settings.detectors
    if len(detectors) < 2:
        return tables.from_rows(findings.SIMPLEX, [])
    steps = steps_that_fit(len(detectors), settings.ensembles.simplex_steps)
    draws = _draws(settings)._replace(replicates=MAP_REPLICATES)
    cells = [("test", cell) for cell in _cells(manifest, videos, settings, "test")]
    cells += [("val", _development(manifest, videos, settings))]
    rows: list[Row] = []
    for split, cell in tqdm(cells, desc="simplex", unit="map"):
        if cell.logits.empty:
            continue  # no development split in params.yaml
        _, sample, logits = _on(cell, detectors)
        found = auc_map(sample, logits.to_numpy(), steps, draws)
        for point, weights in enumerate(found.weights):
            place = {"dataset": cell.dataset, "split": split, "point": point}
            place |= {"auc": found.auc[point], "flat": found.flat[point]}
            named = zip(detectors, weights, strict=True)
            rows += [place | {"detector": name, "weight": weight} for name, weight in named]
    return tables.from_rows(findings.SIMPLEX, rows)


def _singles(settings: params.Params) -> list[str]:
    # nothing that this project fits on development, where it would look too good
    return [*settings.detectors, *settings.external]


def _draws(settings: params.Params) -> Draws:
    return Draws(settings.results.replicates, settings.results.interval, settings.seed)


def _cells(
    manifest: pd.DataFrame, videos: pd.DataFrame, settings: params.Params, split: str
) -> list[Cell]:
    """One per data set that has videos of the split."""
    there = sorted(set(videos["scorer"]))
    if there != sorted(settings.scorers):
        msg = f"table videos holds {there}, params.yaml {settings.scorers}; dvc repro videos"
        raise ValueError(msg)
    cells = []
    for dataset, scores in tables.labelled(manifest, videos, split).groupby("dataset", sort=False):
        logits = scores.pivot(index="video_id", columns="scorer", values="fake_logit")
        facts = scores.drop_duplicates("video_id").set_index("video_id").loc[logits.index]
        sample = Sample(facts["label"].to_numpy(bool), facts["cluster_id"].to_numpy(str))
        cells.append(Cell(str(dataset), sample, logits[settings.scorers]))
    return cells


def _development(manifest: pd.DataFrame, videos: pd.DataFrame, settings: params.Params) -> Cell:
    """The only labels that a rule or a choice may see; without videos where there are none."""
    nobody = Sample(np.zeros(0, dtype=bool), np.zeros(0, dtype=str))
    nothing = pd.DataFrame(columns=settings.scorers, dtype="float64")
    cells = {cell.dataset: cell for cell in _cells(manifest, videos, settings, "val")}
    return cells.get(settings.development, Cell(settings.development, nobody, nothing))


def _on(cell: Cell, scorers: list[str]) -> Cell:
    """Some scorers, on the videos that all of them scored."""
    scored = cell.logits[scorers].notna().all(axis=1).to_numpy(bool)
    labels, clusters = cell.sample
    sample = Sample(labels[scored], clusters[scored])
    return Cell(cell.dataset, sample, cell.logits.loc[scored, scorers])


def _shared(cell: Cell, settings: params.Params) -> Cell:
    """Single scorers on the videos that all scored, without those that would leave few videos."""
    counts = cell.logits[_singles(settings)].notna().sum()
    return _on(cell, [name for name in _singles(settings) if 2 * counts[name] >= counts.max()])


def _best(shared: Cell, settings: params.Params) -> dict[str, members.Best]:
    """By metric, the best of the single scorers that share these videos."""
    scores = {str(name): own.to_numpy() for name, own in shared.logits.items()}
    found = members.best_singles(shared.sample.labels, scores, settings.results.threshold)
    few = ", ".join(name for name in _singles(settings) if name not in scores)
    left_out = f"without {few}: scored less than half as many videos as others" if few else ""
    return {metric: one._replace(note=_join(one.note, left_out)) for metric, one in found.items()}


def _rivals(cell: Cell, development: Cell, settings: params.Params) -> dict[str, list[Rival]]:
    """What each ensemble is held against on one data set."""
    ones = blocks.Ensemble(rule="weighted_mean", weights=dict.fromkeys(settings.detectors, 1.0))
    context = (cell, development, settings.videos.min_detectors)
    equal = _fuse("equal weights", ones, *context)
    chosen = _best(_shared(development, settings), settings)["auc"]
    hindsight = _best(_shared(cell, settings), settings)["auc"]
    singles = [
        _single(cell, chosen, "best single", "on the development split"),
        _single(cell, hindsight, "best single in hindsight", "on these videos, which favours it"),
    ]
    rivals: dict[str, list[Rival]] = {}
    for name, ensemble in settings.videos.ensembles.items():
        fewer = {member: ensemble.weights | {member: 0.0} for member in ensemble.members}
        rivals[name] = [
            _fuse(f"without {member}", ensemble.model_copy(update={"weights": weights}), *context)
            for member, weights in fewer.items()
        ]
        alike = len({ensemble.weights[member] for member in ensemble.members}) == 1
        itself = ensemble.rule == ones.rule and alike and set(ensemble.members) == set(ones.members)
        rivals[name] += singles if itself else [*singles, equal]
    return rivals


def _single(cell: Cell, chosen: members.Best, title: str, where: str) -> Rival:
    """A single scorer as it scores this data set; NaN if none could be chosen."""
    scores = cell.logits.reindex(columns=[chosen.name]).to_numpy()[:, 0]
    how = f"{'chosen' if chosen.name else 'none could be chosen'} by its AUC {where}"
    return Rival(f"{title}: {chosen.name or 'none'}", scores, _join(how, chosen.note))


def _fuse(
    title: str, ensemble: blocks.Ensemble, cell: Cell, development: Cell, needed: int
) -> Rival:
    """The scores of a weighting, its rule fitted on development."""
    own = ensemble.members
    if len(own) < needed:
        why = f"{len(own)} would be left, videos.min_detectors is {needed}"
        return Rival(title, np.full(len(cell.logits), np.nan), why)
    weights = np.array([ensemble.weights[name] for name in own], dtype=np.float64)
    seen = Development(development.logits[own].to_numpy(), development.sample.labels)
    logits = cell.logits[own].to_numpy()
    scores = ENSEMBLES[ensemble.rule](logits, weights, seen)
    scores[(~np.isnan(logits)).sum(axis=1) < needed] = np.nan
    return Rival(title, scores, unlearnable(ensemble.rule, weights, seen))


def _compare(cell: Cell, name: str, rivals: list[Rival], draws: Draws) -> Iterator[Row]:
    """Rows of one ensemble, before the correction."""
    scored = cell.logits[name].notna().to_numpy(bool)
    logits = np.array([cell.logits[name].to_numpy(), *(rival.logits for rival in rivals)])
    sample = Sample(cell.sample.labels[scored], cell.sample.clusters[scored])
    for one in comparisons.compare(COMPARED, logits[:, scored], sample, draws):
        if one.pair.scorer == 0:  # the ensemble; its rivals are not held against each other
            rival = rivals[one.pair.other - 1]
            row: Row = {"dataset": cell.dataset, "ensemble": name, "against": rival.title}
            row |= {"metric": one.metric, "n_real": one.n_real, "n_fake": one.n_fake}
            yield row | _figures(one.difference, rival.note)


def _figures(found: Estimate, note: str) -> Row:
    """An estimate's columns; its own note comes first."""
    return found._asdict() | {"note": _join(found.note, note)}


def _join(*notes: str) -> str:
    return "; ".join(filter(None, notes))
