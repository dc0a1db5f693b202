"""Step `frequency`: frequency features of every face crop, and mean spectra per manipulation.

Crops of real test videos are also compressed and shrunk, so that what this alone does to a
spectrum is not mistaken for a manipulation.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from deepbench.core import evidence, features, params, shards, tables
from deepbench.media import crops as stored
from deepbench.media import spectrum, treatments
from deepbench.media.treatments import Grey, Rgb

AT_A_TIME = 32  # crops
MEANS_FILE = "mean_spectra.parquet"


class Sums:
    """Mean log magnitudes, as sums that take one batch after another."""

    def __init__(self) -> None:
        self._totals: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(evidence.GRID))
        self._counts: defaultdict[str, int] = defaultdict(int)

    def add(self, methods: list[str], grey: spectrum.Grey) -> None:
        """Take in crops by their manipulation."""
        for method, log in zip(methods, spectrum.log_magnitude(grey), strict=True):
            self._totals[method] += log
            self._counts[method] += 1

    def table(self, dataset: str) -> pd.DataFrame:
        """The means as a table."""
        rows: list[dict[str, object]] = [
            {
                "dataset": dataset,
                "method": method,
                "n": self._counts[method],
                "log_magnitude": total / self._counts[method],
            }
            for method, total in sorted(self._totals.items())
        ]
        return tables.from_rows(evidence.MEAN_SPECTRA, rows)


def extract(
    faces: Path, manifest: pd.DataFrame, settings: params.Frequency, out: Path
) -> pd.DataFrame:
    """Write the features of one data set's crops in shards to `out`; returns the mean spectra.

    The mean spectra, of the test split, are also written there.

    Raises:
        ValueError: the manifest holds several data sets, or lacks a video that has faces.
    """
    tables.check(tables.MANIFEST, manifest)
    if len(datasets := sorted(set(manifest["dataset"]))) > 1:
        msg = f"one data set at a time, found {datasets} in the manifest"
        raise ValueError(msg)
    facts = manifest.set_index("video_id")[["method", "split"]]
    sums = Sums()
    batches = shards.batches(tables.FACES, faces, [*features.CROP, "png"], AT_A_TIME)
    total = shards.count(tables.FACES, faces)
    with (
        shards.ShardWriter(evidence.FREQUENCY, out) as writer,
        tqdm(total=total, desc="frequency", unit="crop") as bar,
    ):
        for batch in batches:
            crops = [stored.decode(png) for png in batch["png"]]
            told = _facts(batch, facts)
            plain = _stack([treatments.grey(rgb) for rgb in crops])
            writer.add(_rows(batch, "", spectrum.features(plain)))
            test = (told["split"] == "test").to_numpy()
            sums.add(told["method"][test].tolist(), plain[test])
            real = np.flatnonzero(test & (told["method"] == tables.REAL).to_numpy())
            for name, treated in _treated([crops[i] for i in real], settings).items():
                writer.add(_rows(batch.iloc[real], name, _features(treated)))
            bar.update(len(batch))
    means = sums.table("".join(datasets))
    tables.write(evidence.MEAN_SPECTRA, means, out / MEANS_FILE)
    return means


def _facts(batch: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Split and manipulation of each crop."""
    if strangers := sorted(set(batch["video_id"]) - set(facts.index)):
        msg = (
            f"{len(strangers)} videos have faces but are not in the manifest, first "
            f"{strangers[0]}; make the faces anew: dvc repro -f faces"
        )
        raise ValueError(msg)
    return facts.loc[batch["video_id"]]


def _treated(crops: list[Rgb], settings: params.Frequency) -> dict[str, list[Grey | None]]:
    """Grey crops by what was done to them; None where a crop is too small for it."""
    found: dict[str, list[Grey | None]] = {}
    for quality in settings.jpeg_qualities:
        done = [treatments.jpeg(rgb, quality) for rgb in crops]
        found[features.jpeg_name(quality)] = [treatments.grey(rgb) for rgb in done]
    for side in settings.face_sides:
        shrunk = [treatments.small(rgb, side) for rgb in crops]
        found[features.side_name(side)] = [
            None if rgb is None else treatments.grey(rgb) for rgb in shrunk
        ]
    return found


def _features(grey: list[Grey | None]) -> spectrum.Features:
    """Features of each crop, all NaN where there is none."""
    there = [i for i, one in enumerate(grey) if one is not None]
    found = np.full((len(grey), evidence.FEATURES), np.nan, np.float32)
    found[there] = spectrum.features(_stack([one for one in grey if one is not None]))
    return found


def _stack(grey: list[Grey]) -> spectrum.Grey:
    return np.array(grey, np.uint8).reshape(-1, spectrum.SIZE, spectrum.SIZE)


def _rows(
    batch: pd.DataFrame, treatment: str, values: spectrum.Features
) -> list[dict[str, object]]:
    keys = batch[features.CROP].to_dict("records")
    return [
        {**{str(k): v for k, v in key.items()}, "treatment": treatment, "features": row}
        for key, row in zip(keys, values, strict=True)
    ]
