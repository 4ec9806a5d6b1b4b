"""Stored features as label sources read them: by track and front-end, from the collection's own home."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import StoreError
from essentia_ldl.features import descriptors, embeddings
from essentia_ldl.features.reader import TrackFeatures
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.frontends import MFCC
from essentia_ldl.recipe.recipe import NetworkSettings
from essentia_ldl.records import Track

TRACKS = (Track("a", "/a.wav", "sad"), Track("b", "/b.wav", "non_sad"))
NETWORK = NetworkSettings()


def make_collection(home: Home, value: float) -> Collection:
    """Two tracks whose frames hold a value."""
    contents = {"a": "00" * 32, "b": "11" * 32}
    for content in contents.values():
        Store(home.store).write(content, MFCC, np.full((20, MFCC.n_bands), value))
    return Collection(TRACKS, contents, dict.fromkeys(contents, 30.0), (), home)


def test_frames_are_those_of_the_collections_home_whatever_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "elsewhere"))
    readers = [TrackFeatures(make_collection(Home(tmp_path / name), len(name)), NETWORK) for name in ("a", "bb")]
    for value, read in enumerate(readers, 1):
        np.testing.assert_array_equal(read(TRACKS[0], "mfcc"), np.full((20, MFCC.n_bands), value, np.float32))


def test_embeddings_are_read_once_for_all_tracks(tmp_path, monkeypatch):
    asked = []
    rows = {"a": np.zeros((2, 4)), "b": np.ones((3, 4))}
    monkeypatch.setattr(embeddings, "read_embeddings", lambda *given: asked.append(given) or rows)
    collection = make_collection(Home(tmp_path), 0)
    read = TrackFeatures(collection, NETWORK)
    assert read(TRACKS[1], embeddings.NAME) is rows["b"]
    assert read(TRACKS[0], embeddings.NAME) is rows["a"]
    assert asked == [(collection, NETWORK)]


def test_descriptors_are_one_row(tmp_path, monkeypatch):
    monkeypatch.setattr(descriptors, "read_vector", lambda store, content: np.array([1.0, np.nan]))
    read = TrackFeatures(make_collection(Home(tmp_path), 0), NETWORK)
    np.testing.assert_array_equal(read(TRACKS[0], labels.DESCRIPTORS), [[1.0, np.nan]])


def test_a_narrow_reader_is_small_to_send_and_knows_its_tracks_only(tmp_path):
    read = TrackFeatures(make_collection(Home(tmp_path), 5), NETWORK)
    narrow = pickle.loads(pickle.dumps(read.narrow(TRACKS[:1])))
    assert narrow(TRACKS[0], "mfcc")[0, 0] == 5
    with pytest.raises(KeyError):
        narrow(TRACKS[1], "mfcc")


def test_what_is_not_in_the_store_is_told(tmp_path):
    read = TrackFeatures(make_collection(Home(tmp_path), 0), NETWORK)
    with pytest.raises(StoreError, match="features: expected a readable array"):
        read(TRACKS[0], "musicnn")
