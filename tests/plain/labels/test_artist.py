"""Artists as targets: who has a column, who has none, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.records import Track

TRACKS = [Track(f"{n}", f"/{n}", "sad", artist) for n, artist in enumerate(["Bea", "Ann", "Bea", None, "Cas"])]


def build(n_artists: int = 2):
    return labels.build("artist", ("a", "b"), None, {"n_artists": n_artists})


def test_artists_with_the_most_tracks_have_a_column():
    source = build().fit(TRACKS)
    rows = source(TRACKS).distributions
    np.testing.assert_array_equal(rows, [[1, 0], [0, 1], [1, 0], [0.5, 0.5], [0.5, 0.5]])
    assert [source.covers(track) for track in TRACKS] == [True, True, True, False, False]
    assert source.report == {"n_artists": 2, "n_artists_without": 1, "n_tracks": 3, "tracks_without_artist": 1}
    assert source.classes == ("artist-1", "artist-2")


def test_columns_that_are_left_over_are_never_asked_for():
    rows = build(6).fit(TRACKS)(TRACKS[:3]).distributions
    assert rows.shape == (3, 6)
    np.testing.assert_array_equal(rows[:, 3:], 0)


def test_an_artist_who_did_not_train_has_no_row():
    with pytest.raises(DataError, match="artist: expected one of the training tracks; got 'Dea'"):
        build().fit(TRACKS)([Track("x", "/x", "sad", "Dea")])
    with pytest.raises(DataError, match="fit before use"):
        build()(TRACKS)


@pytest.mark.parametrize("tracks", [TRACKS[:1], TRACKS[3:4]])
def test_fewer_than_two_artists_are_refused(tracks):
    with pytest.raises(DataError, match="artist: expected two or more that are known"):
        build().check(tracks)


@pytest.mark.parametrize("n_artists", [1, 10_001])
def test_numbers_out_of_range(n_artists):
    with pytest.raises(RecipeError, match=r"labels\.artist\.n_artists"):
        build(n_artists)
