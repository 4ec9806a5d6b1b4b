"""MusicExtractor's descriptors: the same columns for every file, nothing of the file itself, and reasons."""

from __future__ import annotations

import fnmatch

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl import descriptors
from essentia_ldl.collection import Collection
from essentia_ldl.errors import AudioError
from essentia_ldl.records import Failure, Track
from essentia_ldl.sound.descriptors import extract_descriptors, extract_track
from essentia_ldl.store import Store, array_path, read_json


@pytest.fixture(scope="module")
def clip(tmp_path_factory, make_signal, write_wav):
    return write_wav(tmp_path_factory.mktemp("clips") / "a.wav", make_signal(6.0, seed=1))


@pytest.fixture(scope="module")
def described(clip):
    return extract_descriptors(str(clip))


def test_the_values_are_those_of_music_extractor(clip, described):
    vector, names = described
    pool, _ = es.MusicExtractor(**descriptors.SETTINGS)(str(clip))
    column = dict(zip(names, vector, strict=True))
    assert column["rhythm.bpm"] == pytest.approx(pool["rhythm.bpm"])
    assert column["lowlevel.spectral_centroid.mean"] == pytest.approx(pool["lowlevel.spectral_centroid.mean"])
    mfcc = [column[f"lowlevel.mfcc.mean.{index}"] for index in range(13)]
    np.testing.assert_allclose(mfcc, pool["lowlevel.mfcc.mean"], rtol=1e-6)


def test_keys_and_scales_are_one_hot(clip, described):
    vector, names = described
    column = dict(zip(names, vector, strict=True))
    pool, _ = es.MusicExtractor(**descriptors.SETTINGS)(str(clip))
    for name in ("tonal.key_edma.key", "tonal.chords_key"):
        cells = {key: column[f"{name}={key}"] for key in descriptors.KEYS}
        assert sum(cells.values()) == 1
        assert cells[descriptors.FLATS.get(pool[name], pool[name])] == 1
    assert column["tonal.key_edma.scale=major"] + column["tonal.key_edma.scale=minor"] == 1


def test_nothing_tells_the_file_or_its_length(described):
    vector, names = described
    assert len(set(names)) == len(names) == len(vector) > 500
    assert vector.dtype == np.float32
    for pattern in ("metadata*", "*length*", "*beats_count*", "*replay_gain*", "*sample_rate*", "*beats_position*"):
        assert not fnmatch.filter(names, pattern)


def test_other_lengths_rates_and_containers_have_the_same_columns(tmp_path, make_signal, write_wav, described, encode):
    short = write_wav(tmp_path / "short.wav", make_signal(1.0, seed=2))
    assert extract_descriptors(str(short))[1] == described[1]
    low = write_wav(tmp_path / "low.wav", make_signal(4.0, 22050, seed=3), 22050)
    assert extract_descriptors(str(low))[1] == described[1]
    opus = encode(low, tmp_path / "a.opus")
    assert extract_descriptors(str(opus))[1] == described[1]


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_a_silent_or_constant_file_is_told(tmp_path, write_wav, level):
    path = write_wav(tmp_path / "flat.wav", np.full(4 * 44100, level))
    with pytest.raises(AudioError, match=r"expected music that MusicExtractor describes; got .*flat\.wav"):
        extract_descriptors(str(path))


def test_a_job_keeps_the_vector_and_its_names(tmp_path, clip, described):
    folder = descriptors.descriptor_folder(Store(tmp_path))
    job = {"path": str(clip), "store": str(tmp_path), "folder": str(folder)}
    content = extract_track(job)
    np.testing.assert_array_equal(np.load(array_path(folder, content)), described[0])
    assert read_json(folder / "names.json") == described[1]


def test_a_collection_is_described_once_and_a_file_that_fails_is_a_failure(
    tmp_path, monkeypatch, clip, make_signal, write_wav
):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    flat = write_wav(tmp_path / "flat.wav", np.zeros(4 * 44100))
    store = Store(tmp_path / "home" / "store")
    tracks = tuple(Track(path.stem, str(path), "x") for path in (clip, flat))
    contents = {track.id: store.remember(track.path) for track in tracks}
    collection = Collection(tracks, contents, dict.fromkeys(contents, 6.0), ())
    (failure,) = descriptors.make_descriptors(collection, 2)
    assert isinstance(failure, Failure)
    assert failure.path == str(flat)
    assert [track.id for track in descriptors.list_missing(collection)] == ["flat"]
