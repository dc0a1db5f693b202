"""The explorer's second tab: which videos, and everything about one of them."""

import base64

import explore_checkout
import numpy as np
import planted
import pytest

from deepbench import scores
from deepbench.apps.explore import checkout, gradcam, videos
from deepbench.apps.explore import videos_html as html
from deepbench.apps.explore.videos import Filter
from deepbench.apps.explore.videos_view import VideosTab
from deepbench.core import plugins, tables
from deepbench.media import crops

LOST = "celeb_df/real/test_001"  # frames without a face


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return explore_checkout.build(tmp_path_factory.mktemp("explore"))


@pytest.fixture(scope="module")
def stored(root):
    return checkout.load(root)


@pytest.fixture(scope="module")
def table(stored):
    return videos.overview(stored, "equal", 0.5)


@pytest.fixture
def tab(stored):
    return VideosTab(stored)


def test_every_video_is_in_the_list_once(stored, table):
    assert sorted(table["video_id"]) == sorted(stored.manifest["video_id"])
    assert set(table["outcome"]) == set(videos.OUTCOMES)


def test_outcomes_are_what_the_scorer_said(stored, table):
    own = stored.videos[stored.videos["scorer"] == "equal"].set_index("video_id")["fake_prob"]
    for row in table.itertuples():
        prob = own[row.video_id]
        if np.isnan(prob):
            assert row.outcome == "not scored"
        else:
            right = (prob > 0.5) == row.label
            assert (row.outcome in ("hit", "right on real")) == right
            assert (row.outcome in ("hit", "miss")) == row.label


def test_disagreement_is_the_range_of_the_detectors(stored, table):
    video = table.dropna(subset="disagreement")["video_id"].iloc[5]
    own = stored.videos[stored.videos["video_id"] == video].set_index("scorer")["fake_prob"]
    probs = own[stored.settings.detectors]  # neither ensembles nor the frequency-only scorer
    expected = probs.max() - probs.min()
    found = table.set_index("video_id").loc[video, "disagreement"]
    assert found == pytest.approx(expected)
    assert np.isnan(table.set_index("video_id").loc[LOST, "disagreement"])


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        (Filter(dataset="dfdc"), lambda row: row.dataset == "dfdc"),
        (Filter(method="FaceSwap"), lambda row: row.method == "FaceSwap"),
        (Filter(outcome="miss"), lambda row: row.outcome == "miss"),
        (Filter(quality=videos.REMARK), lambda row: row.problem != ""),
        (Filter(quality=videos.SEVERAL), lambda row: row.other_faces > 0),
        (Filter(disagreement=0.7), lambda row: row.disagreement >= 0.7),
        (
            Filter("dfdc", "real", "false alarm"),
            lambda row: (row.dataset, row.outcome) == ("dfdc", "false alarm"),
        ),
    ],
)
def test_a_filter_lets_through_exactly_what_it_says(table, wanted, holds):
    found = videos.choose(table, wanted)
    assert set(found["video_id"]) == {row.video_id for row in table.itertuples() if holds(row)}
    spread = found["disagreement"].dropna().to_numpy()
    assert (np.diff(spread) <= 0).all()


def test_the_smallest_tenth_is_of_each_data_set(table):
    sized = table.assign(side=np.arange(len(table), dtype=float))
    found = videos.choose(sized, Filter(quality=videos.SMALL))
    for _, own in sized.groupby("dataset"):
        kept = set(found["video_id"]) & set(own["video_id"])
        assert kept == set(own.nsmallest(len(kept), "side")["video_id"])
        assert 0.05 < len(kept) / len(own) < 0.2


def test_the_timeline_is_the_frame_scores(stored):
    video = "dfdc/fake/test_004"
    found = videos.timeline(stored, video)
    scores = tables.read(tables.SCORES, stored.root / "artifacts/scores/dfdc/effort")
    own = scores[scores["video_id"] == video].set_index("frame")["fake_logit"]
    np.testing.assert_allclose(found["effort"], 1 / (1 + np.exp(-own.astype(float))), rtol=1e-6)
    assert list(found.columns) == stored.settings.framewise


def test_frames_are_the_stored_crops(stored):
    found = videos.frames(stored, "dfdc/fake/test_004")
    assert list(found["frame"]) == [0, 30]
    whole = tables.read(tables.FACES, stored.root / "artifacts/faces/dfdc")
    own = whole[whole["video_id"] == "dfdc/fake/test_004"]
    assert list(found["png"]) == list(own["png"])
    assert len(videos.frames(stored, LOST)) == 0


def test_the_band_is_of_untreated_crops_of_real_test_videos(stored):
    found = videos.band(stored, "dfdc")
    assert "30 crops" in found.note  # 16 real test videos of two frames, one of which is lost
    faces = tables.read(tables.FACES, stored.root / "artifacts/faces/dfdc")
    own = faces[faces["video_id"].str.contains("/real/test_")]
    rings = np.array([videos.rings_of(png) for png in own["png"]])
    low, high = np.quantile(rings.astype(np.float32).astype(float), [0.05, 0.95], axis=0)
    np.testing.assert_allclose(found.low, low, rtol=1e-5)
    np.testing.assert_allclose(found.high, high, rtol=1e-5)


