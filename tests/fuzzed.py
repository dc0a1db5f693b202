"""Loaders of what users and other programs write, each behind one call that takes bytes.

A loader returns a value, or raises one of the documented errors with a sentence that names the
file: never another exception, and never one of a library's own, which names neither file nor cure.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.torch
import torch
from PIL import Image

from deepbench import external
from deepbench.core import params, plugins, shards, tables
from deepbench.detectors import checkpoint
from deepbench.media import images, kinds

ROOT = Path(__file__).parents[1]
DOCUMENTED = (ValueError, FileNotFoundError, KeyError, kinds.Refusal)
ROW = tables.VideoRow("t/a", "t", "test", True, "Deepfakes", "a", "video", "a.mp4")


class Target(NamedTuple):
    """One loader: where its file lies, what is done with it, and a file that is right."""

    name: str
    place: str
    load: Callable[[Path], object]
    seed: bytes
    names_file: bool = True  # its errors do


def _listed(data_set: str, beside: tuple[str, ...] = ()) -> Callable[[Path], object]:
    def load(path: Path) -> object:
        root = path
        while root.name != "root":
            root = root.parent
        for name in beside:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        source = plugins.load("datasets", data_set)
        rows = list(source.list_videos(root))
        tables.check(tables.MANIFEST, tables.from_rows(tables.MANIFEST, rows))
        return source.notes(root, rows)

    return load


def parquet(table: pd.DataFrame, notes: dict[str, str] | None = None) -> bytes:
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(notes)
    out = io.BytesIO()
    pq.write_table(arrow, out)
    return out.getvalue()


def _saved(save: Callable[[object, io.BytesIO], object], value: object) -> bytes:
    out = io.BytesIO()
    save(value, out)
    return out.getvalue()


def _weights(path: Path) -> object:
    card = plugins.load("detectors", "xception").CARD
    return checkpoint.read(checkpoint.Origin(path, card))


def _png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(out, "PNG")
    return out.getvalue()


MANIFEST = tables.from_rows(tables.MANIFEST, [ROW])
SCORES = pd.DataFrame({"video_id": ["t/a", "t/b"], "fake_prob": [0.25, 1.0]})
TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)}
FRAMES = ["rgb/FF/frames/000/000.png", "rgb/FF/frames/000/001.png"]
BENCH = {"FF": {"FF-real": {"test": {"c23": {"000": {"label": "FF-real", "frames": FRAMES}}}}}}
DFDC = {"a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"}}
PREVIEW = {
    "original_videos/1/a.mp4": {
        **{"label": "real", "set": "train", "target_id": "1", "swapped_id": None},
        **{"augmentations": []},
    }
}
TARGETS = (
    Target("params", "params.yaml", params.load, (ROOT / "params.yaml").read_bytes()),
    Target("table", "m.parquet", lambda p: tables.read(tables.MANIFEST, p), parquet(MANIFEST)),
    Target("shard", "s.parquet", shards.noted, parquet(MANIFEST, {"deepbench": '{"t/a": "0"}'})),
    Target("scores_csv", "s.csv", external.read, b"path,fake_prob\na.mp4,0.5\n b.mp4 ,1e-3\n"),
    Target("scores_parquet", "s.parquet", external.read, parquet(SCORES)),
    Target(
        *("dfdc_metadata", "root/dfdc_train_part_0/metadata.json", _listed("dfdc")),
        json.dumps(DFDC).encode(),
    ),
    Target(
        *("dfdc_labels", "root/test/labels.csv", _listed("dfdc")),
        b"filename,label\na.mp4,1\nb.mp4,0\n",
    ),
    Target(
        *("dfdc_preview", "root/dataset.json", _listed("dfdc_preview")),
        json.dumps(PREVIEW).encode(),
    ),
    Target("deepfakebench", "root/FF.json", _listed("deepfakebench"), json.dumps(BENCH).encode()),
    Target(
        *("celeb_df", "root/List_of_testing_videos.txt"),
        _listed("celeb_df", ("Celeb-real/id0_0000.mp4", "Celeb-synthesis/id0_id1_0000.mp4")),
        b"1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n",
        names_file=False,  # but the video in it that is named wrong
    ),
    Target("pth", "w.pth", _weights, _saved(torch.save, TENSORS)),
    Target("safetensors", "w.safetensors", _weights, safetensors.torch.save(TENSORS)),
    Target("kind", "f.mp4", kinds.kind, b"\0\0\0\x18ftypisom", names_file=False),
    Target("picture", "f.png", images.read, _png(), names_file=False),
)


def feed(target: Target, content: bytes, folder: Path) -> str:
    """Load these bytes; returns the sentence of a documented error, or an empty string.

    Raises:
        Exception: whatever must not happen.
    """
    path = folder / target.place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        target.load(path)
    except Exception as error:
        if type(error) not in DOCUMENTED:
            raise
        said = str(error)
        if len(said) < 20 or (target.names_file and path.name.partition(".")[0] not in said):
            msg = f"{target.name}: not a sentence that names the file: {said!r}"
            raise AssertionError(msg) from error
        return said
    return ""
