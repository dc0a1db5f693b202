"""A table too large for memory, as a folder of parquet shards read one batch at a time."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pandas as pd
import pyarrow.parquet as pq

from deepbench.core import tables


class ShardWriter:
    """Collects rows and writes `<table>-00000.parquet`, ... as soon as one is full.

    What is added at once stays in one shard, so that a shard may hold a little more than
    `rows_per_shard` rows.
    """

    def __init__(self, table: tables.Table, folder: Path, rows_per_shard: int = 2000) -> None:
        self._table, self._folder, self._limit = table, folder, rows_per_shard
        self._rows: list[dict[str, object]] = []
        self._count = 0
        folder.mkdir(parents=True, exist_ok=True)
        # a shard left by an interrupted run would be read as part of this one
        for old in folder.glob(f"{table.name}*.parquet"):
            old.unlink()

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # an empty table is still a table: the next step finds its columns
        if kind is None and (self._rows or not self._count):
            self._flush()

    def add(self, rows: list[dict[str, object]]) -> None:
        """Append rows; a shard is written as soon as it is full."""
        self._rows += rows
        if len(self._rows) >= self._limit:
            self._flush()

    def _flush(self) -> None:
        frame = tables.from_rows(self._table, self._rows)
        name = f"{self._table.name}-{self._count:05d}.parquet"
        tables.write(self._table, frame, self._folder / name)
        self._rows, self._count = [], self._count + 1


def batches(
    table: tables.Table, folder: Path, columns: list[str], size: int
) -> Iterator[pd.DataFrame]:
    """Batches of at most `size` rows with the named columns, in the order they were written."""
    paths = sorted(folder.glob(f"{table.name}-*.parquet"))
    if not paths:
        msg = f"table {table.name}: no shards in {folder}; run the stage that makes it: dvc repro"
        raise FileNotFoundError(msg)
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(size, columns=columns):
                yield batch.to_pandas()


def count(table: tables.Table, folder: Path) -> int:
    """Rows in all shards, from their footers."""
    return sum(pq.read_metadata(p).num_rows for p in folder.glob(f"{table.name}-*.parquet"))
