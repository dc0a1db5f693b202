"""Training of the fusion detector: what it refuses, that it learns, and that it can be killed."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from deepbench import train_fusion
from deepbench.core import params, tables
from deepbench.detectors import fusion, fusion_data, fusion_start, fusion_training
from deepbench.detectors.fusion_data import Learning, Place, Shuffled
from deepbench.reporting import curves, tracking

ROOT = Path(__file__).parents[1]
SHIPPED = params.load(ROOT / "params.yaml").train_fusion
QUICK = SHIPPED.model_copy(
    update={
        "inputs": ["frequency"],
        "batch_size": 5,
        "head_epochs": 9,
        "head_rate": 1e-5,
        "patience": 6,
        "plateau": 2,
    }
)


class Killed(BaseException):
    """What no code handles."""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def video(split, number, label):
    return {
        "video_id": f"{split}{number}",
        "dataset": "made",
        "split": split,
        "label": label,
        "method": "smooth" if label else "real",
        "cluster_id": f"{split}{number // 2}",
        "media": "video",
        "path": f"{split}{number}.mp4",
        "compression": "",
    }


def face(video_id, label, frame, rng):
    rgb = rng.integers(60, 200, (64, 64, 3), dtype=np.uint8)
    if label:
        rgb = cv2.GaussianBlur(rgb, (0, 0), 1.5)
    return {
        "video_id": video_id,
        "frame": frame,
        "time_s": 0.0,
        "face": 0,
        "box": [0.0, 0.0, 64.0, 64.0],
        "landmarks": [0.0] * 10,
        "confidence": 1.0,
        "sharpness": 1.0,
        "png": cv2.imencode(".png", rgb)[1].tobytes(),
    }


def write_pack(folder, frames):
    """A manifest and crops: fakes are smooth."""
    rng = np.random.default_rng(0)
    rows = [video(split, n, n % 2 == 1) for split in ("train", "val") for n in range(4)]
    faces = [face(row["video_id"], row["label"], f, rng) for row in rows for f in range(frames)]
    tables.write(tables.MANIFEST, tables.from_rows(tables.MANIFEST, rows), folder / "m.parquet")
    stored = folder / "faces/faces-00000.parquet"
    tables.write(tables.FACES, tables.from_rows(tables.FACES, faces), stored)
    return folder


@pytest.fixture(scope="session")
def pack(tmp_path_factory):
    return write_pack(tmp_path_factory.mktemp("pack"), frames=3)


@pytest.fixture(scope="session")
def manifest(pack):
    return tables.read(tables.MANIFEST, pack / "m.parquet")


def job(recipe=QUICK, start=None):
    return train_fusion.Job(recipe, 0, "cpu", start)


def train(pack, out, work, report=lambda epoch, figures: None):
    manifest = tables.read(tables.MANIFEST, pack / "m.parquet")
    return train_fusion.train(work, pack / "faces", manifest, out, lambda digest, facts: report)


@pytest.fixture(scope="session")
def trained(pack, tmp_path_factory):
    torch.set_num_threads(1)
    return train(pack, tmp_path_factory.mktemp("whole"), job())


def same(one, other):
    assert one.digest == other.digest
    assert one.weights.read_bytes() == other.weights.read_bytes()
    pd.testing.assert_frame_equal(one.curves, other.curves, check_exact=True)


# at first, in between, after the plateau's first step, and when the stage has just ended
@pytest.mark.parametrize("at", [0, 3, 8])
def test_a_killed_head_resumes_to_the_same_result(pack, tmp_path, trained, at):
    seen = []

    def report(epoch, figures):
        seen.append(epoch)
        if epoch == at and seen.count(at) == 1:
            raise Killed

    with pytest.raises(Killed):
        train(pack, tmp_path, job(), report)
    assert not list(tmp_path.rglob("fusion_best.pth"))
    same(train(pack, tmp_path, job(), report), trained)
    # no epoch ran again but the one that had no checkpoint yet
    assert seen == [*range(at + 1), *range(at, 9)]


@pytest.mark.slow
def test_a_process_killed_in_the_second_stage_resumes_to_the_same_result(tmp_path, demo_file):
    start, few = demo_file("xception"), write_pack(tmp_path / "pack", frames=1)
    recipe = SHIPPED.model_copy(
        update={"batch_size": 2, "head_epochs": 2, "backbone_epochs": 3, "backbone_rate": 1e-3}
    )
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())
    out, whole = tmp_path / "out", tmp_path / "whole"
    for moment in ("train.arrow", "*/backbone/last.ckpt"):
        arguments = [__file__, tmp_path / "recipe.json", few, out, start]
        alone = subprocess.Popen([sys.executable, *map(str, arguments)], cwd=ROOT)
        while not list(out.glob(moment)):
            assert alone.poll() is None
        os.kill(alone.pid, signal.SIGKILL)
        alone.wait()
    assert not list(out.rglob("fusion_best.pth"))
    resumed = train(few, out, job(recipe, start))
    same(resumed, train(few, whole, job(recipe, start)))
    assert resumed.curves["stage"].tolist() == ["head"] * 2 + ["backbone"] * 3


def test_it_learns_and_its_file_is_a_detector(pack, manifest, trained):
    first, last = trained.curves.iloc[0], trained.curves.iloc[-1]
    assert last["train_loss"] < first["train_loss"]
    assert last["val_loss"] < first["val_loss"]
    network = fusion.load(trained.weights, "cpu", "float32")
    crops = fusion_data.read(trained.weights.parents[1] / "val.arrow")
    plain = Learning(0, augment=False)
    rgb = [fusion_data.picture(crops, Place(0, i), plain) for i in range(len(crops.labels))]
    scores = network(np.stack(rgb))
    assert scores[crops.labels == 1].min() > scores[crops.labels == 0].max()


def test_a_training_that_is_done_is_not_done_again(pack, trained):
    def report(epoch, figures):
        raise AssertionError

    same(train(pack, trained.weights.parents[1], job(), report), trained)


def test_the_best_epoch_is_kept_and_a_plateau_slows_and_ends_it(pack, tmp_path):
    # with such a rate the loss is at its lowest at once
    recipe = QUICK.model_copy(
        update={"head_rate": 3.0, "head_epochs": 40, "patience": 5, "plateau": 1}
    )
    done = train(pack, tmp_path, job(recipe))
    curve = done.curves
    best = int(curve["val_loss"].argmin())
    assert len(curve) == best + 5 + 1 < 40
    assert curve["learning_rate"].iloc[-1] == pytest.approx(0.03)
    kept = torch.load(done.weights.parent / "head/best.ckpt", weights_only=True)
    assert kept["epoch"] == best
    stored = torch.load(done.weights, weights_only=True)
    assert torch.equal(stored["head.0.weight"], kept["state_dict"]["learner.0.weight"])
    assert len(kept["optimizer_states"]) == len(kept["lr_schedulers"]) == 1


def test_other_settings_are_another_training(pack, trained):
    out = trained.weights.parents[1]
    other = train(pack, out, job(QUICK.model_copy(update={"augment": False, "head_epochs": 1})))
    assert other.weights.parent != trained.weights.parent
    assert trained.weights.exists()


def test_shared_identities_and_missing_classes_are_refused(manifest):
    leaked = manifest.assign(cluster_id="one")
    with pytest.raises(ValueError, match=r"1 identities lie in train and val, first 'one'"):
        train_fusion.split(leaked)
    reals = manifest[(manifest["split"] == "train") | ~manifest["label"]]
    with pytest.raises(ValueError, match="split val has 2 real and 0 fake videos"):
        train_fusion.split(reals)
    assert set(train_fusion.split(manifest)) == {"train", "val"}


def test_videos_without_crops_are_refused(pack, manifest, tmp_path):
    strangers = manifest.assign(video_id=manifest["video_id"] + "?")
    with pytest.raises(ValueError, match="none of 4 videos has a crop"):
        train_fusion.train(job(), pack / "faces", strangers, tmp_path, lambda d, f: print)


def test_every_epoch_has_an_order_of_its_own():
    sampler = Shuffled(20, seed=3)
    orders = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        places = list(sampler)
        assert {place.epoch for place in places} == {epoch}
        orders.append([place.crop for place in places])
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[1]) == list(range(20))


def test_stages_are_those_of_the_parameters():
    head, backbone = train_fusion.stages(job(SHIPPED, start=Path("weights.pth")))
    assert (head.epochs, head.rate, head.decay) == (15, 1e-3, 0)
    assert (backbone.epochs, backbone.rate, backbone.decay) == (35, 1e-4, 1e-4)
    assert (head.patience, head.plateau, head.batch_size) == (10, 5, 32)
    assert not backbone.whole
    assert train_fusion.stages(job(SHIPPED))[1].whole
    assert [stage.name for stage in train_fusion.stages(job(QUICK))] == ["head"]


def test_only_what_a_stage_says_learns():
    network = fusion_start.network(fusion.FULL, None, 0, "cpu")
    head, backbone = train_fusion.stages(job(SHIPPED, start=Path("weights.pth")))

    def learning(stage):
        fusion_training.Training(network, stage, torch.ones(2))
        return {n for n, p in network.module.named_parameters() if p.requires_grad}

    assert {name.split(".")[0] for name in learning(head)} == {"head"}
    top = {".".join(name.split(".")[:2]) for name in learning(backbone)}
    assert {name for name in top if name.startswith("backbone")} == {
        f"backbone.{part}" for part in ("block12", "conv3", "bn3", "conv4", "bn4")
    }
    everything = {name for name, _ in network.module.named_parameters()}
    assert learning(dataclasses.replace(backbone, whole=True)) == everything


def test_classes_count_alike():
    labels = np.array([0, 1, 1, 1], np.int64)
    torch.testing.assert_close(fusion_start.class_weights(labels), torch.tensor([2, 2 / 3]))


def test_weights_are_transferred_only_where_there_is_something_to_transfer():
    starts = {"xception": Path("x.pth"), "resnet50": None}

    def chosen(**changes):
        return train_fusion.job(SHIPPED.model_copy(update=changes), 0, "cpu", starts).start

    assert chosen() == Path("x.pth")
    assert chosen(transfer=False) is None
    assert chosen(inputs=["frequency"]) is None
    assert chosen(backbone="resnet50") is None


@pytest.mark.parametrize("backbone", ["xception", pytest.param("resnet50", marks=pytest.mark.slow)])
def test_a_backbone_starts_from_its_file(backbone, tmp_path, demo_file):
    form = fusion.Form(backbone, frequency=True)
    path = demo_file(backbone)
    network = fusion_start.network(form, path, 0, "cpu")
    stored = torch.load(path, weights_only=True)
    name = "backbone.conv1.weight" if backbone == "xception" else "conv1.weight"
    assert torch.equal(network.module.backbone.conv1.weight, stored[name])
    torch.save({k: v for k, v in stored.items() if k != name}, spoilt := tmp_path / "spoilt.pth")
    with pytest.raises(ValueError, match=f"missing {name}"):
        fusion_start.network(form, spoilt, 0, "cpu")


@pytest.fixture
def demo_file(tmp_path):
    def write(backbone):
        from deepbench.detectors import xception
        from deepbench.sample import demo_weights

        layout = xception.layout()
        if backbone == "resnet50":
            own = fusion.build(fusion.Form("resnet50", False)).backbone.state_dict()
            layout = own | {"fc.weight": torch.empty(1000, 2048), "fc.bias": torch.empty(1000)}
        demo_weights.write(layout, 1, path := tmp_path / f"{backbone}.pth")
        return path

    return write


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_curves_are_one_run_with_an_epoch_a_step(tmp_path):
    for _ in range(2):
        # as after a kill: opened again, the last epoch logged again
        log = curves.record(tmp_path, "abc" * 20, {"backbone": "xception"})
        log(0, {"val_loss": 0.7, "val_auc": 0.5})
        log(1, {"val_loss": 0.6, "val_auc": 0.6})
    curves.finish(tmp_path, "abc" * 20)
    (run,) = tracking.alone(tmp_path, "training")
    assert run.metrics == {"val_loss": 0.6, "val_auc": 0.6}
    with tracking.opened(tmp_path) as (client, _):
        history = client.get_metric_history(run.run_id, "val_loss")
        assert [(point.step, point.value) for point in history] == [(0, 0.7), (1, 0.6)]
        assert client.get_run(run.run_id).data.params == {"backbone": "xception"}


if __name__ == "__main__":
    from deepbench.core import blocks

    torch.set_num_threads(1)
    text, *folders = map(Path, sys.argv[1:])
    recipe = blocks.Fusion.model_validate_json(text.read_text())
    train(folders[0], folders[1], job(recipe, folders[2]))
