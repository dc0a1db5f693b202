"""What the explorer reads of a checkout: tables that the pipeline has made, and no network."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
from jaxtyping import Float64

from deepbench.core import evidence, params, tables
from deepbench.statistics import pooling

LEDGER = [
    *("video_id", "frames_total", "frames_expected", "frames_decoded", "frames_with_face"),
    *("other_faces", "problem"),
]
# all but the pictures
FACES = ["video_id", "frame", "face", "box", "sharpness"]


class Stored(NamedTuple):
    """The tables of a checkout, all data sets together."""

    root: Path
    settings: params.Params
    manifest: pd.DataFrame
    ledger: pd.DataFrame
    frames: pd.DataFrame  # pooling.by_frame: every detector's score of every frame
    videos: pd.DataFrame
    demo: tuple[str, ...]  # detectors with demo weights, which know nothing

    @property
    def members(self) -> list[str]:
        """What an ensemble may weigh."""
        return [*self.settings.framewise, *self.settings.external]


def load(root: Path) -> Stored:
    """Read everything but pictures.

    Raises:
        FileNotFoundError: a stage has not run.
        ValueError: params.yaml or a table is not as it should be.
    """
    settings = params.load(root / "params.yaml")
    artifacts, names = root / "artifacts", settings.datasets
    folders = [artifacts / "faces" / name for name in names]
    runs = [settings.scores_file(n, s) for n in names for s in settings.framewise]
    videos = tables.read(tables.VIDEOS, artifacts / "videos.parquet")
    if lacking := sorted(set(settings.scorers) - set(videos["scorer"])):
        msg = f"params.yaml names {lacking}, table videos does not hold them; run dvc repro videos"
        raise ValueError(msg)
    scores = tables.read(tables.SCORES, *(artifacts / run for run in runs))
    return Stored(
        root,
        settings,
        tables.read(tables.MANIFEST, *(artifacts / f"manifest/{name}.parquet" for name in names)),
        tables.read_columns(tables.LEDGER, LEDGER, *folders),
        pooling.by_frame(scores, tables.read_columns(tables.FACES, FACES, *folders)),
        videos,
        tuple(sorted({name for run in runs if (name := _demo(artifacts / f"{run}.json"))})),
    )


def _demo(path: Path) -> str:
    """The detector of a run with demo weights, else nothing."""
    facts = json.loads(path.read_text("utf-8"))
    return str(facts["detector"]) if facts.get("demo") else ""


def crops(stored: Stored, dataset: str, video: str) -> pd.DataFrame:
    """The crops of one video: frame, face and png."""
    columns = ["frame", "face", "png"]
    shards = _shards(tables.FACES, stored.root / "artifacts/faces" / dataset)
    # row groups without the video are passed over by their statistics
    found = shards.to_table(columns=columns, filter=ds.field("video_id") == video)
    frame: pd.DataFrame = found.to_pandas()
    return frame.sort_values(["frame", "face"], ignore_index=True)


def rings(
    stored: Stored, dataset: str, videos: list[str], count: int
) -> Float64[np.ndarray, "crop ring"]:
    """The first features, the azimuthal spectrum, of the untreated crops of some videos.

    Raises:
        FileNotFoundError: the stage frequency has not run.
    """
    shards = _shards(evidence.FREQUENCY, stored.root / "artifacts/frequency" / dataset)
    wanted = ds.field("video_id").isin(videos) & (ds.field("treatment") == "")
    lists = shards.to_table(columns=["features"], filter=wanted)["features"].combine_chunks()
    flat = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    return np.asarray(flat.reshape(-1, evidence.FEATURES)[:, :count])


def _shards(table: tables.Table, folder: Path) -> ds.Dataset:
    files = sorted(folder.glob(f"{table.name}-*.parquet"))
    if not files:
        msg = f"table {table.name}: nothing at {folder}; run the stage that makes it: dvc repro"
        raise FileNotFoundError(msg)
    return ds.dataset(files, schema=tables.schema(table))


def one(frame: pd.DataFrame, video: str) -> dict[str, object]:
    """The row of a table that is about one video."""
    row = frame.loc[frame["video_id"] == video].iloc[0]
    return {str(name): value for name, value in row.items()}
