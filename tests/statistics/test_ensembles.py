"""Every ensemble rule by hand, with members that are missing, infinite or in another order."""

import inspect
import re
import typing

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepbench.statistics import ensembles
from deepbench.statistics.ensembles import ENSEMBLES, Development

NOTHING = Development(np.empty((0, 3)), np.empty(0, bool))


@pytest.fixture
def development(rng):
    labels = np.arange(40) % 5 > 0
    return Development(rng.normal(size=(40, 3)) + labels[:, None] * [2.0, 1.0, 0.0], labels)


def fused(rule, probs, weights, known=None):
    probs = np.array(probs)
    nothing = Development(np.empty((0, probs.shape[1])), np.empty(0, bool))
    return expit(ENSEMBLES[rule](logit(probs), np.array(weights, float), known or nothing))


def test_weighted_mean_of_probabilities():
    assert fused("weighted_mean", [[0.2, 0.8], [0.5, 0.9]], [1, 3]) == pytest.approx([0.65, 0.8])


def test_weighted_log_odds():
    found = ENSEMBLES["weighted_log_odds"](
        np.array([[1.0, 5.0], [-2.0, np.nan]]), np.array([1.0, 3.0]), NOTHING
    )
    assert found == pytest.approx([4.0, -2.0])


def test_median_is_that_of_probabilities_also_of_an_even_number():
    assert fused("median", [[0.9, 0.1, 0.4]], [1, 1, 1]) == pytest.approx([0.4])
    assert fused("median", [[0.9, np.nan, 0.4]], [1, 1, 1]) == pytest.approx([0.65])
    assert fused("median", [[0.9, 0.2, 0.1, 0.4]], [1, 1, 1, 1]) == pytest.approx([0.3])


def test_max_is_the_most_fake_member():
    assert fused("max", [[0.9, 0.1], [np.nan, 0.3]], [1, 1]) == pytest.approx([0.9, 0.3])


def test_rank_mean_is_the_mean_quantile_among_development_scores():
    # scores 0 to 9: the score k has k below it and itself half
    known = Development(np.stack([np.arange(10.0), np.arange(10.0) * 100], 1), np.arange(10) > 5)
    logits = np.array([[0.0, 0.0], [9.0, 900.0], [4.0, 450.0], [99.0, -99.0], [np.nan, 450.0]])
    found = expit(ENSEMBLES["rank_mean"](logits, np.ones(2), known))
    assert found == pytest.approx([0.05, 0.95, (0.45 + 0.5) / 2, 0.5, 0.5])
    beyond = ENSEMBLES["rank_mean"](np.array([[9.0, 900.0], [50.0, 5e6]]), np.ones(2), known)
    assert beyond[0] == beyond[1], "all that passes every development score ties"


def test_equal_development_scores_share_their_rank():
    scores = np.array([[0.0]] * 4 + [[1.0]] * 6)
    found = ENSEMBLES["rank_mean"](
        np.array([[0.0], [1.0], [0.5]]), np.ones(1), Development(scores, np.zeros(10, bool))
    )
    assert expit(found) == pytest.approx([0.2, 0.7, 0.45])


def test_rank_mean_takes_infinite_scores():
    scores = np.array([[-np.inf], [-np.inf], *([[float(k)] for k in range(6)]), [np.inf], [np.inf]])
    found = ENSEMBLES["rank_mean"](
        np.array([[-np.inf], [-50.0], [0.0], [9.0], [np.inf]]),
        np.ones(1),
        Development(scores, np.zeros(10, bool)),
    )
    assert expit(found) == pytest.approx([0.1, 0.25, 0.25, 0.75, 0.9])


def test_the_stack_is_scikit_learns_balanced_ridge_regression(rng, development):
    logits = rng.normal(size=(9, 3))
    reference = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=1.0, class_weight="balanced", tol=1e-10, max_iter=10_000),
    ).fit(development.logits, development.labels)
    found = ENSEMBLES["stack"](logits, np.ones(3), development)
    assert found == pytest.approx(reference.decision_function(logits), abs=1e-4)


