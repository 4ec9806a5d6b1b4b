"""Sides of whole artists: as near to their share as brute force finds them, the same for the same seed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from essentia_ldl.collection.sides import Aim, is_small, place_groups


def make_counts(seed: int, n_groups: int, n_classes: int) -> np.ndarray:
    """Make artists of 1 to 9 tracks, most of them in one class, every class with three artists or more."""
    random = np.random.default_rng([seed, n_groups])
    counts = np.zeros((n_groups, n_classes), int)
    own = np.concatenate([np.arange(n_classes).repeat(3), random.integers(0, n_classes, n_groups)])[:n_groups]
    counts[np.arange(n_groups), own] = random.geometric(0.3, n_groups).clip(1, 9)
    counts[np.arange(n_groups), random.integers(0, n_classes, n_groups)] += random.integers(0, 2, n_groups)
    return counts


def aim_at(counts: np.ndarray, shares: list[float], **kind: bool) -> Aim:
    wanted = np.array(shares) * counts.sum()
    return Aim(wanted, np.zeros((len(shares), counts.shape[1]), int), counts.sum(axis=0), **kind)


def count_misses(drawn: np.ndarray, counts: np.ndarray, share: float) -> np.ndarray:
    """Count how many tracks a side is off its share; a class that it lacks counts as the tracks it should have."""
    wanted = share * counts.sum()
    off = np.maximum(0.5, np.abs(drawn.sum(axis=-1) - wanted))
    return off + (drawn == 0).sum(axis=-1) * wanted / counts.shape[1] / 2  # the other side is off by as much


def find_least(counts: np.ndarray, share: float) -> float:
    """Find by brute force the least that a side misses while every class is on the other one."""
    ways = np.array(list(itertools.product((0, 1), repeat=len(counts))), dtype=np.int8)
    drawn = ways @ counts
    allowed = np.all(drawn < counts.sum(axis=0), axis=1) & (drawn.sum(axis=1) > 0)
    return float(count_misses(drawn[allowed], counts, share).min())


@pytest.mark.parametrize("share", [0.1, 0.2, 0.35])
@pytest.mark.parametrize(("n_groups", "n_classes"), [(6, 2), (9, 3), (12, 4)])
def test_a_side_is_as_near_to_its_share_as_brute_force_comes(n_groups, n_classes, share):
    assert is_small(n_groups, 2)
    for seed in range(4):
        counts = make_counts(seed, n_groups, n_classes)
        found = place_groups(counts, np.arange(n_groups) % 2, aim_at(counts, [1 - share, share]), seed)
        drawn = counts[found == 1].sum(axis=0)
        assert np.all(drawn < counts.sum(axis=0))
        assert count_misses(drawn, counts, share) <= find_least(counts, share) + 1e-6


def test_the_search_comes_as_near_as_brute_force():
    """With 17 artists not every way is tried, but here, for comparison."""
    assert not is_small(17, 2)
    counts = make_counts(0, 17, 3)
    found = place_groups(counts, np.arange(17) % 2, aim_at(counts, [0.8, 0.2]), 0)
    assert count_misses(counts[found == 1].sum(axis=0), counts, 0.2) <= find_least(counts, 0.2) + 1e-6


@pytest.mark.parametrize(("n_groups", "n_folds"), [(6, 3), (40, 5), (60, 10)])
def test_folds_lose_no_class_and_are_even_when_artists_are_many(n_groups, n_folds):
    for seed in range(2):
        counts = make_counts(seed, n_groups, 2)
        aim = aim_at(counts, [1 / n_folds] * n_folds, are_folds=True)
        found = place_groups(counts, np.zeros(n_groups, int), aim, seed)
        sums = np.array([counts[found == fold].sum(axis=0) for fold in range(n_folds)])
        assert np.all(sums > 0)
        assert np.all(sums < counts.sum(axis=0))
        if n_groups > 6:
            assert np.ptp(sums.sum(axis=1)) <= 1


def test_a_start_that_is_good_stays_and_another_seed_finds_another_way():
    counts = np.ones((12, 1), int)
    start = np.array([1, 1, 1, *[0] * 9])
    aim = aim_at(counts, [0.75, 0.25])
    assert place_groups(counts, start, aim, 5).tolist() == start.tolist()
    bad = np.zeros(12, int)
    found = {tuple(place_groups(counts, bad, aim, seed)) for seed in range(4)}
    assert len(found) > 1
    assert {sum(way) for way in found} == {3}
    assert np.array_equal(place_groups(counts, bad, aim, 2), place_groups(counts, bad, aim, 2))


def test_hundreds_of_artists_are_placed_to_the_track():
    """Also stratified: no class is more than two tracks from its share."""
    counts = make_counts(3, 400, 4)
    found = place_groups(counts, np.zeros(400, int), aim_at(counts, [0.8, 0.2]), 0)
    drawn = counts[found == 1].sum(axis=0)
    assert abs(drawn.sum() - 0.2 * counts.sum()) <= 0.5
    assert np.abs(drawn - 0.2 * counts.sum(axis=0)).max() <= 2


def test_folds_that_train_can_also_validate_where_artists_allow_it():
    """One artist has most tracks of both classes; with him alone on a side, nothing could validate there."""
    counts = np.array([[20, 20], [2, 0], [0, 2], [2, 0], [0, 2]])
    aim = aim_at(counts, [0.5, 0.5], are_folds=True, validates=True)
    found = place_groups(counts, np.arange(5) % 2, aim, 0)
    assert 0 < (found == found[0]).sum() - 1 < 4
