"""The ablation: what its variants change, and the figures of its table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from deepbench import ablation
from deepbench.ablation import Outcome
from deepbench.core import params, tables
from deepbench.core.ablations import ABLATION, FUSED
from deepbench.detectors import fusion
from deepbench.media.crops import decode
from deepbench.sample import demo_weights

ROOT = Path(__file__).parents[1]
SETTINGS = params.load(ROOT / "params.yaml")
BASE = SETTINGS.train_fusion
OUTCOMES = {FUSED: Outcome("x.pth", 15, 35), "spatial only": Outcome("random", 15, 20)}


def test_each_variant_changes_one_thing():
    for variant in ablation.VARIANTS:
        recipe = ablation.recipe(BASE, variant)
        changed = {k for k, v in recipe.model_dump().items() if v != getattr(BASE, k)}
        assert len(changed) == (variant != FUSED)
    assert ablation.recipe(BASE, "frequency only").inputs == ["frequency"]
    assert ablation.recipe(BASE, "ResNet50 instead of Xception").backbone == "resnet50"


def test_a_wrong_base_is_refused():
    with pytest.raises(ValueError, match="inputs"):
        ablation.recipe(BASE.model_copy(update={"frames": 0, "inputs": ["both"]}), FUSED)


def test_an_outcome_says_where_the_backbone_began(tmp_path):
    curves = pd.DataFrame({"stage": ["head"] * 3 + ["backbone"] * 2})
    demo_weights.write({"a": torch.empty(2, device="meta")}, 1, demo := tmp_path / "x.pth")
    torch.save({}, real := tmp_path / "y.pth")

    def told(variant, start):
        return ablation.outcome(ablation.recipe(BASE, variant), start, curves)

    assert told(FUSED, demo) == Outcome("x.pth (demo)", 3, 2)
    assert told(FUSED, real).start == "y.pth"
    assert told("frequency only", None).start == "none"
    assert told("without transfer learning", None).start == "random"
    assert told("ResNet50 instead of Xception", None).start == "random, no file given"


@pytest.fixture(scope="module")
def tested():
    """Six clips of each class: the fused variant is always right, the other by half."""
    ids = [f"v{i}" for i in range(12)]
    labels = np.arange(12) % 2 == 1
    rows = [
        {"video_id": v, "dataset": "d", "split": "test", "label": bool(fake),
         "method": "swap" if fake else "real", "cluster_id": v, "media": "video", "path": v,
         "compression": ""}
        for v, fake in zip(ids, labels, strict=True)
    ]  # fmt: skip
    manifest = tables.from_rows(tables.MANIFEST, rows)
    right = np.where(labels, 1.0, -1.0)
    half = np.where(labels, 1.0, np.where(np.arange(12) < 6, -1.0, 2.0))
    parts = [
        pd.DataFrame({"video_id": ids, "frame": 0, "face": 0, "fake_logit": own, "detector": name})
        for name, own in zip(OUTCOMES, (right, half), strict=True)
    ]
    faces = pd.DataFrame(
        {"video_id": ids, "frame": 0, "face": 0, "box": [[0, 0, 9, 9]] * 12, "sharpness": 1.0}
    )
    return manifest, pd.concat(parts), faces


def test_the_table_has_values_intervals_and_paired_differences(tested, tmp_path):
    table = ablation.evaluate(*tested, OUTCOMES, SETTINGS)
    tables.write(ABLATION, table, tmp_path / "ablation.parquet")
    rows = table.set_index("variant")
    fused, spatial = rows.loc[FUSED], rows.loc["spatial only"]
    assert (fused["value"], fused["low"], fused["high"]) == (1, 1, 1)
    assert np.isnan(fused["difference"])
    assert np.isnan(fused["p"])
    assert spatial["value"] == pytest.approx(0.5)
    assert spatial["difference"] == pytest.approx(-0.5)
    assert spatial["difference_low"] < -0.5 < spatial["difference_high"] <= 0
    assert spatial["p"] < 0.2
    assert (spatial["n_real"], spatial["n_fake"], spatial["n_missing"]) == (6, 6, 0)
    assert (spatial["start"], spatial["backbone_epochs"]) == ("random", 20)


def test_too_few_clips_have_no_interval_and_lost_videos_are_counted(tested):
    manifest, scores, faces = tested
    kept = scores[scores["video_id"] != "v0"]
    paired = manifest.assign(cluster_id=[f"c{i // 4}" for i in range(12)])
    table = ablation.evaluate(paired, kept, faces, OUTCOMES, SETTINGS)
    assert table["value"].notna().all()
    assert table[["low", "high", "difference_low"]].isna().all(axis=None)
    assert set(table["note"]) == {"no interval from 3 independent clips of a class, fewer than 5"}
    assert set(table["n_missing"]) == {1}


def test_scores_are_the_detectors_own(tmp_path):
    rng = np.random.default_rng(0)
    faces = [
        {"video_id": f"v{i}", "frame": 0, "time_s": 0.0, "face": 0, "box": [0.0] * 4,
         "landmarks": [0.0] * 10, "confidence": 1.0, "sharpness": 1.0, "png": png(rng)}
        for i in range(20)
    ]  # fmt: skip
    stored = tmp_path / "faces/faces-00000.parquet"
    tables.write(tables.FACES, tables.from_rows(tables.FACES, faces), stored)
    torch.manual_seed(0)
    module = fusion.Fusion(fusion.Form("", True), fusion.CARD.preprocessing)
    torch.save(module.state_dict(), path := tmp_path / "fusion_best.pth")
    wanted = {"v3", "v18"}
    found = ablation.score(path, "cpu", tmp_path / "faces", wanted).set_index("video_id")
    assert set(found.index) == wanted
    crops = np.stack([decode(faces[i]["png"]) for i in (3, 18)])
    expected = fusion.load(path, "cpu", "float32")(crops)
    np.testing.assert_allclose(found.loc[["v3", "v18"], "fake_logit"], expected, atol=1e-5)


def png(rng):
    import cv2

    return cv2.imencode(".png", rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))[1].tobytes()
