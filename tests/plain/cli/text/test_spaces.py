"""What the terminal shows of embedding spaces."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.spaces import describe_learned
from essentia_ldl.spaces.artists import Learned


def test_a_space_is_told_with_what_was_left_out():
    lines = describe_learned(Learned(Path("runs/x"), "mine-musicnn-1", "artist", 12, 5, 2, 3, {}, ()))
    assert lines[0] == "12 tracks, 5 values of artist, 2 of them with one track; 3 tracks without one were left out"
    assert lines[1:3] == ["model: mine-musicnn-1.pb and .json in graphs/", "run: runs/x"]
    assert describe_learned(Learned(Path("x"), "m", "genre", 12, 5, 0, 0, {}, ()))[0] == "12 tracks, 5 values of genre"
