"""The step frequency: every crop has its features, and only reals of the test split are treated."""

import cv2
import numpy as np
import pandas as pd
import pytest
import stored

from deepbench import frequency
from deepbench.core import blocks, evidence, features, tables
from deepbench.core.tables import VideoRow
from deepbench.media import spectrum, treatments

SETTINGS = blocks.Frequency(scorer=True, jpeg_qualities=[90, 20], face_sides=[64, 200])
SIDE = 160
VIDEOS = [
    VideoRow("s/r0", "s", "test", False, "real", "c0", "video", "r0"),
    VideoRow("s/r1", "s", "val", False, "real", "c1", "video", "r1"),
    VideoRow("s/f0", "s", "test", True, "Deepfakes", "c0", "video", "f0"),
    VideoRow("s/f1", "s", "test", True, "FaceSwap", "c0", "video", "f1"),
    VideoRow("s/lost", "s", "test", False, "real", "c2", "video", "lost"),
]
CROPS = 3


@pytest.fixture(scope="module")
def manifest():
    return tables.from_rows(tables.MANIFEST, VIDEOS)


def crop(video, frame):
    rng = np.random.default_rng([frame, *video.encode()])
    rough = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    smooth = cv2.resize(rough, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 5, smooth.shape), 0, 255).astype(np.uint8)


def face(video, frame, rgb):
    png = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
    values = (video, frame, 0.0, 0, [0.0] * 4, [0.0] * 10, 1.0, 0.0, png)
    return dict(zip(tables.FACES.columns, values, strict=True))


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    write_faces(folder, VIDEOS[:-1])
    return folder


def write_faces(folder, videos):
    made = [face(r.video_id, f, crop(r.video_id, f)) for r in videos for f in range(CROPS)]
    stored.write(tables.FACES, folder, made, videos=2)


@pytest.fixture(scope="module")
def made(faces, manifest, tmp_path_factory):
    out = tmp_path_factory.mktemp("frequency")
    means = frequency.extract(faces, manifest, SETTINGS, out)
    return out, means, tables.read(evidence.FREQUENCY, out)


def of(table, treatment):
    return np.stack(table.loc[table["treatment"] == treatment, "features"].tolist())


def test_every_crop_has_the_features_of_its_grey_picture(made):
    plain = made[2][made[2]["treatment"] == ""]
    keys = [(row.video_id, frame) for row in VIDEOS[:-1] for frame in range(CROPS)]
    assert list(zip(plain["video_id"], plain["frame"], strict=True)) == keys
    grey = np.stack([treatments.grey(crop(*key)) for key in keys])
    np.testing.assert_allclose(of(made[2], ""), spectrum.features(grey), rtol=1e-5)


def test_only_reals_of_the_test_split_are_treated(made):
    treated = made[2][made[2]["treatment"] != ""]
    assert set(treated["video_id"]) == {"s/r0"}
    assert dict(treated["treatment"].value_counts()) == dict.fromkeys(
        features.treatments(SETTINGS), CROPS
    )


def test_treatments_are_what_their_names_say(made):
    crops = [crop("s/r0", frame) for frame in range(CROPS)]
    compressed = np.stack([treatments.grey(treatments.jpeg(rgb, 20)) for rgb in crops])
    small = np.stack([treatments.grey(treatments.small(rgb, 64)) for rgb in crops])
    np.testing.assert_allclose(of(made[2], "jpeg 20"), spectrum.features(compressed), rtol=1e-5)
    np.testing.assert_allclose(of(made[2], "64 px"), spectrum.features(small), rtol=1e-5)


def test_a_crop_too_small_for_a_treatment_is_undefined(made):
    # crops have 160 pixels
    assert np.isnan(of(made[2], "200 px")).all()


def test_mean_spectra_are_those_of_the_test_split(made):
    means = made[1].set_index("method")
    assert means.index.tolist() == ["Deepfakes", "FaceSwap", "real"]
    assert means["n"].tolist() == [CROPS] * 3
    grey = np.stack([treatments.grey(crop("s/r0", frame)) for frame in range(CROPS)])
    expected = spectrum.log_magnitude(grey).mean(axis=0)
    np.testing.assert_allclose(means.loc["real", "log_magnitude"], expected, rtol=1e-5)
    stored = tables.read(evidence.MEAN_SPECTRA, made[0] / frequency.MEANS_FILE)
    pd.testing.assert_frame_equal(stored, made[1])


def test_twice_gives_the_same_bytes_and_leaves_nothing_behind(made, faces, manifest, tmp_path):
    (tmp_path / "frequency-00009.parquet").write_bytes(b"of an interrupted run")
    frequency.extract(faces, manifest, SETTINGS, tmp_path)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == sorted(p.name for p in made[0].iterdir())
    for name in names:
        assert (tmp_path / name).read_bytes() == (made[0] / name).read_bytes()


def test_only_new_videos_are_looked_at(made, faces, manifest, tmp_path, monkeypatch):
    seen, decode = [], frequency.stored.decode
    monkeypatch.setattr(frequency.stored, "decode", lambda png: seen.append(png) or decode(png))
    for videos in (VIDEOS[1:-1], VIDEOS[:-1]):
        write_faces(tmp_path / "faces", videos)
        frequency.extract(tmp_path / "faces", manifest, SETTINGS, tmp_path / "out")
    assert len(seen) == CROPS * len(VIDEOS[:-1])
    for path in made[0].iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
    monkeypatch.setattr(frequency.stored, "decode", lambda _: pytest.fail("nothing is new"))
    frequency.extract(faces, manifest, SETTINGS, tmp_path / "out")


def test_a_video_that_changes_its_split_is_treated_anew(made, faces, manifest, tmp_path):
    frequency.extract(faces, manifest, SETTINGS, tmp_path)
    moved = manifest.assign(split="test")
    frequency.extract(faces, moved, SETTINGS, tmp_path)
    table = tables.read(evidence.FREQUENCY, tmp_path)
    assert set(table.loc[table["treatment"] != "", "video_id"]) == {"s/r0", "s/r1"}


def test_a_data_set_without_a_face_has_empty_tables(manifest, tmp_path):
    stored.write(tables.FACES, tmp_path / "faces", [])
    means = frequency.extract(tmp_path / "faces", manifest, SETTINGS, tmp_path / "out")
    assert len(means) == 0
    assert len(tables.read(evidence.FREQUENCY, tmp_path / "out")) == 0


def test_faces_of_another_manifest_are_refused(faces, manifest, tmp_path):
    with pytest.raises(ValueError, match=r"1 videos have faces but are not .* first s/f1; make"):
        frequency.extract(faces, manifest[manifest["video_id"] != "s/f1"], SETTINGS, tmp_path)


def test_two_data_sets_at_once_are_refused(faces, manifest, tmp_path):
    two = pd.concat([manifest, manifest.assign(dataset="t", video_id="t" + manifest["video_id"])])
    with pytest.raises(ValueError, match=r"one data set at a time, found \['s', 't'\]"):
        frequency.extract(faces, two, SETTINGS, tmp_path)
