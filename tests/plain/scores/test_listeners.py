"""Listeners as truth: divergences and ranks of known answers, and the class that shares are of."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.scores import listeners

SAD = ("non_sad", "sad")
GENRES = ("blues", "jazz", "rock")


def test_perfect_predictions_have_no_divergence_and_the_other_class_turns_them_round():
    shares = np.array([0.1, 0.4, 0.8, 0.9])
    probabilities, targets, groups = np.column_stack([1 - shares, shares]), np.array([0, 0, 1, 1]), np.arange(4)
    scores = listeners.score_shares(listeners.Answers(shares, SAD, 1), probabilities, targets, groups)
    assert scores["divergence"]["model"] == pytest.approx(0, abs=1e-12)
    assert scores["spearman"]["all"] == {"value": pytest.approx(1), "n": 4}
    assert scores["spearman"]["within"]["sad"] == {"value": None, "n": 2}, "two tracks always correlate"
    turned = listeners.score_shares(listeners.Answers(shares, SAD, 0), probabilities, targets, groups)
    assert turned["spearman"]["all"]["value"] == pytest.approx(-1)
    assert turned["divergence"]["model"] > 0.1


def test_a_constant_has_no_correlation_and_no_warning():
    probabilities, shares = np.full((4, 2), 0.5), np.array([0.1, 0.2, 0.7, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = listeners.Answers(shares, SAD, 1)
        scores = listeners.score_shares(answers, probabilities, np.array([0, 0, 1, 1]), np.arange(4))
    assert scores["spearman"]["all"] == {"value": None, "n": 4}
    assert "all - (n 4)" in listeners.describe_shares(scores)[-1]


def test_the_class_of_the_shares():
    assert listeners.choose_class(SAD) == 1
    assert listeners.choose_class(("aggressive", "not_aggressive")) == 0
    assert listeners.choose_class(SAD, "non_sad") == 0
    with pytest.raises(DataError, match="two classes"):
        listeners.choose_class(GENRES)
    with pytest.raises(DataError, match="Name the class"):
        listeners.choose_class(("female", "male"))
    with pytest.raises(UnknownNameError, match="Did you mean 'sad'"):
        listeners.choose_class(SAD, "saad")
