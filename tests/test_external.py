"""Scores from elsewhere: every row and every video is accounted for, wrong files are refused."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from deepbench import external
from deepbench.core import tables
from deepbench.core.tables import VideoRow


@pytest.fixture
def manifest():
    def row(dataset, split, path):
        video_id = f"{dataset}/{path.split('.')[0]}"
        return VideoRow(video_id, dataset, split, True, "x", video_id, "video", path)

    rows = [
        row("celeb", "test", "real/id0.mp4"),
        row("celeb", "test", "fake/id1.mp4"),
        row("celeb", "val", "fake/id2.mp4"),
        row("mine", "test", "real/id0.mp4"),
        row("mine", "test", "id1.mp4"),
    ]
    return tables.from_rows(tables.MANIFEST, rows)


@pytest.fixture
def csv(tmp_path):
    def write(text, name="bench.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return path

    return write


def found(taken):
    scored = taken.table.dropna(subset="fake_logit")
    return dict(zip(scored["video_id"], scored["fake_prob"].round(9), strict=True))


def test_a_file_of_probabilities_becomes_a_scorer(csv, manifest):
    path = csv("video_id,fake_prob\nmine/id1,0.25\nceleb/fake/id2,0.5\n")
    taken = external.take("bench", path, manifest)
    tables.check(tables.VIDEOS, taken.table)
    assert found(taken) == {"mine/id1": 0.25, "celeb/fake/id2": 0.5}
    rows = taken.table.set_index("video_id")
    assert sorted(rows.index) == sorted(manifest["video_id"])
    assert rows.loc["mine/id1", "fake_logit"] == pytest.approx(logit(0.25))
    assert rows.loc["mine/id1", "problem"] == ""
    assert rows.loc["celeb/fake/id1", "problem"] == "not in bench.csv"
    assert set(rows["scorer"]) == {"bench"}


def test_the_account_says_what_matched_and_what_did_not(csv, manifest):
    path = csv("video_id,fake_logit,notes\nmine/id1,2,\ntrain/7,1,old\n")
    taken = external.take("bench", path, manifest)
    assert json.loads(json.dumps(taken.account)) == {
        "scorer": "bench",
        "file": path.as_posix(),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "key": "video_id",
        "score": "fake_logit",
        "columns_ignored": ["notes"],
        "rows": 2,
        "matched": 1,
        "rows_without_video": 1,
        "videos_without_score": 4,
        "infinite": 0,
    }
    assert taken.without_video.to_dict("records") == [
        {"row": 2, "key": "train/7", "dataset": "", "fake_logit": 1.0}
    ]
    assert external.coverage(taken, manifest).to_dict("index") == {
        ("celeb", "test"): {"scored": 0, "without_score": 2},
        ("celeb", "val"): {"scored": 0, "without_score": 1},
        ("mine", "test"): {"scored": 1, "without_score": 1},
    }


@pytest.mark.parametrize("index", [False, True])
def test_parquet_says_the_same_as_csv(tmp_path, csv, manifest, index):
    frame = pd.DataFrame({"video_id": ["mine/id1", "celeb/fake/id1"], "fake_prob": [0.25, 0.5]})
    path = tmp_path / "bench.parquet"
    # categories, and an index of pandas, are how others store such columns
    frame = frame.astype({"video_id": "category"})
    (frame.set_index("video_id") if index else frame).to_parquet(path)
    lines = csv("video_id,fake_prob\nmine/id1,0.25\nceleb/fake/id1,0.5\n")
    expected = external.take("bench", lines, manifest).table
    taken = external.take("bench", path, manifest).table
    same = ["video_id", "fake_logit"]
    pd.testing.assert_frame_equal(taken[same], expected[same])


@pytest.mark.parametrize(
    "written",
    [
        "fake/id1.mp4",
        "./fake/id1.mp4",
        "/media/disk/Celeb-DF/fake/id1.mp4",
        "C:\\data\\celeb\\fake\\id1.mp4",
    ],
)
def test_a_path_is_the_manifests_or_ends_with_it(csv, manifest, written):
    own = manifest[manifest["dataset"] == "celeb"]
    taken = external.take("bench", csv(f"path,fake_prob\n{written},0.25\n"), own)
    assert found(taken) == {"celeb/fake/id1": 0.25}


def test_a_path_must_end_with_whole_folder_names(csv, manifest):
    path = csv("path,fake_prob\nxfake/id2.mp4,0.25\nreal/fake/id2.mp4,0.5\n")
    taken = external.take("bench", path, manifest)
    assert found(taken) == {"celeb/fake/id2": 0.5}
    assert taken.without_video["key"].tolist() == ["xfake/id2.mp4"]


def test_a_path_of_two_data_sets_is_refused_until_a_column_tells_them_apart(csv, manifest):
    path = csv("path,fake_prob\nfake/id2.mp4,0.1\nreal/id0.mp4,0.25\n")
    sentence = r"as 'celeb/real/id0' or 'mine/real/id0'.*`dataset`.*in 1 of 2 rows, first row 2: 'r"
    with pytest.raises(ValueError, match=sentence):
        external.take("bench", path, manifest)
    told = csv("path,fake_prob,dataset\nfake/id2.mp4,0.1,\nreal/id0.mp4,0.25,mine\n")
    taken = external.take("bench", told, manifest)
    assert found(taken) == {"celeb/fake/id2": 0.1, "mine/real/id0": 0.25}
    assert taken.account["columns_ignored"] == []


def test_within_a_data_set_the_longest_path_is_the_video(csv, manifest):
    namesake = manifest[manifest["path"].isin(["id1.mp4", "fake/id1.mp4"])].assign(dataset="one")
    taken = external.take("bench", csv("path,fake_prob\nx/fake/id1.mp4,0.25\n"), namesake)
    assert found(taken) == {"celeb/fake/id1": 0.25}


def test_probabilities_of_0_and_1_are_infinite_log_odds_and_counted(csv, manifest):
    path = csv("video_id,fake_prob\nmine/id1,1\nceleb/fake/id2,0\n")
    taken = external.take("bench", path, manifest)
    logits = taken.table.set_index("video_id")["fake_logit"]
    assert logits["mine/id1"] == np.inf
    assert logits["celeb/fake/id2"] == -np.inf
    assert taken.account["infinite"] == 2


def test_a_byte_order_mark_spaces_quotes_and_blank_lines_are_no_matter(csv, manifest):
    text = '\ufeffvideo_id, fake_prob\r\n"mine/id1", 0.25\r\n\r\nceleb/fake/id2,5e-1\r\n'
    taken = external.take("bench", csv(text), manifest)
    assert found(taken) == {"mine/id1": 0.25, "celeb/fake/id2": 0.5}


MANY = "".join(f"v{i},1.5\n" for i in range(7))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"exactly one column of video_id and path; its columns are \[\]"),
        ("video_id,fake_prob\n", "none of its 0 rows belongs"),
        ("video,fake_prob\na,0.5\n", r"video_id and path; its columns are \['video', 'fake_prob'"),
        ("video_id,path,fake_prob\na,b,0.5\n", "exactly one column of video_id and path"),
        ("video_id,score\na,0.5\n", "exactly one column of fake_prob and fake_logit"),
        ("video_id,fake_prob,fake_logit\na,0.5,0\n", "exactly one column of fake_prob and"),
        ("path,fake_prob,path\na,0.5,a\n", r"columns of one name: \['path'\]"),
        ("video_id;fake_prob\na;0,5\n", "the header is 'video_id;fake_prob'; write commas"),
        ("video_id\tfake_prob\na\t0.5\n", "write commas"),
        ("video_id,fake_prob\na,0,5\n", r"row 1 has 3 values, the header 2: \['a', '0', '5'\]"),
        ('video_id,fake_prob\n"a,0.5\n', "not a table that can be read: unexpected end of data"),
        ("video_id,fake_prob\nä,0.5\n".encode("latin-1"), "not a table.*utf-8"),
        ("video_id,fake_prob\n,0.5\n", "no video_id in 1 of 1 rows, first row 1: '' '0.5'"),
        ("video_id,fake_prob\na,high\n", "fake_prob is no number in 1 of 1 rows, first row 1: 'a'"),
        ("video_id,fake_prob\na,0.1\nb,\nc,nan\n", "no number in 2 of 3 rows, .*row 2: 'b' ''; ro"),
        ("video_id,fake_logit\na,NaN\n", "fake_logit is no number in 1 of 1"),
        ("video_id,fake_prob\n" + MANY, r"outside 0 to 1 .*in 7 of 7 rows.*row 5: 'v4' '1.5'$"),
        ("video_id,fake_prob\na,-0.01\n", "outside 0 to 1 .log-odds belong in fake_logit"),
        ("video_id,fake_prob\na,inf\n", "outside 0 to 1"),
        (
            "video_id,fake_prob\na,0.5\na,0.6\n",
            "one video_id twice in 2 of 2 rows.*row 2: 'a' '0.6",
        ),
        ("path,fake_prob\nb\\a,0.5\nb/a,0.6\n", "one path twice in 2 of 2 rows"),
        ("path,fake_prob\nid1.mp4,0.5\nx/id1.mp4,0.6\n", "one video several times in 2 of 2"),
        (
            "video_id,fake_prob\nid9,0.5\n",
            r"none of its 1 rows .*like \['id9'\], the manifest's li",
        ),
        ("path,fake_prob,dataset\nid1.mp4,0.5,celeb\n", "none of its 1 rows belongs"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_rows_and_values(csv, manifest, text, sentence):
    path = csv(text)
    with pytest.raises(ValueError, match=sentence) as refused:
        external.take("bench", path, manifest)
    assert str(refused.value).startswith(str(path))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"video_id": ["a", None], "fake_prob": [0.5, 0.5]}, "no video_id in 1 of 2 rows"),
        (
            {"video_id": ["a", "b"], "fake_prob": [0.5, None]},
            "no number in 1 of 2 .*row 2: 'b' nan",
        ),
        ({"video_id": ["a", "b"], "fake_prob": ["high", "low"]}, "no number in 2 of 2 rows"),
        ({"video_id": ["a", "b"], "fake_prob": [[0.1], [0.9]]}, "no number in 2 of 2 rows"),
        ({"video_id": [1, 2], "fake_prob": [0.5, 0.7]}, "none of its 2 rows"),
    ],
)
def test_a_wrong_parquet_file_is_refused_alike(tmp_path, manifest, columns, sentence):
    path = tmp_path / "bench.parquet"
    pd.DataFrame(columns).to_parquet(path)
    with pytest.raises(ValueError, match=sentence):
        external.take("bench", path, manifest)


def test_what_is_no_table_is_refused(csv, manifest, tmp_path):
    with pytest.raises(ValueError, match=r"bench.parquet is not a table that can be read"):
        external.take("bench", csv("video_id,fake_prob\n", "bench.parquet"), manifest)
    with pytest.raises(ValueError, match=r"read from \.csv or \.parquet, not '\.xlsx'"):
        external.take("bench", csv("", "bench.xlsx"), manifest)
    with pytest.raises(FileNotFoundError, match=r"no file .*external\.<name>\.path"):
        external.take("bench", tmp_path / "absent.csv", manifest)


def test_no_label_is_needed_nor_read(csv, manifest):
    path = csv("path,fake_prob,label\nfake/id2.mp4,0.25,real\n")
    blind = manifest.drop(columns=["label", "method"])
    taken = external.take("bench", path, blind)
    assert found(taken) == {"celeb/fake/id2": 0.25}
    assert taken.account["columns_ignored"] == ["label"]
    pd.testing.assert_frame_equal(taken.table, external.take("bench", path, manifest).table)


def test_a_large_file_takes_no_time(tmp_path, manifest):
    paths = [f"videos/part_{i % 50}/{i:06d}.mp4" for i in range(5000)]
    many = pd.concat([manifest[:1]] * 5000, ignore_index=True).assign(
        path=paths, video_id=[f"v{i:06d}" for i in range(5000)]
    )
    probs = np.linspace(0.001, 0.999, 5000)
    path = tmp_path / "bench.csv"
    pd.DataFrame({"path": [f"/d/{p}" for p in paths], "fake_prob": probs}).to_csv(path, index=False)
    taken = external.take("bench", path, many)
    assert taken.account["matched"] == 5000
    np.testing.assert_allclose(taken.table["fake_prob"], probs)
