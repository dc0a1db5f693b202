"""A table in shards reads back in order, batch by batch, without leftovers of an earlier run."""

import pandas as pd
import pytest

from deepbench.core import shards, tables


def rows(start, stop):
    return [
        {"video_id": "v", "frame": i, "face": 0, "detector": "d", "fake_logit": float(i)}
        for i in range(start, stop)
    ]


def write(folder, *parts):
    with shards.ShardWriter(tables.SCORES, folder, rows_per_shard=10) as writer:
        for part in parts:
            writer.add(part)


def test_rows_come_back_in_order_in_bounded_batches(tmp_path):
    write(tmp_path, rows(0, 7), rows(7, 14), rows(14, 25), rows(25, 26))
    assert len(list(tmp_path.iterdir())) == 3
    assert shards.count(tables.SCORES, tmp_path) == 26
    batches = list(shards.batches(tables.SCORES, tmp_path, ["frame"], 4))
    assert max(map(len, batches)) == 4
    assert pd.concat(batches)["frame"].tolist() == list(range(26))


def test_an_empty_table_is_still_a_table(tmp_path):
    write(tmp_path)
    assert shards.count(tables.SCORES, tmp_path) == 0
    assert tables.read(tables.SCORES, tmp_path).empty


def test_an_interrupted_run_leaves_nothing_to_the_next(tmp_path):
    write(tmp_path, rows(0, 30))
    write(tmp_path, rows(0, 5))
    assert shards.count(tables.SCORES, tmp_path) == 5


def test_a_missing_folder_names_the_cure(tmp_path):
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        list(shards.batches(tables.SCORES, tmp_path, ["frame"], 4))
