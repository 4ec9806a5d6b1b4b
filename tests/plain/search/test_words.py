"""Words in, tracks out: through tags, and through a space of words and audio."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError, UnknownNameError
from essentia_ldl.files import read_json, write_json
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output
from essentia_ldl.search.index import Embedding, index
from essentia_ldl.search.library import read_library
from essentia_ldl.search.similar import Limits
from essentia_ldl.search.words import VectorFile, has_side, score_tracks, search
from essentia_ldl.words.side import WordSide, write_side

TAGS = ("sad", "Hip-Hop", "piano")
GLOVE = "sad 1 0 0\nhip 0 1 0\nhop 0 1 0\npiano .6 0 .8\ngloomy .8 .6 0\n"
MUSIC = {"a": "1 0; .1 .9 .0", "b": "1 0; .7 .1 .3", "c": "1 0; .3 .2 .9", "d": "1 0; .2 .8 .1"}


@pytest.fixture
def ask(write_model, asked, make_music, tmp_path):
    """A function (words, ...) -> what the index of four tracks says, whose tags are told in their files."""
    write_model(tags=TAGS)
    folder, path = make_music(**MUSIC), str(tmp_path / "lib.index")
    index([str(folder)], Embedding(), Output("text", path), tmp_path / "graphs", print, Workers(1))
    (tmp_path / "glove.txt").write_text(GLOVE)

    def search_index(query, *, with_vectors=False, **limits):
        vectors = VectorFile(str(tmp_path / "glove.txt") if with_vectors else None)
        return search(query, path, Limits(**limits), tmp_path / "graphs", vectors)

    return search_index


def list_titles(found):
    return [one.title for one in found.neighbours]


def test_a_tag_orders_tracks_by_its_probability(ask):
    found = ask("sad")
    assert (list_titles(found), found.kind, found.model) == (["b", "c", "d", "a"], "words", "msd-musicnn-1")
    assert [one.similarity for one in found.neighbours] == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert found.notes == ()
    assert list_titles(ask("hip hop", n=2)) == ["a", "d"]


def test_several_tags_are_their_mean(ask):
    found = ask("sad piano")
    assert list_titles(found)[:2] == ["b", "c"]
    assert found.neighbours[0].similarity == pytest.approx((1 + 2 / 3) / 2)
    assert found.notes == ("sad piano is the mean of the tags sad and piano.",)


def test_any_word_goes_through_its_vector(ask, tmp_path):
    found = ask("gloomy", with_vectors=True)
    weights = np.array([0.8, 0.6, 0.48]) / 1.88
    ranks = np.array([[0, 3, 0], [3, 0, 2], [2, 1, 3], [1, 2, 1]]) / 3
    expected = dict(zip("abcd", ranks @ weights, strict=True))
    assert {one.title: one.similarity for one in found.neighbours} == pytest.approx(expected)
    assert list_titles(found) == sorted(expected, key=expected.get, reverse=True)
    assert found.notes[0].startswith("The tags that are nearest to gloomy: sad 0.80")
    library = read_library(tmp_path / "lib.index")
    assert score_tracks(library, np.float32(weights)) == pytest.approx(list(expected.values()), abs=1e-6)


def test_unknown_words_are_told(ask):
    with pytest.raises(UnknownNameError, match="one of the 3 tags: hip hop, piano, sad; got 'gloomy'"):
        ask("gloomy")
    with pytest.raises(UnknownNameError, match=r"one that has a vector; got 'gloomi'.*Did you mean 'gloomy'"):
        ask("gloomi", with_vectors=True)


def test_tracks_that_are_gone_are_left_out_and_told(ask, tmp_path):
    (tmp_path / "music" / "b.wav").unlink()
    found = ask("sad", n=1)
    assert list_titles(found) == ["c"]
    assert found.notes[0].startswith("1 file of the index is gone and left out")


def test_an_index_without_tags_is_to_be_made_again(write_model, asked, make_music, tmp_path):
    write_model()
    path = str(tmp_path / "old.index")
    index([str(make_music(a="1 0"))], Embedding(), Output("text", path), tmp_path / "graphs", print, Workers(1))
    with pytest.raises(
        StoreError, match=r"a model with tags or words; got 'none of msd-musicnn-1'.*--again and --model"
    ):
        search("sad", path, Limits(), tmp_path / "graphs")


def test_a_single_track_is_no_more_than_itself(write_model, asked, make_music, tmp_path):
    write_model(tags=TAGS)
    path = str(tmp_path / "one.index")
    music = str(make_music(a="1 0; .1 .9 .0"))
    index([music], Embedding(), Output("text", path), tmp_path / "graphs", print, Workers(1))
    assert [one.similarity for one in search("sad", path, Limits(), tmp_path / "graphs").neighbours] == [0]


@pytest.fixture
def space(write_model, tmp_path):
    """A model whose two numbers are a space of words of three numbers."""
    write_model("space-1")
    kernel = np.array([[1, 0], [0, 1], [0, -1]], np.float32)
    side = WordSide(kernel, np.zeros(2, np.float32), ("sad", "Hip-Hop"), np.array([[1, 0], [0, 1]], np.float32))
    write_side(tmp_path / "graphs" / "space-1.words.npz", side)
    return side


def test_a_space_of_words_is_asked_by_cosine(space, write_model, asked, make_music, tmp_path):
    path, graphs = str(tmp_path / "lib.index"), tmp_path / "graphs"
    music = str(make_music(a="0 2", b="3 4", c="4 3"))
    index([music], Embedding("space-1"), Output("text", path), graphs, print, Workers(1))
    found = search("hip hop", path, Limits(), graphs)
    assert [one.similarity for one in found.neighbours] == pytest.approx([1, 0.8, 0.6])
    assert (list_titles(found), found.model, found.notes) == (["a", "b", "c"], "space-1", ())
    (tmp_path / "glove.txt").write_text(GLOVE)
    glove = VectorFile(str(tmp_path / "glove.txt"))
    found = search("Gloomy", path, Limits(), graphs, glove)
    assert [one.similarity for one in found.neighbours] == pytest.approx([1, 0.96, 0.6], abs=1e-6)
    assert found.notes == ("Gloomy is read as gloomy.",)
    with pytest.raises(UnknownNameError, match="one of the 2 words of the training: hip hop, sad; got 'gloomy'"):
        search("gloomy", path, Limits(), graphs)
    (tmp_path / "glove.txt").write_text("gloomy 1 0\n")
    with pytest.raises(DataError, match="vectors of 3 numbers, as in training; got 2"):
        search("gloomy", path, Limits(), graphs, glove)
    write_model("space-1", content="other bytes")
    with pytest.raises(StoreError, match="the space-1 that made it"):
        search("sad", path, Limits(), graphs)


def test_a_word_side_that_is_lost_is_told(space, asked, make_music, tmp_path):
    path, graphs = str(tmp_path / "lib.index"), tmp_path / "graphs"
    index([str(make_music(a="0 2"))], Embedding("space-1"), Output("text", path), graphs, print, Workers(1))
    assert has_side("space-1", graphs)
    (graphs / "space-1.words.npz").unlink()
    assert not has_side("space-1", graphs)
    assert not has_side("nowhere-1", graphs)
    card = read_json(graphs / "space-1.json")
    write_json(graphs / "space-1.json", {**card, "essentia_ldl": {"words": {"dimensions": 3}}})
    with pytest.raises(StoreError, match=r"word side: expected a readable file.*Copy it again from where"):
        search("sad", path, Limits(), graphs)
