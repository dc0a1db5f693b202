"""The tables that connect the steps: columns, types, units and checks.

A step reads tables and writes tables; it knows no other step. Whoever reads this file knows the
system. Tables are parquet files; `read` and `write` check them at the door, so that the code
between can trust them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from deepbench.core import files

REAL = "real"


class Table(NamedTuple):
    """Columns of one table with their Arrow types, and the columns that together are unique."""

    name: str
    columns: dict[str, pa.DataType]
    key: tuple[str, ...]


MANIFEST = Table(
    "manifest",
    {
        "video_id": pa.string(),  # unique, e.g. faceforensics/Deepfakes/c23/000_003
        "dataset": pa.string(),
        "split": pa.string(),  # train, val, test
        "label": pa.bool_(),  # True = fake
        "method": pa.string(),  # "real" or the manipulation
        "cluster_id": pa.string(),  # identity or original clip: what a bootstrap keeps together
        "media": pa.string(),  # video, image, frames
        "path": pa.string(),  # relative to the data set's root
        "compression": pa.string(),  # raw, c23, c40; empty where the data set has none
    },
    ("video_id",),
)
FACES = Table(
    "faces",
    {
        "video_id": pa.string(),
        "frame": pa.int32(),  # index in the video, 0-based, in decoding order
        "time_s": pa.float32(),  # presentation time; NaN for images
        "face": pa.int16(),  # 0 = the chosen one
        "box": pa.list_(pa.float32(), 4),  # x1, y1, x2, y2 in pixels of the upright frame
        "landmarks": pa.list_(
            pa.float32(), 10
        ),  # x, y of left eye, right eye, nose, mouth left, right
        "confidence": pa.float32(),  # the face detector's, 0 to 1; NaN if it gives none
        "sharpness": pa.float32(),  # variance of the Laplacian of the grey crop
        "png": pa.binary(),  # the crop, lossless RGB
    },
    ("video_id", "frame", "face"),
)
LEDGER = Table(
    "ledger",
    {
        "video_id": pa.string(),
        "frames_total": pa.int32(),  # in the video; 0 = unknown
        "frames_expected": pa.int32(),  # asked for by the frame rule
        "frames_decoded": pa.int32(),
        "frames_with_face": pa.int32(),
        "other_faces": pa.int32(),  # faces found beside the chosen ones, over all frames
        "problem": pa.string(),  # empty or one plain sentence
    },
    ("video_id",),
)
SCORES = Table(
    "scores",
    {
        "video_id": pa.string(),
        "frame": pa.int32(),
        "face": pa.int16(),
        "detector": pa.string(),
        "fake_logit": pa.float32(),  # logit[fake] - logit[real]: log-odds of fake, never clipped
    },
    ("video_id", "frame", "face", "detector"),
)
VIDEOS = Table(
    "videos",
    {
        "video_id": pa.string(),
        "scorer": pa.string(),  # a detector or an ensemble
        "fake_logit": pa.float64(),  # log-odds of fake_prob
        "fake_prob": pa.float64(),  # NaN where the video could not be scored
        "frames_used": pa.int32(),
        "problem": pa.string(),  # empty or one plain sentence
    },
    ("video_id", "scorer"),
)
RESULTS = Table(
    "results",
    {
        "scorer": pa.string(),
        "dataset": pa.string(),
        "method": pa.string(),  # "all", or one manipulation against the reals
        "level": pa.string(),  # video, frame
        "metric": pa.string(),
        "value": pa.float64(),  # NaN where undefined; `note` says why
        "low": pa.float64(),  # interval of the level in params.yaml; NaN where `note` says why
        "high": pa.float64(),
        "plain_low": pa.float64(),  # as if every item were independent of all others: too narrow
        "plain_high": pa.float64(),
        "n_real": pa.int32(),
        "n_fake": pa.int32(),
        "n_missing": pa.int32(),  # videos of the manifest without any score, at either level
        "protocol": pa.string(),
        "note": pa.string(),
    },
    ("scorer", "dataset", "method", "level", "metric"),
)


@dataclass(frozen=True)
class VideoRow:
    """One row of the manifest, as a data set's `list_videos` yields it."""

    video_id: str
    dataset: str
    split: str
    label: bool
    method: str
    cluster_id: str
    media: Literal["video", "image", "frames"]
    path: str
    compression: str = ""


