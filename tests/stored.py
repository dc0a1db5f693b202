"""Tables as the steps store them: shards that say what determines their rows."""

from pathlib import Path

import pyarrow as pa

from deepbench.core import digests, shards, tables


def write(table: tables.Table, folder: Path, rows: list[dict[str, object]], videos: int = 20):
    """Shards of so many videos each; the rows of a video stand together."""
    own: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        own.setdefault(row["video_id"], []).append(row)
    out, names = shards.Folder(folder, table), list(own)
    for number, start in enumerate(range(0, max(len(names), 1), videos)):
        part = names[start : start + videos]
        shard = shards.Shard(number, {name: digests.of(str(own[name])) for name in part})
        made = {n: (pa.Table.from_pylist(own[n], tables.schema(table)),) for n in part}
        out.write(shard, made, frozenset())
    out.finish()
