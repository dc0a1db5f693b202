import numpy as np
import pytest
import stored

from deepbench.core import blocks, evidence, features


def test_features_come_back_as_they_were_written(tmp_path, rng):
    rows = [
        {"video_id": f"v{i}", "frame": i, "face": 0, "treatment": "", "features": values}
        for i, values in enumerate(rng.normal(0, 1, (7, 512)).astype(np.float32))
    ]
    rows[3]["features"][5] = np.nan
    stored.write(evidence.FREQUENCY, tmp_path, rows, videos=4)
    parts = list(features.read(tmp_path))
    assert len(parts) == 2
    values = np.concatenate([part.values for part in parts])
    assert np.array_equal(values, np.stack([r["features"] for r in rows]), equal_nan=True)
    assert [v for part in parts for v in part.crops["video_id"]] == [f"v{i}" for i in range(7)]


def test_a_data_set_without_a_crop_has_none(tmp_path):
    stored.write(evidence.FREQUENCY, tmp_path, [])
    assert sum(len(part.values) for part in features.read(tmp_path)) == 0


def test_a_missing_folder_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="run the stage that makes it"):
        next(features.read(tmp_path))


def test_treatments_have_the_names_of_the_tables():
    chosen = blocks.Frequency(scorer=True, jpeg_qualities=[90, 50], face_sides=[64])
    assert features.treatments(chosen) == ["jpeg 90", "jpeg 50", "64 px"]
