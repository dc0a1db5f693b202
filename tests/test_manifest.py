import re
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest

from deepbench import manifest
from deepbench.core import blocks, params, tables
from deepbench.core.tables import VideoRow
from deepbench.datasets import celeb_df, faceforensics, folder
from deepbench.sample import pack

ROOT = Path(__file__).parents[1]

REALS = "original_sequences/youtube/{}/videos/{}.mp4"
FAKES = "manipulated_sequences/{}/{}/videos/{}.mp4"


@pytest.fixture
def ffpp(tmp_path):
    """One official pair of each split in c23, and one video in c40."""
    pairs = {place.split: place.pair for place in faceforensics._official().values()}
    paths = [REALS.format("c40", pairs["test"][:3])]
    for split in ("train", "val", "test"):
        a, b = pairs[split].split("_")
        paths += [REALS.format("c23", x) for x in (a, b)]
        paths += [FAKES.format("Deepfakes", "c23", f"{a}_{b}")]
        paths += [FAKES.format("FaceSwap", "c23", f"{b}_{a}")]
    touch(tmp_path, paths)
    return tmp_path


def touch(root, paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)  # no two files are the same bytes


def settings(splits=("val", "test"), compressions=("c23",), methods=()):
    """Trees here are far smaller than what was published, which tests/datasets is about."""
    return blocks.Manifest(
        splits=list(splits),
        compressions=list(compressions),
        methods=list(methods),
        allow_incomplete=True,
    )


def test_table_is_filtered_sorted_and_checked(ffpp):
    built = manifest.build("faceforensics", ffpp, settings())
    tables.check(tables.MANIFEST, built.videos)
    assert len(built.videos) == 8
    assert list(built.videos["video_id"]) == sorted(built.videos["video_id"])
    assert set(built.videos["split"]) == {"val", "test"}
    assert set(built.videos["compression"]) == {"c23"}
    assert built.videos.groupby("split")["cluster_id"].nunique().to_dict() == {"val": 1, "test": 1}


def test_empty_settings_mean_all(ffpp):
    built = manifest.build("faceforensics", ffpp, settings(()))
    assert set(built.videos["split"]) == {"train", "val", "test"}


def test_two_compressions_are_not_judged_as_one(ffpp):
    with pytest.raises(ValueError, match="c23 and c40 together would be judged as one; name one"):
        manifest.build("faceforensics", ffpp, settings((), ()))


def test_methods_keep_the_reals(ffpp):
    built = manifest.build("faceforensics", ffpp, settings(methods=["FaceSwap", "Face2Face"]))
    assert set(built.videos["method"]) == {"real", "FaceSwap"}
    assert "manifest.methods: no video here is of Face2Face" in built.notes


def test_counts_stand_beside_the_official_ones(ffpp):
    counts = manifest.build("faceforensics", ffpp, settings(["test"])).counts
    expected = pd.DataFrame(
        {
            "split": "test",
            "method": ["real", "Deepfakes", "FaceSwap"],
            "compression": "c23",
            "expected": pd.array([140, 140, 140], dtype="Int64"),
            "found": [2, 1, 1],
        }
    )
    pd.testing.assert_frame_equal(counts, expected)


def test_expected_is_empty_where_nothing_is_published(tmp_path):
    touch(tmp_path, ["real/a.jpg", "fake/x/b.jpg"])
    built = manifest.build("folder", tmp_path, settings())
    assert built.counts["expected"].isna().all()
    assert list(built.counts["found"]) == [1, 1]
    # compressions select only where a data set has them
    assert len(built.videos) == 2
    assert built.notes == ["manifest.splits: no video here is of val"]


def test_listed_but_absent_counts_as_not_found(tmp_path):
    (tmp_path / celeb_df.LIST).write_text(
        "1 Celeb-real/id1_0007.mp4\n0 Celeb-synthesis/id1_id2_0007.mp4\n"
    )
    touch(tmp_path, ["Celeb-real/id1_0007.mp4"])
    built = manifest.build("celeb_df", tmp_path, settings())
    assert len(built.videos) == 2
    assert built.counts["found"].tolist() == [1, 0]
    assert built.counts["expected"].tolist() == [178, 340]
    assert built.notes[1] == (
        "1 of 2 listed videos are not on disk, first Celeb-synthesis/id1_id2_0007.mp4; "
        "they stay in the manifest and count as missing"
    )


def test_official_split_that_shares_identities_is_a_note(tmp_path):
    (tmp_path / celeb_df.LIST).write_text("1 Celeb-real/id1_0007.mp4\n")
    touch(tmp_path, ["Celeb-real/id1_0007.mp4", "Celeb-synthesis/id1_id2_0007.mp4"])
    built = manifest.build("celeb_df", tmp_path, settings(["train", "test"]))
    assert any(
        note.startswith("the official split shares 1 of 1 identities between splits, first celeb_")
        for note in built.notes
    )


def test_a_cluster_in_two_splits_is_refused(ffpp, monkeypatch):
    rows = list(faceforensics.list_videos(ffpp))
    moved = [VideoRow(**{**vars(row), "cluster_id": "faceforensics/000_003"}) for row in rows]
    monkeypatch.setattr(faceforensics, "list_videos", lambda root: iter(moved))
    with pytest.raises(ValueError, match="1 clusters lie in two splits, first 'faceforensics/000_"):
        manifest.build("faceforensics", ffpp, settings())
    # one split alone cannot leak
    assert len(manifest.build("faceforensics", ffpp, settings(["test"])).videos) == 4


