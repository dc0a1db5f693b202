import io
from dataclasses import replace

import pytest
import report_tables as made
from PIL import Image

from deepbench.core import tables
from deepbench.reporting import errors, gallery


@pytest.fixture(scope="module")
def inputs():
    return made.inputs()


@pytest.fixture(scope="module")
def folder(inputs, tmp_path_factory):
    path = tmp_path_factory.mktemp("faces")
    made.write_faces(made.faces(inputs.videos, inputs.settings), path)
    return path


def sources(inputs, **changed):
    scores = made.frame_scores(inputs.videos, inputs.settings)
    return gallery.Sources(
        **{"manifest": inputs.manifest, "videos": inputs.videos, "scores": scores} | changed
    )


def test_the_most_wrong_test_videos_are_chosen(inputs):
    own = inputs.videos[inputs.videos["scorer"] == "equal"].merge(inputs.manifest, on="video_id")
    own = own[(own["dataset"] == "dfdc") & (own["split"] == "test")].dropna(subset="fake_prob")
    reals = own[~own["label"]].nlargest(4, "fake_prob")["video_id"].tolist()
    fakes = own[own["label"]].nsmallest(4, "fake_prob")["video_id"].tolist()
    shown = [e for e in inputs.exhibits if e.dataset == "dfdc"]
    assert [e.video_id for e in shown if not e.label] == reals
    assert [e.video_id for e in shown if e.label] == fakes
    assert [e.place for e in shown] == [1, 2, 3, 4] * 2
    assert {e.scorer for e in shown} == {"equal"}


def test_equal_scores_go_by_name(inputs, folder):
    videos = inputs.videos.assign(fake_logit=0.0, fake_prob=0.5)
    found = gallery.exhibits(inputs.settings, sources(inputs, videos=videos), folder)
    names = [e.video_id for e in found if e.dataset == "celeb_df" and not e.label]
    assert names == [f"celeb_df/real/test_{i:03d}" for i in range(4)]


def test_the_crop_is_the_median_one(inputs, tmp_path):
    video = inputs.exhibits[0].video_id
    frames = {0: -3.0, 10: 2.0, 20: 9.0}  # the middle one is of frame 10
    rows = [
        {"video_id": video, "frame": f, "face": 0, "detector": d, "fake_logit": logit}
        for f, logit in frames.items()
        for d in inputs.settings.detectors
    ]
    colours = {0: (255, 0, 0), 10: (0, 255, 0), 20: (0, 0, 255)}
    crops = made.faces(inputs.videos, inputs.settings).iloc[[0] * 3].reset_index(drop=True)
    crops = crops.assign(
        video_id=video, frame=list(colours), png=[png(c) for c in colours.values()]
    )
    made.write_faces(crops.astype({"frame": "int32"}), tmp_path)
    scores = tables.from_rows(tables.SCORES, rows)
    found = gallery.exhibits(inputs.settings, sources(inputs, scores=scores), tmp_path)
    first = next(e for e in found if e.video_id == video)
    picture = Image.open(io.BytesIO(first.jpeg))
    assert picture.size == (gallery.PIXELS, gallery.PIXELS)
    red, green, blue = picture.getpixel((50, 50))
    assert green > 240
    assert max(red, blue) < 15
    # no crop is stored of the others
    assert all(not e.jpeg for e in found if e.video_id != video)


def png(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def test_the_same_bytes_each_time(inputs, folder):
    assert gallery.exhibits(inputs.settings, sources(inputs), folder) == inputs.exhibits


def test_lost_videos_are_no_errors(inputs, folder):
    videos = inputs.videos.assign(fake_logit=float("nan"), fake_prob=float("nan"))
    assert gallery.exhibits(inputs.settings, sources(inputs, videos=videos), folder) == ()


def test_without_ensembles_it_is_the_first_detector(inputs):
    videos = inputs.settings.videos.model_copy(update={"ensembles": {}})
    assert gallery.scorer(inputs.settings.model_copy(update={"videos": videos})) == "xception"
    assert gallery.scorer(inputs.settings) == "equal"


def test_what_is_said_of_an_exhibit(inputs):
    wall = errors.walls(inputs)["dfdc"]
    assert [len(wall.reals), len(wall.fakes)] == [4, 4]
    first, exhibit = wall.reals[0], next(e for e in inputs.exhibits if e.dataset == "dfdc")
    assert first.video_id == exhibit.video_id
    wrong = exhibit.fake_prob > 0.5
    assert first.decision == ("called fake, wrong" if wrong else "called real, right")
    assert first.picture.alt == (
        f"Face crop of the real video {exhibit.video_id}, fake probability {exhibit.fake_prob:.3f}"
    )
    assert not errors.walls(inputs)["folder"].fakes


def test_without_a_crop_there_is_no_picture(inputs):
    bare = tuple(replace(e, jpeg=b"") for e in inputs.exhibits)
    wall = errors.walls(replace(inputs, exhibits=bare))["dfdc"]
    assert all(shown.picture is None for shown in (*wall.reals, *wall.fakes))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.000"), (1e-9, "below 0.001"), (0.25, "0.250"), (0.9999, "above 0.999")],
)
def test_sure_is_not_certain(value, text):
    assert errors.probability(value) == text


def test_scores_from_elsewhere_choose_their_crop_by_all_detectors(inputs):
    scores = made.frame_scores(inputs.videos, inputs.settings)
    wanted = {inputs.exhibits[0].video_id}
    everybody = gallery._median_crops(scores, inputs.settings.detectors, wanted)
    assert gallery._median_crops(scores, ["bench"], wanted) == everybody
