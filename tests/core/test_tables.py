"""Each wrong table is refused with a sentence that names what is wrong."""

import numpy as np
import pandas as pd
import pytest

from deepbench.core import tables
from deepbench.core.tables import VideoRow


def row(name="a", label=True, method="Deepfakes"):
    return VideoRow(f"set/{name}", "set", "test", label, method, name, "video", f"{name}.mp4")


@pytest.fixture
def manifest():
    return tables.from_rows(tables.MANIFEST, [row("a"), row("b", False, "real")])


def test_what_is_written_is_read(manifest, tmp_path):
    tables.write(tables.MANIFEST, manifest, tmp_path / "m.parquet")
    pd.testing.assert_frame_equal(tables.read(tables.MANIFEST, tmp_path / "m.parquet"), manifest)


def test_the_same_table_is_the_same_bytes(manifest, tmp_path):
    for name in ("one", "two"):
        tables.write(tables.MANIFEST, manifest.copy(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_several_files_and_folders_are_one_table(manifest, tmp_path):
    for index in range(2):
        part = manifest.iloc[index : index + 1]
        tables.write(tables.MANIFEST, part, tmp_path / f"manifest-{index}.parquet")
    whole = tables.read(tables.MANIFEST, tmp_path)
    pd.testing.assert_frame_equal(whole, manifest)
    with pytest.raises(ValueError, match="2 rows repeat their key"):
        tables.read(tables.MANIFEST, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda m: m.drop(columns="split"), r"columns missing \['split'\]"),
        (lambda m: m.assign(extra=1), r"unexpected \['extra'\]"),
        (lambda m: pd.concat([m, m]), "2 rows repeat their key, first .*set/a"),
        (lambda m: m.assign(method="real"), "label and method disagree in 1 rows, first 'set/a'"),
        (lambda m: m.assign(split=None), r"null in \['split'\]"),
    ],
)
def test_a_wrong_table_is_refused(manifest, tmp_path, spoil, sentence):
    with pytest.raises(ValueError, match=sentence):
        tables.write(tables.MANIFEST, spoil(manifest), tmp_path / "m.parquet")
    assert not (tmp_path / "m.parquet").exists()


def test_a_missing_table_names_the_cure(tmp_path):
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        tables.read(tables.MANIFEST, tmp_path / "none.parquet")
    with pytest.raises(FileNotFoundError, match="dvc repro"):
        tables.read(tables.MANIFEST, tmp_path)


def test_an_empty_table_keeps_its_columns_and_types():
    empty = tables.from_rows(tables.SCORES, [])
    assert list(empty.columns) == list(tables.SCORES.columns)
    assert empty["fake_logit"].dtype == np.float32


def videos_of(manifest, scorers=("one", "two")):
    rows = [
        {"video_id": name, "scorer": scorer, "fake_logit": 0.0, "fake_prob": 0.5, "problem": ""}
        for scorer in scorers
        for name in manifest["video_id"]
    ]
    return tables.from_rows(tables.VIDEOS, rows)


def test_labelled_has_every_scorer_on_every_video_of_the_split(manifest):
    rows = tables.labelled(manifest, videos_of(manifest), "test")
    assert len(rows) == 4
    assert rows.groupby("scorer")["label"].sum().to_dict() == {"one": 1, "two": 1}
    assert tables.labelled(manifest, videos_of(manifest), "val").empty


def test_a_scorer_that_keeps_silent_about_a_video_is_noticed(manifest):
    with pytest.raises(ValueError, match="2 test videos and 2 scorers, but 3 rows"):
        tables.labelled(manifest, videos_of(manifest).iloc[1:], "test")


def test_some_columns_can_be_read_alone(manifest, tmp_path):
    tables.write(tables.MANIFEST, manifest, tmp_path / "m.parquet")
    found = tables.read_columns(tables.MANIFEST, ["label", "split"], tmp_path / "m.parquet")
    pd.testing.assert_frame_equal(found, manifest[["label", "split"]])
