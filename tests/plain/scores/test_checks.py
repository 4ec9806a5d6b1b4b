"""Checks of arrays: what passes comes back as one kind, and what does not is told with its row."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.scores._checks import check_distributions, check_probabilities, check_targets


def test_indices_and_one_hot_rows_are_the_same_targets():
    for targets in (np.array([1, 0]), np.array([[0, 1], [1, 0]]), [1, 0]):
        found = check_targets(targets, 2, 2)
        assert (found.tolist(), found.dtype) == ([1, 0], np.int64)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[0.5, 0.5], [1, 0]], "one-hot rows.*row 0"),
        ([0, 2], "0 to 1; got 2"),
        ([0.0, 1.0], "integers"),
        ([0], "as the probabilities have"),
    ],
)
def test_other_targets_are_refused(targets, message):
    with pytest.raises(DataError, match=message):
        check_targets(np.array(targets), 2, 2)


def test_probabilities_become_float64_and_may_be_rounded_up():
    assert check_probabilities(np.array([[1 + 5e-7, 0]], dtype=np.float32), "p").dtype == np.float64


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[np.nan, 1]], "from 0 to 1"),
        ([[2, -1]], "not logits"),
        ([0.5, 0.5], "n_tracks, n_classes"),
        ([["a", "b"]], "numbers"),
    ],
)
def test_other_probabilities_are_refused(rows, message):
    with pytest.raises(DataError, match=message):
        check_probabilities(np.array(rows), "p")


def test_a_distribution_sums_to_one():
    assert check_distributions(np.array([[0.25, 0.75]]), "p").tolist() == [[0.25, 0.75]]
    with pytest.raises(DataError, match=r"rows that sum to 1; got 1\.5"):
        check_distributions(np.array([[0.75, 0.75]]), "p")
