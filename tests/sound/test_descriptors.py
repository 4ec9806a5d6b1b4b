"""MusicExtractor's descriptors: the same columns for every file, nothing of the file itself, and reasons."""

from __future__ import annotations

import fnmatch

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import AudioError, StoreError
from essentia_ldl.features import descriptors, profiles
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import Home, read_json, write_json
from essentia_ldl.records import Failure, Track
from essentia_ldl.sound import descriptors as sound_descriptors
from essentia_ldl.sound.descriptors import extract_descriptors, extract_track, list_names


@pytest.fixture(scope="module")
def clip(tmp_path_factory, make_signal, write_wav):
    return write_wav(tmp_path_factory.mktemp("clips") / "a.wav", make_signal(6.0, seed=1))


@pytest.fixture(scope="module")
def described(clip):
    return extract_descriptors(str(clip))


def test_the_values_are_those_of_music_extractor(clip, described):
    vector, names = described
    pool, _ = es.MusicExtractor(**profiles.SETTINGS)(str(clip))
    column = dict(zip(names, vector, strict=True))
    assert column["rhythm.bpm"] == pytest.approx(pool["rhythm.bpm"])
    assert column["lowlevel.spectral_centroid.mean"] == pytest.approx(pool["lowlevel.spectral_centroid.mean"])
    mfcc = [column[f"lowlevel.mfcc.mean.{index}"] for index in range(13)]
    np.testing.assert_allclose(mfcc, pool["lowlevel.mfcc.mean"], rtol=1e-6)


def test_keys_and_scales_are_one_hot(clip, described):
    vector, names = described
    column = dict(zip(names, vector, strict=True))
    pool, _ = es.MusicExtractor(**profiles.SETTINGS)(str(clip))
    for name in ("tonal.key_edma.key", "tonal.chords_key"):
        cells = {key: column[f"{name}={key}"] for key in profiles.KEYS}
        assert sum(cells.values()) == 1
        assert cells[profiles.FLATS.get(pool[name], pool[name])] == 1
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


@pytest.mark.slow
def test_a_collection_is_described_once_and_a_file_that_fails_is_a_failure(
    tmp_path, monkeypatch, clip, make_signal, write_wav
):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    flat = write_wav(tmp_path / "flat.wav", np.zeros(4 * 44100))
    store = Store(tmp_path / "home" / "store")
    tracks = tuple(Track(path.stem, str(path), "x") for path in (clip, flat))
    contents = {track.id: store.remember(track.path) for track in tracks}
    collection = Collection(tracks, contents, dict.fromkeys(contents, 6.0), (), Home.from_environment())
    (failure,) = descriptors.make_descriptors(collection, 2)
    assert isinstance(failure, Failure)
    assert failure.path == str(flat)
    assert [track.id for track in descriptors.list_missing(collection)] == ["flat"]


# --- the profile "all" ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def described_all(clip):
    return extract_descriptors(str(clip), "all")


def test_all_has_every_number_of_music_extractor_by_itself(clip, described_all):
    """By a rule of its own: what its pool holds at default parameters, counted and compared entry by entry."""
    vector, names = described_all
    column = dict(zip(names, vector, strict=True))
    pool, _ = es.MusicExtractor()(str(clip))
    expected = {}
    for name in pool.descriptorNames():
        if name.startswith("metadata.") or name == "rhythm.beats_position" or name.endswith((".cov", ".icov")):
            continue
        value = pool[name]
        if isinstance(value, str):
            expected[f"{name}={profiles.FLATS.get(value, value)}"] = 1.0
        elif np.ndim(value):
            expected |= {f"{name}.{index}": number for index, number in enumerate(np.ravel(value))}
        else:
            expected[name] = value
    assert expected.keys() <= column.keys()
    np.testing.assert_allclose([column[name] for name in expected], list(expected.values()), rtol=1e-6)
    others = column.keys() - expected.keys()
    assert all("=" in name and column[name] == 0 for name in others)
    assert len(others) == 4 * 11 + 4  # four keys of 12 and four scales of 2, one of each is 1
    assert len(names) == len(expected) + len(others) == 3744  # as many as the authors' code has


def test_all_holds_what_gaia_keeps(described, described_all):
    gaia, everything = (dict(zip(names, vector, strict=True)) for vector, names in (described, described_all))
    assert gaia.keys() < everything.keys()
    np.testing.assert_allclose([everything[name] for name in gaia], list(gaia.values()), rtol=1e-6)


