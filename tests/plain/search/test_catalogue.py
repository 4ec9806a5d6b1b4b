"""Catalogue of an index by column: what went in comes out, and what is of another kind is told."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.search.catalogue import Catalogue, IndexedTrack, gather

TRACKS = [
    IndexedTrack("/a.wav", 3.5, 10, 20, "Nina Simone", "sad", {"genre": "soul", "title": ""}),
    IndexedTrack("/b.wav", 4.5, 11, 2**62),
    IndexedTrack("/c.wav", 0.5, -1, -1, " nina  SIMONE", "", {"title": "C"}),
]


def build_parts(n: int = 2) -> dict:
    numbers = {"duration_s": np.ones(n), "size": np.ones(n, np.int64), "time_ns": np.ones(n, np.int64)}
    return {
        "texts": {name: [f"{name} {i}" for i in range(n)] for name in ("path", "artist", "label")},
        "numbers": numbers,
        "columns": {"genre": ["soul", None]},
    }


def test_tracks_come_back_one_by_one():
    found = gather(iter(TRACKS))
    assert list(found) == TRACKS
    assert (len(found), found[-1], TRACKS[1] in found) == (3, TRACKS[2], True)
    with pytest.raises(IndexError):
        found[3]


def test_paths_and_artists_are_found():
    found = gather(TRACKS)
    assert found.rows == {"/a.wav": 0, "/b.wav": 1, "/c.wav": 2}
    assert found.artists == {"nina simone": [0, 2]}


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("texts", "path", ["", "b"]),
        ("texts", "path", "ab"),
        ("texts", "artist", ["a"]),
        ("texts", "label", ["a", None]),
        ("texts", "label", 7),
        ("columns", "genre", ["soul", 7]),
        ("columns", "genre", ["soul"]),
        ("numbers", "size", np.ones(2)),
        ("numbers", "size", np.ones(3, np.int64)),
        ("numbers", "duration_s", np.array([1, np.nan])),
    ],
)
def test_columns_of_another_kind_are_refused(part, name, value):
    parts = build_parts()
    Catalogue(**parts)
    parts[part][name] = value
    with pytest.raises(StoreError, match=rf"{name} of an index: expected .*\. Index the music again"):
        Catalogue(**parts)


@pytest.mark.parametrize("wrong", [("", 1.0, 1, 1), ("a", float("nan"), 1, 1), ("a", 1.0, "1", 1), ("a", 1.0, 1, 1, 7)])
def test_a_wrong_track_is_refused(wrong):
    with pytest.raises(StoreError, match="of an index: expected"):
        gather([IndexedTrack(*wrong)])
