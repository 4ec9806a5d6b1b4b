"""What the terminal shows of a space of words and audio."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.words import describe_words
from essentia_ldl.spaces.words import LearnedWords


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
    assert lines[8:] == [
        "use it: essentia-ldl index MUSIC -o lib.index --model mine-1",
        "then: essentia-ldl search WORDS --index lib.index",
    ]
