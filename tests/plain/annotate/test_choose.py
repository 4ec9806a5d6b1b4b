"""What is asked next: what stands for most that is in doubt, never what is done, and artists by turns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from essentia_ldl.annotate import choose
from essentia_ldl.annotate.choose import FEWEST_ANSWERS, RADIUS, choose_tracks, draw_tracks, weigh_doubts
from essentia_ldl.errors import DataError
from essentia_ldl.search.nearest import normalise

UNITS = normalise(np.random.default_rng(0).normal(size=(60, 8)))
NOTHING = np.zeros((0, 2))
ANSWERED = [5, 3, 40, 22, 10, 59]
SAID = {"none": NOTHING, "one class": np.eye(2)[[0, 0]], "all": np.eye(2)[[0, 1, 1, 0, 1, 0]]}


def draw_clusters(sizes: list[int], spread: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors around axes at right angles, and the axis of each, in a random order."""
    rng = np.random.default_rng(1)
    clusters = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return normalise(np.eye(len(sizes))[clusters] + spread * rng.normal(size=(sum(sizes), len(sizes)))), clusters


@pytest.mark.parametrize("targets", SAID.values(), ids=SAID)
def test_what_is_done_is_never_asked(targets):
    chosen = choose_tracks(UNITS, ANSWERED, targets, 100, 0)
    assert sorted([*chosen, *ANSWERED]) == list(range(60))
    assert choose_tracks(UNITS, ANSWERED, targets, 7, 0) == chosen[:7]
    assert choose_tracks(UNITS, range(60), targets, 7, 0) == choose_tracks(UNITS[:0], [], NOTHING, 7, 0) == []


@pytest.mark.parametrize("targets", SAID.values(), ids=SAID)
def test_tracks_in_another_order_are_the_same_tracks(targets):
    order = np.random.default_rng(2).permutation(60)
    moved = choose_tracks(UNITS[order], np.argsort(order)[ANSWERED], targets, 10, 0)
    assert order[moved].tolist() == choose_tracks(UNITS, ANSWERED, targets, 10, 0)


def test_clusters_are_all_heard_before_one_is_heard_again_the_largest_first():
    units, clusters = draw_clusters([30, 20, 12, 8, 5])
    assert clusters[choose_tracks(units, [], NOTHING, 5, 0)].tolist() == [0, 1, 2, 3, 4]
    done = np.flatnonzero(clusters < 3)[:40]
    heard = set(clusters[done])
    assert heard < set(range(5))
    assert clusters[choose_tracks(units, done, NOTHING, 5 - len(heard), 0)].tolist() == sorted(set(range(5)) - heard)


def test_the_first_tracks_cover_nearly_what_the_best_ones_would():
    """The greedy choice of a submodular sum is at least 1 - 1/e of the best (Nemhauser, Wolsey and Fisher, 1978)."""
    for seed in range(20):
        units = normalise(np.random.default_rng(seed).normal(size=(10, 3)))
        mean_distance = np.mean([1 - one @ other for one in units for other in units])
        kernel = np.exp((units @ units.T - 1) / (RADIUS * mean_distance))
        covered = {rows: kernel[:, rows].max(axis=1).sum() for rows in itertools.combinations(range(10), 3)}
        chosen = choose_tracks(units, [], NOTHING, 3, 0)
        assert chosen[0] == kernel.sum(axis=0).argmax()
        assert covered[tuple(sorted(chosen))] >= (1 - 1 / np.e) * max(covered.values())


def test_a_cluster_in_doubt_is_asked_before_those_that_are_known():
    units, clusters = draw_clusters([40, 40])
    one, other = np.flatnonzero(clusters == 0), np.flatnonzero(clusters == 1)
    between = normalise(units[one[5:10]] + units[other[5:10]])  # as near to one as to the other
    pool, rows = np.concatenate([units, between]), [*one[:5], *other[:5]]
    targets = np.eye(2)[[0] * 5 + [1] * 5]
    doubts = weigh_doubts(pool, pool[rows], targets)
    assert doubts[80:].min() > 3 * doubts[:80].max()
    assert choose_tracks(pool, rows, targets, 1, 0)[0] >= 80


