"""Sides of tracks with tags or numbers: whole artists, even shares of what is rare, the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest

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
