"""Shards that stand are kept, rows of unchanged videos are copied, and nothing stale is left."""

import pandas as pd
import pyarrow as pa
import pytest

from deepbench.core import shards, tables


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(shards, "VIDEOS_PER_SHARD", 3)


def rows(video, frames=2):
    made = [
        {"video_id": video, "frame": i, "face": 0, "detector": "d", "fake_logit": float(i)}
        for i in range(frames)
    ]
    return (pa.Table.from_pylist(made, tables.schema(tables.SCORES)),)


def run(folder, contents, failing=()):
    """One run over videos of some content; returns the videos whose rows had to be made."""
    standing = shards.Folder(folder, tables.SCORES)
    made = []
    manifest = pd.DataFrame({"video_id": list(contents)})
    for number, part in enumerate(shards.chunks(manifest)):
        shard = shards.Shard(number, {v: contents[v] for v in part["video_id"]})
        if standing.stands(shard):
            continue
        new = [v for v in shard.digests if not standing.has(contents[v])]
        made += new
        failed = frozenset(new) & frozenset(failing)
        standing.write(shard, {v: rows(v) for v in new}, failed)
    standing.finish()
    return made


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def content(names):
    return {name: f"content of {name}" for name in names}


def test_what_stands_is_not_made_again(tmp_path):
    assert run(tmp_path, content("abcdefgh")) == list("abcdefgh")
    assert [name[:13] for name in sorted(files(tmp_path))] == [
        "scores-00000-",
        "scores-00001-",
        "scores-00002-",
    ]
    before = files(tmp_path)
    assert run(tmp_path, content("abcdefgh")) == []
    assert files(tmp_path) == before


@pytest.mark.parametrize("names", ["abXcdefgh", "Xabcdefgh", "abcdefghX", "abdefgh", "hgfedcba"])
def test_only_new_videos_are_made_and_the_bytes_are_those_of_a_fresh_run(tmp_path, names):
    run(tmp_path / "grown", content("abcdefgh"))
    assert run(tmp_path / "grown", content(names)) == [n for n in names if n == "X"]
    assert run(tmp_path / "fresh", content(names)) == list(names)
    assert files(tmp_path / "grown") == files(tmp_path / "fresh")


def test_a_video_that_changed_is_made_again(tmp_path):
    run(tmp_path, content("abcde"))
    assert run(tmp_path, content("abcde") | {"d": "another"}) == ["d"]


def test_a_video_that_failed_is_tried_again(tmp_path):
    run(tmp_path, content("abcde"), failing="d")
    assert run(tmp_path, content("abcde"), failing="d") == ["d"]
    assert run(tmp_path, content("abcde")) == ["d"]
    assert run(tmp_path, content("abcde")) == []


def test_what_a_killed_run_left_is_removed(tmp_path):
    run(tmp_path, content("abcde"))
    before = files(tmp_path)
    left = ["scores-00001-0123456789ab.parquet.part", "scores-00009.parquet", "scores.parquet"]
    for name in left:
        (tmp_path / name).write_bytes(b"half of it")
    (tmp_path / "notes.txt").write_text("of somebody else")
    assert run(tmp_path, content("abcde")) == []
    assert files(tmp_path) == before | {"notes.txt": b"of somebody else"}


def test_a_damaged_shard_is_made_again(tmp_path):
    run(tmp_path, content("abcde"))
    before = files(tmp_path)
    path = shards.paths(tables.SCORES, tmp_path)[1]
    path.write_bytes(path.read_bytes()[:-30])
    assert run(tmp_path, content("abcde")) == ["d", "e"]
    assert files(tmp_path) == before


def test_a_shard_stands_only_with_all_its_tables(tmp_path):
    both = shards.Folder(tmp_path, tables.LEDGER, tables.SCORES)
    shard = shards.Shard(0, {"a": "x"})
    ledger = dict.fromkeys(tables.LEDGER.columns, 0) | {"video_id": "a", "problem": ""}
    one = pa.Table.from_pylist([ledger], tables.schema(tables.LEDGER))
    both.write(shard, {"a": (one, *rows("a"))}, frozenset())
    assert shards.Folder(tmp_path, tables.LEDGER, tables.SCORES).stands(shard)
    shards.paths(tables.LEDGER, tmp_path)[0].unlink()
    assert not shards.Folder(tmp_path, tables.LEDGER, tables.SCORES).stands(shard)


def test_rows_come_back_in_order_in_bounded_batches(tmp_path):
    run(tmp_path, content("cab" + "zyx"))
    assert shards.count(tables.SCORES, tmp_path) == 12
    batches = list(shards.batches(tables.SCORES, tmp_path, ["video_id", "frame"], 4))
    assert max(map(len, batches)) == 4
    assert pd.concat(batches)["video_id"].tolist() == [v for v in "cabzyx" for _ in range(2)]


def test_an_empty_table_is_still_a_table(tmp_path):
    run(tmp_path, {})
    assert shards.count(tables.SCORES, tmp_path) == 0
    assert tables.read(tables.SCORES, tmp_path).empty


def test_a_missing_folder_names_the_cure(tmp_path):
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        list(shards.batches(tables.SCORES, tmp_path, ["frame"], 4))


def test_a_shard_of_another_origin_is_refused(tmp_path):
    tables.write(tables.SCORES, tables.from_rows(tables.SCORES, []), tmp_path / "scores-0.parquet")
    with pytest.raises(ValueError, match=r"scores-0\.parquet does not say .* dvc repro"):
        shards.noted(tmp_path / "scores-0.parquet")
