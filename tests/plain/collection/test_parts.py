"""Parts of whole artists: what scikit-learn finds, and the draw of parts that is best stratified."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from essentia_ldl.collection.parts import choose_parts, find_fold, group_of, partition
from essentia_ldl.records import Track


@pytest.mark.parametrize(("n_folds", "n_classes"), [(2, 1), (5, 3), (10, 2), (33, 12)])
def test_the_fold_of_a_group_is_the_one_that_scikit_learn_finds(n_folds, n_classes):
    rng = np.random.default_rng(n_folds)
    folds = StratifiedGroupKFold(n_folds)
    counts, groups = np.zeros((n_folds, n_classes)), rng.poisson(1.0, (80, n_classes)).astype(float)
    total = groups.sum(axis=0)
    for group in groups:
        named = {"y_counts_per_fold": counts, "y_cnt": total, "group_y_counts": group}
        expected = folds._find_best_fold(**named)
        assert find_fold(**named) == expected
        counts[expected] += group


def test_parts_hold_whole_artists_and_the_chosen_ones_have_every_class():
    tracks = [Track(str(i), "/x", "ab"[i % 2], artist=f"artist {i // 4}") for i in range(80)]
    part_of = partition(tracks, 5, 1, seed=0)
    sides = {group_of(track): set() for track in tracks}
    for track, part in zip(tracks, part_of, strict=True):
        sides[group_of(track)].add(int(part))
    assert all(len(parts) == 1 for parts in sides.values())
    cost, (chosen,) = choose_parts(tracks, part_of, 5, 1)
    drawn = [track for track, part in zip(tracks, part_of, strict=True) if part == chosen]
    assert ({track.label for track in drawn}, cost) == ({"a", "b"}, 0.0)


def test_a_track_without_an_artist_is_a_group_of_its_own():
    assert group_of(Track("1", "/x", "a")) != group_of(Track("2", "/x", "a"))
    assert group_of(Track("1", "/x", "a", artist="n")) == group_of(Track("2", "/x", "b", artist="n"))