def schema(table: Table) -> pa.Schema:
    """Arrow schema of a table."""
    return pa.schema(list(table.columns.items()))


def from_rows(table: Table, rows: list[VideoRow] | list[dict[str, object]]) -> pd.DataFrame:
    """Data frame of a table out of its rows, with the right columns and types also when empty."""
    plain = [vars(row) if isinstance(row, VideoRow) else row for row in rows]
    frame: pd.DataFrame = pa.Table.from_pylist(plain, schema=schema(table)).to_pandas()
    return frame


def check(table: Table, frame: pd.DataFrame) -> None:
    """Raise ValueError if the frame's columns, nulls, key or labels are not the table's."""
    if list(frame.columns) != list(table.columns):
        missing = [c for c in table.columns if c not in frame.columns]
        extra = [c for c in frame.columns if c not in table.columns]
        msg = f"table {table.name}: columns missing {missing}, unexpected {extra}, or out of order"
        raise ValueError(msg)
    doubled = frame.duplicated(list(table.key))
    if doubled.any():
        first = frame.loc[doubled, list(table.key)].iloc[0].to_dict()
        msg = f"table {table.name}: {int(doubled.sum())} rows repeat their key, first {first}"
        raise ValueError(msg)
    strings = [name for name, kind in table.columns.items() if pa.types.is_string(kind)]
    empty = [name for name in strings if frame[name].isna().any()]
    if empty:
        msg = f"table {table.name}: null in {empty}; write an empty string or a sentence instead"
        raise ValueError(msg)
    if table is MANIFEST and len(frame):
        wrong = frame.loc[frame["label"] == (frame["method"] == REAL), "video_id"]
        if len(wrong):
            msg = (
                f"table manifest: label and method disagree in {len(wrong)} rows, "
                f"first {wrong.iloc[0]!r}; label is True for fake, method is 'real' for reals"
            )
            raise ValueError(msg)


def labelled(manifest: pd.DataFrame, videos: pd.DataFrame, split: str) -> pd.DataFrame:
    """One row per scorer and video of a split: label, cluster_id, ... and its fake_logit.

    Raises:
        ValueError: a scorer says nothing of a video, not even that it is lost.
    """
    facts = manifest.loc[manifest["split"] == split]
    facts = facts[["video_id", "dataset", "method", "label", "cluster_id"]]
    table = facts.merge(videos[["video_id", "scorer", "fake_logit"]], on="video_id")
    scorers = videos["scorer"].nunique()
    if len(table) != len(facts) * scorers:
        msg = (
            f"{len(facts)} {split} videos and {scorers} scorers, but {len(table)} rows in table "
            "videos; make it anew: dvc repro -f -s videos"
        )
        raise ValueError(msg)
    return table


def write(
    table: Table, frame: pd.DataFrame, path: Path, notes: dict[str, str] | None = None
) -> None:
    """Check and write one parquet file with notes in its footer; the same gives the same bytes.

    Raises:
        ValueError: columns, keys or values are not the table's.
        OSError: it cannot be written; the message names the path, why, and what to do.
    """
    check(table, frame)
    arrow = pa.Table.from_pandas(frame, schema=schema(table), preserve_index=False)
    with files.unfinished(path) as part, part.open("wb") as file:
        # pandas metadata would record library versions and change the bytes
        pq.write_table(arrow.replace_schema_metadata(notes), file, compression="zstd")


def read(table: Table, *paths: Path) -> pd.DataFrame:
    """Read and check parquet files, or folders of shards in the order of their names, as one."""
    frame = read_columns(table, list(table.columns), *paths)
    check(table, frame)
    return frame


def read_columns(table: Table, columns: list[str], *paths: Path) -> pd.DataFrame:
    """Read some columns only, as all of faces but the pictures."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.glob(f"{table.name}*.parquet")) if path.is_dir() else [path]
        if not inside or not path.exists():
            msg = f"table {table.name}: nothing at {path}; run the stage that makes it: dvc repro"
            raise FileNotFoundError(msg)
        found += inside
    parts = [_parquet(table, columns, file) for file in found]
    frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return frame


def _parquet(table: Table, columns: list[str], path: Path) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns, schema=schema(table))
    # neither Arrow's errors nor those of the disk name the file; names may be no UTF-8
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        msg = (
            f"table {table.name}: {path} cannot be read ({str(error).splitlines()[0]}); delete it "
            "and make it anew: dvc repro"
        )
        raise ValueError(msg) from None
