"""The step faces: manifest -> one row per face crop, and the ledger of what was lost.

Videos are read by several processes at once, into shards of a few videos each. A shard that stands
is kept, so that a run that was killed goes on where it was, and only new videos are read.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Never

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from deepbench.core import blocks, digests, processes, roots, shards, tables
from deepbench.media import align, clips

CONTENTS = Path("runs/contents.sqlite")
SECONDS = 1800.0  # for one video; two hours of film take a few minutes
# they decide what a pixel is, or how it is stored
LIBRARIES = ("av", "facenet-pytorch", "numpy", "opencv-python-headless", "pillow", "torch")
UNSEEN = {"workers"}  # settings that no crop shows


class Place(NamedTuple):
    """Where the rows of a video belong."""

    shard: shards.Shard
    video_id: str


def extract(
    manifest: pd.DataFrame,
    root: Path,
    settings: blocks.Faces,
    out: Path,
    contents: Path = CONTENTS,
) -> pd.DataFrame:
    """Crop the faces of every video into shards in `out`; returns the ledger, also written there.

    Every video of the manifest has one row in the ledger, whatever happened to it. The crops do
    not depend on the number of processes; they are made on the CPU, on every machine.
    `contents` is where digests of files are remembered.
    """
    tables.check(tables.MANIFEST, manifest)
    clips.check(settings)
    folder = shards.Folder(out, tables.FACES, tables.LEDGER)
    with (
        digests.Contents(contents) as known,
        tqdm(total=len(manifest), desc="faces", unit="video") as bar,
    ):
        plan = _plan(manifest, root, settings, known)
        jobs = _jobs(plan, folder, bar)
        outcomes = processes.in_order(clips.make, jobs, _workers(settings))
        for shard, several in itertools.groupby(outcomes, lambda outcome: outcome[0].shard):
            _write(folder, shard, several, bar)
    folder.finish()
    if settings.crop == align.WHOLE:
        _refuse_two_sizes(out)
    return tables.read(tables.LEDGER, out)


class Planned(NamedTuple):
    """A shard, and the tasks of its videos."""

    shard: shards.Shard
    tasks: list[clips.Task]


def _plan(
    manifest: pd.DataFrame, root: Path, settings: blocks.Faces, known: digests.Contents
) -> Iterator[Planned]:
    """Shards by what determines them: settings, files, code and libraries."""
    recipe = _recipe(settings)
    for number, rows in enumerate(shards.chunks(manifest)):
        columns = zip(rows["video_id"], rows["path"], rows["media"], strict=True)
        tasks = [
            clips.Task(v, roots.place(root, path), media, settings) for v, path, media in columns
        ]
        keys = [(t.video_id, p, t.media) for t, p in zip(tasks, rows["path"], strict=True)]
        found = {
            key[0]: digests.of([recipe, key, known.of(roots.place(root, key[1]))]) for key in keys
        }
        yield Planned(shards.Shard(number, found), tasks)


def _recipe(settings: blocks.Faces) -> str:
    libraries = (*LIBRARIES, "dlib-bin", "dlib") if settings.crop == align.DLIB else LIBRARIES
    columns = [str(tables.schema(table)) for table in (tables.FACES, tables.LEDGER)]
    return digests.of(
        {
            "settings": settings.model_dump(exclude=UNSEEN | {"landmark_model"}),
            "code": digests.of_code("deepbench.media.clips"),
            "libraries": digests.versions(*libraries),
            "columns": columns,
        }
    )


def _workers(settings: blocks.Faces) -> processes.Workers:
    by_mtcnn = settings.crop not in (align.WHOLE, align.DLIB)
    preload = "deepbench.media.mtcnn" if by_mtcnn else "deepbench.media.clips"
    return processes.Workers(processes.count(settings.workers), SECONDS, (preload,))


def _jobs(
    plan: Iterator[Planned], folder: shards.Folder, bar: "tqdm[Never]"
) -> Iterator[tuple[Place, clips.Task]]:
    """The videos that no shard has yet; shards that need none are written on the way."""
    for shard, tasks in plan:
        if folder.stands(shard):
            bar.update(len(tasks))
            continue
        new = [task for task in tasks if not folder.has(shard.digests[task.video_id])]
        bar.update(len(tasks) - len(new))
        if not new:
            folder.write(shard, {}, frozenset())
        yield from ((Place(shard, task.video_id), task) for task in new)


def _write(
    folder: shards.Folder,
    shard: shards.Shard,
    outcomes: Iterator[tuple[Place, clips.Clip | processes.Failure]],
    bar: "tqdm[Never]",
) -> None:
    made, failed = {}, set()
    for (_, video_id), outcome in outcomes:
        if isinstance(outcome, processes.Failure):
            failed.add(video_id)
            outcome = clips.lost(video_id, outcome.reason)
        made[video_id] = (
            pa.Table.from_pylist(outcome.rows, tables.schema(tables.FACES)),
            pa.Table.from_pylist([outcome.ledger], tables.schema(tables.LEDGER)),
        )
        bar.update()
    folder.write(shard, made, frozenset(failed))


def _refuse_two_sizes(out: Path) -> None:
    """Refuse a second size of whole pictures: detectors run on batches of equal crops."""
    first = None
    for path in shards.paths(tables.FACES, out):
        rows = pq.read_table(path, columns=["video_id", "box"]).to_pydict()
        for video_id, box in zip(rows["video_id"], rows["box"], strict=True):
            first = first or box[2]
            if box[2] != first:
                small, large = sorted((int(first), int(box[2])))
                msg = (
                    f"{video_id}: whole pictures of {small} and of {large} pixels in one data "
                    "set; bring them to one size, or let faces.crop cut the faces"
                )
                raise ValueError(msg)
