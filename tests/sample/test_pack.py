import csv
import hashlib
import json
import zipfile
from importlib import resources
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from deepbench.sample import pack

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("sample") / "data"
    pack.unpack(root)
    return root


@pytest.fixture(scope="module")
def people(tree):
    with (tree / "people.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def frames(path: Path, limit: int = 1000) -> list[np.ndarray]:
    with av.open(path) as container:
        decoded = []
        for frame in container.decode(video=0):
            decoded.append(frame.to_ndarray(format="rgb24"))
            if len(decoded) == limit:
                break
        return decoded


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def digest_tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_pack_is_small_enough_to_ship():
    assert pack.PACK.stat().st_size <= 5_500_000


def test_zip_is_sorted_and_carries_no_date_of_its_own():
    with zipfile.ZipFile(pack.PACK) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_two_unpackings_are_the_same_bytes(tree, tmp_path):
    pack.unpack(tmp_path / "again")
    assert digest_tree(tree) == digest_tree(tmp_path / "again") == pack.digests()


def test_unpack_refuses_a_folder_that_holds_something(tmp_path):
    (tmp_path / "mine.mp4").write_bytes(b"")
    with pytest.raises(FileExistsError, match=r"is not an empty folder.*name another"):
        pack.unpack(tmp_path)
    assert names(tmp_path) == {"mine.mp4"}


def test_unpack_refuses_a_file(tmp_path):
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(FileExistsError, match="is not an empty folder"):
        pack.unpack(tmp_path / "data")


def test_sample_is_recognised_in_a_data_set_folder(tree, tmp_path):
    assert pack.holds_sample(tree)
    assert all(pack.holds_sample(folder) for folder in tree.iterdir() if folder.is_dir())
    own = tmp_path / "folder/real"
    own.mkdir(parents=True)
    (own / "anna.png").write_bytes(b"a picture of another Anna")
    assert not pack.holds_sample(tmp_path / "folder")
    assert not pack.holds_sample(tmp_path / "absent")


def test_every_original_has_four_manipulations_with_masks(tree):
    root = tree / "FaceForensics++"
    originals = names(root / "original_sequences/youtube/c23/videos")
    assert len(originals) >= 10
    targets = sorted(name.removesuffix(".mp4") for name in originals)
    for method in METHODS:
        fakes = names(root / f"manipulated_sequences/{method}/c23/videos")
        assert sorted(name[:3] for name in fakes) == targets
        assert names(root / f"manipulated_sequences/{method}/masks/videos") == fakes
        assert names(root / f"manipulated_sequences/{method}/c40/videos") <= fakes


def test_faceforensics_names_are_official_pairs(tree):
    splits = resources.files("deepbench.datasets") / "faceforensics_splits"
    found = {}
    for split in ("train", "val", "test"):
        pairs = json.loads((splits / f"{split}.json").read_text("utf-8"))
        both_ways = {f"{a}_{b}.mp4" for a, b in pairs} | {f"{b}_{a}.mp4" for a, b in pairs}
        fakes = names(tree / "FaceForensics++/manipulated_sequences/Deepfakes/c23/videos")
        found[split] = len(fakes & both_ways)
    assert found == {"train": 8, "val": 4, "test": 12}


def test_masks_cover_the_face_and_not_the_frame(tree):
    root = tree / "FaceForensics++/manipulated_sequences"
    for method in METHODS:
        for path in sorted((root / method / "masks/videos").iterdir())[:3]:
            mask = frames(path, 1)[0]
            video = frames(root / method / "c23/videos" / path.name, 1)[0]
            assert mask.shape == video.shape
            assert 0.01 < (mask > 127).mean() < 0.4


def test_celeb_list_agrees_with_files(tree):
    root = tree / "Celeb-DF-v2"
    lines = (root / "List_of_testing_videos.txt").read_text("utf-8").split("\n")
    listed = dict(reversed(line.split(" ")) for line in lines if line)
    for path, label in listed.items():
        assert (root / path).is_file()
        # in this list 1 means real
        assert (label == "1") == (not path.startswith("Celeb-synthesis"))
    for kind in ("Celeb-real", "YouTube-real", "Celeb-synthesis"):
        on_disk = {f"{kind}/{name}" for name in names(root / kind)}
        assert on_disk & set(listed)
        assert on_disk - set(listed)


def test_nobody_in_celeb_training_videos_is_tested(tree, people):
    listed = (tree / "Celeb-DF-v2/List_of_testing_videos.txt").read_text("utf-8").split()[1::2]
    rows = [row for row in people if row["path"].startswith("Celeb-DF-v2/")]
    tested = {
        who
        for row in rows
        for who in (row["body"], row["face"])
        if who and row["path"].removeprefix("Celeb-DF-v2/") in listed
    }
    trained = {
        who
        for row in rows
        for who in (row["body"], row["face"])
        if who and row["path"].removeprefix("Celeb-DF-v2/") not in listed
    }
    assert tested
    assert trained
    assert not tested & trained


def test_dfdc_labels_agree_with_files(tree, people):
    fake = {row["path"]: row["face"] != "" for row in people}
    with (tree / "DFDC/test/labels.csv").open(newline="", encoding="utf-8") as lines:
        labels = {row["filename"]: row["label"] for row in csv.DictReader(lines)}
    assert set(labels) == names(tree / "DFDC/test") - {"labels.csv"}
    assert all((label == "1") == fake[f"DFDC/test/{name}"] for name, label in labels.items())
    assert sorted(labels.values()) == ["0"] * 6 + ["1"] * 6
    part = "DFDC/train/dfdc_train_part_0"
    metadata = json.loads((tree / part / "metadata.json").read_text("utf-8"))
    assert set(metadata) == names(tree / part) - {"metadata.json"}
    for name, entry in metadata.items():
        assert entry["split"] == "train"
        assert (entry["label"] == "FAKE") == fake[f"{part}/{name}"] == ("original" in entry)
        assert entry.get("original", name) in metadata


def test_folder_holds_as_many_fakes_as_reals(tree):
    reals = {name for name in names(tree / "folder/real") if not name.startswith("edge_")}
    assert len(reals) == len(names(tree / "folder/fake")) == 8


def test_nobody_occurs_in_two_data_sets(people):
    where: dict[str, set[str]] = {}
    for row in people:
        for who in f"{row['body']} {row['face']}".split():
            where.setdefault(who, set()).add(row["path"].split("/")[0])
    assert len(where) >= 30
    assert {who: sets for who, sets in where.items() if len(sets) > 1} == {}


def test_people_table_names_every_media_file(people):
    media = {name for name in pack.digests() if name.endswith((".mp4", ".jpg", ".png"))}
    assert {row["path"] for row in people} == {name for name in media if "/masks/" not in name}


@pytest.mark.parametrize(
    ("name", "count", "size"),
    [
        ("two_faces", 24, (360, 480)),
        ("no_face", 24, (360, 400)),
        ("one_frame", 1, (480, 270)),
        ("portrait", 24, (480, 270)),
    ],
)
def test_edge_video_has_its_frames(tree, name, count, size):
    decoded = frames(tree / f"folder/real/edge_{name}.mp4")
    assert len(decoded) == count
    assert decoded[0].shape[:2] == size


def test_rotated_edge_video_is_turned_by_metadata_alone(tree):
    with av.open(tree / "folder/real/edge_rotated.mp4") as container:
        frame = next(container.decode(video=0))
    # stored 360 wide and 400 high, to be shown 400 wide and 360 high
    assert (frame.width, frame.height, abs(frame.rotation)) == (360, 400, 90)


def decode_until_error(path: Path) -> tuple[int, str]:
    """How many frames come out before the first error, and the error's name."""
    count = 0
    try:
        with av.open(path) as container:
            for _ in container.decode(video=0):
                count += 1
    except av.error.FFmpegError as error:
        return count, type(error).__name__
    return count, ""


@pytest.mark.parametrize("name", ["truncated", "bit_flipped"])
def test_damaged_edge_video_is_partly_readable(tree, name):
    count, error = decode_until_error(tree / f"folder/real/edge_{name}.mp4")
    assert 0 < count < 24
    assert error == "InvalidDataError"


def test_edge_video_without_index_cannot_be_opened(tree):
    assert decode_until_error(tree / "folder/real/edge_no_index.mp4") == (0, "InvalidDataError")


def background_sharpness(path: Path) -> float:
    """Log mean absolute Laplacian of the two upper corners over four frames."""
    energies = []
    for frame in frames(path, 4):
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
        high, wide = grey.shape[0] // 5, grey.shape[1] // 5
        energies += [edges[:high, :wide].mean(), edges[:high, -wide:].mean()]
    return float(np.log(np.mean(energies)))


@pytest.mark.parametrize("part", ["FaceForensics++", "Celeb-DF-v2", "DFDC"])
def test_background_does_not_tell_fakes_from_reals(tree, people, part):
    rows = [row for row in people if row["path"].startswith(part) and "/c40/" not in row["path"]]
    sharpness = {row["path"]: background_sharpness(tree / row["path"]) for row in rows}
    real = np.array([sharpness[row["path"]] for row in rows if not row["face"]])
    fake = np.array([sharpness[row["path"]] for row in rows if row["face"]])
    above = (fake[:, None] > real).mean() + 0.5 * (fake[:, None] == real).mean()
    # one standard error of a chance-level AUC, which the paired design keeps it well inside
    error = np.sqrt((len(real) + len(fake) + 1) / (12 * len(real) * len(fake)))
    assert abs(above - 0.5) < error
