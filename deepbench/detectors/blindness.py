"""A network that says the same of all crops has seen none of them."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from deepbench.core import shards, tables

DIFFERENT = 8  # crops from which on equal scores are no chance


def refuse(out: Path, faces: Path, detector: str) -> None:
    """Raise ValueError if all scores in `out` are equal, though the crops in `faces` differ."""
    found = np.concatenate(
        [
            pq.read_table(path, columns=["fake_logit"])["fake_logit"].to_numpy()
            for path in shards.paths(tables.SCORES, out)
        ]
    )
    if len(found) < DIFFERENT or (found != found[0]).any():
        return
    pictures: set[bytes] = set()
    for path in shards.paths(tables.FACES, faces):
        pictures |= set(pq.read_table(path, columns=["png"])["png"].to_pylist())
        if len(pictures) >= DIFFERENT:
            msg = (
                f"{detector} gives all {len(found)} crops the same log-odds ({found[0]:g}), though "
                f"{DIFFERENT} or more of them differ: what it was given as weights sees nothing; "
                "get the file anew, and see `deepbench weights verify`"
            )
            raise ValueError(msg)
