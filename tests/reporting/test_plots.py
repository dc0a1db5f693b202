import io

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from deepbench.reporting import html, plots


@pytest.fixture
def scored():
    prob = np.array([0.1, 0.5, 0.5, 0.9, 0.8, np.nan] + [np.nan] * 6)
    return pd.DataFrame(
        {
            "scorer": ["a"] * 6 + ["b"] * 6,
            "label": [False, False, True, True, True, True] * 2,
            "fake_prob": prob,
            "fake_logit": logit(prob),
        }
    )


def texts(figure):
    return [t.get_text() for t in figure.findobj() if hasattr(t, "get_text") and t.get_text()]


def test_decisions_count_only_above_the_threshold(scored):
    counts = plots.decisions(scored[scored["scorer"] == "a"], 0.5)
    # 0.5 itself is called real; the unscored fake is nowhere
    assert counts.to_numpy().tolist() == [[2, 0], [1, 2]]


def test_roc_goes_through_the_right_points(scored):
    figure = plots.roc(scored, {"a": "a: AUC 0.917"})
    curve = figure.axes[0].lines[1]
    points = set(zip(curve.get_xdata().tolist(), curve.get_ydata().tolist(), strict=True))
    assert {(0, 0), (0, 2 / 3), (0.5, 1), (1, 1)} <= points
    # the tied real and fake are one step, not two
    assert not {(0, 1), (0.5, 2 / 3)} & points
    assert "b: no curve, 0 real, 0 fake, 6 not scored" in texts(figure)


def test_roc_tells_sure_scores_apart():
    # probabilities are 1 from a log-odds of 37 on
    logits = np.array([40.0, 50.0, np.inf, -np.inf])
    scored = pd.DataFrame(
        {"scorer": "a", "label": [False, True, True, False], "fake_logit": logits, "fake_prob": 1.0}
    )
    curve = plots.roc(scored, {}).axes[0].lines[1]
    assert (0.0, 1.0) in set(zip(*map(list, curve.get_data()), strict=True))


@pytest.mark.parametrize("kept", [[False], [True], []])
def test_roc_of_one_class_says_why_there_is_no_curve(scored, kept):
    figure = plots.roc(scored[scored["label"].isin(kept)], {})
    assert texts(figure) == ["no curve without both real and fake test videos"]


def test_distributions_say_how_many_were_not_scored(scored):
    figure = plots.distributions(scored, 0.5)
    assert "a\n2 real, 3 fake, 1 not scored" in texts(figure)
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert len(visible) == 2
    shares = visible[0].patches[0].get_data()
    assert sum(shares[0]) == pytest.approx(1)


@pytest.mark.parametrize("draw", [plots.distributions, plots.confusion])
def test_nothing_to_draw_is_said(scored, draw):
    assert texts(draw(scored.iloc[:0], 0.5)) == ["no test videos"]


def test_confusion_shows_counts_and_the_unscored(scored):
    shown = texts(plots.confusion(scored, 0.5))
    assert "a\n1 not scored" in shown
    assert "b\n6 not scored" in shown
    assert {"0", "1", "2"} <= set(shown)


def test_contact_sheet_shows_each_crop_under_its_title(rng):
    crops = rng.integers(0, 256, (10, 12, 12, 3), dtype=np.uint8)
    figure = plots.contact_sheet(crops, [f"crop {i}" for i in range(10)])
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(images) == 10
    assert np.array_equal(images[9], crops[9])
    figure.savefig(io.BytesIO(), format="png")


def test_contact_sheet_without_crops_and_with_missing_titles(rng):
    assert texts(plots.contact_sheet(np.zeros((0, 4, 4, 3), np.uint8), [])) == ["no crops"]
    with pytest.raises(ValueError, match="2 crops but 1 titles"):
        plots.contact_sheet(np.zeros((2, 4, 4, 3), np.uint8), ["one"])


def test_a_picture_is_the_same_bytes_each_time(scored):
    first, second = (html.picture(plots.roc(scored, {}), "alt") for _ in range(2))
    assert first == second
    assert first.uri.startswith("data:image/svg+xml;base64,")
