"""Words that are never seen, and tracks that train and test, none of an artist on both sides."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.records import Track
from essentia_ldl.spaces.word_splits import WordSplit, split_words

WORDS = [f"w{i}" for i in range(10)]


def build_tracks(n=120, n_artists=40, n_words=3, seed=0):
    """Make tracks of some words each, and which words they have."""
    random = np.random.default_rng(seed)
    tracks = [
        Track(f"t{i:03d}", f"/m/t{i:03d}", "", artist=f"a{i % n_artists}", tags=tuple(random.choice(WORDS, n_words)))
        for i in range(n)
    ]
    return tracks, {track.id: track.tags for track in tracks}


@pytest.mark.parametrize("seed", range(4))
def test_no_unseen_word_and_no_artist_of_the_test_trains(seed):
    tracks, told = build_tracks(seed=seed)
    split = split_words(tracks, told, seed)
    assert (len(split.seen), len(split.unseen)) == (8, 2)
    assert sorted([*split.seen, *split.unseen]) == WORDS
    artists = {track.id: track.artist for track in tracks}
    trains = {*split.list_ids("train"), *split.list_ids("valid")}
    assert not {word for id_ in trains for word in told[id_]} & set(split.unseen)
    assert not {artists[id_] for id_ in trains} & {artists[id_] for id_ in split.list_ids("test")}
    for id_, part in split.parts.items():
        own = set(told[id_])
        assert (part == "A") == (not own & set(split.unseen))
        assert (part == "C") == (own <= set(split.unseen))
    assert {"train A", "valid A", "test A", "test B"} <= set(split.count_parts())
    assert sum(split.count_parts().values()) == len(split.roles)


def test_the_seed_decides():
    tracks, told = build_tracks()
    assert split_words(tracks, told, 1) == split_words(tracks[::-1], told, 1)
    assert split_words(tracks, told, 1) != split_words(tracks, told, 2)


def test_one_word_per_track_has_no_part_b_and_all_of_c_that_no_artist_trains():
    tracks = [Track(f"t{i}", f"/t{i}", WORDS[i % 5], artist=f"a{i % 20}") for i in range(60)]
    split = split_words(tracks, {track.id: (track.label,) for track in tracks})
    assert set(split.parts.values()) == {"A", "C"}
    assert sum(part == "C" for part in split.parts.values()) == 12
    assert split.count_parts()["test C"] == 12


def test_too_few_words_or_tracks_are_told():
    tracks, _ = build_tracks(6, 3)
    with pytest.raises(DataError, match="words: expected 3 or more with a vector; got 'a, b'"):
        split_words(tracks, {track.id: ("a", "b") for track in tracks})
    with pytest.raises(DataError, match="words: expected 3 or more with a vector; got 'none'"):
        split_words(tracks, {})
    with pytest.raises(DataError, match="a track or more to test; got 'none'"):
        WordSplit(("a",), ("b",), {"t": "A"}, {"t": "train"})
    with pytest.raises(DataError, match="seen words alone in training; got 't'"):
        WordSplit(("a",), ("b",), {"t": "B"}, {"t": "train"})
