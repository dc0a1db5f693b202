"""Grad-CAM of whole tables: which crops, and known answers for a planted patch."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import planted
import pytest
import stored

from deepbench import gradcam
from deepbench.core import blocks, evidence, params, tables
from deepbench.media import align

PARAMS = params.load(Path(__file__).parents[1] / "params.yaml")
SCHEMES = {name: f"manipulated_sequences/{{}}/{name}/videos" for name in ("c23", "masks")}
FRAMES = 3


def settings(root, **gradcam_settings):
    """The checkout's settings for one data set at `root`, explaining all videos."""
    chosen = {"videos_per_method": 9, "towards": "fake", "steps": 4} | gradcam_settings
    place = blocks.Root(path=str(root), watch=str(root))
    results = PARAMS.results.model_copy(update={"replicates": 200})
    return PARAMS.model_copy(
        update={
            "datasets": ["faceforensics"],
            "roots": {"faceforensics": place},
            "gradcam": blocks.Gradcam(**chosen),
            "results": results,
        }
    )


def video(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, 25)
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))


def manifest_row(video_id, method, number, split="test"):
    path = f"{SCHEMES['c23'].format(method)}/{number}.mp4" if method != "real" else f"{number}.mp4"
    return tables.VideoRow(
        video_id, "faceforensics", split, method != "real", method, f"clip {number}", "video", path
    )


def face(video_id, frame, rgb, number=0):
    values = (video_id, frame, 0.0, number, [0.0] * 4, align.MTCNN_TARGET.ravel().tolist())
    return dict(zip(tables.FACES.columns, (*values, 1.0, 0.0, planted.png(rgb)), strict=True))


