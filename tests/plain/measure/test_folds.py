"""Folds: drawn by seeds that follow one another, or one a value of a column, with every class where it is needed."""

from __future__ import annotations

import pytest

from essentia_ldl.collection import splits
from essentia_ldl.errors import DataError
from essentia_ldl.measure import folds
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track

RECIPE = Recipe("mood-sad", ("non_sad", "sad"))
GENRES = ("rock", "pop", "jazz")


def make_tracks(n_tracks: int = 48, artists: bool = True) -> list[Track]:
    """Two tracks an artist; the genre changes with the artist."""
    return [
        Track(
            f"t{n:02}",
            f"/{n}",
            "sad" if n % 4 < 2 else "non_sad",
            artist=f"artist{n // 2}" if artists else None,
            columns={"genre": GENRES[n // 4 % 3], "title": "" if n == 5 else str(n)},
        )
        for n in range(n_tracks)
    ]


def test_a_class_that_one_value_alone_has_cannot_be_learned_without_it():
    tracks = [
        Track(f"t{n}", f"/{n}", "sad" if n < 4 else "non_sad", f"a{n // 2}", columns={"g": "x"}) for n in range(8)
    ]
    tracks += [Track(f"u{n}", f"/u{n}", "non_sad", f"b{n}" if n else "a0", columns={"g": "y"}) for n in range(6)]
    with pytest.raises(
        DataError, match=r"every class in every training side; got '5 non_sad, 0 sad; 8 tracks test, 1 more .*\(g x\)"
    ):
        folds.leave_out_values(tracks, "g", 0.2, 0)


def test_one_value_cannot_be_left_out_and_a_column_is_needed():
    tracks = [Track(f"t{n}", f"/{n}", "sad" if n % 2 else "non_sad", columns={"genre": "pop"}) for n in range(8)]
    with pytest.raises(DataError, match=r"two or more values; got \['pop'\]"):
        folds.leave_out_values(tracks, "genre", 0.2, 0)
    bare = [Track(f"t{n}", f"/{n}", "sad" if n % 2 else "non_sad") for n in range(8)]
    with pytest.raises(DataError, match="the columns that the collection has beside path"):
        folds.leave_out_values(bare, "genre", 0.2, 0)


def test_a_split_column_and_the_order_of_the_tracks_do_not_matter():
    tracks = make_tracks()
    fixed = [Track(t.id, t.path, t.label, t.artist, "train", t.columns) for t in reversed(tracks)]
    assert folds.leave_out_values(tracks, "genre", 0.2, 3) == folds.leave_out_values(fixed, "genre", 0.2, 3)


def test_repetitions_draw_by_the_seeds_that_follow():
    tracks = make_tracks()
    drawn = folds.draw_folds(tracks, RECIPE.override(split__seed=5), 3, 2, None)
    assert [(fold.repeat, fold.seed, fold.number) for fold in drawn] == [
        *((0, 5, 0), (0, 5, 1), (0, 5, 2), (1, 6, 0), (1, 6, 1), (1, 6, 2))
    ]
    assert [fold.split for fold in drawn[3:]] == splits.fold_tracks(tracks, 3, 0.2, 6)
