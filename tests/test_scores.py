"""Scores: one row per crop in order, and the right checkpoint or a sentence that says why not."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
import stored
import torch

from deepbench import scores
from deepbench.core import blocks, tables
from deepbench.core.plugins import Preprocessing
from deepbench.detectors import batches
from deepbench.detectors.network import Network

PLAIN = Preprocessing(8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
SETTINGS = blocks.Scores(
    profile="published", precision="float32", batch_size=4, device="cpu", openvino=[]
)


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


FACTS = {"detector": "redness", "weights_sha256": "0" * 64}


def crops(video, count=5, blue=0):
    """Crops of rising redness."""
    box, points = [0.0] * 4, [0.0] * 10
    for i in range(count):
        rgb = np.full((8, 8, 3), (25 * i, 7, blue), np.uint8)
        png = cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()
        values = (video, i, 0.0, 0, box, points, 1.0, 0.0, png)
        yield dict(zip(tables.FACES.columns, values, strict=True))


def write_faces(folder, videos, count=5):
    rows = [row for video in videos for row in crops(video, count)]
    stored.write(tables.FACES, folder, rows, videos=3)


def run(faces, out, network, **changes):
    """The scores, and of which videos crops were looked at."""
    seen = []
    looking = Looking(**vars(network), seen=seen)
    scores.score(faces, out, looking, FACTS | changes, batch_size=4)
    return tables.read(tables.SCORES, out), seen


@dataclass(frozen=True, eq=False)
class Looking(Network):
    """Remembers the size of each batch."""

    seen: list[int]

    def __call__(self, crops):
        self.seen.append(len(crops))
        return super().__call__(crops)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_one_row_per_crop_in_the_order_of_the_faces(network, tmp_path):
    write_faces(tmp_path / "faces", ["v1", "v0"])
    table, _ = run(tmp_path / "faces", tmp_path / "out", network)
    assert table["video_id"].tolist() == ["v1"] * 5 + ["v0"] * 5
    assert table["frame"].tolist() == [0, 1, 2, 3, 4] * 2
    assert set(table["detector"]) == {"redness"}
    expected = np.arange(10) % 5 * 25 / 255
    np.testing.assert_allclose(table["fake_logit"], expected, atol=1e-6)


def test_what_was_scored_is_not_scored_again(network, tmp_path):
    faces, out = tmp_path / "faces", tmp_path / "out"
    write_faces(faces, "abcdefg")
    _, seen = run(faces, out, network)
    assert sum(seen) == 35
    assert len(list(out.iterdir())) == 3
    _, seen = run(faces, out, network)
    assert seen == []


def test_only_new_videos_are_scored_and_the_bytes_are_those_of_a_fresh_run(network, tmp_path):
    faces = tmp_path / "faces"
    write_faces(faces, "abcdefg")
    run(faces, tmp_path / "out", network)
    write_faces(faces, "abXcdefg")
    _, seen = run(faces, tmp_path / "out", network)
    assert sum(seen) == 5
    run(faces, tmp_path / "fresh", network)
    assert files(tmp_path / "out") == files(tmp_path / "fresh")


def test_batches_are_shared_by_small_neighbours_only(network, tmp_path):
    """Scores change in their last bits with the crops beside them: a video keeps its own."""
    for count, sizes in {1: [2, 1, 2, 1], 2: [2] * 6, 5: [4, 1] * 6}.items():
        write_faces(tmp_path / f"{count}", "abcdef", count)
        _, seen = run(tmp_path / f"{count}", tmp_path / f"out{count}", network)
        assert sorted(seen) == sorted(sizes), count


@pytest.mark.parametrize("change", ["weights", "preprocessing", "dtype"])
def test_other_circumstances_are_other_scores(network, tmp_path, change):
    faces, out = tmp_path / "faces", tmp_path / "out"
    write_faces(faces, "a")
    run(faces, out, network)
    facts, before = {}, files(out)
    if change == "weights":
        facts = {"weights_sha256": "1" * 64}
    elif change == "preprocessing":
        network = replace(network, preprocessing=replace(PLAIN, mean=(0.5, 0.5, 0.5)))
    else:
        network = replace(network, dtype=torch.bfloat16)
    _, seen = run(faces, out, network, **facts)
    assert sum(seen) == 5
    assert set(files(out)).isdisjoint(before)


def test_a_score_that_is_no_number_is_refused(tmp_path):
    broken = Network(Broken().eval(), PLAIN, torch.device("cpu"), torch.float32, "")
    write_faces(tmp_path / "faces", ["v0", "v1"])
    with pytest.raises(ValueError, match=r"redness scored 10 of 10 crops NaN .* first v0 frame 0"):
        scores.score(tmp_path / "faces", tmp_path / "out", broken, FACTS, batch_size=4)


class Blind(Redness):
    """What a last layer of zeros says."""

    def forward(self, x):
        return super().forward(x) * 0 + 1


def test_the_same_score_for_all_crops_is_refused(tmp_path):
    network = Network(Blind().eval(), PLAIN, torch.device("cpu"), torch.float32, "")
    write_faces(tmp_path / "faces", ["v0", "v1"], count=10)
    with pytest.raises(ValueError, match=r"redness gives all 20 crops the same log-odds \(0\), th"):
        run(tmp_path / "faces", tmp_path / "out", network)
    # also when its scores stand already
    with pytest.raises(ValueError, match="sees nothing; get the file anew"):
        run(tmp_path / "faces", tmp_path / "out", network)


def test_equal_pictures_may_have_equal_scores(network, tmp_path):
    rows = [row | {"frame": i} for i, row in enumerate(10 * list(crops("v", 1)))]
    stored.write(tables.FACES, tmp_path / "faces", rows, videos=3)
    assert run(tmp_path / "faces", tmp_path / "out", network)[0]["fake_logit"].nunique() == 1


def test_no_face_at_all_is_an_empty_table(tmp_path, network):
    stored.write(tables.FACES, tmp_path / "faces", [])
    table, _ = run(tmp_path / "faces", tmp_path / "out", network)
    assert table.empty


def test_faces_that_were_never_made_are_said(tmp_path, network):
    with pytest.raises(FileNotFoundError, match=r"no shards in .*faces; run the stage"):
        run(tmp_path / "faces", tmp_path / "out", network)


def test_batches_fit_the_device():
    assert batches.size("auto", torch.device("cpu")) == 8
    assert batches.size("auto", torch.device("cuda:1")) == 32
    assert batches.size(5, torch.device("cpu")) == 5


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
