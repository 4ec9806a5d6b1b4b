"""Folds by a column of the collection: one value tests, the others train without its artists."""

from __future__ import annotations

import pytest

from essentia_ldl.collection.columns import check_column, leave_out_value, list_values
from essentia_ldl.errors import DataError
from essentia_ldl.records import Track


def make_tracks(**changes):
    rows = [
        ("a", "sad", "x", "rock"),
        ("b", "happy", "y", "rock"),
        ("c", "sad", "z", "jazz"),
        ("d", "happy", "x", "pop"),
    ]
    return [Track(i, f"/{i}", label, artist, columns={"genre": genre}, **changes) for i, label, artist, genre in rows]


def test_values_are_listed_in_order_and_must_differ():
    assert list_values(make_tracks(), "genre") == ["jazz", "pop", "rock"]
    with pytest.raises(DataError, match="column: expected one of genre; got 'era'"):
        list_values(make_tracks(), "era")
    with pytest.raises(DataError, match="expected two or more values"):
        list_values(make_tracks()[:2], "genre")


def test_artists_who_test_do_not_train():
    held_out, rest = leave_out_value(make_tracks(), "genre", "jazz")
    assert [track.id for track in held_out] == ["c"]
    assert [track.id for track in rest] == ["a", "b", "d"]
    with pytest.raises(DataError, match="every class in every training side"):
        leave_out_value(make_tracks(), "genre", "rock")  # with it goes the artist of the only other happy track


def test_each_tag_must_have_a_track_that_trains():
    tags = {"a": ("loud",), "b": (), "c": (), "d": ()}
    tracks = [Track(t.id, t.path, "", t.artist, columns=dict(t.columns), tags=tags[t.id]) for t in make_tracks()]
    with pytest.raises(DataError, match=r"every class in every training side; got '0 loud; .* \(genre pop\)"):
        check_column(tracks, "genre")
