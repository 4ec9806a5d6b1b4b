"""Tags and numbers solved in the span of the tracks, against scikit-learn on the features themselves."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from essentia_ldl.errors import DataError
from essentia_ldl.linear import solve
from essentia_ldl.linear.choose import TEMPERATURES
from essentia_ldl.linear.kinds import mix_neighbors, score_kind, solve_kind

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(50, 8))
PRODUCTS = FEATURES @ FEATURES.T
STRENGTHS = (1.0, 0.1, 0.01)


@pytest.mark.parametrize("number", range(3))
def test_numbers_are_those_of_a_ridge_regression(number):
    targets = FEATURES @ RANDOM.normal(size=(8, 2)) + RANDOM.normal(size=(50, 2)) + 4
    dual, bias = solve_kind("regression", PRODUCTS, targets, STRENGTHS)[number]
    ridge = Ridge(alpha=50 * STRENGTHS[number]).fit(FEATURES, targets)
    np.testing.assert_allclose(PRODUCTS @ dual + bias, ridge.predict(FEATURES), atol=1e-4)
    np.testing.assert_allclose(bias, ridge.intercept_, atol=1e-4)


@pytest.mark.parametrize("number", range(3))
def test_each_tag_is_a_logistic_regression(number):
    logits = FEATURES @ RANDOM.normal(size=(8, 2))
    tags = (RANDOM.random((50, 2)) < 1 / (1 + np.exp(-logits))).astype(float)
    dual, bias = solve_kind("multi_label", PRODUCTS, tags, STRENGTHS)[number]
    for k in range(2):
        model = LogisticRegression(C=1 / (50 * STRENGTHS[number]), tol=1e-8, max_iter=5000).fit(FEATURES, tags[:, k])
        np.testing.assert_allclose((PRODUCTS @ dual + bias)[:, k], model.decision_function(FEATURES), atol=2e-3)


def test_a_tag_is_solved_beside_others_that_need_more_steps():
    """Features so large that the steps of all tags together run out: each is what it would be alone."""
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 100)) * np.geomspace(1, 0.01, 100)
    products = 1e5 * (features @ features.T) / np.square(features).sum(axis=1).mean()
    tags = (random.random((60, 3)) < [0.05, 0.3, 0.5]).astype(float)
    together = solve_kind("multi_label", products, tags, (3.0, 1.0, 0.3))
    for k in range(3):
        alone = solve_kind("multi_label", products, tags[:, [k]], (3.0, 1.0, 0.3))
        for (dual, bias), (one, its_bias) in zip(together, alone, strict=True):
            np.testing.assert_allclose(products @ dual[:, k] + bias[k], products @ one[:, 0] + its_bias[0], atol=0.01)


def test_tags_that_are_not_solved_are_told(monkeypatch):
    monkeypatch.setattr(solve, "MAX_STEPS", 1)
    monkeypatch.setattr(solve, "MAX_DESCENTS", 1)
    with pytest.raises(DataError, match=r"slope where the classifier is solved: expected below 0.001; got 0.*0.01 of"):
        solve_kind("multi_label", PRODUCTS, np.eye(50)[:, :2], (0.01,))


def test_a_tag_that_no_track_has_stays_unlikely():
    dual, bias = solve_kind("multi_label", PRODUCTS, np.zeros((50, 1)), (0.1,))[0]
    assert np.all(PRODUCTS @ dual + bias < -4)
    assert np.isfinite(dual).all()


def test_neighbours_are_averaged_by_their_share():
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    targets = np.array([[0.0], [1.0], [2.0], [4.0]])
    found = mix_neighbors(points @ points.T, targets, 0.5, n_neighbors=1)
    assert found.tolist() == [[0.5], [0.5], [3.0], [3.0]]
    np.testing.assert_array_equal(mix_neighbors(points @ points.T, targets, 0.0), targets)


def test_losses_are_means_and_a_temperature_costs_tags_nothing():
    targets = RANDOM.integers(0, 2, (40, 2)).astype(float)
    answers = np.stack([(2 * targets - 1) + 1.5 * RANDOM.normal(size=(40, 2))] * 2)
    losses, auc = score_kind("multi_label", targets, answers, TEMPERATURES)
    assert losses.shape == (40,)
    assert 0.6 < auc < 0.95
    doubled, same = score_kind("multi_label", targets, 2 * answers, TEMPERATURES)
    assert doubled.sum() == pytest.approx(losses.sum(), rel=0.02)
    assert same == auc
    numbers = RANDOM.normal(size=(40, 1))
    losses, r2 = score_kind("regression", numbers, np.zeros((2, 40, 1)) + numbers.mean(), ())
    assert losses.sum() == pytest.approx(1)
    assert r2 == pytest.approx(0, abs=1e-9)
