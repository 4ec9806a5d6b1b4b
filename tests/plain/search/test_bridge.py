"""From words to tags: exact ones, phrases of them, and words through vectors (ConSE)."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from essentia_ldl.errors import DataError, UnknownNameError
from essentia_ldl.search import bridge as module
from essentia_ldl.search.bridge import Bridge, Meaning, place_tracks
from essentia_ldl.tags import TAGS
from essentia_ldl.words.vectors import WordVectors

TAGGED = ("sad", "Hip-Hop", "female vocalists", "Electronic---Deep House", "piano")
WORDS = {
    "sad": [1, 0, 0],
    "hip": [0, 1, 0],
    "hop": [0, 1, 0],
    "piano": [0.6, 0, 0.8],
    "gloomy": [0.8, 0.6, 0],
    "grim": [0, 0, -1],
    "deep": [0, -1, 0],
    "house": [0, 0, -1],
}


@pytest.fixture
def vectors():
    units = np.array([np.array(row) / np.linalg.norm(row) for row in WORDS.values()], np.float32)
    return WordVectors("glove.txt", tuple(WORDS), units, tuple(WORDS))


def test_the_examples_run():
    assert doctest.testmod(module).attempted == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sad", {"sad": 1}),
        ("hip hop", {"Hip-Hop": 1}),
        ("FEMALE VOCALISTS", {"female vocalists": 1}),
        ("deep house", {"Electronic---Deep House": 1}),
        ("sad hip-hop", {"sad": 0.5, "Hip-Hop": 0.5}),
        ("sad female vocalists piano", {"sad": 1 / 3, "female vocalists": 1 / 3, "piano": 1 / 3}),
    ],
)
def test_tags_mean_themselves(query, expected):
    meaning = Bridge(TAGGED).understand(query)
    found = {tag: float(weight) for tag, weight in zip(TAGGED, meaning.weights, strict=True) if weight}
    assert found == pytest.approx(expected)
    assert bool(meaning.notes) == (len(expected) > 1)


def test_every_tag_of_the_networks_means_itself():
    for tags in TAGS.values():
        weights = np.stack([Bridge(tags).understand(tag).weights for tag in tags])
        assert np.array_equal(weights, np.eye(len(tags), dtype=np.float32))


def test_other_words_without_vectors_are_told_the_tags_and_where_vectors_are():
    with pytest.raises(UnknownNameError, match=r"one of the 5 tags: deep house, female voc.*got 'gloomy'.*glove\.6B"):
        Bridge(TAGGED).understand("gloomy")
    with pytest.raises(UnknownNameError, match=r"got 'pianoo'.*Did you mean 'piano'\? Other words need"):
        Bridge(TAGGED).understand("pianoo")


def test_a_word_means_the_tags_that_are_near_it(vectors):
    meaning = Bridge(TAGGED, vectors).understand("gloomy")
    cosines = np.array([0.8, 0.6, 0, 0, 0.48])
    assert meaning.weights == pytest.approx(cosines / cosines.sum(), abs=1e-6)
    assert meaning.notes == ("The tags that are nearest to gloomy: sad 0.80, Hip-Hop 0.60, piano 0.48.",)
    assert Bridge(TAGGED, vectors).unknown == ("female vocalists",)


def test_a_tag_means_itself_with_vectors_too(vectors):
    assert Bridge(TAGGED, vectors).understand("Sad").weights.tolist() == [1, 0, 0, 0, 0]
    assert Bridge(TAGGED, vectors).understand("female vocalists").weights.tolist() == [0, 0, 1, 0, 0]


def test_a_phrase_is_the_mean_of_its_words(vectors):
    meaning = Bridge(TAGGED, vectors).understand("gloomy piano")
    middle = np.array([0.8, 0.6, 0]) + np.array([0.6, 0, 0.8])
    middle /= np.linalg.norm(middle)
    cosines = np.array([middle[0], middle[1], 0, 0, middle @ [0.6, 0, 0.8]])
    assert meaning.weights == pytest.approx(cosines / cosines.sum(), abs=1e-6)
    assert meaning.notes[0] == "gloomy piano is the mean of gloomy and piano."


def test_only_the_nearest_tags_count(vectors, monkeypatch):
    monkeypatch.setattr(module, "N_TAGS", 1)
    assert Bridge(TAGGED, vectors).understand("gloomy").weights.tolist() == [1, 0, 0, 0, 0]


def test_a_word_that_is_near_no_tag_and_one_without_a_vector_are_told(vectors):
    with pytest.raises(UnknownNameError, match="words that are near one of the tags; got 'grim'"):
        Bridge(("sad", "piano"), vectors).understand("grim")
    with pytest.raises(UnknownNameError, match="one that has a vector; got 'bleak'"):
        Bridge(TAGGED, vectors).understand("bleak")


def test_a_track_is_at_the_mean_of_its_likeliest_tags(monkeypatch):
    units = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 0]], np.float32)
    activations = np.array([[0.5, 0.25, 0, 0.9], [0.1, 0.2, 0.3, 0.9], [0, 0, 0, 1]], np.float32)
    expected = np.array([[0.5, 0.25], [0.1 + 0.18, 0.2 + 0.24], [0, 0]])
    expected[:2] /= np.linalg.norm(expected[:2], axis=1, keepdims=True)
    assert place_tracks(activations, units) == pytest.approx(expected)
    monkeypatch.setattr(module, "N_TAGS", 1)
    assert place_tracks(activations, units) == pytest.approx(np.array([[1, 0], [0.6, 0.8], [0, 0]]))


def test_words_are_compared_with_tracks(vectors):
    activations = np.array([[0.9, 0.1, 0.0, 0.0, 0.2]], np.float32)
    bridge = Bridge(TAGGED, vectors)
    place = np.array([0.9, 0.1, 0]) + 0.2 * np.array([0.6, 0, 0.8])
    expected = [place @ [0.8, 0.6, 0], place @ [0, 0, -1]] / np.linalg.norm(place)
    assert bridge.compare(activations, ["gloomy", "grim"])[0] == pytest.approx(expected, abs=1e-6)
    plain = Bridge(TAGGED).compare(activations, ["sad", "sad piano"])
    assert plain[0] == pytest.approx([0.9, 0.55])
    for one in (bridge, Bridge(TAGGED)):
        one.check("sad")
        with pytest.raises(UnknownNameError):
            one.check("nowhere")


def test_weights_are_shares():
    with pytest.raises(DataError, match="0 or more, of sum 1"):
        Meaning("q", np.array([0.5, 0.4], np.float32))
