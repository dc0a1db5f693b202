"""Step `external`: scores that another program made become one more scorer.

The file is CSV (commas, UTF-8) or Parquet with one row per video: `video_id` or `path` says which,
`fake_prob` (0 to 1) or `fake_logit` says how fake. A path is relative to the data set's root, as in
the manifest, or ends with that; where data sets share paths, a column `dataset` tells them apart.
Labels are not read: this step cannot see them.
"""

import csv
import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float
from scipy.special import expit, logit

from deepbench.core import tables

KEYS = ("video_id", "path")
SCORES = ("fake_prob", "fake_logit")
EXAMPLES = 5


class File(NamedTuple):
    """What was read: `rows` has row (from 1), key, dataset (or empty), value and fake_logit."""

    rows: pd.DataFrame
    key: str
    score: str
    ignored: list[str]  # columns that were not read


class Taken(NamedTuple):
    """A file's scores in the form of the table videos, and what became of its rows."""

    table: pd.DataFrame
    account: dict[str, object]
    without_video: pd.DataFrame  # rows of the file that belong to no video of the manifest


def take(name: str, path: Path, manifest: pd.DataFrame) -> Taken:
    """One row per video of the manifest: its score in the file, or NaN and a sentence.

    A probability of exactly 0 or 1 is allowed; its log-odds are infinite, and such videos tie.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file cannot be read, a column or value is wrong, a video has two rows, a
            path could be of several videos, or nothing matches the manifest.
    """
    file = read(path)
    rows = file.rows.assign(video_id=_videos(file, manifest, path))
    known = rows["video_id"] != ""
    matched, strangers = rows[known], rows[~known]
    if matched.empty:
        theirs, ours = rows["key"].head(2).tolist(), manifest[file.key].head(2).tolist()
        msg = (
            f"{path}: none of its {len(rows)} rows belongs to a video of the manifest; its "
            f"{file.key} are like {theirs}, the manifest's like {ours}"
        )
        raise ValueError(msg)
    _refuse(matched, matched.duplicated("video_id", keep=False), f"{path}: one video several times")
    table = _table(name, path, matched, manifest)
    account: dict[str, object] = {
        "scorer": name,
        "file": path.as_posix(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "key": file.key,
        "score": file.score,
        "columns_ignored": file.ignored,
        "rows": len(rows),
        "matched": len(rows) - len(strangers),
        "rows_without_video": len(strangers),
        "videos_without_score": int(table["fake_logit"].isna().sum()),
        "infinite": int(np.isinf(table["fake_logit"]).sum()),
    }
    return Taken(table, account, strangers[["row", "key", "dataset", "fake_logit"]])


def _table(name: str, path: Path, matched: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Table videos of this scorer: every video of the manifest once."""
    table = manifest[["video_id"]].merge(matched[["video_id", "fake_logit"]], "left", "video_id")
    logits = table["fake_logit"].to_numpy(np.float64)
    table = table.assign(
        scorer=name,
        fake_prob=expit(logits),
        frames_used=np.int32(0),  # the file does not say
        problem=np.where(np.isnan(logits), f"not in {path.name}", ""),
    )
    return table.sort_values("video_id", ignore_index=True)[list(tables.VIDEOS.columns)]


def coverage(taken: Taken, manifest: pd.DataFrame) -> pd.DataFrame:
    """How many videos of each data set and split have a score in the file, and how many not."""
    facts = manifest[["video_id", "dataset", "split"]]
    joined = facts.merge(taken.table[["video_id", "fake_logit"]], on="video_id")
    missing = joined["fake_logit"].isna()
    counted = joined.assign(scored=~missing, without_score=missing)
    return counted.groupby(["dataset", "split"])[["scored", "without_score"]].sum()


def read(path: Path) -> File:
    """Read and check a file of scores; what is wrong is named with its rows and values."""
    if not path.exists():
        msg = f"no file {path}; external.<name>.path in params.yaml says where the scores lie"
        raise FileNotFoundError(msg)
    if path.suffix.lower() not in READERS:
        msg = f"{path}: scores are read from {' or '.join(READERS)}, not {path.suffix!r}"
        raise ValueError(msg)
    try:
        table = READERS[path.suffix.lower()](path)
    # also a wrong encoding; none of them names the file
    except (csv.Error, pa.ArrowException, OSError, ValueError) as error:
        msg = f"{path} is not a table that can be read: {error}"
        raise ValueError(msg) from error
    if doubled := table.columns[table.columns.duplicated()].tolist():
        msg = f"{path} has columns of one name: {doubled}"
        raise ValueError(msg)
    key, score = _one_of(KEYS, table, path), _one_of(SCORES, table, path)
    # a video_id needs no data set beside it
    optional = [c for c in ("dataset",) if key == "path" and c in table]
    # as objects: Parquet may hold categories, which take no new value
    rows = pd.DataFrame({"key": table[key], "value": table[score]}, dtype=object)
    rows["dataset"] = table["dataset"].astype(object) if optional else ""
    rows.insert(0, "row", np.arange(1, len(rows) + 1))
    nameless = rows["key"].isna() | (rows["key"] == "")
    rows = rows.fillna({"dataset": ""}).astype({"key": str, "dataset": str})
    _refuse(rows, nameless, f"{path}: no {key}")
    if key == "path":
        rows["key"] = rows["key"].str.replace("\\", "/")  # written on Windows
    _refuse(rows, rows.duplicated(["key", "dataset"], keep=False), f"{path}: one {key} twice")
    ignored = [str(c) for c in table if c not in (key, score, *optional)]
    return File(rows.assign(fake_logit=_logits(rows, score, path)), key, score, ignored)


def _logits(rows: pd.DataFrame, score: str, path: Path) -> Float[np.ndarray, "row"]:
    number = np.array([_number(value) for value in rows["value"]], dtype=np.float64)
    _refuse(rows, np.isnan(number), f"{path}: {score} is no number")
    if score == "fake_logit":
        return number
    outside = (number < 0) | (number > 1)
    _refuse(rows, outside, f"{path}: fake_prob outside 0 to 1 (log-odds belong in fake_logit)")
    return np.asarray(logit(number))


def _videos(file: File, manifest: pd.DataFrame, path: Path) -> list[str]:
    """The video of each row of the file; empty where the manifest has none."""
    if file.key == "video_id":
        ids = set(manifest["video_id"])
        return [key if key in ids else "" for key in file.rows["key"]]
    known: dict[str, dict[str, str]] = {}
    facts = manifest[["path", "dataset", "video_id"]].itertuples(index=False, name=None)
    for place, dataset, video_id in facts:
        known.setdefault(place, {})[dataset] = video_id
    columns = zip(file.rows["key"], file.rows["dataset"], strict=True)
    found = [_candidates(key, dataset, known) for key, dataset in columns]
    several = np.array([len(ids) > 1 for ids in found], dtype=bool)
    if several.any():
        both = " or ".join(map(repr, found[int(several.argmax())]))
        what = f"{path}: paths that could be of several videos, as {both}"
        _refuse(file.rows, several, f"{what} (a column `dataset`, or `video_id`, tells them apart)")
    return [ids[0] if ids else "" for ids in found]


def _candidates(path: str, dataset: str, known: dict[str, dict[str, str]]) -> list[str]:
    """Of each data set, or the one given, the video whose path this one is or ends with."""
    parts = path.split("/")
    found: dict[str, str] = {}
    for start in range(len(parts)):
        # within a data set the longest ending is the video, a shorter one a namesake
        found = known.get("/".join(parts[start:]), {}) | found
    return [video_id for name, video_id in found.items() if dataset in ("", name)]


def _read_csv(path: Path) -> pd.DataFrame:
    """All values as text, so that a wrong one is shown as it was written."""
    # Excel writes a byte order mark
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True, skipinitialspace=True)
        lines = [line for line in reader if line]
    header = [column.strip() for column in lines[0]] if lines else []
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        msg = f"the header is {header[0]!r}; write commas between values, and points in numbers"
        raise ValueError(msg)
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            msg = f"row {number} has {len(line)} values, the header {len(header)}: {line}"
            raise ValueError(msg)
    return pd.DataFrame(lines[1:], columns=header, dtype=object)


def _read_parquet(path: Path) -> pd.DataFrame:
    # what pandas once used as an index is a column like the others
    table: pd.DataFrame = pq.read_table(path).to_pandas(ignore_metadata=True)
    return table


READERS = {".csv": _read_csv, ".parquet": _read_parquet}


def _one_of(names: tuple[str, ...], table: pd.DataFrame, path: Path) -> str:
    found = [column for column in table if column in names]
    if len(found) != 1:
        msg = (
            f"{path} needs exactly one column of {' and '.join(names)}; its columns are "
            f"{list(table)}"
        )
        raise ValueError(msg)
    return str(found[0])


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # whatever is no number raises
    except (TypeError, ValueError):
        return float("nan")


def _refuse(rows: pd.DataFrame, wrong: Bool[np.ndarray, "row"] | pd.Series, what: str) -> None:
    """Raise ValueError with the first of the wrong rows, if there are any."""
    if not wrong.any():
        return
    first = rows[wrong].head(EXAMPLES)
    shown = "; ".join(
        f"row {row}: {key!r} {value!r}"
        for row, key, value in zip(first["row"], first["key"], first["value"], strict=True)
    )
    msg = f"{what} in {int(wrong.sum())} of {len(rows)} rows, first {shown}"
    raise ValueError(msg)
