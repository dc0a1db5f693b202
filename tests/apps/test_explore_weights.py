"""The explorer's first tab: what a weighting is worth, from stored scores alone."""

import subprocess
import sys

import explore_checkout
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import logit
from sklearn.metrics import confusion_matrix, roc_auc_score

from deepbench import videos
from deepbench.apps.explore import checkout, page, weights_html, worth
from deepbench.apps.explore.weights import Weighting, Workbench
from deepbench.apps.explore.weights_view import WeightsTab
from deepbench.core import tables

MEMBERS = ["xception", "efficientnet_b4", "f3net", "effort", "frequency"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return explore_checkout.build(tmp_path_factory.mktemp("explore"))


@pytest.fixture(scope="module")
def stored(root):
    return checkout.load(root)


@pytest.fixture(scope="module")
def bench(stored):
    return Workbench(stored)


@pytest.fixture
def tab(bench):
    return WeightsTab(bench)


def weighting(**weights):
    return Weighting("weighted_mean", dict.fromkeys(MEMBERS, 0.0) | weights, "mean")


def cell(bench, title):
    return next(cell for cell in bench.cells if cell.title == title)


def test_every_preset_scores_what_the_pipeline_scores(stored, bench):
    parts = []
    scores = [
        tables.read(tables.SCORES, stored.root / "artifacts" / place)
        for place in (
            stored.settings.scores_file(n, s)
            for n in stored.settings.datasets
            for s in stored.settings.framewise
        )
    ]
    faces = tables.read_columns(
        tables.FACES,
        checkout.FACES,
        *(stored.root / f"artifacts/faces/{n}" for n in stored.settings.datasets),
    )
    manifest = stored.manifest
    pooled = videos.pool(manifest, stored.ledger, faces, pd.concat(scores), stored.settings, {})
    expected = videos.combine(pooled, manifest, stored.settings)
    for name, ensemble in stored.settings.videos.ensembles.items():
        mine = bench.rivals(Weighting(ensemble.rule, ensemble.weights, "mean")).mine
        own = expected[expected["scorer"] == name].set_index("video_id")["fake_logit"]
        parts.append(own)
        np.testing.assert_allclose(mine, own[manifest["video_id"]].to_numpy(), rtol=1e-9)
    assert len(parts) == 4


def test_aucs_are_those_of_sklearn_on_videos_that_all_scored(bench):
    rivals = bench.rivals(weighting(effort=3.0, xception=1.0))
    of = cell(bench, "dfdc")
    found = worth.worth(rivals, of, bench.draws)
    labels = of.sample.labels
    scored = ~np.isnan([rivals.mine[of.rows], rivals.equal[of.rows], rivals.single[of.rows]]).any(0)
    assert found.n_missing == int((~scored).sum()) == 1
    assert found.n_real + found.n_fake == int(scored.sum())
    for name in ("mine", "equal", "single"):
        own = getattr(rivals, name)[of.rows]
        expected = roc_auc_score(labels[scored], own[scored])
        assert found.estimates[name].value == pytest.approx(expected, abs=1e-12)
        assert found.estimates[name].low <= expected <= found.estimates[name].high
    over = found.estimates["over_equal"]
    assert over.value == pytest.approx(
        found.estimates["mine"].value - found.estimates["equal"].value, abs=1e-12
    )
    assert 0 < over.p <= 1
    assert 0 <= found.p_delong["over_single"] <= 1


def test_a_weighting_that_is_the_equal_one_differs_by_exactly_nothing(bench):
    ones = weighting(xception=2.0, efficientnet_b4=2.0, f3net=2.0, effort=2.0)
    over = worth.worth(bench.rivals(ones), cell(bench, "dfdc"), bench.draws)
    found = over.estimates["over_equal"]
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_figures_do_not_hang_on_test_labels(stored, bench):
    """Weights and the best single detector are the same whatever the test labels say."""
    manifest = stored.manifest.copy()
    test = manifest["split"] == "test"
    manifest.loc[test, "label"] = ~manifest.loc[test, "label"]
    turned = Workbench(stored._replace(manifest=manifest))
    assert turned.fit("mean") == bench.fit("mean")
    assert turned.best_single("mean") == bench.best_single("mean")
    one = Weighting("stack", dict.fromkeys(MEMBERS[:4], 1.0), "mean")
    np.testing.assert_array_equal(turned.rivals(one).mine, bench.rivals(one).mine)


def test_fitted_weights_are_the_best_of_the_grid_on_development(stored, bench):
    fitted = bench.fit("mean")
    assert fitted["frequency"] == 0  # this project fitted it on development
    assert sum(fitted.values()) == pytest.approx(1)
    own = bench.development
    best = worth.worth(bench.rivals(weighting(**fitted)), own, None).estimates["mine"].value
    rng = np.random.default_rng(0)
    for _ in range(30):
        other = dict(zip(MEMBERS[:4], rng.multinomial(10, [0.25] * 4) / 10, strict=True))
        if sum(w > 0 for w in other.values()) > 1:
            found = worth.worth(bench.rivals(weighting(**other)), own, None)
            assert found.estimates["mine"].value <= best + 1e-12


def test_without_development_there_is_a_sentence_in_place_of_a_choice(stored):
    settings = stored.settings.model_copy(update={"development": ""})
    bench = Workbench(stored._replace(settings=settings))
    with pytest.raises(ValueError, match="0 real and 0 fake"):
        bench.fit("mean")
    rivals = bench.rivals(weighting(effort=1.0, f3net=1.0))
    assert rivals.chosen.name == ""
    rows = [worth.worth(rivals, of, bench.draws) for of in bench.cells]
    assert "no detector could be chosen" in weights_html.auc_table(rows, "", False)


def test_decisions_are_counted_at_the_threshold(bench):
    rivals = bench.rivals(weighting(effort=1.0, xception=1.0))
    of = cell(bench, "celeb_df")
    own = rivals.mine[of.rows]
    scored = ~np.isnan(own)
    found = worth.decisions(rivals.mine, of, 0.3)
    expected = confusion_matrix(of.sample.labels[scored], own[scored] > logit(0.3))
    assert [
        [found.true_real[0], found.false_fake[0]],
        [found.false_real[0], found.true_fake[0]],
    ] == (expected.tolist())


def test_one_class_is_undefined_with_its_reason(bench):
    rivals = bench.rivals(weighting(effort=1.0, xception=1.0))
    found = worth.worth(rivals, cell(bench, "folder"), bench.draws)
    assert np.isnan(found.estimates["mine"].value)
    assert "0 fake" in found.estimates["mine"].note
    drawn = weights_html.figures(rivals, cell(bench, "folder"), 0.5)
    assert "ROC and DET need both" in drawn


@pytest.mark.parametrize("name", MEMBERS)
def test_one_detector_alone_is_no_ensemble(bench, name):
    found = bench.rivals(weighting(**{name: 1.0}))
    assert np.isnan(found.mine).all()
    assert "1 detectors have weight" in found.why


def test_too_few_detectors_say_so_and_draw_nothing(tab):
    for slider in tab.sliders.values():
        slider.value = 0.0
    assert "videos.min_detectors" in tab._figures.value
    assert "undefined" in tab._table.value


def test_a_move_changes_every_figure(tab):
    before = (tab._figures.value, tab._table.value, tab._headline.value)
    tab.sliders["effort"].value = 9.0
    after = (tab._figures.value, tab._table.value, tab._headline.value)
    assert all(a != b for a, b in zip(after, before, strict=True))


def test_a_threshold_moves_the_confusion_matrix_alone(tab):
    table, figures = tab._table.value, tab._figures.value
    tab.threshold.value = 0.9
    assert "Confusion matrix at 0.90" in tab._figures.value
    assert tab._figures.value != figures
    assert tab._table.value == table


def test_shares_sum_to_one(tab):
    tab.sliders["effort"].value = 1.0
    tab.sliders["xception"].value = 2.0
    shares = tab.weighting.shares
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["xception"] == 2 * shares["effort"]
    tab.rule.value = "median"  # knows only in and out
    assert tab.weighting.shares["xception"] == tab.weighting.shares["effort"]


def test_presets_are_those_of_params(tab, stored):
    tab.preset.value = "effort_half"
    ensemble = stored.settings.videos.ensembles["effort_half"]
    assert {k: v for k, v in tab.weighting.weights.items() if v} == ensemble.weights
    assert tab.rule.value == ensemble.rule
    tab.preset.value = "stack"
    assert tab.rule.value == "stack"


def test_computing_is_said_while_intervals_are(tab, monkeypatch):
    asked = []
    monkeypatch.setattr(tab._later, "ask", asked.append)
    tab._cost = 5.0
    tab.sliders["effort"].value = 4.0
    assert "computing" in tab._table.value
    assert asked == [0.4]
    tab._intervals()
    assert "computing" not in tab._table.value
    assert "[0." in tab._table.value


def test_a_saved_weighting_reaches_params(tab, root):
    path = root / "params.yaml"
    before = path.read_text("utf-8")
    tab._set("weighted_mean", {"effort": 2.5, "f3net": 1.0})
    tab.name.value = "mostly_effort"
    tab._save()
    added = yaml.safe_load(path.read_text("utf-8"))["videos"]["ensembles"]["mostly_effort"]
    assert added == {"rule": "weighted_mean", "weights": {"effort": 2.5, "f3net": 1}}
    assert "dvc repro" in tab._status.value
    tab._save()
    assert "choose another name" in tab._status.value
    path.write_text(before, "utf-8")


def test_the_explorer_of_an_empty_checkout_says_what_to_run(root, tmp_path):
    (tmp_path / "params.yaml").write_text((root / "params.yaml").read_text("utf-8"), "utf-8")
    assert "dvc repro" in page.show(tmp_path).value


def test_an_ensemble_without_results_is_named(root, tmp_path):
    settings = yaml.safe_load((root / "params.yaml").read_text("utf-8"))
    settings["videos"]["ensembles"]["new"] = settings["videos"]["ensembles"]["equal"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    (tmp_path / "artifacts").symlink_to(root / "artifacts")
    with pytest.raises(ValueError, match=r"\['new'\].*dvc repro"):
        checkout.load(tmp_path)


def test_no_network_is_loaded(root):
    code = f"""
import sys
from pathlib import Path
from deepbench.apps.explore import page
box = page.show(Path({str(root)!r}))
tabs = box.children[1]
tabs.selected_index = 1
print("torch" in sys.modules, "mlflow" in sys.modules, len(tabs.children))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.split()[-3:] == ["False", "False", "3"]
