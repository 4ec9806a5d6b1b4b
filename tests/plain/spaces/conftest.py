"""Tracks whose artists and genres are directions, and a home without audio."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.records import Track


@pytest.fixture
def music() -> tuple[list[Track], np.ndarray]:
    """24 tracks of 12 artists in two genres, and vectors that tell the genre well and the artist a little."""
    random, tracks, rows = np.random.default_rng(0), [], []
    genres, artists = random.normal(size=(2, 8)), random.normal(size=(12, 8))
    for n in range(24):
        artist = n // 2
        genre = "jazz" if artist % 2 else "rock"
        tracks.append(Track(f"{n:02}.wav", f"/{n:02}.wav", "sad", f"artist {artist:02}", columns={"genre": genre}))
        rows.append(2 * genres[artist % 2] + artists[artist] + 0.5 * random.normal(size=8))
    return tracks, np.array(rows, np.float32)