def test_a_repeated_id_is_refused_whatever_its_case(tmp_path, monkeypatch):
    rows = [
        VideoRow(f"folder/fake/{n}", "folder", "test", True, "fake", n, "image", f"fake/{n}")
        for n in ("a.jpg", "A.jpg")
    ]
    monkeypatch.setattr(folder, "list_videos", lambda root: iter(rows))
    with pytest.raises(ValueError, match=r"fake/A\.jpg and fake/a\.jpg are both video folder/fake"):
        manifest.build("folder", tmp_path, settings())


def test_a_missing_root_names_the_cure():
    with pytest.raises(FileNotFoundError, match=r"no folder at data/gone; run 'deepbench sample'"):
        manifest.build("dfdc", Path("data/gone"), settings())


def test_an_unknown_data_set_lists_the_choices(tmp_path):
    with pytest.raises(KeyError, match="Did you mean 'faceforensics'"):
        manifest.build("faceforensic", tmp_path, settings())


@pytest.mark.parametrize("dataset", ["faceforensics", "dfdc", "folder"])
def test_a_root_without_the_layout_shows_the_layout(tmp_path, dataset):
    with pytest.raises(ValueError, match=f"data set {dataset}: no videos in .*layout is\n.*/"):
        manifest.build(dataset, tmp_path, settings())


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            settings(["train"]),
            r"manifest\.splits \['train'\] .* leaves no video; splits here: test",
        ),
        (
            settings(["test"], ["raw"]),
            r"manifest\.compressions \['raw'\] .* leaves no video; compressions here: c23, c40",
        ),
        (
            settings(["test"], ["c40"], ["FaceSwap"]),
            r"manifest\.methods \['FaceSwap'\] .* leaves no fake; methods here: Deepfakes, Face2",
        ),
    ],
)
def test_an_empty_manifest_says_which_setting_to_change(tmp_path, asked, sentence):
    fakes = [FAKES.format(m, "c40", "953_974") for m in ("Deepfakes", "Face2Face")]
    touch(tmp_path, [REALS.format("c23", "953"), *fakes])
    with pytest.raises(ValueError, match=sentence):
        manifest.build("faceforensics", tmp_path, asked)


def test_a_data_set_of_one_manipulation_ignores_the_choice_of_methods(tmp_path):
    touch(tmp_path, [REALS.format("c23", "953"), FAKES.format("Deepfakes", "c23", "953_974")])
    built = manifest.build("faceforensics", tmp_path, settings(methods=["FaceSwap"]))
    assert set(built.videos["method"]) == {"real", "Deepfakes"}


def test_training_videos_alone_are_not_a_test_set(tmp_path):
    (tmp_path / "metadata.json").write_text('{"x.mp4": {"label": "FAKE", "split": "train"}}')
    with pytest.raises(ValueError, match=r"splits here: train\. Add one of them, or take dfdc out"):
        manifest.build("dfdc", tmp_path, settings())
    built = manifest.build("dfdc", tmp_path, settings(["train"]))
    assert built.notes[0] == "train: every video is fake, so that no AUC is defined"


def test_no_note_or_row_holds_the_root(ffpp):
    built = manifest.build("faceforensics", ffpp, settings())
    text = "\n".join(built.notes) + built.videos.to_csv() + built.counts.to_csv()
    assert str(ffpp) not in text


def test_twenty_thousand_videos_take_seconds(tmp_path):
    names = [f"{n:05d}.mp4" for n in range(10_000)]
    for kind in ("real", "fake"):
        (tmp_path / kind).mkdir()
        for name in names:
            (tmp_path / kind / name).write_text(f"{kind}/{name}")
    start = time.process_time()
    built = manifest.build("folder", tmp_path, settings())
    assert len(built.videos) == 20_000
    # of this process, whatever else runs; listing the folder anew for each file would take minutes
    assert time.process_time() - start < 15


@pytest.fixture
def sample(tmp_path):
    pack.unpack(tmp_path / "data")
    return tmp_path / "data"


def whole():
    return settings().model_copy(update={"allow_incomplete": False})


def test_the_sample_pack_runs_as_it_is_shipped(sample):
    shipped = params.load(ROOT / "params.yaml")
    assert not shipped.manifest.allow_incomplete
    for name, place in shipped.roots.items():
        assert manifest.build(name, sample.parent / place.path, shipped.manifest).gaps == []


def test_a_part_of_the_sample_pack_is_incomplete(sample):
    root = sample / "FaceForensics++"
    shutil.rmtree(root / "manipulated_sequences/FaceSwap/c23")
    lost = "24 of 226 files of the sample pack are not here, first FaceForensics++/manipulated_seq"
    with pytest.raises(ValueError, match=re.escape(lost)):
        manifest.build("faceforensics", root, whole())
    assert manifest.build("faceforensics", root, settings()).gaps[0].sentence.startswith(lost)
    assert pack.missing(sample)[1] == len([n for n in pack.digests() if not n.endswith("/")])


def test_real_data_in_the_place_of_the_sample_are_held_against_what_was_published(sample):
    root = sample / "Celeb-DF-v2"
    for path in root.rglob("*"):
        if path.is_file() and path.name != celeb_df.LIST:
            path.write_bytes(path.name.encode())
    (root / celeb_df.LIST).write_text((root / celeb_df.LIST).read_text() + "\n")
    with pytest.raises(ValueError, match="test: 497 of 518 official videos are missing; here are"):
        manifest.build("celeb_df", root, whole())
    with pytest.raises(ValueError, match="holds no file of the sample pack"):
        pack.missing(root)
