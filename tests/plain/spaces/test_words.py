"""The command that learns from words: which words tracks have, what is planned, and what is measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.features.beside import find_networks
from essentia_ldl.files import Home
from essentia_ldl.records import Track
from essentia_ldl.runs.space import VECTORS
from essentia_ldl.spaces import words as module
from essentia_ldl.spaces.artists import make_asked, plan_space
from essentia_ldl.spaces.word_splits import WordSplit
from essentia_ldl.spaces.words import find_vocabulary, join_words, learn_words, measure_run, plan_words
from essentia_ldl.words.side import WordSide

GLOVE = "rock 1 0 0\njazz 0 1 0\nhip 0 0 1\nhop 0 0 1\n"
TRACKS = [
    Track("a", "/a", "x", artist="1", columns={"genre": "rock;Hip-Hop"}),
    Track("b", "/b", "x", artist="2", columns={"genre": "jazz|polka"}),
    Track("c", "/c", "x", artist="3", columns={"genre": "polka"}),
]
SPLIT = WordSplit(("Hip-Hop", "rock"), ("jazz",), {"a": "A", "b": "C"}, {"a": "train", "b": "test"})


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text(GLOVE)
    return str(path)


@pytest.fixture
def vocabulary(glove, tmp_path):
    return find_vocabulary(TRACKS, "genre", glove, tmp_path)


def test_words_are_those_of_a_column_that_have_a_vector(vocabulary):
    assert vocabulary.words == ("Hip-Hop", "jazz", "rock")
    assert vocabulary.units.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert vocabulary.told == {"a": ("rock", "Hip-Hop"), "b": ("jazz",), "c": ()}
    assert vocabulary.without_vector == ("polka",)


def test_labels_and_tags_are_words_too(glove, tmp_path):
    tracks = [Track("a", "/a", "rock"), Track("b", "/b", "jazz")]
    assert find_vocabulary(tracks, "label", glove, tmp_path).told == {"a": ("rock",), "b": ("jazz",)}
    tracks = [Track("a", "/a", "", tags=("rock", "jazz")), Track("b", "/b", "", tags=())]
    assert find_vocabulary(tracks, "label", glove, tmp_path).told == {"a": ("jazz", "rock"), "b": ()}


def test_a_collection_or_a_file_without_words_is_told(glove, tmp_path):
    with pytest.raises(DataError, match="words: expected tags or labels of tracks; got 'none'"):
        find_vocabulary([Track("b", "/b", "", tags=())], "label", glove, tmp_path)
    with pytest.raises(DataError, match="words: expected some that have a vector; got 'polka'"):
        find_vocabulary(TRACKS[2:], "genre", glove, tmp_path)
    with pytest.raises(DataError, match="column: expected one of artist, genre, label; got 'genres'"):
        find_vocabulary(TRACKS, "genres", glove, tmp_path)
    with pytest.raises(StoreError, match="file of word vectors"):
        find_vocabulary(TRACKS, "genre", str(tmp_path / "nowhere"), tmp_path)


@pytest.fixture
def plan(vocabulary, tmp_path):
    tracks = join_words(TRACKS, vocabulary, SPLIT)
    home = Home(tmp_path)
    collection = Collection(tuple(tracks), {track.id: f"{n:064}" for n, track in enumerate(tracks)}, {}, (), home)
    networks = find_networks(("msd-musicnn",), tmp_path)
    bare = plan_space(make_asked("basic", by="words", size=2), collection, networks, "mine")
    tags = {track.id: list(vocabulary.told[track.id]) for track in tracks}
    bare = dataclasses.replace(bare, settings=make_asked("devise", size=2).settings, tags=tags)
    return plan_words(bare, vocabulary, SPLIT, "/far/glove.txt")


def test_a_plan_says_who_trains_on_which_words(plan):
    assert [(track.id, track.role, track.label) for track in plan.tracks] == [
        ("a", "train", "rock; Hip-Hop"),
        ("b", "test", "jazz"),
    ]
    assert plan.tags == {"a": ["rock", "Hip-Hop"], "b": ["jazz"]}
    assert plan.stem == "mine_words-musicnn"
    vectors = {"file": "glove.txt", "dimensions": 3, "words": 3}
    assert plan.card["words"] == {"suffix": ".words.npz", "vectors": vectors}
    assert "choi2019zero" in plan.card["citation"]
    assert plan.settings.size == 2


def test_seen_and_unseen_words_are_measured_on_the_tracks_that_test(plan, vocabulary, tmp_path):
    ids = ["a", "b", *"cdef"]
    random = np.random.default_rng(0)
    tracks = tuple(dataclasses.replace(plan.tracks[1], id=id_, role="test") for id_ in ids[1:])
    tags = dict(zip(ids, [["rock"], ["jazz"], ["rock"], ["jazz"], ["Hip-Hop"], ["rock"]], strict=True))
    plan = dataclasses.replace(plan, folder=tmp_path, tracks=(plan.tracks[0], *tracks), tags=tags)
    units = random.normal(size=(3, 2)).astype(np.float32)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    side = WordSide(np.ones((3, 2), np.float32), np.zeros(2, np.float32), vocabulary.words, units)
    own = [vocabulary.words.index(tags[id_][0]) for id_ in ids]
    np.savez(tmp_path / VECTORS, ids=np.array(ids), vectors=3 * units[own])
    found = measure_run(plan, vocabulary, SPLIT, side)
    assert found["parts"] == {"test C": 1, "train A": 1}
    assert found["measures"]["seen"]["auc"] == found["measures"]["unseen"]["auc"] == 1
    assert (found["measures"]["seen"]["n_words"], found["measures"]["unseen"]["n_words"]) == (2, 1)
    assert "tags_map" not in found["measures"]["unseen"]
    assert [row["seen"] for row in found["rows"]] == [True, False, True]
    assert set(found["nearest_after"]) == set(vocabulary.words) == set(found["nearest_before"])
    with pytest.raises(DataError, match="No track is left to test"):
        measure_run(dataclasses.replace(plan, tracks=plan.tracks[:1]), vocabulary, SPLIT, side)


def test_too_few_words_are_told_before_any_audio_is_read(glove, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "prepare_features", None)
    for name in ("rock", "jazz", "polka"):
        (tmp_path / "music" / name).mkdir(parents=True)
        (tmp_path / "music" / name / "1.wav").touch()
    with pytest.raises(DataError, match="words: expected 3 or more with a vector; got 'jazz, rock'"):
        learn_words(make_asked("words", by="label"), glove, Source(tmp_path / "music"), Home(tmp_path), say=print)
