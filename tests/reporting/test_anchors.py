"""Published figures: the data file, and every reason for or against a verdict."""

from dataclasses import replace

import numpy as np
import pytest
import report_tables as made

from deepbench.core import plugins
from deepbench.core.gaps import Gap
from deepbench.datasets import deepfakebench
from deepbench.reporting import anchors
from deepbench.reporting.anchors import Anchor

# a whole report's inputs are made
pytestmark = pytest.mark.slow

KNOWN = anchors.load()
OURS = set(plugins.names("detectors"))


@pytest.fixture(scope="module")
def real():
    return made.inputs(demo=False, samples=())


def anchor(**changes):
    """A user's figure of a detector and a data set that ran, by the settings that ran."""
    plain = Anchor(
        "xception", "celeb_df", "all", "", "video", "auc", 0.8, "a thread", anchors.SINGLE, 8,
        "aligned",
    )  # fmt: skip
    return plain._replace(**changes)


def one(inputs, **changes):
    (row,) = anchors.compare(inputs, [anchor(**changes)])
    return row


def with_settings(inputs, block, **changes):
    changed = getattr(inputs.settings, block).model_copy(update=changes)
    return replace(inputs, settings=inputs.settings.model_copy(update={block: changed}))


def test_the_file_is_complete():
    assert len(KNOWN) == 3 * 14 + 3 * 3 + 6 + 1 + 2 * 5
    assert len({row[:7] + row[7:9] for row in KNOWN}) == len(KNOWN)
    assert {row.detector for row in KNOWN} <= OURS | {"ucf", "core"}
    assert {row.kind for row in KNOWN} == {
        anchors.TABLE, anchors.SINGLE, "paper, level not stated",
    }  # fmt: skip
    for row in KNOWN:
        assert 0.5 < row.value < 1, row
        assert row.level in ("frame", "video", anchors.UNSTATED), row
        assert row.dataset in anchors.FAKES, row
        assert row.method in {"all", "FaceShifter"} | anchors.FAKES[row.dataset], row
        assert (row.compression != "") == (row.dataset == "faceforensics"), row
        assert row.source, row
        assert row.crop in {plugins.load("detectors", name).CARD.crop for name in OURS}, row


@pytest.mark.parametrize(
    ("detector", "dataset", "method", "compression", "value"),
    [
        ("xception", "celeb_df", "all", "", 0.7365),
        ("xception", "uadfv", "all", "", 0.9379),
        ("efficientnet_b4", "faceforensics", "all", "c40", 0.815),
        ("efficientnet_b4", "faceforensics", "FaceShifter", "c23", 0.6162),
        ("f3net", "faceforensics", "NeuralTextures", "c23", 0.9354),
        ("f3net", "dfdc_preview", "all", "", 0.7354),
    ],
)
def test_cells_of_the_table(detector, dataset, method, compression, value):
    place = (detector, dataset, method, compression)
    found = [row.value for row in KNOWN if row[:4] == place and row.kind == anchors.TABLE]
    assert found == [value]


def test_names_are_those_of_the_data_sets():
    assert set(anchors.CLASSES) == set(deepfakebench.FAKES)
    mapped = {}
    for dataset, method in anchors.CLASSES.values():
        mapped.setdefault(dataset, set()).add(method)
    mapped["faceforensics"].remove("FaceShifter")
    assert mapped == anchors.FAKES
    for name in ("faceforensics", "celeb_df", "dfdc"):
        counts = plugins.load("datasets", name).CARD.counts
        assert anchors.FAKES[name] <= {cell.partition("/")[2] for cell in counts}


def test_inside_the_interval_is_reproduced(real):
    measured = one(real).measured
    assert one(real, value=measured.low).verdict == "reproduced"
    assert one(real, value=measured.high + 1e-6).verdict == "differs"
    assert one(real, value=measured.value - 0.01).difference == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": anchors.TABLE}, "a cell of the table is the mean of the three best test results"),
        ({"level": anchors.UNSTATED}, "the paper does not state whether it is per frame or per"),
        ({"frames": 32}, "32 frames per video, here 8"),
        ({"crop": "padded"}, "padded crops, here aligned"),
        ({"metric": "eer"}, "not in the results table"),
    ],
)
def test_other_protocols_are_not_comparable(real, changes, reason):
    row = one(real, **changes)
    assert row.verdict == "not comparable"
    (told,) = row.reasons
    assert told.startswith(reason)


