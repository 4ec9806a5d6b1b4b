"""Artists, albums and labels of a demo with sub-styles: shares as in the paper, and names."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.datasets import _albums


@pytest.fixture(scope="module")
def songs():
    """Tracks of the demo of artist groups, five casts of it."""
    return [[song for of_class in _albums.draw_songs(4, 4, 60, 180, seed) for song in of_class] for seed in range(5)]


def test_albums_have_one_label_one_artist_and_at_most_five_tracks(songs):
    for cast in songs:
        by_album: dict[str, list[_albums.Song]] = {}
        for song in cast:
            by_album.setdefault(song.album, []).append(song)
        assert max(map(len, by_album.values())) == _albums.ALBUM_TRACKS
        assert all(len({(s.label, s.artist.name) for s in of_album}) == 1 for of_album in by_album.values())


def test_a_tenth_of_the_labels_is_wrong_and_only_where_artists_have_a_second_style(songs):
    for cast in songs:
        wrong = [song for song in cast if song.style[0] != song.label]
        assert 0.07 < len(wrong) / len(cast) < 0.15
        assert all(len(song.artist.styles) == 2 for song in wrong)
        assert all(song.style in song.artist.styles for song in cast)
        assert all(song.label in {c for c, _ in song.artist.styles} for song in cast)


def test_artists_have_one_home_and_half_of_them_a_second_style_mostly_of_another_class(songs):
    for cast in songs:
        artists = {song.artist.name: song.artist for song in cast}
        assert len(artists) == 240
        homes = [artist.styles[0] for artist in artists.values()]
        assert {homes.count(home) for home in homes} == {15}
        two = [artist for artist in artists.values() if len(artist.styles) == 2]
        assert 0.4 < len(two) / 240 < 0.6
        assert 0.65 < np.mean([artist.styles[0][0] != artist.styles[1][0] for artist in two]) < 0.95
        guests = {song.artist.name for song in cast if song.artist.styles[0][0] != song.label}
        assert 25 <= len(guests) <= 75
        counts = np.unique([song.artist.name for song in cast], return_counts=True)[1]
        assert counts.min() == 1
        assert counts.max() >= 6


@pytest.mark.parametrize(("n_tracks", "n_artists"), [(6, 6), (7, 6)])
def test_one_track_an_artist_is_enough(n_tracks, n_artists):
    songs = _albums.draw_songs(3, 2, n_artists, n_tracks, 0)
    assert [len(of_class) for of_class in songs] == [n_tracks] * 3
    assert len({song.artist.name for of_class in songs for song in of_class}) == 3 * n_artists


def test_names_of_substyles_are_unique():
    names = _albums.name_substyles(["Folk", "Hip Hop", "a;b|c,d", "rock"], 16)
    assert len({name for of_class in names for name in of_class}) == 64
    assert names[1][0].endswith("-Hip-Hop")
    assert names[2][0].endswith("-A-b-c-d")
