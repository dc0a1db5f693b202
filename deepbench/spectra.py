"""Step `spectra`: what sets fakes apart in frequency, and what compression and size do alone.

Read from the features of all data sets, some crops at a time. What a scorer makes of the same
features is in `probe`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from tqdm import tqdm

from deepbench.core import evidence, features, params, tables
from deepbench.media.spectrum import ENTROPIES, FEATURE_NAMES
from deepbench.statistics import effects, intervals

ALL = "all"
ENTROPY = "fft.entropy"
NAMES = (*FEATURE_NAMES, ENTROPY)
SUMMARIES = ("fft.high_frequency_ratio", ENTROPY, "dct.energy_compaction")
TOO_SMALL = "no crop of these videos has this feature: too flat, or no larger than the treatment"
Row = dict[str, object]


def read_means(folder: Path, datasets: list[str]) -> pd.DataFrame:
    """Means of every feature over each video's crops, from a folder per data set."""
    bar = tqdm(datasets, desc="features", unit="data set")
    return pd.concat([video_means(folder / name) for name in bar])


def video_means(folder: Path) -> pd.DataFrame:
    """Means of every feature over each video's crops; a row per video_id and treatment.

    NaN where no crop has the feature. The mean of the rings' entropies is one feature more.
    """
    sums: dict[tuple[str, str], np.ndarray] = {}
    nothing = np.zeros((2, evidence.FEATURES))
    for values, crops in features.read(folder):
        known = ~np.isnan(values)
        parts = np.stack([np.where(known, values, 0), known])
        for name, own in crops.groupby(["video_id", "treatment"]).indices.items():
            key = cast(tuple[str, str], name)
            sums[key] = sums.get(key, nothing) + parts[:, own].sum(axis=1)
    total, count = np.array([*sums.values()]).reshape(-1, 2, evidence.FEATURES).swapaxes(0, 1)
    with np.errstate(invalid="ignore"):
        mean = total / count
    first = FEATURE_NAMES.index("fft.entropy.0")
    entropy = mean[:, first : first + ENTROPIES].mean(axis=1, keepdims=True)
    index = pd.MultiIndex.from_tuples(list(sums), names=["video_id", "treatment"])
    return pd.DataFrame(np.hstack([mean, entropy]), index=index, columns=list(NAMES))


def summarise(means: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Table summaries: a few telling features of every test video."""
    plain = means.xs("", level="treatment")[list(SUMMARIES)]
    long = plain.melt(var_name="feature", value_name="value", ignore_index=False).reset_index()
    test = manifest.loc[manifest["split"] == "test", ["video_id", "dataset", "method"]]
    return test.merge(long, on="video_id")[list(evidence.SUMMARIES.columns)]


def compare(means: pd.DataFrame, manifest: pd.DataFrame, settings: params.Params) -> pd.DataFrame:
    """Table spectra: every feature of fakes against reals, and of treated against plain reals."""
    test = manifest[manifest["split"] == "test"].set_index("video_id")
    seen = test[test.index.isin(means.index.get_level_values("video_id"))]
    rows: list[Row] = []
    for name in tqdm(settings.datasets, desc="spectra", unit="data set"):
        own = seen[seen["dataset"] == name]
        rows += _manipulations(name, means, own, settings)
        rows += _treatments(name, means, own[~own["label"]], settings)
    return tables.from_rows(evidence.SPECTRA, rows)


def _manipulations(
    dataset: str, means: pd.DataFrame, own: pd.DataFrame, settings: params.Params
) -> Iterator[Row]:
    plain = means.xs("", level="treatment")
    several = sorted(set(own["method"]) - {tables.REAL})
    for method in [ALL, *(several if len(several) > 1 else [])]:
        pair = own if method == ALL else own[own["method"].isin([tables.REAL, method])]
        sample = intervals.Sample(pair["label"].to_numpy(bool), pair["cluster_id"].to_numpy(str))
        found = effects.contrasts(plain.loc[pair.index].to_numpy(), sample, _draws(settings))
        yield from _rows({"dataset": dataset, "method": method, "treatment": ""}, found)


def _treatments(
    dataset: str, means: pd.DataFrame, real: pd.DataFrame, settings: params.Params
) -> Iterator[Row]:
    plain = means.xs("", level="treatment").loc[real.index].to_numpy()
    clusters = np.tile(real["cluster_id"].to_numpy(str), 2)
    sample = intervals.Sample(np.arange(len(clusters)) >= len(real), clusters)
    for treatment in features.treatments(settings.frequency):
        wanted = pd.MultiIndex.from_product([real.index, [treatment]], names=means.index.names)
        treated = means.reindex(wanted).to_numpy()
        # a video without the treatment is no half of a pair
        both = np.vstack([np.where(np.isnan(treated), np.nan, plain), treated])
        found = effects.contrasts(both, sample, _draws(settings))
        keys: Row = {"dataset": dataset, "method": tables.REAL, "treatment": treatment}
        yield from _rows(keys, found)


def _draws(settings: params.Params) -> intervals.Draws:
    chosen = settings.results
    return intervals.Draws(chosen.replicates, chosen.interval, settings.seed)


def _rows(keys: Row, found: list[effects.Contrast]) -> Iterator[Row]:
    for name, contrast in zip(NAMES, found, strict=True):
        empty = not contrast.n_real + contrast.n_fake
        row = keys | {"feature": name, "note": TOO_SMALL if empty else contrast.note}
        for column in ("real", "fake", "difference", "effect"):
            value, low, high = getattr(contrast, column)
            row |= {column: value, f"{column}_low": low, f"{column}_high": high}
        yield row | {"n_real": contrast.n_real, "n_fake": contrast.n_fake}
