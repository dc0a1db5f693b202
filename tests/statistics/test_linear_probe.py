"""The frequency scorer finds what there is to find, and says where there is nothing."""

import numpy as np
import pytest
from scipy.special import expit

from deepbench.statistics import linear_probe


@pytest.fixture
def crops(rng):
    """One telling feature of five; the scales are far apart, and one is constant."""
    labels = np.arange(120) % 4 > 0
    features = rng.normal(0, 1, (120, 5))
    features[:, 1] += 2.0 * labels
    features = features * [1, 1000, 1e-4, 1, 0] + [0, 5000, 0, 7, 0.3]
    return features, labels


def test_the_telling_feature_decides(crops):
    features, labels = crops
    found = linear_probe.fit(features, labels)
    assert found.kept.tolist() == [True, True, True, True, False]
    assert np.argmax(np.abs(found.coefficients)) == 1
    assert found.coefficients[1] > 0
    logits = linear_probe.score(found, features)
    assert logits.dtype == np.float32
    won = logits[labels][:, None] > logits[~labels][None]
    assert won.mean() > 0.85


def test_it_is_the_minimum_of_the_penalised_loss(crops):
    features, labels = crops
    found = linear_probe.fit(features, labels)
    standard = (features[:, found.kept] - found.mean) / found.deviation
    share = np.where(labels, 0.5 / labels.mean(), 0.5 / (~labels).mean())
    off = share * (expit(standard @ found.coefficients + found.intercept) - labels)
    # the gradient of |w|^2 / 2 + C * loss is zero, but for the rounding
    gradient = found.coefficients + linear_probe.PENALTY * standard.T @ off
    np.testing.assert_allclose(gradient, 0, atol=2e-4)
    assert abs(off.sum()) < 0.02


def test_scale_and_offset_of_a_feature_do_not_matter(crops):
    features, labels = crops
    found = linear_probe.fit(features, labels)
    other = linear_probe.fit(features * 3 + 11, labels)
    assert found.sha256 == other.sha256
    np.testing.assert_allclose(
        linear_probe.score(found, features),
        linear_probe.score(other, features * 3 + 11),
        rtol=1e-4, atol=1e-5,
    )  # fmt: skip


def test_the_share_of_fakes_moves_no_score(crops):
    features, labels = crops
    twice = np.concatenate([np.arange(len(labels)), np.flatnonzero(labels)])
    found = linear_probe.fit(features, labels)
    other = linear_probe.fit(features[twice], labels[twice])
    middle = features[:, found.kept].mean(axis=0)
    for one in (found, other):
        whole = np.zeros((1, 5))
        whole[0, one.kept] = middle
        assert abs(linear_probe.score(one, whole)[0]) < 0.6


def test_the_digest_is_of_the_fit(crops, rng):
    features, labels = crops
    first, again = linear_probe.fit(features, labels), linear_probe.fit(features, labels)
    order = rng.permutation(len(labels))
    assert first.sha256 == again.sha256 == linear_probe.fit(features[order], labels[order]).sha256
    assert first.sha256 != linear_probe.fit(features, ~labels).sha256


def test_crops_that_lack_a_feature_are_neither_fitted_nor_scored(crops):
    features, labels = crops
    holed = features.copy()
    holed[::7, 2] = np.nan
    found = linear_probe.fit(holed, labels)
    kept = np.arange(len(labels)) % 7 > 0
    assert found.sha256 == linear_probe.fit(features[kept], labels[kept]).sha256
    assert np.isnan(linear_probe.score(found, holed)).tolist() == (~kept).tolist()


def test_a_feature_that_no_crop_has_takes_no_part(crops):
    features, labels = crops
    holed = features.copy()
    holed[:, 3] = np.nan
    found = linear_probe.fit(holed, labels)
    assert found.kept.tolist() == [True, True, True, False, False]
    assert np.isfinite(linear_probe.score(found, holed)).all()


@pytest.mark.parametrize(("kept", "real", "fake"), [(True, 0, 90), (False, 30, 0), (None, 0, 0)])
def test_one_class_teaches_nothing(crops, kept, real, fake):
    features, labels = crops
    own = labels == kept if kept is not None else np.zeros(120, bool)
    why = f"needs real and fake crops to fit, found {real} real, {fake} fake"
    assert why in linear_probe.unlearnable(features[own], labels[own])
    with pytest.raises(ValueError, match=why):
        linear_probe.fit(features[own], labels[own])
    assert linear_probe.unlearnable(features, labels) == ""


def test_more_features_than_crops_can_be_fitted(rng):
    features = rng.normal(0, 1, (12, 512))
    labels = np.arange(12) >= 6
    features[labels, 40] += 3
    found = linear_probe.fit(features, labels)
    assert np.isfinite(found.coefficients).all()
    assert (linear_probe.score(found, features) > 0).tolist() == labels.tolist()
