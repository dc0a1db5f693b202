"""Scores: one row per crop in order, and the right checkpoint or a sentence that says why not."""

import cv2
import numpy as np
import pytest
import torch

from deepbench import scores
from deepbench.core import params, shards, tables
from deepbench.core.plugins import Preprocessing
from deepbench.detectors.network import Network

PLAIN = Preprocessing(8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
SETTINGS = params.Scores(profile="published", precision="float32", batch_size=4, device="cpu")


class Redness(torch.nn.Module):
    """Logits whose difference is the mean of red minus that of blue."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        red, blue = x[:, 0].mean((1, 2)), x[:, 2].mean((1, 2))
        return torch.stack([blue, red], dim=1)


class Broken(Redness):
    """What a half-precision overflow ends in."""

    def forward(self, x):
        return super().forward(x) * float("nan")


@pytest.fixture
def network():
    return Network(Redness().eval(), PLAIN, torch.device("cpu"), torch.float32, "")


@pytest.fixture
def faces(tmp_path):
    """Ten crops of rising redness."""
    box, points = [0.0] * 4, [0.0] * 10
    rows = []
    for i in range(10):
        rgb = np.full((8, 8, 3), (25 * i, 7, 0), np.uint8)
        png = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
        values = (f"v{i // 5}", i % 5, 0.0, 0, box, points, 1.0, 0.0, png)
        rows.append(dict(zip(tables.FACES.columns, values, strict=True)))
    with shards.ShardWriter(tables.FACES, tmp_path, rows_per_shard=6) as writer:
        writer.add(rows[:6])
        writer.add(rows[6:])
    return tmp_path


def test_one_row_per_crop_in_the_order_of_the_faces(faces, network):
    table = scores.score(faces, "redness", network, batch_size=4)
    assert table["video_id"].tolist() == ["v0"] * 5 + ["v1"] * 5
    assert table["frame"].tolist() == [0, 1, 2, 3, 4] * 2
    expected = np.arange(10) * 25 / 255
    np.testing.assert_allclose(table["fake_logit"], expected, atol=1e-6)
    tables.check(tables.SCORES, table)


def test_a_score_that_is_no_number_is_refused(faces):
    broken = Network(Broken().eval(), PLAIN, torch.device("cpu"), torch.float32, "")
    with pytest.raises(ValueError, match=r"redness scored 10 of 10 crops NaN .* first v0 frame 0"):
        scores.score(faces, "redness", broken, batch_size=4)


def test_no_face_at_all_is_an_empty_table(tmp_path, network):
    with shards.ShardWriter(tables.FACES, tmp_path):
        pass
    table = scores.score(tmp_path, "redness", network, batch_size=4)
    assert table.empty
    tables.check(tables.SCORES, table)


def test_the_published_file_is_preferred(tmp_path):
    for name in ("xception_best.pth", "mine.pth"):
        (tmp_path / name).touch()
    assert scores.find_weights(tmp_path, "xception").name == "xception_best.pth"


def test_another_file_serves_if_it_is_the_only_one(tmp_path):
    (tmp_path / "mine.safetensors").touch()
    (tmp_path / "NOTES.txt").touch()
    assert scores.find_weights(tmp_path, "xception").name == "mine.safetensors"


def test_several_files_are_not_guessed_at(tmp_path):
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"a\.pth, b\.pth; keep one, or name .*xception_best"):
        scores.find_weights(tmp_path, "xception")


def test_no_file_names_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"put effnb4_best\.pth there .*DeepfakeBench"):
        scores.find_weights(tmp_path / "efficientnet_b4", "efficientnet_b4")
    (tmp_path / "effnb4_best.pth").touch()
    with pytest.raises(FileNotFoundError, match=r"move \S+effnb4_best.pth there"):
        scores.find_weights(tmp_path / "efficientnet_b4", "efficientnet_b4")


def test_profiles_replace_the_cards_preprocessing():
    assert scores.preprocessing("xception", "published").size == 256
    assert scores.preprocessing("xception", "imagenet_224").size == 224
    with pytest.raises(ValueError, match=r"unknown profile 'imagenet'.*imagenet_224"):
        scores.preprocessing("xception", "imagenet")


def test_the_facts_name_the_file_by_its_content(tmp_path, network):
    (tmp_path / "w.pth").write_bytes(b"abc")
    facts = scores.describe("xception", tmp_path / "w.pth", network, SETTINGS)
    assert facts["weights_sha256"].startswith("ba7816bf")
    assert facts["demo"] is False
    assert facts["device_kind"] == "cpu"
