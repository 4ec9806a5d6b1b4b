"""Logits of patches: what is refused, and sums over tracks."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.scores.logits import PatchLogits, check_logits, sum_tracks

CLASSES = ("non_sad", "sad")


def test_sums_over_tracks():
    values = np.arange(6.0)
    assert sum_tracks(values, np.array([1, 2, 3])).tolist() == [0, 3, 12]


def test_a_sample_keeps_its_arrays_to_itself():
    given = np.zeros((2, 2))
    sample = PatchLogits(("a", "b"), np.array([0, 1]), CLASSES, given, np.array([1, 1]))
    given[:] = 5
    assert not sample.patch_logits.any()
    with pytest.raises(ValueError, match="read-only"):
        sample.patch_logits[0] = 1


@pytest.mark.parametrize(
    ("ids", "targets", "message"),
    [
        (("a",), [0, 1], "as many ids"),
        (("a", "b"), [0, 2], r"class indices from 0 to 1; got \[0, 2\]"),
        (("a", "b"), [-1, 0], "class indices"),
        (("a", "b"), [0.0, 1.0], "class indices"),
    ],
)
def test_a_sample_is_checked(ids, targets, message):
    with pytest.raises(DataError, match=message):
        PatchLogits(ids, np.array(targets), CLASSES, np.zeros((2, 2)), np.array([1, 1]))


def test_nothing_is_no_sample():
    with pytest.raises(DataError, match="one track at least"):
        check_logits(np.zeros((0, 2)), np.zeros(0, int), 2)