def score(video_id, frame, logit, number=0):
    values = (video_id, frame, number, "texture", logit)
    return dict(zip(tables.SCORES.columns, values, strict=True))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two fakes with a planted patch, one of them masked; a flat fake; two reals, one patched."""
    root = tmp_path_factory.mktemp("world")
    crops = {
        "masked": ("Deepfakes", planted.patched(1)),
        "unmasked": ("FaceSwap", planted.patched(2)),
        "flat": ("Face2Face", np.full((256, 256, 3), 90, np.uint8)),
        "noisy": ("real", planted.patched(3)),
        "quiet": ("real", planted.smooth()),
    }
    videos = [manifest_row(name, method, name) for name, (method, _) in crops.items()]
    made = [face(n, f, rgb) for n, (_, rgb) in crops.items() for f in range(FRAMES)]
    stored.write(tables.FACES, root / "faces/faceforensics", made)
    black = np.zeros((256, 256, 3), np.uint8)
    white = black.copy()
    white[planted.mask()] = 255
    for number, (method, rgb) in crops.items():
        if method != "real":
            video(root / SCHEMES["c23"].format(method) / f"{number}.mp4", [rgb] * FRAMES)
    video(root / SCHEMES["masks"].format("Deepfakes") / "masked.mp4", [white] * FRAMES)
    video(root / SCHEMES["masks"].format("Face2Face") / "flat.mp4", [black] * FRAMES)
    logits = [score(name, f, float(f)) for name in crops for f in range(FRAMES)]
    manifest = tables.from_rows(tables.MANIFEST, videos)
    return gradcam.Sources(
        manifest, tables.from_rows(tables.SCORES, logits), root / "faces", Path(root)
    )


@pytest.fixture(scope="module")
def maps(world):
    table = gradcam.explain(world, planted.network(), settings(world.root))
    tables.check(evidence.GRADCAM, table)
    return table.set_index("video_id")


def test_the_lowest_middle_and_highest_video_at_its_median_frame():
    names = [f"v{i}" for i in range(7)]
    manifest = tables.from_rows(
        tables.MANIFEST,
        [manifest_row(n, "Deepfakes", n) for n in names]
        + [manifest_row("one", "real", "one"), manifest_row("val", "real", "val", "val")],
    )
    offsets = {0: 0.0, 1: 5.0, 2: -5.0, 3: 0.1}  # the lower of the middle two is frame 0's
    rows = [score(n, f, i + d) for i, n in enumerate(names) for f, d in offsets.items()]
    rows += [score("v0", 0, 99.0, number=1), score("val", 0, -9.0), score("one", 4, 1.0)]
    scores = tables.from_rows(tables.SCORES, rows).sample(frac=1, random_state=0)

    def chosen(per_method):
        found = gradcam.choose(manifest, scores, per_method)
        return list(zip(found["video_id"], found["frame"], found["face"], strict=True))

    assert chosen(3) == [("v0", 0, 0), ("v3", 0, 0), ("v6", 0, 0), ("one", 4, 0)]
    assert chosen(1) == [("v3", 0, 0), ("one", 4, 0)]
    assert len(chosen(50)) == 8


def test_the_planted_patch_is_found(maps):
    row = maps.loc["masked"]
    cells = np.array(row["map"]).reshape(row["grid"], row["grid"])
    assert np.argwhere(cells > 0.5).tolist() == [[2, 5], [2, 6], [3, 5], [3, 6]]
    assert (row["frame"], row["outcome"], row["towards"]) == (1, "hit", "fake")
    assert row["pointing"] == 1
    assert row["iou"] > 0.7
    assert row["mask_share"] == pytest.approx(1 / 16, abs=0.002)
    assert row["problem"] == ""


def test_deletion_falls_and_insertion_rises_faster_than_in_random_order(maps):
    rows = maps.loc[["masked", "unmasked", "noisy"]]
    assert (rows["deletion"] < rows["random"]).all()
    assert (rows["insertion"] > rows["random"] + 0.1).all()
    assert (rows["random"] - rows["deletion"]).mean() > 0.15
    # one quarter of the crop at a time: the first takes, or brings, the whole patch
    assert rows["deletion"].max() < 0.25
    assert rows["insertion"].min() > 0.75


def test_outcomes_go_by_the_detectors_own_score(maps):
    found = maps["outcome"].to_dict()
    assert (found["noisy"], found["quiet"]) == ("false alarm", "right on real")
    assert (found["unmasked"], found["flat"]) == ("hit", "miss")


def test_without_a_mask_there_is_no_pointing_and_a_reason_where_one_is_due(maps):
    columns = ["pointing", "iou", "mask_share"]
    assert maps.loc[["unmasked", "flat", "noisy", "quiet"], columns].isna().all().all()
    assert maps.loc["unmasked", "problem"] == "no frame 1 in unmasked.mp4 of masks: file not found"
    assert maps.loc["flat", "problem"] == "the map is constant; the mask is black within this crop"
    assert maps.loc["noisy", "problem"] == ""


def test_a_constant_map_has_no_figures(maps):
    row = maps.loc["flat"]
    assert np.isnan(row["map"]).all()
    assert row[["deletion", "insertion", "random", "randomised"]].isna().all()
    assert np.isfinite(row["fake_logit"])


def test_the_picture_is_the_crop(maps):
    bgr = cv2.imdecode(np.frombuffer(maps.loc["quiet", "picture"], np.uint8), cv2.IMREAD_COLOR)
    small = cv2.resize(planted.smooth(), (128, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(bgr[..., ::-1].astype(int) - small).mean() < 2


def test_a_crop_is_explained_alike_in_any_company_and_again(world, maps):
    alone = world._replace(manifest=world.manifest[world.manifest["video_id"] == "masked"])
    again = gradcam.explain(alone, planted.network(), settings(world.root)).iloc[0]
    row = maps.loc["masked"]
    assert np.array_equal(again["map"], row["map"])
    for name in ("deletion", "insertion", "random", "iou"):
        assert again[name] == pytest.approx(row[name], abs=1e-6)
    assert again["picture"] == row["picture"]


def test_towards_the_predicted_class(world):
    asked = settings(world.root, towards="predicted")
    table = gradcam.explain(world, planted.network(), asked).set_index("video_id")
    assert table["towards"].to_dict() == {
        "masked": "fake",
        "unmasked": "fake",
        "flat": "real",
        "noisy": "fake",
        "quiet": "real",
    }


def test_the_areas_are_of_the_explained_class():
    logits = np.full(5, 2.0, np.float32)
    curves = gradcam.occlusion.Curves(logits, -logits, 0 * logits)
    fake, real = gradcam._areas(curves, True), gradcam._areas(curves, False)
    assert fake["deletion"] == pytest.approx(0.880797)
    assert real == pytest.approx({"deletion": 1 - 0.880797, "insertion": 0.880797, "random": 0.5})


def test_scores_of_crops_that_are_gone_are_refused(world):
    stale = world.scores.assign(frame=world.scores["frame"] + 10)
    with pytest.raises(ValueError, match="5 scored crops of faceforensics are not in its faces"):
        gradcam.explain(world._replace(scores=stale), planted.network(), settings(world.root))


def test_no_test_video_gives_empty_tables(world):
    none = world._replace(manifest=world.manifest.assign(split="val"))
    table = gradcam.explain(none, planted.network(), settings(world.root))
    tables.check(evidence.GRADCAM, table)
    checks = gradcam.checks(table, world.manifest, PARAMS)
    tables.check(evidence.MAP_CHECKS, checks)
    assert table.empty
    assert checks.empty


def test_checks_stand_beside_chance(world, maps):
    checks = gradcam.checks(maps.reset_index(), world.manifest, settings(world.root))
    tables.check(evidence.MAP_CHECKS, checks)
    rows = checks.set_index(["dataset", "check"])
    assert set(checks["dataset"]) == {"all", "faceforensics"}
    deletion = rows.loc[("all", "deletion")]
    known = maps.dropna(subset="deletion")
    assert deletion["value"] == pytest.approx(known["deletion"].mean())
    assert deletion["difference"] == pytest.approx((known["deletion"] - known["random"]).mean())
    assert (deletion["n"], deletion["n_without"]) == (len(known), 5 - len(known))
    assert "independent clips" in deletion["note"]
    pointing = rows.loc[("all", "pointing")]
    assert (pointing["value"], pointing["n"], pointing["n_without"]) == (1, 1, 4)
    assert pointing["chance"] == pytest.approx(1 / 16, abs=0.002)
    # the only weight is one number: redrawn with no spread it stays, and so does the map
    assert rows.loc[("all", "randomised"), "value"] == pytest.approx(1)


def test_checks_have_intervals_with_enough_clips_and_a_reason_without_any(maps):
    many = pd.concat([maps.loc[["masked"]]] * 12, ignore_index=True)
    names = [f"v{i}" for i in range(12)]
    many = many.assign(video_id=names, iou=np.nan, deletion=np.linspace(0.1, 0.3, 12))
    manifest = tables.from_rows(tables.MANIFEST, [manifest_row(n, "Deepfakes", n) for n in names])
    rows = gradcam.checks(many, manifest, PARAMS).set_index(["dataset", "check"])
    deletion = rows.loc[("all", "deletion")]
    assert deletion["low"] < deletion["difference"] < deletion["high"] < 0
    assert deletion["note"] == ""
    iou = rows.loc[("all", "iou")]
    assert np.isnan(iou["value"])
    assert (iou["n"], iou["note"]) == (0, "no crop for which it is defined")
