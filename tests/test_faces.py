import shutil
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import av
import cv2
import landmark_models
import numpy as np
import pandas as pd
import pytest
import reader

from deepbench import faces
from deepbench.core import params, shards, tables
from deepbench.media import clips, mtcnn, video
from deepbench.media.detection import Detection

ROOT = Path(__file__).parents[1]
REAL = ROOT / "../shared/real"
PACK = ROOT / "deepbench/sample/pack.zip"
FACES = params.load(ROOT / "params.yaml").faces.model_copy(update={"frames": 8})
PORTRAIT = cv2.imread(str(ROOT / "tests/data/crops/astronaut_corner.png"))[..., ::-1]


def with_settings(**changes):
    return FACES.model_copy(update=changes)


def manifest_of(*rows: tuple[str, str]) -> pd.DataFrame:
    return tables.from_rows(
        tables.MANIFEST,
        [tables.VideoRow(f"t/{p}", "t", "test", False, "real", p, m, p) for p, m in rows],
    )


def encode(path: Path, frames: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"crf": "18"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    moving = [np.ascontiguousarray(np.roll(PORTRAIT, -3 * i, axis=1)) for i in range(10)]
    blank = np.full_like(PORTRAIT, 90)
    encode(folder / "person.mp4", moving)
    encode(folder / "leaves.mp4", moving[:5] + [blank] * 5)
    encode(folder / "empty.mp4", [blank] * 3)
    (folder / "broken.mp4").write_bytes(b"not a video")
    cv2.imwrite(str(folder / "image.png"), PORTRAIT[..., ::-1])
    (folder / "frames").mkdir()
    for i in range(3):
        cv2.imwrite(str(folder / f"frames/{i}.png"), moving[i][..., ::-1])
    return folder


NO_VIDEO = (
    "file unreadable: neither a picture nor a video, by its first bytes; known are JPEG, PNG, BMP, "
    "TIFF, WebP and MP4, MOV, MKV, WebM, AVI, MPEG, GIF"
)
ALL = manifest_of(
    ("person.mp4", "video"),
    ("leaves.mp4", "video"),
    ("empty.mp4", "video"),
    ("broken.mp4", "video"),
    ("missing.mp4", "video"),
    ("image.png", "image"),
    ("frames", "frames"),
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """What is remembered of files is kept under the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def extracted(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("faces")
    ledger = faces.extract(ALL, root, FACES, out, tmp_path_factory.mktemp("runs") / "contents")
    return out, ledger, tables.read(tables.FACES, out)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_every_video_has_one_row_in_the_ledger(extracted):
    out, ledger, _ = extracted
    assert list(ledger["video_id"]) == list(ALL["video_id"])
    pd.testing.assert_frame_equal(ledger, tables.read(tables.LEDGER, out))


def test_ledger_says_what_was_lost(extracted):
    _, ledger, _ = extracted
    columns = ["frames_total", "frames_expected", "frames_decoded", "frames_with_face", "problem"]
    assert [tuple(row) for row in ledger[columns].itertuples(index=False)] == [
        (10, 8, 8, 8, ""),
        (10, 8, 8, 4, "a face in 4 of 8 frames"),
        (3, 3, 3, 0, "no face found in 3 frames (confidence >= 0.9)"),
        (0, 0, 0, 0, NO_VIDEO),
        (0, 0, 0, 0, "file not found"),
        (1, 1, 1, 1, ""),
        (3, 3, 3, 3, ""),
    ]


def test_rows_hold_lossless_crops_and_where_they_come_from(extracted, root):
    _, _, table = extracted
    assert table.groupby("video_id").size().to_dict() == {
        "t/person.mp4": 8,
        "t/leaves.mp4": 4,
        "t/image.png": 1,
        "t/frames": 3,
    }
    assert (table["face"] == 0).all()
    person = table[table["video_id"] == "t/person.mp4"]
    assert list(person["frame"]) == [0, 1, 2, 3, 5, 6, 7, 9]
    np.testing.assert_allclose(person["time_s"], person["frame"] / 5, rtol=1e-6)
    assert table.loc[table["video_id"] == "t/image.png", "time_s"].isna().all()
    # the person moves 3 pixels to the left per frame
    left = np.stack(person["box"].to_list())[:, 0]
    assert np.polyfit(person["frame"], left, 1)[0] == pytest.approx(-3, abs=0.5)

    image = table[table["video_id"] == "t/image.png"].iloc[0]
    frame = video.Frame(0, 0.0, np.ascontiguousarray(PORTRAIT))
    (crop,) = clips.look(frame, mtcnn.load(FACES, "cpu"), "aligned").crops
    decoded = cv2.imdecode(np.frombuffer(image["png"], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decoded, crop.rgb)
    np.testing.assert_array_equal(np.reshape(image["landmarks"], (5, 2)), crop.face.landmarks)
    blurred = cv2.GaussianBlur(crop.rgb, (9, 9), 0)
    assert clips._described(crop.face, blurred)["sharpness"] < image["sharpness"] / 4


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_processes_changes_no_byte(extracted, root, tmp_path, workers):
    out, _, _ = extracted
    faces.extract(ALL, root, with_settings(workers=workers), tmp_path / "out")
    assert files(tmp_path / "out") == files(out)


def test_what_stands_is_not_read_again(extracted, root, tmp_path, monkeypatch):
    out, ledger, _ = extracted
    shutil.copytree(out, tmp_path / "out")
    monkeypatch.setattr(faces.processes.ProcessPool, "schedule", lambda *_: pytest.fail("read"))
    again = faces.extract(ALL, root, FACES, tmp_path / "out")
    pd.testing.assert_frame_equal(again, ledger)
    assert files(tmp_path / "out") == files(out)


@pytest.fixture
def begun(monkeypatch):
    """Videos that were read."""
    begun = []
    schedule = faces.processes.ProcessPool.schedule

    def watched(pool, work, args, timeout):
        begun.append(args[0].video_id)
        return schedule(pool, work, args, timeout=timeout)

    monkeypatch.setattr(faces.processes.ProcessPool, "schedule", watched)
    return begun


def test_only_new_videos_are_read_and_the_bytes_are_those_of_a_fresh_run(
    extracted, root, tmp_path, monkeypatch, begun
):
    monkeypatch.setattr(shards, "VIDEOS_PER_SHARD", 2)
    faces.extract(ALL.drop(index=[1, 4]), root, FACES, tmp_path / "grown")
    begun.clear()
    faces.extract(ALL, root, FACES, tmp_path / "grown")
    assert begun == ["t/leaves.mp4", "t/missing.mp4"]
    faces.extract(ALL, root, FACES, tmp_path / "fresh")
    assert len(files(tmp_path / "fresh")) == 8
    assert files(tmp_path / "grown") == files(tmp_path / "fresh")
    pd.testing.assert_frame_equal(tables.read(tables.FACES, tmp_path / "fresh"), extracted[2])


def test_a_file_that_changed_or_appeared_is_read(root, tmp_path, begun):
    (tmp_path / "data").mkdir()
    for name in ("image.png", "broken.mp4"):
        shutil.copy(root / name, tmp_path / "data")
    several = manifest_of(("image.png", "image"), ("broken.mp4", "video"), ("late.png", "image"))
    faces.extract(several, tmp_path / "data", FACES, tmp_path / "out")
    shutil.copy(root / "empty.mp4", tmp_path / "data/broken.mp4")
    shutil.copy(root / "image.png", tmp_path / "data/late.png")
    begun.clear()
    ledger = faces.extract(several, tmp_path / "data", FACES, tmp_path / "out")
    assert begun == ["t/broken.mp4", "t/late.png"]
    assert list(ledger["frames_with_face"]) == [1, 0, 1]


@pytest.mark.parametrize("change", [{"crop": "padded"}, {"confidence": 0.5}, {"select": "all"}])
def test_another_setting_is_another_table(root, tmp_path, begun, change):
    one = ALL.tail(2).head(1)
    faces.extract(one, root, FACES, tmp_path / "out")
    faces.extract(one, root, with_settings(**change), tmp_path / "out")
    assert len(begun) == 2
    assert len(files(tmp_path / "out")) == 2


def test_a_video_that_crashes_its_reader_is_lost_alone_and_tried_again(
    root, tmp_path, monkeypatch, begun
):
    few = ALL.iloc[[5, 6]]
    with monkeypatch.context() as patch:
        patch.setattr(clips, "make", reader.make)
        ledger = faces.extract(few, root, FACES, tmp_path / "out")
    assert list(ledger["frames_with_face"]) == [1, 0]
    assert list(ledger["problem"]) == ["", "the process that read it crashed (signal 9)"]
    ledger = faces.extract(few, root, FACES, tmp_path / "out")
    assert begun == ["t/image.png", "t/frames", "t/frames"]
    assert list(ledger["frames_with_face"]) == [1, 3]


def test_what_earlier_versions_left_does_not_survive(extracted, root, tmp_path):
    for name in ("faces-00000.parquet", "ledger.parquet"):
        (tmp_path / name).write_bytes(b"of an earlier run")
    faces.extract(ALL.tail(2), root, FACES, tmp_path)
    assert shards.count(tables.FACES, tmp_path) == 4
    assert len(tables.read(tables.LEDGER, tmp_path)) == 2


def test_empty_manifest(tmp_path):
    assert faces.extract(ALL.head(0), tmp_path, FACES, tmp_path).empty
    assert tables.read(tables.FACES, tmp_path).empty


def test_wrong_manifest_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ValueError, match=r"columns missing \['path'\]"):
        faces.extract(ALL.drop(columns="path"), tmp_path, FACES, tmp_path)


@pytest.mark.parametrize(("crop", "size"), [("aligned", 256), ("padded", 224), ("margin", 224)])
def test_crop_protocols(root, tmp_path, crop, size):
    faces.extract(ALL.tail(2).head(1), root, with_settings(crop=crop), tmp_path)
    (png,) = tables.read(tables.FACES, tmp_path)["png"]
    assert cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).shape == (size, size, 3)


def preprocessed(root: Path, video: str, size: int = 256, count: int = 3) -> None:
    """A folder of frames as DeepfakeBench leaves them, without a face in them."""
    (root / video).mkdir(parents=True)
    rng = np.random.default_rng(len(video))
    for i in range(count):
        noise = rng.integers(0, 256, (size, size, 3), np.uint8)
        cv2.imwrite(str(root / video / f"{i * 30:03d}.png"), noise)


@pytest.mark.parametrize("select", ["track", "largest", "confident", "all"])
def test_preprocessed_frames_come_through_bit_identical(tmp_path, select):
    name = "FF/frames/000_003"
    preprocessed(tmp_path, name)
    settings = with_settings(crop="whole", frames=32, select=select)
    ledger = faces.extract(manifest_of((name, "frames")), tmp_path, settings, tmp_path / "out")
    table = tables.read(tables.FACES, tmp_path / "out")
    originals = [cv2.imread(str(p)) for p in sorted((tmp_path / name).glob("*.png"))]
    stored = [cv2.imdecode(np.frombuffer(png, np.uint8), -1) for png in table["png"]]
    np.testing.assert_array_equal(stored, originals)
    assert np.stack(table["box"]).tolist() == [[0, 0, 256, 256]] * 3
    assert table["confidence"].isna().all()
    assert np.isnan(np.stack(table["landmarks"])).all()
    row = ledger.iloc[0]
    assert (row["frames_with_face"], row["other_faces"], row["problem"]) == (3, 0, "")


def test_whole_pictures_of_two_sizes_are_refused(tmp_path):
    preprocessed(tmp_path, "a")
    preprocessed(tmp_path, "b", size=224)
    two = manifest_of(("a", "frames"), ("b", "frames"))
    with pytest.raises(ValueError, match="t/b: whole pictures of 224 and of 256 pixels in one"):
        faces.extract(two, tmp_path, with_settings(crop="whole"), tmp_path / "out")


def test_a_whole_picture_that_is_not_square_is_no_crop(root, tmp_path):
    manifest = manifest_of(("image.png", "image"))
    ledger = faces.extract(manifest, root, with_settings(crop="whole"), tmp_path)
    h, w = PORTRAIT.shape[:2]
    reason = f"faces not cropped: 1 (picture is {w} x {h} pixels, not square)"
    assert ledger.iloc[0]["problem"] == reason


class FakeFinder(mtcnn.Mtcnn):
    """Two faces in every frame: a person, and a smaller, more confident painting."""

    def __init__(self):
        pass  # no networks

    person = Detection(
        np.float32([100, 40, 200, 140]),
        np.float32([[130, 75], [170, 75], [150, 95], [135, 115], [165, 115]]),
        0.93,
    )
    painting = person._replace(
        box=np.float32([10, 10, 50, 50]), landmarks=person.landmarks * 0.4 - 30, confidence=0.99
    )

    def detect(self, rgb):
        return [self.person, self.painting]


def run_fake(root, settings, finder=None):
    """One video with faces as a made-up finder finds them: its row of the ledger, and its crops."""
    reading = video.read_frames(root / "person.mp4", "video", settings)
    seen = [clips.look(frame, finder or FakeFinder(), settings.crop) for frame in reading]
    clip = clips.choose("t/person.mp4", reading, seen, settings)
    return clip.ledger, tables.from_rows(tables.FACES, clip.rows)


@pytest.mark.parametrize(
    ("select", "faces_per_frame", "confidence", "others"),
    [
        ("track", 1, 0.93, 8),
        ("largest", 1, 0.93, 8),
        ("confident", 1, 0.99, 8),
        ("all", 2, 0.93, 0),
    ],
)
def test_select(root, select, faces_per_frame, confidence, others):
    entry, table = run_fake(root, with_settings(select=select))
    assert list(table["face"]) == list(range(faces_per_frame)) * 8
    assert table.loc[table["face"] == 0, "confidence"].unique() == np.float32(confidence)
    assert (entry["other_faces"], entry["frames_with_face"], entry["problem"]) == (others, 8, "")


def test_refused_crops_are_in_the_ledger(root):
    class Mirrored(FakeFinder):
        person = FakeFinder.person._replace(landmarks=FakeFinder.person.landmarks[[1, 0, 2, 4, 3]])

    entry, table = run_fake(root, FACES, Mirrored())
    assert table.empty
    assert entry["frames_with_face"] == 0
    assert entry["problem"] == (
        "faces not cropped: 8 (landmarks are mirrored or not arranged like a face)"
    )


def test_frames_where_only_others_are_seen(root):
    class Leaving(FakeFinder):
        frames = 0

        def detect(self, rgb):
            self.frames += 1
            return super().detect(rgb)[self.frames > 5 :]

    entry, table = run_fake(root, FACES, Leaving())
    assert len(table) == 5
    assert entry["problem"] == "the chosen face in 5 of 8 frames"
    entry, table = run_fake(root, with_settings(select="all"), Leaving())
    assert list(table["face"]) == [0, 1] * 5 + [1] * 3
    assert entry["problem"] == ""


@pytest.fixture(scope="module")
def dlib():
    return pytest.importorskip("dlib", reason="the extra dlib is not installed")


@pytest.fixture(scope="module")
def landmark_model(dlib, tmp_path_factory):
    return landmark_models.train(dlib, tmp_path_factory.mktemp("model") / "81.dat")


@pytest.mark.parametrize("select", ["largest", "track", "all"])
def test_dlib_crops_a_whole_data_set(root, tmp_path, landmark_model, select):
    settings = with_settings(
        crop="dlib",
        select=select,
        landmark_model=landmark_model,
        landmark_sha256=landmark_models.sha256(landmark_model),
    )
    ledger = faces.extract(ALL, root, settings, tmp_path)
    assert list(ledger["frames_with_face"]) == [8, 4, 0, 0, 0, 1, 3]
    assert list(ledger["problem"]) == [
        "",
        "a face in 4 of 8 frames",
        "no face found in 3 frames (by dlib)",
        NO_VIDEO,
        "file not found",
        "",
        "",
    ]
    table = tables.read(tables.FACES, tmp_path)
    assert table["confidence"].isna().all()
    assert cv2.imdecode(np.frombuffer(table["png"][0], np.uint8), -1).shape == (256, 256, 3)
    points, boxes = np.stack(table["landmarks"]).reshape(-1, 5, 2), np.stack(table["box"])
    assert (boxes[:, None, :2] < points).all()
    assert (points < boxes[:, None, 2:]).all()


def test_a_crop_without_a_face_loses_its_frame(root, tmp_path, dlib):
    upside_down = landmark_models.turned(landmark_models.UPRIGHT)
    model = landmark_models.train(dlib, tmp_path / "turned.dat", upside_down)
    settings = with_settings(
        crop="dlib",
        select="largest",
        landmark_model=model,
        landmark_sha256=landmark_models.sha256(model),
    )
    entry = faces.extract(ALL.head(1), root, settings, tmp_path / "out").iloc[0]
    assert (entry["frames_decoded"], entry["frames_with_face"]) == (8, 0)
    assert entry["problem"] == "faces not cropped: 8 (dlib finds no face in the crop)"


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"select": "confident"}, ValueError, "'dlib': dlib gives no confidence; choose 'largest'"),
        ({}, FileNotFoundError, "landmark_model 'lost.dat' is no file; .*81_face_landmarks.dat"),
    ],
)
def test_dlib_settings_are_checked_before_a_video_is_read(
    monkeypatch, root, tmp_path, changes, error, reason
):
    monkeypatch.setitem(sys.modules, "dlib", ModuleType("dlib"))
    monkeypatch.setattr(faces.processes.ProcessPool, "schedule", lambda *_: pytest.fail("read"))
    settings = {"crop": "dlib", "select": "largest", "landmark_model": "lost.dat"} | changes
    with pytest.raises(error, match=reason):
        faces.extract(ALL, root, with_settings(**settings), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sample_pack_has_a_face_in_every_frame(tmp_path):
    with zipfile.ZipFile(PACK) as pack:
        names = [n for n in pack.namelist() if "youtube" in n and n.endswith(".mp4")][:2]
        pack.extractall(tmp_path, names)
    ledger = faces.extract(
        manifest_of(*((n, "video") for n in names)), tmp_path, FACES, tmp_path / "out"
    )
    assert len(ledger) == 2
    assert (ledger["problem"] == "").all()
    assert (ledger["frames_with_face"] == ledger["frames_expected"]).all()


def test_real_clip_with_a_painting_follows_the_person(tmp_path):
    clip = "DFDC/yhffcuhhjy.mp4"
    if not (REAL / clip).exists():
        pytest.skip("no real clips here")
    faces.extract(manifest_of((clip, "video")), REAL, with_settings(select="all"), tmp_path)
    table = tables.read(tables.FACES, tmp_path)
    boxes = np.stack(table["box"].to_list())
    table["width"] = boxes[:, 2] - boxes[:, 0]
    chosen = table.loc[table["face"] == 0, "width"]
    assert len(chosen) == 8
    assert chosen.min() > 70
    # the trap is there: somewhere the painting is the most confident face
    assert table.loc[table.groupby("frame")["confidence"].idxmax(), "width"].min() < 50
