from collections import Counter

import pytest

from deepbench.datasets import faceforensics

REALS = "original_sequences/youtube/{}/videos/{}.mp4"
FAKES = "manipulated_sequences/{}/{}/videos/{}.mp4"


def small():
    return [
        REALS.format("c23", "953"),
        REALS.format("c23", "974"),
        REALS.format("c40", "953"),
        FAKES.format("Deepfakes", "c23", "953_974"),
        FAKES.format("Deepfakes", "c23", "974_953"),
        FAKES.format("FaceShifter", "raw", "953_974"),
        FAKES.format("NeuralTextures", "c40", "000_003"),
        "manipulated_sequences/Deepfakes/masks/videos/953_974.mp4",
    ]


def test_rows_of_a_small_tree(tree):
    rows = list(faceforensics.list_videos(tree(small())))
    assert [row.video_id for row in rows] == [
        "faceforensics/Deepfakes/c23/953_974",
        "faceforensics/Deepfakes/c23/974_953",
        "faceforensics/FaceShifter/raw/953_974",
        "faceforensics/NeuralTextures/c40/000_003",
        "faceforensics/real/c23/953",
        "faceforensics/real/c23/974",
        "faceforensics/real/c40/953",
    ]
    first, last = rows[0], rows[-1]
    assert (first.label, first.method, first.split, first.compression) == (
        True,
        "Deepfakes",
        "test",
        "c23",
    )
    assert first.path == "manipulated_sequences/Deepfakes/c23/videos/953_974.mp4"
    assert (last.label, last.method, last.media) == (False, "real", "video")
    assert last.path == "original_sequences/youtube/c40/videos/953.mp4"


def test_both_directions_and_both_originals_are_one_cluster(tree):
    rows = list(faceforensics.list_videos(tree(small())))
    clusters = {row.cluster_id for row in rows if "000_003" not in row.video_id}
    assert clusters == {"faceforensics/953_974"}


def test_split_files_cover_every_id_once():
    places = faceforensics._official()
    assert len(places) == 1000
    assert Counter(place.split for place in places.values()) == {
        "train": 720,
        "val": 140,
        "test": 140,
    }
    assert set(Counter(place.pair for place in places.values()).values()) == {2}
    assert places["000"] == places["003"] == ("test", "000_003")


def test_a_whole_compression_has_the_official_counts_and_no_notes(tree):
    ids = faceforensics._official()
    paths = [REALS.format("c23", one) for one in ids]
    for place in set(ids.values()):
        a, b = place.pair.split("_")
        for method in faceforensics.METHODS:
            paths += [FAKES.format(method, "c23", f"{x}_{y}") for x, y in ((a, b), (b, a))]
    root = tree(paths)
    rows = list(faceforensics.list_videos(root))
    assert Counter(f"{row.split}/{row.method}" for row in rows) == faceforensics.CARD.counts
    assert faceforensics.notes(root, rows) == []


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (REALS.format("c23", "12"), "not named like a video of real"),
        (REALS.format("c23", "000_003"), "not named like a video of real"),
        (FAKES.format("Face2Face", "c23", "000"), "TARGET_SOURCE.mp4"),
        (FAKES.format("Face2Face", "c23", "000_003_1"), "rename it or move it away"),
        (FAKES.format("Face2Face", "c23", "000_004"), "000 belongs to 000_003"),
    ],
)
def test_foreign_names_are_refused_with_the_file(tree, path, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        faceforensics.list_videos(tree([path]))
    assert path in str(caught.value)


def test_an_id_in_no_split_is_refused(tree, monkeypatch):
    monkeypatch.setattr(faceforensics, "_official", lambda: {})
    with pytest.raises(ValueError, match=r"123\.mp4: id 123 is in no official split"):
        faceforensics.list_videos(tree([REALS.format("c23", "123")]))


def test_notes_count_and_name_what_is_not_read(tree):
    root = tree(
        [
            *small(),
            "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__talking__ABCDEFGH.mp4",
            "original_sequences/actors/c23/videos/01__talking.mp4",
            "original_sequences/youtube/c23/videos/readme.txt",
        ]
    )
    notes = faceforensics.notes(root, list(faceforensics.list_videos(root)))
    assert notes[0] == "train: none of the 4,320 official videos is here"
    assert notes[2] == (
        "test c23: here against officially: real 2 of 140, Deepfakes 2 of 140, Face2Face 0 of 140, "
        "FaceSwap 0 of 140, NeuralTextures 0 of 140, FaceShifter 0 of 140"
    )
    assert "manipulated_sequences/DeepFakeDetection is not read: it has no official split" in notes
    assert "original_sequences/actors is not read: it has no official split" in notes
    assert any("readme.txt" in note for note in notes)


def test_names_equal_but_for_case_are_refused(tree):
    root = tree([FAKES.format(m, "c23", "953_974") for m in ("FaceSwap", "Faceswap")])
    if len(list((root / "manipulated_sequences").iterdir())) == 1:
        pytest.skip("this disk ignores case")
    with pytest.raises(ValueError, match="FaceSwap and Faceswap, equal but for upper and lower"):
        faceforensics.list_videos(root)


def test_through_symbolic_links(tree, tmp_path_factory):
    root = tree(small())
    link = tmp_path_factory.mktemp("link") / "FaceForensics++"
    link.symlink_to(root, target_is_directory=True)
    assert list(faceforensics.list_videos(link)) == list(faceforensics.list_videos(root))


def test_published_clips(real):
    rows = list(faceforensics.list_videos(real / "FaceForensics++"))
    assert [(row.video_id, row.split) for row in rows] == [
        ("faceforensics/Deepfakes/c23/519_515", "train"),
        ("faceforensics/NeuralTextures/c23/004_982", "val"),
        ("faceforensics/real/c23/004", "val"),
        ("faceforensics/real/c23/519", "train"),
    ]


def test_masks_lie_beside_the_compressions():
    mask_of = faceforensics.mask_of
    fake = "manipulated_sequences/{}/{}/videos/953_974.mp4"
    for compression in faceforensics.COMPRESSIONS:
        assert mask_of(fake.format("Deepfakes", compression)) == fake.format("Deepfakes", "masks")
    # a folder in another spelling keeps it
    assert mask_of(fake.format("deepfakes", "c23")) == fake.format("deepfakes", "masks")
    assert mask_of(fake.format("FaceShifter", "c23")) == "", "none are published"
    assert mask_of(REALS.format("c23", "953")) == ""
