"""What tracks are alike in: by artist, label and column, and what cannot be asked for."""

from __future__ import annotations

import pytest

from essentia_ldl.collection.alike import NOBODY, list_alike, number_alike
from essentia_ldl.errors import DataError
from essentia_ldl.records import Track

TRACKS = [
    Track("a", "/a", "sad", "Bea", columns={"genre": "rock"}),
    Track("b", "/b", "happy", None, columns={"genre": ""}),
    Track("c", "/c", "sad", "Ann", columns={"genre": "jazz"}),
]


@pytest.mark.parametrize(
    ("column", "values", "numbers"),
    [
        ("artist", ["Bea", "", "Ann"], [1, NOBODY, 0]),
        ("label", ["sad", "happy", "sad"], [1, 0, 1]),
        ("genre", ["rock", "", "jazz"], [1, NOBODY, 0]),
    ],
)
def test_values_and_their_numbers(column, values, numbers):
    assert list_alike(TRACKS, column) == values
    assert number_alike(TRACKS, column).tolist() == numbers


def test_what_is_not_there_is_one_sentence():
    with pytest.raises(DataError, match=r"column: expected one of artist, genre, label; got 'gener'.*'genre'"):
        list_alike(TRACKS, "gener")
    with pytest.raises(DataError, match=r"column 'artist': expected a value for some tracks.*class/artist/track\.$"):
        list_alike([Track("a", "/a", "sad")], "artist")
