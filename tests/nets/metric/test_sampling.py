"""Comparisons of metric learning: who is compared with whom, and that draws are those of their arguments."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.nets.metric.sampling import choose_semi_hard, draw_triplets

GROUPS = np.array([3, 1, 1, 0, 3, 3, 2, 1])  # 0 and 2 have one track each


def test_positives_are_other_tracks_of_the_group_and_negatives_are_of_others():
    for epoch in range(20):
        drawn = draw_triplets(GROUPS, 4, 0, epoch)
        assert sorted(drawn.anchors) == [0, 1, 2, 4, 5, 7]
        assert np.all(GROUPS[drawn.anchors] == GROUPS[drawn.positives])
        assert np.all(drawn.anchors != drawn.positives)
        assert drawn.negatives.shape == (6, 4)
        assert np.all(GROUPS[drawn.negatives] != GROUPS[drawn.anchors][:, None])


def test_a_track_may_be_a_positive_of_itself_and_then_all_are_anchors():
    drawn = [draw_triplets(GROUPS, 1, 0, epoch, itself=True) for epoch in range(600)]
    assert all(sorted(one.anchors) == list(range(8)) for one in drawn)
    for row, group in ((3, [3]), (1, [1, 2, 7])):
        positives = np.array([one.positives[one.anchors == row][0] for one in drawn])
        assert sorted(set(positives)) == group
        np.testing.assert_allclose([np.mean(positives == one) for one in group], 1 / len(group), atol=0.07)


def test_every_positive_and_every_negative_is_drawn_about_as_often():
    drawn = [draw_triplets(GROUPS, 5, 1, epoch) for epoch in range(2000)]
    positives = [one.positives[one.anchors == 0][0] for one in drawn]
    assert sorted(set(positives)) == [4, 5]
    assert np.mean(np.array(positives) == 4) == pytest.approx(0.5, abs=0.05)
    negatives = np.concatenate([one.negatives[one.anchors == 0][0] for one in drawn])
    counts = np.bincount(negatives, minlength=8)[[1, 2, 3, 6, 7]] / len(negatives)
    np.testing.assert_allclose(counts, 0.2, atol=0.02)


def test_draws_are_functions_of_seed_and_epoch():
    one, same = draw_triplets(GROUPS, 3, 5, 2), draw_triplets(GROUPS, 3, 5, 2)
    np.testing.assert_array_equal(one.negatives, same.negatives)
    np.testing.assert_array_equal(one.anchors, same.anchors)
    assert any(
        not np.array_equal(one.negatives, draw_triplets(GROUPS, 3, *other).negatives) for other in [(6, 2), (5, 3)]
    )


def test_semi_hard_negatives_come_first_then_easy_then_hard_ones():
    positive, negatives = np.array([0.5]), np.array([[0.1, 0.55, 2.0, 0.7, 0.95, 0.45]])
    assert choose_semi_hard(positive, negatives, 0.4, 6).tolist() == [[1, 3, 4, 2, 5, 0]]
    assert choose_semi_hard(positive, negatives, 0.4, 2).tolist() == [[1, 3]]


@pytest.mark.parametrize(
    ("groups", "told"), [([0, 0, 0], "groups: expected two or more; got 1"), ([0, 1, 2], "two tracks of one of them")]
)
def test_groups_that_cannot_be_compared(groups, told):
    with pytest.raises(DataError, match=told):
        draw_triplets(np.array(groups), 1, 0, 0)
