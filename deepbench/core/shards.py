"""Tables too large for memory: folders of parquet shards, which a run that was killed resumes.

A shard holds the rows of a few consecutive videos. Its name carries the digest of everything that
determines it, so that a shard that stands is not made again; its footer carries a digest per video,
so that rows of unchanged videos are copied when others came between them.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deepbench.core import digests, tables

VIDEOS_PER_SHARD = 20
NOTE = "deepbench"  # where a footer keeps the digests
# what determines the bytes of given rows
FORM = {"code": digests.of(Path(tables.__file__).read_text("utf-8"))} | digests.versions("pyarrow")


class Shard(NamedTuple):
    """Some consecutive videos, and of each the digest of what determines its rows."""

    number: int
    digests: dict[str, str]

    def name(self, table: tables.Table) -> str:
        """File name of this shard of a table."""
        digest = digests.of([FORM, list(self.digests.items())])[:12]
        return f"{table.name}-{self.number:05d}-{digest}.parquet"


class Folder:
    """Shards of one or more tables: what stands there, what can be copied, and what is stale."""

    def __init__(self, path: Path, *several: tables.Table) -> None:
        path.mkdir(parents=True, exist_ok=True)
        # the last table is written last: where it is, the others are
        self._path, self._tables = path, several
        self._wanted: set[str] = set()
        self._standing: set[str] = set()
        self._holders: dict[str, str] = {}  # digest of a video -> its shard
        for file in _paths(several[-1], path):
            found = _noted(file)
            if found is None or not all(self._place(file, table).exists() for table in several):
                continue
            if all(found.values()):
                self._standing.add(file.name)
            self._holders |= {digest: file.name for digest in found.values() if digest}

    def stands(self, shard: Shard) -> bool:
        """Whether the shard is there; it then belongs to this run."""
        self._wanted |= {shard.name(table) for table in self._tables}
        return shard.name(self._tables[-1]) in self._standing

    def has(self, digest: str) -> bool:
        """Whether rows of this digest can be copied."""
        return digest in self._holders

    def write(
        self, shard: Shard, made: Mapping[str, tuple[pa.Table, ...]], failed: frozenset[str]
    ) -> None:
        """Write a shard: by video the rows just made, a table each, and copies of all others.

        Videos that failed are tried again by the next run.
        """
        marks = {v: "" if v in failed else digest for v, digest in shard.digests.items()}
        copied = [digest for video, digest in shard.digests.items() if video not in made]
        for place, table in enumerate(self._tables):
            parts = {video: rows[place] for video, rows in made.items()}
            parts |= self._copies(table, copied)
            ordered = [parts[video] for video in shard.digests]
            whole = pa.concat_tables([tables.schema(table).empty_table(), *ordered])
            target = self._path / shard.name(table)
            tables.write(table, whole.to_pandas(), target, {NOTE: json.dumps(marks)})
            self._wanted.add(target.name)

    def finish(self) -> None:
        """Remove all shards that this run did not ask for, and what a killed run left."""
        for table in self._tables:
            for file in self._path.glob(f"{table.name}*.parquet*"):
                if file.name not in self._wanted:
                    file.unlink()

    def _place(self, file: Path, table: tables.Table) -> Path:
        return file.with_name(table.name + file.name.removeprefix(self._tables[-1].name))

    def _copies(self, table: tables.Table, wanted: list[str]) -> dict[str, pa.Table]:
        found: dict[str, pa.Table] = {}
        for name, group in itertools.groupby(wanted, lambda digest: self._holders[digest]):
            file = self._place(self._path / name, table)
            holds = {digest: video for video, digest in noted(self._path / name).items()}
            videos = [holds[digest] for digest in group]
            found |= by_video(rows(file, list(table.columns), videos), videos)
        return found


def chunks(manifest: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The videos of each shard; one shard without videos where there are none."""
    for start in range(0, max(len(manifest), 1), VIDEOS_PER_SHARD):
        yield manifest.iloc[start : start + VIDEOS_PER_SHARD]


def paths(table: tables.Table, folder: Path) -> list[Path]:
    """The shards of a table, in their order.

    Raises:
        FileNotFoundError: there are none.
    """
    found = _paths(table, folder)
    if not found:
        msg = f"table {table.name}: no shards in {folder}; run the stage that makes it: dvc repro"
        raise FileNotFoundError(msg)
    return found


def noted(path: Path) -> dict[str, str]:
    """The digest of each video in a shard, in the order of the rows; empty for one that failed.

    Raises:
        ValueError: the shard was not written by `Folder`.
    """
    found = _noted(path)
    if found is None:
        msg = f"{path} does not say what determines its rows; make it anew: dvc repro"
        raise ValueError(msg)
    return found


def rows(path: Path, columns: list[str], videos: list[str]) -> pa.Table:
    """Some columns of the rows of some videos, in the order of the shard."""
    wanted = pc.field("video_id").isin(pa.array(videos, pa.string()))
    return pq.read_table(path, columns=columns, filters=wanted).replace_schema_metadata(None)


def by_video(table: pa.Table, videos: Iterable[str]) -> dict[str, pa.Table]:
    """The rows of each video."""
    return {video: table.filter(pc.equal(table["video_id"], video)) for video in videos}


def batches(
    table: tables.Table, folder: Path, columns: list[str], size: int
) -> Iterator[pd.DataFrame]:
    """Batches of at most `size` rows with the named columns, in the order they were written."""
    for path in paths(table, folder):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(size, columns=columns):
                yield batch.to_pandas()


def count(table: tables.Table, folder: Path) -> int:
    """Rows in all shards, from their footers."""
    return sum(pq.read_metadata(path).num_rows for path in _paths(table, folder))


def _paths(table: tables.Table, folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{table.name}-*.parquet"))


def _noted(path: Path) -> dict[str, str] | None:
    """Digests by video; None for a file that is damaged or of another origin."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        found = json.loads(metadata.get(NOTE.encode(), b"null"))
    # Arrow's errors, names that are no UTF-8, and notes that are no JSON
    except (pa.ArrowException, OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        return None
    return found
