"""Variants of audio: what the store lacks is asked for, of training tracks alone."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import AudioError, StoreError
from essentia_ldl.features import variants
from essentia_ldl.features.store import Store, find_variant
from essentia_ldl.files import Home
from essentia_ldl.records import Failure, Track


@pytest.fixture
def collection(tmp_path):
    tracks = tuple(Track(name, f"/{name}.mp3", "sad") for name in ("a", "b"))
    contents = {"a": "0a" * 32, "b": "0b" * 32}
    return Collection(tracks, contents, {"a": 1.0, "b": 1.0}, (), Home(tmp_path))


@pytest.fixture
def asked(monkeypatch):
    found = []

    def run_jobs(function, jobs, step, n_jobs):
        found.extend((function.rpartition(":")[2], job) for job in jobs)
        return iter((job, None) for job in jobs)

    monkeypatch.setattr(variants, "run_jobs", run_jobs)
    monkeypatch.setattr(variants.shutil, "which", lambda name: name)
    return found


def test_training_tracks_alone_get_what_the_store_lacks(collection, asked):
    said = []
    store = Store(collection.home.store)
    store.write(collection.contents["a"], frontends.MUSICNN, np.zeros((3, 96)), "tempo-94")
    variants.make_variants(collection, {"a"}, frontends.MUSICNN, ("quality", "tempo"), say=said.append)
    (first, plain), (second, made) = asked
    assert (first, plain["quality"], plain["path"], plain["front_ends"]) == ("extract_track", 1, "/a.mp3", ["musicnn"])
    assert (second, made["variants"], made["content"]) == ("extract_variant", ["tempo-106"], collection.contents["a"])
    assert said == ["variants of the audio of 1 tracks: quality, tempo"]
    for name in ("quality-1", "tempo-106"):
        front_end, own = find_variant(frontends.MUSICNN, name)
        store.write(collection.contents["a"], front_end, np.zeros((3, 96)), own)
    asked.clear()
    variants.make_variants(collection, {"a"}, frontends.MUSICNN, ("quality", "tempo"), say=pytest.fail)
    assert asked == []


def test_without_ffmpeg_there_is_one_sentence(collection, monkeypatch):
    monkeypatch.setattr(variants.shutil, "which", lambda name: None)
    variants.require_ffmpeg(("quality",), variants.TRAIN_WITHOUT)
    message = r"\(mp3, pitch\): expected ffmpeg on the PATH, .*leave them out of augment\.audio"
    with pytest.raises(AudioError, match=message):
        variants.make_variants(collection, {"a"}, frontends.MUSICNN, ("mp3", "quality", "pitch"))


def test_a_variant_that_cannot_be_made_is_told(collection, asked, monkeypatch):
    monkeypatch.setattr(
        variants, "run_jobs", lambda f, jobs, *_: ((j, Failure("/a.mp3", "variants", "no")) for j in jobs)
    )
    with pytest.raises(StoreError, match="no"):
        variants.make_variants(collection, {"a"}, frontends.MUSICNN, ("mp3",), say=lambda _: None)


def test_deformations_are_made_of_some_tracks_for_all_front_ends_at_once(collection, asked):
    said = []
    front_ends = (frontends.MUSICNN, frontends.VGGISH)
    store, content = Store(collection.home.store), collection.contents["b"]
    store.write(content, frontends.MUSICNN, np.zeros((3, 96)), "noise-10")
    variants.deform(collection, {"b"}, front_ends, ("noise-10", "drc-radio"), say=said.append)
    ((function, job),) = asked
    assert (function, job["content"], job["variants"]) == ("extract_variant", content, ["noise-10", "drc-radio"])
    assert job["front_ends"] == ["musicnn", "vggish"]
    assert said == ["variants of the audio of 1 tracks, 2 of each"]
    for front_end in front_ends:
        for name in ("noise-10", "drc-radio"):
            store.write(content, front_end, np.zeros((3, front_end.n_bands)), name)
    asked.clear()
    variants.deform(collection, {"b"}, front_ends, ("noise-10", "drc-radio"), say=pytest.fail)
    assert asked == []


def test_without_ffmpeg_nothing_is_deformed(collection, monkeypatch):
    monkeypatch.setattr(variants.shutil, "which", lambda name: None)
    variants.require_ffmpeg((), variants.AGAIN)
    with pytest.raises(AudioError, match=r"\(noise-10\): expected ffmpeg on the PATH, .*run the same command again"):
        variants.deform(collection, {"a"}, (frontends.MUSICNN,), ("noise-10",))
