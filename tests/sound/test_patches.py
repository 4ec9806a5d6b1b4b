"""Patches cut in numpy: those of Essentia's VectorRealToTensor, from an array or from a file."""

from __future__ import annotations

import dataclasses

import essentia
import essentia.streaming as ess
import numpy as np
import pytest

from essentia_ldl.errors import DiskError
from essentia_ldl.features.samples import to_int16
from essentia_ldl.frontends import MUSICNN, WAVE_5S
from essentia_ldl.sound.decoder import SPAN
from essentia_ldl.sound.patches import StoredBands, cut_blocks, cut_patches, cut_stored, find_stored

N_FRAMES, N_BANDS = 10, 4


def draw(n_frames: int) -> np.ndarray:
    return np.random.default_rng(n_frames).random((n_frames, N_BANDS)).astype(np.float32)


def cut_in_essentia(bands: np.ndarray, hop: int, last_patch: str) -> np.ndarray:
    source, pool = ess.VectorInput(bands), essentia.Pool()
    cutter = ess.VectorRealToTensor(shape=[1, 1, N_FRAMES, N_BANDS], patchHopSize=hop, lastPatchMode=last_patch)
    to_rows = ess.TensorToVectorReal()
    source.data >> cutter.frame
    cutter.tensor >> to_rows.tensor
    to_rows.frame >> (pool, "rows")
    essentia.run(source)
    rows = pool["rows"] if "rows" in pool.descriptorNames() else np.zeros((0, N_BANDS), np.float32)
    return np.asarray(rows, dtype=np.float32).reshape(-1, N_FRAMES, N_BANDS)


def join(bands, hop: int, size: int, last_patch: str) -> np.ndarray:
    blocks = list(cut_patches(bands, N_FRAMES, hop, size, last_patch))
    assert all(len(block) == size for block in blocks[:-1])
    return np.concatenate(blocks or [np.zeros((0, N_FRAMES, N_BANDS), np.float32)])


@pytest.mark.parametrize("last_patch", ["discard", "repeat"])
@pytest.mark.parametrize("hop", [3, 5, 10])
@pytest.mark.parametrize("n_frames", [1, 4, 9, 10, 11, 15, 20, 29, 30])
def test_patches_are_essentias(n_frames, hop, last_patch):
    bands = draw(n_frames)
    expected = cut_in_essentia(bands, hop, last_patch)
    for size in (1, 2, 64):
        np.testing.assert_array_equal(join(bands, hop, size, last_patch), expected)


def test_no_frames_give_no_patch():
    for last_patch in ("discard", "repeat"):
        assert list(cut_patches(draw(0), N_FRAMES, 5, 2, last_patch)) == []


@pytest.mark.parametrize("last_patch", ["discard", "repeat"])
def test_bands_in_a_file_are_cut_as_those_in_memory(tmp_path, last_patch):
    bands = draw(33)
    path = tmp_path / "bands"
    path.write_bytes(draw(7).tobytes() + bands.tobytes())  # what stands before is of an earlier run
    stored = StoredBands(path, len(bands), N_BANDS, 7)
    np.testing.assert_array_equal(stored[:], bands)
    np.testing.assert_array_equal(stored[30:99], bands[30:])
    assert len(stored[5:5]) == 0
    np.testing.assert_array_equal(join(stored, 4, 2, last_patch), join(bands, 4, 2, last_patch))


def test_a_file_that_is_not_whole_was_written_to_a_full_disk(tmp_path):
    """Essentia's FileOutput does not say so; half a track would become features."""
    (tmp_path / "bands").write_bytes(draw(10).tobytes()[:-1])
    for name, n_frames in (("bands", 10), ("none", 1)):
        with pytest.raises(DiskError, match=rf"The disk is full \(.*{name}\)\. Free space"):
            find_stored({f"{SPAN}x": np.array([0, n_frames])}, "x", tmp_path / name, N_BANDS)
    assert len(find_stored({f"{SPAN}x": np.array([3, 9])}, "x", tmp_path / "bands", N_BANDS)) == 6


@pytest.mark.parametrize("last_patch", ["discard", "repeat"])
@pytest.mark.parametrize(("n_frames", "hop"), [(4, 5), (10, 5), (29, 5), (30, 10), (31, 10), (60, 3)])
def test_stretches_hold_the_same_patches(n_frames, hop, last_patch):
    bands = draw(n_frames)
    blocks = list(cut_blocks(bands, N_FRAMES, hop, 3, last_patch))
    counts = [(len(block) - N_FRAMES) // hop + 1 for block in blocks]
    assert all((len(block) - N_FRAMES) % hop == 0 for block in blocks)
    assert all(count <= 3 for count in counts)
    found = [
        block[i * hop : i * hop + N_FRAMES] for block, count in zip(blocks, counts, strict=True) for i in range(count)
    ]
    expected = join(bands, hop, 3, last_patch)
    assert len(found) == len(expected)
    np.testing.assert_array_equal(np.array(found).reshape(expected.shape), expected)


def test_what_is_stored_is_cut_as_networks_read_it():
    signal = np.sin(np.arange(25, dtype=np.float32))
    waves = dataclasses.replace(WAVE_5S, patch_frames=10, patch_hop_frames=5)
    blocks = list(cut_stored(to_int16(signal), waves, 3))
    assert [(block.shape, block.dtype) for block in blocks] == [((3, 10), np.float32), ((1, 10), np.float32)]
    np.testing.assert_allclose(np.concatenate(blocks), [signal[i : i + 10] for i in (0, 5, 10, 15)], atol=1 / 32768)
    bands = dataclasses.replace(MUSICNN, n_bands=N_BANDS, patch_frames=N_FRAMES, patch_hop_frames=5)
    np.testing.assert_array_equal(np.concatenate(list(cut_stored(draw(29), bands, 3))), join(draw(29), 5, 3, "discard"))
