"""Step `frequency`: frequency features of every face crop, and mean spectra per manipulation.

Crops of real test videos are also compressed and shrunk, so that what this alone does to a
spectrum is not mistaken for a manipulation.
"""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from deepbench.core import blocks, digests, evidence, features, shards, tables
from deepbench.media import crops as stored
from deepbench.media import spectrum, treatments
from deepbench.media.treatments import Grey, Rgb

MEANS_FILE = "mean_spectra.parquet"
LIBRARIES = ("numpy", "scipy", "opencv-python-headless")


class Fact(NamedTuple):
    """What the manifest says of a video."""

    split: str
    method: str


def extract(
    faces: Path, manifest: pd.DataFrame, settings: blocks.Frequency, out: Path
) -> pd.DataFrame:
    """Write the features of one data set's crops to `out`, in shards as the faces are.

    Shards that stand are kept. Returns the mean spectra of the test split, also written there.

    Raises:
        ValueError: the manifest holds several data sets, or lacks a video that has faces.
    """
    tables.check(tables.MANIFEST, manifest)
    if len(datasets := sorted(set(manifest["dataset"]))) > 1:
        msg = f"one data set at a time, found {datasets} in the manifest"
        raise ValueError(msg)
    columns = zip(manifest["video_id"], manifest["split"], manifest["method"], strict=True)
    facts = {video: Fact(split, method) for video, split, method in columns}
    folder = shards.Folder(out, evidence.VIDEO_SPECTRA, evidence.FREQUENCY)
    recipe = _recipe(settings)
    with tqdm(total=len(manifest), desc="frequency", unit="video") as bar:
        for number, path in enumerate(shards.paths(tables.FACES, faces)):
            noted = shards.noted(path)
            _refuse_strangers(noted, facts)
            keys = {v: digests.of([recipe, facts[v], digest]) for v, digest in noted.items()}
            shard = shards.Shard(number, keys)
            if not folder.stands(shard):
                new = [video for video, key in keys.items() if not folder.has(key)]
                folder.write(shard, _made(path, new, facts, settings), frozenset())
            bar.update(len(noted))
    folder.finish()
    means = _means(out, facts, "".join(datasets))
    tables.write(evidence.MEAN_SPECTRA, means, out / MEANS_FILE)
    return means


def _recipe(settings: blocks.Frequency) -> str:
    several = (evidence.VIDEO_SPECTRA, evidence.FREQUENCY)
    return digests.of(
        {
            "settings": [settings.jpeg_qualities, settings.face_sides],
            "code": digests.of_code(__name__),
            "libraries": digests.versions(*LIBRARIES),
            "columns": [str(tables.schema(table)) for table in several],
        }
    )


def _refuse_strangers(videos: Iterable[str], facts: dict[str, Fact]) -> None:
    if strangers := sorted(set(videos) - set(facts)):
        msg = (
            f"{len(strangers)} videos have faces but are not in the manifest, first "
            f"{strangers[0]}; make the faces anew: dvc repro faces"
        )
        raise ValueError(msg)


def _made(
    path: Path, videos: list[str], facts: dict[str, Fact], settings: blocks.Frequency
) -> dict[str, tuple[pa.Table, pa.Table]]:
    """Mean spectrum and features of each video of a shard."""
    own = shards.by_video(shards.rows(path, [*features.CROP, "png"], videos), videos)
    return {v: _of_video(crops.to_pandas(), facts[v], settings) for v, crops in own.items()}


def _of_video(
    crops: pd.DataFrame, fact: Fact, settings: blocks.Frequency
) -> tuple[pa.Table, pa.Table]:
    pictures = [stored.decode(png) for png in crops["png"]]
    plain = _stack([treatments.grey(rgb) for rgb in pictures])
    rows = _rows(crops, "", spectrum.features(plain)) if len(crops) else []
    means = []
    if fact.split == "test" and len(crops):
        total = sum(spectrum.log_magnitude(plain), np.zeros(evidence.GRID))
        video = crops["video_id"].iloc[0]
        means = [{"video_id": video, "n": len(crops), "log_magnitude": total / len(crops)}]
        if fact.method == tables.REAL:
            for name, treated in _treated(pictures, settings).items():
                rows += _rows(crops, name, _features(treated))
    return (
        pa.Table.from_pylist(means, tables.schema(evidence.VIDEO_SPECTRA)),
        pa.Table.from_pylist(rows, tables.schema(evidence.FREQUENCY)),
    )


def _means(out: Path, facts: dict[str, Fact], dataset: str) -> pd.DataFrame:
    """Mean log magnitudes of each manipulation, over crops."""
    totals: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(evidence.GRID))
    counts: defaultdict[str, int] = defaultdict(int)
    columns = list(evidence.VIDEO_SPECTRA.columns)
    for batch in shards.batches(evidence.VIDEO_SPECTRA, out, columns, shards.VIDEOS_PER_SHARD):
        for video, n, log in batch.itertuples(index=False):
            totals[facts[video].method] += n * log.astype(np.float64)
            counts[facts[video].method] += n
    rows: list[dict[str, object]] = [
        {"dataset": dataset, "method": name, "n": n, "log_magnitude": totals[name] / n}
        for name, n in sorted(counts.items())
    ]
    return tables.from_rows(evidence.MEAN_SPECTRA, rows)


def _treated(crops: list[Rgb], settings: blocks.Frequency) -> dict[str, list[Grey | None]]:
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
