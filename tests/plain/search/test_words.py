"""Words in, tracks out; and tracks in, words out."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError, UnknownNameError
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output
from essentia_ldl.search.bridge import Bridge
from essentia_ldl.search.index import Embedding, index
from essentia_ldl.search.library import read_library
from essentia_ldl.search.similar import Limits
from essentia_ldl.search.words import Describing, VectorFile, describe, read_words, score_tracks, search

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
        return search(query, path, Limits(**limits), vectors)

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
    with pytest.raises(StoreError, match=r"a model with tags; got 'none of msd-musicnn-1'.*--again"):
        search("sad", path, Limits())


def test_a_single_track_is_no_more_than_itself(write_model, asked, make_music, tmp_path):
    write_model(tags=TAGS)
    path = str(tmp_path / "one.index")
    music = str(make_music(a="1 0; .1 .9 .0"))
    index([music], Embedding(), Output("text", path), tmp_path / "graphs", print, Workers(1))
    assert [one.similarity for one in search("sad", path, Limits()).neighbours] == [0]


@pytest.fixture
def say_words(write_model, asked, make_music, tmp_path):
    """A function (words, ...) -> what is said of two tracks and of a file that is no audio."""
    write_model(tags=TAGS)
    folder = make_music(a=".1 .9 .0, .3 .7 .0", b=".7 .1 .3", z="no audio")
    (tmp_path / "glove.txt").write_text(GLOVE)

    def describe_music(*words, with_vectors=False, **settings):
        vectors = VectorFile(str(tmp_path / "glove.txt") if with_vectors else None)
        return describe([str(folder)], words, Describing(vectors=vectors, **settings), tmp_path / "graphs")

    return describe_music


def test_the_tags_of_a_track_are_its_words(say_words, tmp_path):
    done = say_words(n=2)
    assert [[word for word, _ in track.words] for track in done.tracks] == [["hip hop", "sad"], ["sad", "piano"]]
    assert [score for _, score in done.tracks[0].words] == pytest.approx([0.8, 0.2])
    assert (done.tracks[0].path, done.tracks[0].model) == (str(tmp_path / "music" / "a.wav"), "msd-musicnn-1")
    assert [failure.path for failure in done.failures] == [str(tmp_path / "music" / "z.wav")]


def test_words_of_a_list_are_compared_with_the_place_of_a_track(say_words, tmp_path):
    done = say_words("gloomy", "piano", "nowhere", with_vectors=True)
    units = VectorFile(str(tmp_path / "glove.txt")).read(["sad", "hip hop", "piano", "gloomy"])
    [expected] = Bridge(TAGS, units).compare(np.array([[0.7, 0.1, 0.3]], np.float32), ["gloomy", "piano"])
    assert dict(done.tracks[1].words) == pytest.approx(dict(zip(("gloomy", "piano"), expected, strict=True)))
    assert done.notes == ("1 of 3 words are left out, without a vector: nowhere.",)


def test_a_list_of_unknown_words_and_a_model_without_tags_are_refused(say_words, write_model):
    with pytest.raises(UnknownNameError, match="got 'gloomy'"):
        say_words("gloomy", "nowhere")
    write_model("bare-1")
    with pytest.raises(DataError, match="model: expected one with tags; got 'none'"):
        say_words(model="bare-1")
    with pytest.raises(DataError, match="number of words: expected 1 or more"):
        Describing(n=0)


def test_a_list_has_a_word_per_line(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\ufeffsad\n\n# a remark\n  female   vocal \nsad\n", "utf-8")
    assert read_words(str(path)) == ["sad", "female vocal"]
    path.write_text("# nothing\n")
    with pytest.raises(DataError, match="one word or phrase per line"):
        read_words(str(path))
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="text in UTF-8"):
        read_words(str(path))
    with pytest.raises(StoreError, match="cannot be read"):
        read_words(str(tmp_path / "nowhere"))
