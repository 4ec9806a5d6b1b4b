"""What is asked next: never what was answered, the doubtful first."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.annotate.choose import choose_tracks, draw_tracks
from essentia_ldl.errors import DataError
from essentia_ldl.search.nearest import normalise

UNITS = normalise(np.random.default_rng(0).normal(size=(60, 8)))
NOTHING = np.zeros((0, 2))
ANSWERED = [5, 3, 40, 22]


@pytest.mark.parametrize(
    "targets", [NOTHING, np.eye(2)[[0, 0]], np.eye(2)[[0, 1, 1]]], ids=["none", "one class", "all"]
)
def test_what_is_done_is_never_asked(targets):
    chosen = choose_tracks(UNITS, ANSWERED, targets, 100, 0)
    assert sorted([*chosen, *ANSWERED]) == list(range(60))
    assert len(choose_tracks(UNITS, ANSWERED, targets, 7, 0)) == 7
    assert choose_tracks(UNITS, ANSWERED, targets, 7, 0) == choose_tracks(UNITS, ANSWERED, targets, 7, 0)


def test_random_order_does_not_change_with_what_was_answered():
    order = draw_tracks(60, [], 60, 3)
    assert sorted(order) == list(range(60))
    assert draw_tracks(60, order[:5], 10, 3) == order[5:15]
    assert draw_tracks(60, [], 60, 4) != order


@pytest.mark.parametrize(("rows", "targets"), [([60], NOTHING), ([-1], NOTHING), ([1], np.eye(2)), ([], np.eye(2))])
def test_rows_that_do_not_fit_are_refused(rows, targets):
    with pytest.raises(DataError, match="expected"):
        choose_tracks(UNITS, rows, targets, 5, 0)
