"""Decoded audio as int16 samples in the store."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.features import samples as samples_module
from essentia_ldl.features.samples import FULL_SCALE, as_stored, find_dtype, to_float, to_int16
from essentia_ldl.features.store import Store
from essentia_ldl.frontends import ALL, MUSICNN, SAMPLECNN

CONTENT = "ab" * 32


def test_a_signal_comes_back_to_half_a_step():
    signal = np.random.default_rng(0).uniform(-1, 32767 / 32768, 1000).astype(np.float32)
    samples = to_int16(signal)
    assert (samples.shape, samples.dtype) == ((1000, 1), np.int16)
    found = to_float(samples)
    assert (found.shape, found.dtype) == ((1000,), np.float32)
    assert 0 < np.abs(found - signal).max() <= 0.5 / FULL_SCALE
    np.testing.assert_array_equal(to_int16(found), samples)


def test_what_is_too_loud_is_clipped_and_does_not_wrap():
    assert to_int16(np.array([1.0, 1.7, -1.0, -3.0], np.float32)).ravel().tolist() == [32767, 32767, -32768, -32768]


def test_patches_become_what_a_network_reads():
    patches = np.array([[[16384], [0]], [[-16384], [1]]], np.int16)
    np.testing.assert_array_equal(to_float(patches), np.array([[0.5, 0], [-0.5, 1 / 32768]], np.float32))


def test_only_waveforms_are_int16():
    assert {name for name, one in ALL.items() if find_dtype(one) == np.int16} == {
        "samplecnn",
        "samplecnn-1s",
        "wave-3s",
        "wave-5s",
    }
    assert {name for name, one in ALL.items() if find_dtype(one) == np.uint8} == {"picture"}
    assert {find_dtype(one).name for one in ALL.values()} == {"int16", "uint8", "float32"}


def test_the_store_keeps_them_mapped_from_disk(tmp_path):
    store, samples = Store(tmp_path), to_int16(np.linspace(-1, 1, 70000, dtype=np.float32))
    store.write(CONTENT, SAMPLECNN, samples)
    found = store.read(CONTENT, SAMPLECNN)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, samples)
    assert store.path(CONTENT, SAMPLECNN).stat().st_size < 2 * len(samples) + 200


@pytest.mark.parametrize(("front_end", "made"), [(SAMPLECNN, np.float32), (MUSICNN, np.int16)])
def test_numbers_of_another_kind_are_refused(front_end, made, tmp_path):
    store = Store(tmp_path)
    path = store.path(CONTENT, front_end)
    path.parent.mkdir(parents=True)
    np.save(path, np.zeros((10, front_end.n_bands), made))
    with pytest.raises(StoreError, match=rf"features: expected {find_dtype(front_end).name} \(n_frames, "):
        store.read(CONTENT, front_end)
    assert not path.exists()


def test_a_signal_that_was_not_made_samples_is_not_stored_as_zeros(tmp_path):
    with pytest.raises(TypeError, match="same_kind"):
        Store(tmp_path).write(CONTENT, SAMPLECNN, np.full((5, 1), 0.5, np.float32))
    stored = as_stored(np.full(5, 0.5, np.float32), SAMPLECNN)
    assert (stored.dtype, stored.shape, int(stored[0, 0])) == (np.int16, (5, 1), 16384)
    assert as_stored(np.ones((2, 96)), MUSICNN).dtype == np.float32


def test_a_signal_is_rounded_piece_by_piece_to_the_same(monkeypatch):
    signal = np.random.default_rng(1).uniform(-1.5, 1.5, 1000).astype(np.float32)
    expected = to_int16(signal)
    monkeypatch.setattr(samples_module, "PIECE_SAMPLES", 7)
    np.testing.assert_array_equal(to_int16(signal), expected)
