"""Listeners as truth: divergences and ranks of known answers, and the class that shares are of."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.records import Track
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


# --- closed forms, and shares of a table ----------------------------------------------------------------------------


def test_a_sure_model_against_a_coin_has_the_divergence_of_its_closed_form():
    """Jensen-Shannon of (1/2, 1/2) and (0, 1): 3/4 ln 4/3, in nats (Lin 1991)."""
    answers = listeners.Answers(np.full(5, 0.5), SAD, 1)
    scores = listeners.score_shares(answers, np.tile([0.0, 1.0], (5, 1)), np.ones(5, int), np.arange(5))
    expected = 0.5 * np.log(1 / 0.75) + 0.5 * (0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25))
    assert scores["divergence"]["model"] == pytest.approx(expected, abs=1e-6)
    assert scores["divergence"]["constant"] == pytest.approx(0, abs=1e-9)
    assert scores["divergence"]["interval"] == pytest.approx([expected, expected], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_ranks_are_those_of_scipy_and_the_order_of_tracks_does_not_matter(seed):
    from scipy.stats import spearmanr

    generator = np.random.default_rng(seed)
    shares, estimate = generator.random(40).round(1), generator.random(40)
    probabilities, targets, groups = (
        np.column_stack([1 - estimate, estimate]),
        generator.integers(0, 2, 40),
        np.arange(40),
    )
    scores = listeners.score_shares(listeners.Answers(shares, SAD, 1), probabilities, targets, groups)
    assert scores["spearman"]["all"]["value"] == pytest.approx(spearmanr(shares, estimate).statistic)
    order = generator.permutation(40)
    again = listeners.score_shares(
        listeners.Answers(shares[order], SAD, 1), probabilities[order], targets[order], groups
    )
    assert again["divergence"]["difference"] == pytest.approx(scores["divergence"]["difference"])
    assert again["spearman"]["within"]["sad"]["value"] == pytest.approx(scores["spearman"]["within"]["sad"]["value"])


def test_a_prior_stands_in_for_the_mean_and_one_group_has_no_interval():
    shares = np.array([0.2, 0.6])
    answers, probabilities = listeners.Answers(shares, SAD, 1), np.full((2, 2), 0.5)
    known = listeners.score_shares(answers, probabilities, np.array([0, 1]), np.zeros(2, int), prior=shares)
    assert known["divergence"]["constant"] == pytest.approx(0, abs=1e-9)
    assert known["divergence"]["interval"] is None
    assert known["mean_share"] == pytest.approx(0.4)


def make_tracks(*cells):
    return [Track(f"t{i}", f"/t{i}", "sad", columns={"share": cell}) for i, cell in enumerate(cells)]


def test_shares_are_read_from_the_column():
    np.testing.assert_array_equal(listeners.read_shares(make_tracks("0", "0.25", "1"), "share", "x"), [0, 0.25, 1])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "truth column share: expected a number; got ''"),
        ("1.5", "Divide per cents by 100"),
        ("101", "Correct the cell"),
        ("-0.1", "a share from 0 to 1"),
        ("nan", "a share from 0 to 1"),
    ],
)
def test_a_cell_that_is_no_share_is_told_with_its_row(cell, message):
    with pytest.raises(DataError, match=message) as caught:
        listeners.read_shares(make_tracks("0.5", cell), "share", "music.csv")
    assert "(music.csv, row of t1)" in str(caught.value)
    with pytest.raises(UnknownNameError, match=r"truth column of music\.csv: .*Did you mean 'share'"):
        listeners.read_shares(make_tracks("0.5"), "shares", "music.csv")
