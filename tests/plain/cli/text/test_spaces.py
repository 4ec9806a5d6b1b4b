"""What the terminal shows of embedding spaces."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.spaces import describe_learned, describe_words
from essentia_ldl.spaces.artists import Learned
from essentia_ldl.spaces.words import LearnedWords


def test_a_space_is_told_with_what_was_left_out():
    lines = describe_learned(Learned(Path("runs/x"), "mine-musicnn-1", "artist", 12, 5, 2, 3, {}, ()))
    assert lines[0] == "12 tracks, 5 values of artist, 2 of them with one track; 3 tracks without one were left out"
    assert lines[1:3] == ["model: mine-musicnn-1.pb and .json in graphs/", "run: runs/x"]
    assert describe_learned(Learned(Path("x"), "m", "genre", 12, 5, 0, 0, {}, ()))[0] == "12 tracks, 5 values of genre"


def test_words_are_told_with_what_they_find():
    found = {"n_words": 2, "n_tracks": 3, "auc": 0.75, "tracks_map": 0.5, "tracks_precision": 0.25, "chance": 0.125}
    told = {"seen": ["a", "b"], "unseen": ["c"], "parts": {"test C": 2, "train A": 9}}
    measures = {**told, "measures": {"seen": found, "unseen": {"n_words": 0, "n_tracks": 0}}}
    lines = describe_words(LearnedWords(Path("runs/x"), "mine-1", measures, {}, ("polka",), ()))
    assert lines[:3] == [
        "2 words seen in training, 1 not: c",
        "without a vector, and left out: polka",
        "tracks: 2 test C, 9 train A",
    ]
    assert lines[4].split() == ["seen", "0.750", "0.500", "0.250", "0.125", "–", "–"]
    assert lines[5].split() == ["unseen", *"––––––"]
    assert lines[6] == "model: mine-1.pb, .json and .words.npz in graphs/"
