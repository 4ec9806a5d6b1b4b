"""Lines about an index, and about what was found in it."""

from __future__ import annotations

from essentia_ldl.cli.text.search import describe_indexed, describe_similar, describe_words
from essentia_ldl.search.describe import Described, Description
from essentia_ldl.search.index import Indexed
from essentia_ldl.search.similar import Neighbour, Similar


def test_only_what_there_is_is_told():
    assert describe_indexed(Indexed("x", "m-1", 3, 0, 3, 0, 0, 0)) == ["x: 3 tracks (3 new, 0 kept), m-1"]
    [line] = describe_indexed(Indexed("x", "m-1", 3, 1, 0, 3, 2, 0, has_graph=True))
    assert line == "x: 3 tracks of 1 artist (0 new, 3 kept, 2 gone and dropped), m-1, with a graph of neighbours"


def test_a_track_is_two_lines_and_nothing_is_told():
    one = Neighbour("/m/b.wav", 0.25, "", "", 3.0, {})
    assert describe_similar(Similar("q", "track", "m-1", (one,))) == ["0.250  b", "       /m/b.wav"]
    assert describe_similar(Similar("q", "track", "m-1", ())) == ["nothing is left"]


def test_a_track_is_a_line_and_so_is_each_word():
    done = Described(
        (Description("/a.wav", "m-1", (("sad", 0.75), ("female vocal", -0.125))), Description("b", "", ()))
    )
    assert describe_words(done) == ["/a.wav", "  0.750  sad", " -0.125  female vocal", "b"]
