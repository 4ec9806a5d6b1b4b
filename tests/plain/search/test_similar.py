"""Queries by track and by artist, the artist filter, and what is gone or unknown."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import AudioError, DataError, StoreError, UnknownNameError
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output
from essentia_ldl.search import nearest
from essentia_ldl.search.index import Embedding, index
from essentia_ldl.search.similar import Limits, similar

ROWS = (
    ("a", "1 0", "Nina", "soul"),
    ("b", "9 1", "Nina", "soul"),
    ("c", "8 4", "Bill", "jazz"),
    ("d", "0 1", "", "rock"),
    ("e", "-1 0", "Bill", "jazz"),
)


@pytest.fixture
def library(tmp_path, graphs, asked, make_music):
    """An index of five tracks; a function (query, ...) asks it."""
    make_music(**{name: text for name, text, _, _ in ROWS})
    lines = [f"music/{name}.wav,{label},{artist},Song {name}" for name, _, artist, label in ROWS]
    (tmp_path / "music.csv").write_text("\n".join(["path,label,artist,title", *lines]))
    path = tmp_path / "lib.index"

    def ask(query, **wanted):
        return similar(str(query), str(path), Limits(**wanted), graphs)

    def make():
        output = Output("text", str(path), again=True)
        index([str(tmp_path / "music.csv")], Embedding(), output, graphs, print, Workers(1))

    make()
    ask.make = make
    return ask


def list_titles(found):
    return [one.title[-1] for one in found.neighbours]


def test_a_track_of_the_index_is_not_among_its_neighbours(library, tmp_path):
    found = library(tmp_path / "music" / "a.wav")
    assert (found.kind, found.model, list_titles(found)) == ("track", "msd-musicnn-1", ["b", "c", "d", "e"])
    first = found.neighbours[0]
    assert first.similarity == pytest.approx(9 / 82**0.5)
    assert (first.artist, first.label, first.title, first.duration_s) == ("Nina", "soul", "Song b", 30.4)
    assert (found.gone, found.notes) == ((), ())


def test_the_artist_is_left_out_where_that_is_wanted(library, tmp_path):
    found = library(tmp_path / "music" / "a.wav", not_same_artist=True, n=2)
    assert list_titles(found) == ["c", "d"]
    found = library(tmp_path / "music" / "d.wav", not_same_artist=True)
    assert len(found.neighbours) == 4
    assert "is not known, so that no artist is left out" in found.notes[0]


def test_a_track_outside_is_embedded_by_the_model_of_the_index(library, tmp_path, asked):
    (tmp_path / "new.wav").write_text("0 1, 0 3")
    del asked[:]
    found = library(tmp_path / "new.wav", n=1)
    assert (list_titles(found), found.neighbours[0].similarity) == (["d"], pytest.approx(1))
    assert asked == [str(tmp_path / "new.wav")]
    (tmp_path / "bad.wav").write_text("noise")
    with pytest.raises(AudioError, match="is no audio"):
        library(tmp_path / "bad.wav")


def test_an_artist_is_the_mean_of_the_tracks(library):
    found = library("  NINA ")
    assert (found.kind, sorted(list_titles(found)[:2]), list_titles(found)[2:]) == (
        "artist",
        ["a", "b"],
        ["c", "d", "e"],
    )
    assert [one.similarity for one in found.neighbours[:2]] == pytest.approx([0.9985, 0.9985], abs=1e-4)
    assert list_titles(library("nina", not_same_artist=True)) == ["c", "d", "e"]


def test_tracks_that_are_gone_are_left_out_and_told(library, tmp_path):
    (tmp_path / "music" / "b.wav").unlink()
    found = library(tmp_path / "music" / "a.wav", n=2)
    assert list_titles(found) == ["c", "d"]
    assert found.gone == (str(tmp_path / "music" / "b.wav"),)
    assert found.notes[0].startswith("1 file of the index is gone and left out, first ")
    assert list_titles(library(tmp_path / "music" / "b.wav", n=1)) == ["a"], "its vectors are still there"


def test_unknown_artists_and_files_are_told_with_the_nearest(library, tmp_path, graphs):
    with pytest.raises(UnknownNameError, match=r"one of the 2 artists of the index; got 'Nena'.*Did you mean 'Nina'\?"):
        library("Nena")
    with pytest.raises(UnknownNameError, match="None has such a name: check the path, or how it is written"):
        library("xyz")
    with pytest.raises(AudioError, match=r"track: expected a file that is there"):
        library(tmp_path / "music" / "none.wav")
    with pytest.raises(DataError, match="number of tracks: expected 1 or more; got 0"):
        Limits(n=0)
    index([str(tmp_path / "music")], Embedding(), Output("text", str(tmp_path / "x.index")), graphs, print, Workers(1))
    with pytest.raises(UnknownNameError, match="the index knows no artists"):
        similar("Nina", str(tmp_path / "x.index"), Limits(), graphs)


def test_a_model_of_other_bytes_does_not_embed_for_an_index(library, tmp_path, write_model):
    (tmp_path / "new.wav").write_text("0 1")
    write_model(content="trained again")
    with pytest.raises(StoreError, match=r"the msd-musicnn-1 that made it \(\w{8}\); got 'another one"):
        library(tmp_path / "new.wav")
    assert library("Nina").kind == "artist", "tracks of the index need no model"


def test_a_graph_of_neighbours_finds_the_same(library, tmp_path, monkeypatch):
    query = tmp_path / "music" / "a.wav"
    exact = library(query)
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 1)
    monkeypatch.setattr(nearest, "EF_QUERY", 1)
    assert "install voyager" in library(query).notes[0], "it was made without a graph"
    library.make()
    assert library(query) == exact
    monkeypatch.setattr(nearest, "has_graphs", lambda: False)
    assert list_titles(library("Bill", n=2)) == list_titles(library("Bill", n=2))
