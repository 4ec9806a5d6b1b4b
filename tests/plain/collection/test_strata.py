"""Sides of tracks with tags or numbers: whole artists, even shares of what is rare, the same for a seed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from essentia_ldl.collection import strata
from essentia_ldl.collection.splits import describe, fold_tracks, split_tracks
from essentia_ldl.collection.strata import make_strata, place_tracks
from essentia_ldl.errors import DataError
from essentia_ldl.records import Track

RATES = {"guitar": 0.5, "rare": 0.1, "rock": 0.4}


def make_tagged(n_tracks=120, n_artists=40, seed=0):
    random = np.random.default_rng(seed)
    return [
        Track(
            f"t{n:03}",
            f"/{n}",
            "",
            artist=f"a{n % n_artists}",
            tags=tuple(tag for tag, rate in RATES.items() if random.random() < rate),
        )
        for n in range(n_tracks)
    ]


def make_numbered(n_tracks=90, n_artists=30):
    random = np.random.default_rng(1)
    return [
        Track(f"t{n:03}", f"/{n}", "", artist=f"a{n % n_artists}", numbers={"valence": float(v), "arousal": float(a)})
        for n, (v, a) in enumerate(random.normal(size=(n_tracks, 2)))
    ]


@pytest.mark.parametrize("tracks", [make_tagged(), make_numbered()], ids=["tags", "numbers"])
def test_folds_hold_whole_artists_and_even_shares_of_every_column(tracks):
    folds = fold_tracks(tracks, 5, 0.2, seed=3)
    assert sorted(i for fold in folds for i in fold.test) == [track.id for track in tracks]
    assert folds == fold_tracks(list(reversed(tracks)), 5, 0.2, seed=3)
    assert folds != fold_tracks(tracks, 5, 0.2, seed=4)
    rows, _ = make_strata(tracks)
    numbers = {track.id: number for number, track in enumerate(tracks)}
    for fold in folds:
        share = rows[[numbers[i] for i in fold.test]].sum(axis=0) / rows.sum(axis=0)
        assert np.abs(share - 0.2).max() < 0.12, share
        assert abs(len(fold.test) - len(tracks) / 5) <= 3
        assert fold.valid
        assert not {t.artist for t in tracks if t.id in fold.test} & {t.artist for t in tracks if t.id in fold.train}


def test_a_split_is_stratified_better_than_by_chance():
    tracks = make_tagged(seed=2)
    rows, _ = make_strata(tracks)
    side_of = place_tracks(tracks, (0.8, 0.2), 0)
    found = np.abs(rows[side_of == 1].sum(axis=0) / rows.sum(axis=0) - 0.2).mean()
    artists = np.array([int(track.artist[1:]) for track in tracks])
    by_chance = []
    for seed in range(50):
        drawn = np.random.default_rng(seed).permutation(40)[:8]
        by_chance.append(np.abs(rows[np.isin(artists, drawn)].sum(axis=0) / rows.sum(axis=0) - 0.2).mean())
    assert found < np.mean(by_chance) / 3


def test_a_split_describes_its_tags():
    tracks = make_tagged()
    split = split_tracks(tracks, 0.2, seed=0)
    sides = describe(split, tracks)
    assert set(sides.counts["train"]) == set(RATES)
    assert sides.counts["train"]["rare"] + sides.counts["valid"]["rare"] == sum("rare" in t.tags for t in tracks)
    assert sides.grouped


def place_plainly(counts, sizes, shares, random):
    """Place group after group as the algorithm is written, looking through all that are left each time."""
    wanted, free = np.outer(shares, counts.sum(axis=0)), shares * sizes.sum()
    sides, waiting = np.full(len(counts), -1), random.permutation(len(counts)).tolist()
    while waiting:
        left = counts[waiting].sum(axis=0)
        rarest = min((n, column) for column, n in enumerate(left) if n)[1] if left.any() else None
        weights, lacking = (sizes, free) if rarest is None else (counts[:, rarest], wanted[:, rarest])
        group = max(waiting, key=lambda one: weights[one])
        most = [side for side in range(len(shares)) if lacking[side] >= lacking.max() - 1e-9]
        sides[group] = max(most, key=lambda one: free[one])
        wanted[sides[group]] -= counts[group]
        free[sides[group]] -= sizes[group]
        waiting.remove(group)
    return sides


@pytest.mark.parametrize("shares", [(0.8, 0.2), (1 / 3,) * 3, (0.1,) * 10])
def test_groups_stand_where_the_algorithm_puts_them(shares):
    """With many ties, groups without a column, and columns without a track."""
    for seed in range(12):
        random = np.random.default_rng(seed)
        counts = random.poisson(random.uniform(0, 1.5, 6), (30, 6)) * (random.random((30, 1)) < 0.8)
        counts[:, seed % 6] *= seed % 2
        sizes = counts.max(axis=1) + random.integers(1, 3, 30)
        ours, expected = (
            place(counts, sizes, np.array(shares), np.random.default_rng(seed))
            for place in (strata._stratify, place_plainly)
        )
        assert ours.tolist() == expected.tolist()
    nothing = strata._stratify(np.zeros((4, 0), int), np.ones(4, int), np.array([0.5, 0.5]), np.random.default_rng(0))
    assert sorted(nothing.tolist()) == [0, 0, 1, 1]


def test_the_time_grows_with_the_tracks_and_not_with_their_square():
    seconds = []
    for n in (400, 4000):
        counts = (np.random.default_rng(0).random((n, 50)) < 0.05).astype(int)
        took = []
        for _ in range(2):
            begin = time.process_time()
            strata._stratify(counts, np.ones(n, int), np.array([0.8, 0.2]), np.random.default_rng(1))
            took.append(time.process_time() - begin)
        seconds.append(min(took))
    assert seconds[1] < 35 * seconds[0], seconds  # 10 times the tracks; 100 times the pairs


def test_numbers_count_as_the_quarter_that_they_are_in():
    tracks = [Track(f"{n}", f"/{n}", "", numbers={"x": float(n)}) for n in range(8)]
    rows, names = make_strata(tracks)
    assert rows.sum(axis=0).tolist() == [2, 2, 2, 2]
    assert names[0] == "x, quarter 1"
    assert rows[0].tolist() == [1, 0, 0, 0]


def test_a_tag_of_one_artist_cannot_be_folded():
    tracks = [Track(f"{n}", f"/{n}", "", artist=f"a{n // 4}", tags=("x",) if n < 4 else ()) for n in range(20)]
    with pytest.raises(DataError, match="tag 'x': expected training tracks with it and without it; got '0 of 16"):
        fold_tracks(tracks, 5, 0.0)


def test_too_few_artists_are_told():
    tracks = [Track(f"{n}", f"/{n}", "", artist="one", numbers={"x": float(n)}) for n in range(6)]
    with pytest.raises(DataError, match="artists to draw the valid side from: expected two or more; got 1"):
        split_tracks(tracks, 0.2)
    with pytest.raises(DataError, match="artists: expected one per fold or more; got '1 for 3 folds'"):
        fold_tracks(tracks, 3)


# --- few artists ----------------------------------------------------------------------------------------------------


def make_few(n_artists, tags_of=lambda n: ("x",) if n % 2 else ("y",), n_tracks=12):
    return [Track(f"{n:02}", f"/{n}", "", artist=f"a{n // 2 % n_artists}", tags=tags_of(n)) for n in range(n_tracks)]


@pytest.mark.parametrize("kind", ["tags", "numbers"])
def test_two_artists_are_folded_without_a_validation_side_as_classes_of_one_artist_are(kind):
    tracks = make_few(2)
    if kind == "numbers":
        tracks = [Track(t.id, t.path, "", artist=t.artist, numbers={"x": float(t.id)}) for t in tracks]
    folds = fold_tracks(tracks, 2, 0.2)
    assert [fold.valid for fold in folds] == [(), ()]
    assert sorted(len(fold.train) for fold in folds) == [6, 6]
    labelled = [Track(t.id, t.path, "sad" if int(t.id) % 2 else "happy", artist=t.artist) for t in tracks]
    assert [fold.valid for fold in fold_tracks(labelled, 2, 0.2)] == [(), ()]


@pytest.mark.parametrize("n_artists", [3, 4, 6])
def test_as_many_artists_as_folds_leave_one_to_validate(n_artists):
    for fold in fold_tracks(make_few(n_artists, n_tracks=24), n_artists, 0.2):
        assert len(fold.valid) == len(fold.test) == 24 // n_artists
        assert fold.train


def test_an_artist_whom_a_tag_needs_is_not_spared_for_validation():
    tracks = make_few(4, lambda n: ("x", "rare") if n // 2 % 4 < 2 and n % 2 else ("y",), n_tracks=16)
    for fold in fold_tracks(tracks, 4, 0.01):
        training = {tag for track in tracks if track.id in fold.train for tag in track.tags}
        assert training == {"x", "y", "rare"}
        assert fold.valid
    alone = make_few(4, lambda n: ("x",) if n // 2 % 4 < 2 else ("y",), n_tracks=16)
    assert all(not fold.valid for fold in fold_tracks(alone, 2, 0.2))  # each artist is the only one of a tag


def test_a_small_share_draws_one_artist_at_least():
    split = split_tracks(make_few(6), 0.01)
    assert (len(split.train), len(split.valid)) == (10, 2)


# --- any collection -------------------------------------------------------------------------------------------------

TAGGED = st.lists(st.tuples(st.integers(0, 9), st.frozensets(st.sampled_from("abcd"))), min_size=2, max_size=40)


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(TAGGED, st.floats(0.05, 0.6), st.integers(0, 5), st.randoms())
def test_a_side_of_any_tags_leaves_all_that_can_be_learned_or_is_refused(rows, share, seed, random):
    tracks = [Track(f"{n:02}", f"/{n}", "", artist=f"a{a}", tags=tuple(tags)) for n, (a, tags) in enumerate(rows)]
    try:
        split = split_tracks(tracks, share, seed=seed)
    except DataError:
        return
    assert sorted(split.train + split.valid) == [track.id for track in tracks]
    assert split.train
    assert split.valid
    training = [track for track in tracks if track.id in split.train]
    assert {t.artist for t in training}.isdisjoint(t.artist for t in tracks if t.id in split.valid)
    for tag in {tag for track in tracks for tag in track.tags}:
        assert 0 < sum(tag in track.tags for track in training) < len(training)
    assert split_tracks(random.sample(tracks, len(tracks)), share, seed=seed) == split


@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(TAGGED, st.integers(2, 5), st.integers(0, 5))
def test_folds_of_any_tags_test_every_track_once_or_are_refused(rows, n_folds, seed):
    tracks = [Track(f"{n:02}", f"/{n}", "", artist=f"a{a}", tags=tuple(tags)) for n, (a, tags) in enumerate(rows)]
    try:
        folds = fold_tracks(tracks, n_folds, 0.2, seed=seed)
    except DataError:
        return
    assert sorted(i for fold in folds for i in fold.test) == [track.id for track in tracks]
    for fold in folds:
        assert fold.test
        training = [track for track in tracks if track.id in fold.train]
        for tag in {tag for track in tracks for tag in track.tags}:
            assert 0 < sum(tag in track.tags for track in training) < len(training)