def test_the_stack_solves_its_own_equations(development):
    """The gradient of the penalised, class-balanced log loss is 0 at the fit."""
    known, labels = development
    scaled = (known - known.mean(0)) / known.std(0)
    found = ENSEMBLES["stack"](known, np.ones(3), development)
    design = np.column_stack([scaled, np.ones(len(known))])
    coefficients = np.linalg.lstsq(design, found, rcond=None)[0]
    balance = np.where(labels, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    slope = design.T @ (balance * (expit(found) - labels)) + [*coefficients[:3], 0]
    assert slope == pytest.approx(np.zeros(4), abs=1e-6)


def test_the_stack_hardly_heeds_the_share_of_fakes_in_development(rng):
    labels = rng.uniform(size=4000) < 0.5
    logits = rng.normal(size=(4000, 2)) + labels[:, None]
    mostly_fake = np.flatnonzero(labels | (rng.uniform(size=4000) < 0.2))
    even = ENSEMBLES["stack"](np.full((1, 2), 0.5), np.ones(2), Development(logits, labels))
    tilted = ENSEMBLES["stack"](
        np.full((1, 2), 0.5), np.ones(2), Development(logits[mostly_fake], labels[mostly_fake])
    )
    # unbalanced, the intercept would move by log 5 = 1.6
    assert tilted == pytest.approx(even, abs=0.25)


def test_the_stack_needs_all_its_members_and_says_so_in_why_nan(development):
    logits = np.array([[1.0, 1.0, 1.0], [1.0, np.nan, 1.0], [1.0, np.inf, 1.0]])
    found = ENSEMBLES["stack"](logits, np.ones(3), development)
    assert np.isnan(found).tolist() == [False, True, True]
    assert "finite scores of all" in ensembles.WHY_NAN["stack"]


def test_a_constant_member_says_nothing_in_the_stack(development):
    flat = development.logits.copy()
    flat[:, 2] = 7.0
    logits = np.array([[1.0, 1.0, 7.0], [1.0, 1.0, 70.0]])
    found = ENSEMBLES["stack"](logits, np.ones(3), Development(flat, development.labels))
    assert found[0] == pytest.approx(found[1])


def cut(development, size=40, labels=None, lost=0):
    logits = development.logits[:size].copy()
    logits[:lost, 0] = np.nan
    return Development(logits, development.labels[:size] if labels is None else labels)


@pytest.mark.parametrize(
    ("rule", "change", "sentence"),
    [
        ("stack", {"size": 9}, "needs 10 development videos of both.*found 2 real and 7 fake"),
        ("stack", {"size": 0}, "found 0 real and 0 fake"),
        ("stack", {"labels": np.ones(40, bool)}, "found 0 real and 40 fake"),
        ("stack", {"size": 12, "lost": 5}, "found 2 real and 5 fake"),
        ("rank_mean", {"size": 9}, "needs 10 development videos.*found 9"),
        ("rank_mean", {"size": 12, "lost": 5}, "found 7"),
    ],
)
def test_too_little_to_learn_from_is_nan_with_a_sentence(rule, change, sentence, development):
    known = cut(development, **change)
    assert np.isnan(ENSEMBLES[rule](np.ones((2, 3)), np.ones(3), known)).all()
    assert re.search(sentence, ensembles.unlearnable(rule, np.ones(3), known))


@pytest.mark.parametrize("rule", ENSEMBLES)
def test_enough_to_learn_from_is_no_complaint(rule, development):
    assert ensembles.unlearnable(rule, np.ones(3), development) == ""
    # two reals and eight fakes, as in the shipped sample
    assert ensembles.unlearnable(rule, np.ones(3), cut(development, 10)) == ""


@pytest.mark.parametrize("rule", sorted(set(ENSEMBLES) - {"stack"}))
def test_a_missing_member_leaves_the_others_as_they_would_be_alone(rule, rng, development):
    logits = rng.normal(size=(6, 3))
    logits[:, 1] = np.nan
    weights = np.array([2.0, 5.0, 1.0]) if rule.startswith("weighted") else np.ones(3)
    alone = Development(development.logits[:, [0, 2]], development.labels)
    expected = ENSEMBLES[rule](logits[:, [0, 2]], weights[[0, 2]], alone)
    assert ENSEMBLES[rule](logits, weights, development) == pytest.approx(expected)
    assert np.isfinite(expected).all()


@pytest.mark.parametrize("rule", ENSEMBLES)
def test_nobodys_score_is_nan(rule, development):
    assert np.isnan(ENSEMBLES[rule](np.full((2, 3), np.nan), np.ones(3), development)).all()


@pytest.mark.parametrize("rule", ENSEMBLES)
def test_weight_zero_never_speaks(rule, rng, development):
    logits = rng.normal(size=(5, 3))
    silenced = np.array([1.0, 0.0, 1.0])
    expected = ENSEMBLES[rule](logits, silenced, development)
    loud = logits + np.array([0.0, 50.0, 0.0])
    assert ENSEMBLES[rule](loud, silenced, development) == pytest.approx(expected)
    loud[:, 1] = np.nan
    assert ENSEMBLES[rule](loud, silenced, development) == pytest.approx(expected)
    only = np.array([[np.nan, 3.0, np.nan]])
    assert np.isnan(ENSEMBLES[rule](only, silenced, development)).all()


@pytest.mark.parametrize("rule", ENSEMBLES)
def test_the_order_of_members_is_nothing(rule, rng, development):
    logits = rng.normal(size=(8, 3))
    weights = np.array([2.0, 5.0, 1.0]) if rule.startswith("weighted") else np.ones(3)
    order = [2, 0, 1]
    turned = Development(development.logits[:, order], development.labels)
    found = ENSEMBLES[rule](logits[:, order], weights[order], turned)
    assert found == pytest.approx(ENSEMBLES[rule](logits, weights, development), abs=1e-9)


@pytest.mark.parametrize("rule", ENSEMBLES)
def test_weights_need_not_sum_to_one(rule, rng, development):
    logits, weights = rng.normal(size=(8, 3)), np.array([2.0, 5.0, 1.0])
    expected = ENSEMBLES[rule](logits, weights, development)
    assert ENSEMBLES[rule](logits, weights / 80, development) == pytest.approx(expected)


@pytest.mark.parametrize("rule", ENSEMBLES)
def test_the_scores_given_are_left_as_they_were(rule, rng, development):
    logits, weights = rng.normal(size=(8, 3)), np.ones(3)
    logits[0, 0] = np.nan
    copies = [x.copy() for x in (logits, weights, *development)]
    ENSEMBLES[rule](logits, weights, development)
    for now, then in zip((logits, weights, *development), copies, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("weighted_mean", [np.inf, logit(0.5 + 0.5 / 2), 0.0, -np.inf]),
        ("weighted_log_odds", [np.inf, np.inf, np.nan, -np.inf]),
        ("median", [np.inf, logit(0.75), 0.0, -np.inf]),
        ("max", [np.inf, np.inf, np.inf, -np.inf]),
        ("stack", [np.nan] * 4),
    ],
)
def test_infinite_scores_have_their_limit_or_are_nan_with_a_reason(rule, expected, development):
    logits = np.array([[np.inf, np.inf], [np.inf, 0.0], [np.inf, -np.inf], [-np.inf, -np.inf]])
    known = Development(development.logits[:, :2], development.labels)
    found = ENSEMBLES[rule](logits, np.ones(2), known)
    assert found == pytest.approx(expected, nan_ok=True)
    assert not np.isnan(found).any() or rule in ensembles.WHY_NAN


@pytest.mark.parametrize("rule", ["weighted_mean", "weighted_log_odds", "median", "max"])
def test_sure_members_do_not_saturate(rule):
    found = ENSEMBLES[rule](np.array([[60.0] * 3, [61.0] * 3]), np.ones(3), NOTHING)
    assert found == pytest.approx([60.0, 61.0])


@pytest.mark.parametrize("rule", ENSEMBLES)
def test_a_rule_can_see_labels_of_the_development_split_only(rule):
    function = inspect.unwrap(ENSEMBLES[rule])
    assert list(inspect.signature(function).parameters) == ["logits", "weights", "development"]
    assert typing.get_type_hints(function)["development"] is Development
    assert Development._fields == ("logits", "labels")


@pytest.mark.parametrize("rule", ENSEMBLES)
def test_the_stack_alone_uses_development_labels(rule, rng, development):
    logits = rng.normal(size=(8, 3))
    flipped = Development(development.logits, ~development.labels)
    before, after = (ENSEMBLES[rule](logits, np.ones(3), d) for d in (development, flipped))
    assert np.array_equal(before, after) == (rule != "stack")