@pytest.mark.parametrize(
    ("block", "changes", "reason"),
    [
        ("faces", {"frame_rule": "every_nth"}, "8 frames per video, here every 10th, at most 30,"),
        ("faces", {"crop": "whole"}, "aligned crops, here whole"),
        ("videos", {"pooling": "majority"}, "videos are means of frames, here pooled by majority"),
    ],
)
def test_other_settings_are_not_comparable(real, block, changes, reason):
    assert one(with_settings(real, block, **changes)).reasons == (reason,)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"profile": "imagenet_224"}, "here the input is imagenet_224"),
        ({"precision": "bfloat16"}, "here the precision is bfloat16"),
        ({"weights": "not the published file"}, "the weights are not the published file"),
    ],
)
def test_other_runs_are_not_comparable(real, changes, reason):
    runs = tuple(replace(run, **changes) for run in real.runs)
    assert one(replace(real, runs=runs)).reasons == (reason,)


def test_dlib_crops_are_the_published_ones(real):
    settings = {"crop": "dlib", "landmark_model": "81.dat"}
    row = one(with_settings(real, "faces", **settings, select="largest"))
    assert row.verdict in ("reproduced", "differs")
    assert row.measured == one(real).measured
    tracked = with_settings(real, "faces", **settings, select="track")
    assert one(tracked).reasons == ("the largest face of each frame, here the choice is track",)
    assert one(tracked, crop="padded").reasons == ("padded crops, here dlib",)


def test_without_an_interval_there_is_no_verdict(real):
    note = "no interval from 3 independent clips"
    results = real.results.assign(low=np.nan, high=np.nan, note=note)
    assert one(replace(real, results=results)).reasons == (note,)


def test_the_level_is_the_published_one(real):
    results = real.results.copy()
    results.loc[results["level"] == "frame", "value"] = 0.123
    assert one(replace(real, results=results), level="frame").measured.value == 0.123
    assert one(replace(real, results=results)).measured.value != 0.123


def test_other_fakes_are_not_comparable(real):
    manifest = real.manifest.replace({"method": {"NeuralTextures": "FaceShifter"}})
    manifest["compression"] = "c23"
    four = {"dataset": "faceforensics", "compression": "c23"}
    assert one(replace(real, manifest=manifest), **four).reasons == (
        "it is over Deepfakes, Face2Face, FaceSwap, NeuralTextures, "
        "here over Deepfakes, Face2Face, FaceShifter, FaceSwap",
    )
    deepfakes = one(replace(real, manifest=manifest), **four, method="Deepfakes")
    assert deepfakes.verdict in ("reproduced", "differs")
    only = manifest[manifest["method"].isin(["real", "Deepfakes"])]
    assert (
        one(replace(real, manifest=only), **four, method="Deepfakes").measured
        == (
            one(replace(real, manifest=manifest.assign(compression="")), dataset="faceforensics")
        ).measured
    )


def test_compressions_are_kept_apart(real):
    manifest = real.manifest.assign(compression="c23")
    inputs = replace(real, manifest=manifest)
    c40 = anchor(dataset="faceforensics", compression="c40")
    assert anchors.compare(inputs, [c40]) == []
    mixed = manifest.assign(compression=np.where(manifest.index % 2, "c40", "c23"))
    (row,) = anchors.compare(replace(real, manifest=mixed), [c40])
    assert row.reasons == ("here c23 and c40 are mixed",)


def test_data_preprocessed_by_deepfakebench_is_what_it_holds(real):
    def renamed(table):
        swap = {"celeb_df": "deepfakebench", "Celeb-synthesis": "CelebDFv2_fake"}
        return table.replace({"dataset": swap, "method": swap})

    inputs = replace(
        with_settings(real, "faces", crop="whole"),
        manifest=renamed(real.manifest),
        results=renamed(real.results),
        runs=tuple(
            replace(r, dataset=r.dataset.replace("celeb_df", "deepfakebench")) for r in real.runs
        ),
    )
    row = one(inputs)
    assert row.dataset == "deepfakebench"
    assert row.verdict in ("reproduced", "differs")
    assert row.measured == one(real).measured


@pytest.mark.parametrize(
    ("demo", "samples"), [(True, ()), (False, tuple(made.METHODS)), (True, ("celeb_df",))]
)
def test_demo_weights_and_samples_get_no_verdict(demo, samples):
    assert anchors.compare(made.inputs(demo, samples), [*KNOWN, anchor()]) == []


def test_incomplete_data_get_no_verdict(real):
    lacking = replace(real, gaps=real.gaps | {"celeb_df": (Gap("absent", 1, 518, "one"),)})
    row = one(lacking)
    assert (row.verdict, row.reasons) == ("not comparable", ("here the data set is incomplete",))


def test_what_did_not_run_is_left_out(real):
    others = [anchor(detector="ucf"), anchor(dataset="uadfv"), anchor(dataset="dfdc_preview")]
    assert anchors.compare(real, others) == []
