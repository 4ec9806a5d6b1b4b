"""What the terminal shows of embedding spaces."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.spaces import describe_embeddings, describe_learned
from essentia_ldl.spaces.artists import Learned
from essentia_ldl.spaces.evaluate import MeasuredEmbeddings
from essentia_ldl.spaces.measure import MeanScore, Standing


def test_a_space_is_told_with_what_was_left_out():
    lines = describe_learned(Learned(Path("runs/x"), "mine-musicnn-1", "artist", 12, 5, 2, 3, {}, ()))
    assert lines[0] == "12 tracks, 5 values of artist, 2 of them with one track; 3 tracks without one were left out"
    assert lines[1:3] == ["model: mine-musicnn-1.pb and .json in graphs/", "run: runs/x"]
    assert describe_learned(Learned(Path("x"), "m", "genre", 12, 5, 0, 0, {}, ()))[0] == "12 tracks, 5 values of genre"


def test_measures_are_told_as_text_markdown_and_json():
    row = Standing("m", "genre", False, {"map": MeanScore(0.5, None, 3, 0)})
    done = MeasuredEmbeddings("data", 3, 0, 10, (row,), (Path("a.png"),), ())
    text = describe_embeddings(done)
    rule = "intervals of 95 % by resampling"
    assert text[0] == f"3 tracks, whose artists are not known: no artist filter; {rule} tracks"
    one = MeasuredEmbeddings("data", 3, 1, 10, (row,), (), ())
    assert describe_embeddings(one)[0] == f"3 tracks of 1 artist; {rule} artists"
    assert text[-1] == "picture: a.png"
    assert any(line.startswith("| model | by |") for line in describe_embeddings(done, "markdown"))
    assert describe_embeddings(done, "json")[0].startswith("{")
    assert any("GTZAN" in line for line in describe_embeddings(done, paper=True))