@pytest.mark.parametrize(("duration_s", "rate_hz"), [(0.3, 44100), (12.0, 44100), (4.0, 8000)])
def test_all_has_the_same_columns_for_every_length_and_rate(
    duration_s, rate_hz, tmp_path, make_signal, write_wav, described_all
):
    path = write_wav(tmp_path / "a.wav", make_signal(duration_s, rate_hz, seed=4), rate_hz)
    vector, names = extract_descriptors(str(path), "all")
    assert names == described_all[1]
    assert vector.shape == (3744,)


def test_a_tone_without_a_beat_has_the_same_columns(tmp_path, write_wav, described_all):
    path = write_wav(tmp_path / "tone.wav", 0.3 * np.sin(2 * np.pi * 440 * np.arange(14_000) / 44100))
    assert extract_descriptors(str(path), "all")[1] == described_all[1]
    pool, _ = es.MusicExtractor()(str(path))
    assert len(pool["rhythm.beats_position"]) == 0


def test_what_lacks_or_is_not_finite_is_nan_in_all_and_refused_in_gaia(clip, monkeypatch, described_all):
    real = sound_descriptors._describe

    def describe(*arguments):
        columns, version = real(*arguments)
        columns["lowlevel.spectral_rms.mean"] = np.inf
        del columns["tonal.hpcp.mean.3"]
        return columns | {"lowlevel.unheard.mean": 1.0}, version

    list_names("all"), list_names("gaia")
    monkeypatch.setattr(sound_descriptors, "_describe", describe)
    vector, names = extract_descriptors(str(clip), "all")
    assert names == described_all[1]
    assert [names[i] for i in np.flatnonzero(np.isnan(vector))] == ["lowlevel.spectral_rms.mean", "tonal.hpcp.mean.3"]
    assert not np.isinf(vector).any()
    with pytest.raises(AudioError, match=r"one that every file has; got 'no tonal\.hpcp\.mean\.3'"):
        extract_descriptors(str(clip))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"essentia": "2.1-beta5 v2.1_beta5"},
            r"expected descriptors of Essentia 2\.1.*; got '2\.1-beta5 v2\.1_beta5'",
        ),
        ({"names": ["lowlevel.x"]}, "expected the descriptors of this Essentia; got 'other columns'"),
    ],
)
def test_descriptors_of_another_version_are_not_mixed(change, message, tmp_path, monkeypatch, clip, described_all):
    folder = descriptors.descriptor_folder(Store(tmp_path), "all")
    job = {"path": str(clip), "store": str(tmp_path), "folder": str(folder), "profile": "all"}
    content = extract_track(job)
    stored = read_json(folder / "names.json")
    assert stored["names"] == described_all[1]
    assert stored["essentia"].startswith("2.1")
    np.testing.assert_array_equal(descriptors.read_vector(Store(tmp_path), content), described_all[0])
    write_json(folder / "names.json", stored | change)

    def fail(*_arguments):
        raise RuntimeError("nothing is computed in vain")

    monkeypatch.setattr(sound_descriptors, "extract_descriptors", fail)
    with pytest.raises(StoreError, match=rf"descriptors: {message} .*delete this folder"):
        extract_track(job)
    assert read_json(folder / "names.json") == stored | change


@pytest.mark.slow
def test_a_collection_is_described_by_all_beside_gaia(tmp_path, monkeypatch, clip, write_wav):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    flat = write_wav(tmp_path / "flat.wav", np.zeros(4 * 44100))
    store = Store(tmp_path / "home" / "store")
    tracks = tuple(Track(path.stem, str(path), "x") for path in (clip, flat))
    contents = {track.id: store.remember(track.path) for track in tracks}
    collection = Collection(tracks, contents, dict.fromkeys(contents, 6.0), (), Home.from_environment())
    failures = descriptors.make_descriptors(collection, 2, "all")
    assert [failure.path for failure in failures] == [str(flat)]
    assert len(descriptors.list_missing(collection)) == 2
    vectors, names = descriptors.read_descriptors(collection, failures, "all")
    assert len(names) == 3744
    assert np.isnan(vectors["flat"]).all()
    assert np.isfinite(vectors[clip.stem]).all()
    names_file = descriptors.descriptor_folder(store, "all") / "names.json"
    write_json(names_file, {"essentia": "another", "names": list(names)})
    with pytest.raises(StoreError, match="Descriptors of two versions are not mixed"):  # of the worker, not a Failure
        descriptors.make_descriptors(collection, 2, "all")