def test_nothing_is_in_doubt_until_every_class_was_heard_a_few_times():
    said = np.array([[0.7, 0.3]] * 4 + [[0.4, 0.6]] * FEWEST_ANSWERS)
    assert weigh_doubts(UNITS, UNITS[:0], NOTHING).tolist() == [1] * 60
    assert weigh_doubts(UNITS, UNITS[:4], said[:4]).tolist() == [1] * 60
    assert weigh_doubts(UNITS, UNITS[: len(said) - 1], said[:-1]).tolist() == [1] * 60
    doubts = weigh_doubts(UNITS, UNITS[: len(said)], said)
    assert 0 <= doubts.min() < doubts.max() <= 1


@pytest.mark.parametrize("targets", SAID.values(), ids=SAID)
def test_artists_take_turns(targets):
    artists = np.array([f"artist {i}" for i in np.minimum(np.arange(60) // 5, 6)])  # one has 30 of the 60 tracks
    chosen = choose_tracks(UNITS, ANSWERED, targets, 54, 0, artists)
    assert sorted([*chosen, *ANSWERED]) == list(range(60))
    turns = artists[[ANSWERED[-1], *chosen]]
    others = np.flatnonzero(turns != "artist 6").max()  # after that nobody else is left
    assert (turns[1 : others + 1] != turns[:others]).all()


def test_an_artist_who_was_heard_waits_for_one_who_adds_half_as_much():
    """Three tracks that are far from all others add the same to what is covered; the artist of one was asked before."""
    units = np.eye(4, dtype=np.float32)
    assert choose_tracks(units, [0, 1], NOTHING, 2, 0) == [2, 3]
    assert choose_tracks(units, [0, 1], NOTHING, 2, 0, ["Ann", "Bob", "Ann", "Cid"]) == [3, 2]


def test_tracks_of_unknown_artists_do_not_wait_for_one_another():
    assert choose_tracks(UNITS, [], NOTHING, 9, 0, [""] * 60) == choose_tracks(UNITS, [], NOTHING, 9, 0)


def test_of_a_large_pool_some_are_drawn(monkeypatch):
    monkeypatch.setattr(choose, "MOST_CANDIDATES", 20)
    monkeypatch.setattr(choose, "MOST_COVERED", 3)
    chosen = choose_tracks(UNITS, ANSWERED, SAID["all"], 100, 0)
    assert len(set(chosen)) == 20
    assert not set(chosen) & set(ANSWERED)
    assert choose_tracks(UNITS, ANSWERED, SAID["all"], 100, 0) == chosen
    assert choose_tracks(UNITS, ANSWERED, SAID["all"], 100, 1) != chosen


def test_tracks_that_are_all_the_same_are_asked_all_the_same():
    assert sorted(choose_tracks(np.repeat(UNITS[:1], 5, axis=0), [2], NOTHING, 5, 0)) == [0, 1, 3, 4]


def test_random_order_does_not_change_with_what_was_answered():
    order = draw_tracks(60, [], 60, 3)
    assert sorted(order) == list(range(60))
    assert draw_tracks(60, order[:5], 10, 3) == order[5:15]
    assert draw_tracks(60, [], 60, 4) != order


@pytest.mark.parametrize(("rows", "targets"), [([60], NOTHING), ([-1], NOTHING), ([1], np.eye(2)), ([], np.eye(2))])
def test_rows_that_do_not_fit_are_refused(rows, targets):
    with pytest.raises(DataError, match="expected"):
        choose_tracks(UNITS, rows, targets, 5, 0)


def test_artists_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="one per track"):
        choose_tracks(UNITS, [], NOTHING, 5, 0, ["somebody"])
