"""The linear softmax: against scikit-learn, chance, and the sides that it may see."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from essentia_ldl.scores.softmax import Side, score_softmax


def draw(n: int, seed: int, noise: float = 1.0) -> Side:
    random = np.random.default_rng(seed)
    classes = np.arange(n) % 3
    return Side(
        np.eye(3)[classes] @ np.array([[2, 0, 0, 1], [0, 2, 0, 1], [0, 0, 2, 1.0]])
        + noise * random.normal(size=(n, 4)),
        classes,
    )


def test_accuracy_is_about_that_of_logistic_regression():
    train, valid, test = draw(150, 0), draw(60, 1), draw(300, 2)
    expected = LogisticRegression().fit(train.vectors, train.classes).score(test.vectors, test.classes)
    found = score_softmax(train, valid, test, 3, n_trials=3).mean()
    assert found == pytest.approx(expected, abs=0.03)
    assert found > 0.6


def test_noise_is_answered_by_chance():
    random = np.random.default_rng(3)
    sides = [Side(random.normal(size=(n, 4)), np.arange(n) % 3) for n in (90, 30, 300)]
    assert score_softmax(*sides, 3, n_trials=2).mean() == pytest.approx(1 / 3, abs=0.1)


def test_the_unit_of_a_number_does_not_matter_and_no_validation_is_needed():
    train, test, none = draw(60, 0), draw(60, 2), Side(np.zeros((0, 4)), np.zeros(0, int))
    units = np.array([1e3, 1e-3, 1, 10])
    scaled = score_softmax(
        Side(train.vectors * units, train.classes), none, Side(test.vectors * units, test.classes), 3, 2
    )
    plain = score_softmax(train, none, test, 3, 2)
    assert scaled.mean() == pytest.approx(plain.mean(), abs=0.05)
