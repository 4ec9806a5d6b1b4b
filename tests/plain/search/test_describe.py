"""Tracks in, the words that fit them best out."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError, UnknownNameError
from essentia_ldl.search.bridge import Bridge
from essentia_ldl.search.describe import Describing, describe, read_words
from essentia_ldl.search.words import VectorFile
from essentia_ldl.words.side import WordSide, write_side

TAGS = ("sad", "Hip-Hop", "piano")
GLOVE = "sad 1 0 0\nhip 0 1 0\nhop 0 1 0\npiano .6 0 .8\ngloomy .8 .6 0\n"


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
    with pytest.raises(DataError, match="model: expected one with tags or words; got 'none'"):
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


def test_a_space_of_words_describes_too(say_words, write_model, tmp_path):
    write_model("space-1", shape=(3,))
    eye = np.eye(3, dtype=np.float32)
    side = WordSide(eye, np.zeros(3, np.float32), ("sad", "loud"), eye[:2])
    write_side(tmp_path / "graphs" / "space-1.words.npz", side)
    done = say_words(model="space-1")
    place = np.array([0.2, 0.8, 0]) / np.linalg.norm([0.2, 0.8, 0])
    assert dict(done.tracks[0].words) == pytest.approx({"loud": place[1], "sad": place[0]})
    done = say_words("gloomy", "nowhere", model="space-1", with_vectors=True)
    assert dict(done.tracks[0].words) == pytest.approx({"gloomy": place @ [0.8, 0.6, 0]})