def test_where_there_is_no_band_it_is_said(stored):
    found = videos.band(stored, "celeb_df")
    assert np.isnan(found.low).all()
    assert "dvc repro" in found.note
    drawn = html.spectrum(np.linspace(9, 1, len(found.low)), found)
    assert "inside the band" not in drawn
    assert "polygon" not in drawn


def test_the_consensus_counts_detectors_only(stored):
    video = "dfdc/fake/test_004"
    own = stored.videos[stored.videos["video_id"] == video].set_index("scorer")["fake_prob"]
    expected = int((own[stored.settings.detectors] > 0.5).sum())
    assert videos.votes(stored, video, 0.5) == (expected, 4)
    assert f"{expected} of 4 detectors" in html.facts(stored, video, 0.5)


def test_a_lost_video_shows_its_remark_and_no_frames(tab):
    tab.dataset.value = "celeb_df"
    tab.outcome.value = "not scored"
    assert [value for _, value in tab.videos.options] == [LOST]
    assert "no face of at least 40 px" in tab._shown["facts"].value
    assert "No face of this video is stored" in tab._shown["strip"].value
    assert tab.frame.disabled


def test_filters_that_let_nothing_through_leave_an_empty_page(tab):
    tab.dataset.value = "folder"
    tab.outcome.value = "hit"
    assert tab.videos.value is None
    assert tab._shown["facts"].value == ""
    assert "0 of" in tab._shown["count"].value


def test_methods_are_those_of_the_data_set(tab):
    tab.method.value = "FaceSwap"
    tab.dataset.value = "dfdc"
    assert tab.method.options == ("any", "real", "fake")
    assert tab.method.value == "any"


def test_names_are_escaped(tab):
    tab.dataset.value = "folder"
    tab.videos.value = explore_checkout.HOSTILE
    for widget in tab._shown.values():
        assert "<script>" not in widget.value
    assert "&lt;script&gt;" in tab._shown["facts"].value


def test_a_frame_moves_the_cursor(tab):
    tab.dataset.value = "dfdc"
    before = tab._shown["figures"].value
    tab.frame.value = 1
    assert "cursor at frame 30" in tab._shown["figures"].value
    assert tab._shown["figures"].value != before
    assert "Frame 30, 2 of 2" in tab._shown["status"].value


def test_grad_cam_is_made_only_when_asked_for_and_only_once(tab, monkeypatch):
    asked = []

    class Explainer:
        def explain(self, detector, rgb):
            asked.append(detector)
            return gradcam.Explained(detector, 0.0, rgb, "")

    tab._explainer = Explainer()
    tab.dataset.value = "dfdc"
    assert not asked
    tab.explain.value = True
    assert asked == tab._stored.settings.detectors
    assert tab._shown["maps"].value.count("<img") == 5
    tab.frame.value = 1
    tab.frame.value = 0
    assert len(asked) == 8
    tab.explain.value = False
    assert tab._shown["maps"].value == ""


@pytest.fixture
def planted_detectors(monkeypatch):
    """Detectors that look at texture; one has no checkpoint."""

    def find_weights(folder, name):
        if name == "effort":
            msg = f"no checkpoint in {folder}"
            raise FileNotFoundError(msg)
        return folder

    class Component:
        CARD = plugins.load("detectors", "xception").CARD
        loads = 0

        @classmethod
        def load(cls, *args):
            cls.loads += 1
            return planted.network()

    monkeypatch.setattr(scores, "find_weights", find_weights)
    monkeypatch.setattr(plugins, "load", lambda kind, name: Component)
    return Component


def test_grad_cam_shows_where_the_texture_is(stored, planted_detectors):
    explainer = gradcam.Explainer(stored.root, stored.settings)
    crop = planted.patched()
    found = explainer.explain("xception", crop)
    assert found.problem == ""
    redder = found.overlay[..., 0].astype(int) - found.overlay[..., 2].astype(int)
    inside = redder[planted.mask()].mean()
    assert inside > redder[~planted.mask()].mean() + 50
    explainer.explain("xception", planted.patched(1))
    assert planted_detectors.loads == 1


def test_grad_cam_without_a_checkpoint_or_a_map_is_a_sentence(stored, planted_detectors):
    explainer = gradcam.Explainer(stored.root, stored.settings)
    crop = planted.patched()
    assert "no checkpoint" in explainer.explain("effort", crop).problem
    flat = np.full_like(crop, 90)
    found = explainer.explain("xception", flat)
    assert found.overlay is None
    assert "constant" in found.problem
    assert "constant" in html.maps([found], flat)


def test_pictures_are_shrunk_and_keep_their_colours(stored):
    rgb = np.full((200, 200, 3), (200, 30, 90), np.uint8)
    kept = crops.decode(base64.b64decode(html.picture(rgb, 50).partition(",")[2]))
    assert kept.shape == (50, 50, 3)
    assert np.abs(kept.astype(int) - (200, 30, 90)).max() < 8
