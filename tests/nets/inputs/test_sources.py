"""Where the inputs of a training come from: embeddings in memory or mapped, and the statistics of both."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest

from essentia_ldl.features.store import Store
from essentia_ldl.frontends import WAVE_3S
from essentia_ldl.nets.inputs import below_head
from essentia_ldl.nets.inputs.embeddings import open_embeddings
from essentia_ldl.nets.inputs.sources import BandSource, EmbeddingSource, iterate_grid, measure_frames
from essentia_ldl.nets.training import train as training
from essentia_ldl.runs.plan import read_plan


class Lazy:
    """The embeddings of an extractor, read from files; counts what it is asked for."""

    lazy = True

    def __init__(self, extractor, folder):
        self.model, self._extractor, self._folder = extractor.model, extractor, folder
        self.n_read = 0

    def load(self, contents):
        raise AssertionError("everything at once is what must not happen")

    def count(self, contents):
        arrays = self._extractor.load(contents)
        for content, array in zip(contents, arrays, strict=True):
            np.save(self._folder / f"{content}.npy", array)
        return np.array([len(array) for array in arrays])

    def read(self, content):
        self.n_read += 1
        return np.load(self._folder / f"{content}.npy", mmap_mode="r")


@pytest.fixture
def sources(make_run, tmp_path):
    plan = read_plan(make_run(n_tracks=6, n_frames=600, network={"backbone": "vgg"}))  # the quick one
    extractor = open_embeddings(plan, {})
    return plan, EmbeddingSource(plan, extractor), EmbeddingSource(plan, Lazy(extractor, tmp_path))


def test_a_lazy_source_gives_what_one_in_memory_gives(sources):
    _, held, lazy = sources
    assert held.shape == lazy.shape == (256,)
    for name in ("n_patches", "n_choices"):
        np.testing.assert_array_equal(getattr(held, name), getattr(lazy, name))
        assert getattr(lazy, name).dtype == np.int64
    rows, choices = np.array([4, 0, 3, 0]), np.array([1, 4, 0, 2])
    np.testing.assert_array_equal(held.take(rows, choices), lazy.take(rows, choices))
    for row in range(6):
        np.testing.assert_array_equal(held.grid(row), lazy.grid(row))
    rows = np.arange(6)
    for ours, theirs in zip(iterate_grid(held, rows), iterate_grid(lazy, rows), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(held.measure(rows), lazy.measure(rows), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_lazy_source_reads_what_it_is_asked_for(sources):
    _, _, lazy = sources
    before = lazy._extractor.n_read
    lazy.take(np.array([1, 2]), np.array([0, 0]))
    assert lazy._extractor.n_read == before + 2


@pytest.mark.slow
@pytest.mark.parametrize("standardize", [False, True])
def test_a_training_from_lazy_embeddings_is_the_same(make_run, tmp_path, monkeypatch, standardize):
    network = {"backbone": "vgg", "standardize": standardize}
    settings = {"training": {"epochs": 3}, "network": network, "n_tracks": 12, "n_frames": 290}
    expected = training.train(make_run("held", **settings))
    monkeypatch.setattr(below_head, "open_embeddings", lambda *given: Lazy(open_embeddings(*given), tmp_path))
    assert training.train(make_run("lazy", **settings)) == expected
    with np.load(tmp_path / "held" / "predictions.npz") as held, np.load(tmp_path / "lazy" / "predictions.npz") as lazy:
        for name in held.files:
            np.testing.assert_array_equal(held[name], lazy[name])


def test_statistics_of_pieces_are_those_of_the_whole():
    random = np.random.default_rng(0)
    pieces = [random.normal(-60, 12, (n, 5)).astype(np.float32) for n in (1, 300, 0, 17, 2000)]
    whole = np.concatenate(pieces).astype(np.float64)
    mean, variance = measure_frames(iter(pieces))
    assert mean.dtype == variance.dtype == np.float32
    np.testing.assert_allclose(mean, whole.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(variance, whole.var(axis=0), rtol=1e-6)


def test_statistics_keep_a_small_variance_on_a_large_mean():
    values = (-100 + 1e-3 * np.random.default_rng(0).normal(size=(4000, 2))).astype(np.float32)
    _, variance = measure_frames(np.split(values, 8))
    np.testing.assert_allclose(variance, values.astype(np.float64).var(axis=0), rtol=1e-5)


def test_bands_are_measured_over_all_frames_of_some_tracks(make_run):
    plan = read_plan(make_run(n_tracks=6))
    source = BandSource(plan)
    frames = np.concatenate([source._bands(row) for row in (1, 4)]).astype(np.float64)
    mean, variance = source.measure(np.array([1, 4]))
    np.testing.assert_allclose(mean, frames.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(variance, frames.var(axis=0), rtol=1e-6)


@pytest.mark.parametrize(("n_samples", "n_patches"), [(30, 1), (100, 1), (199, 1), (200, 2), (250, 2)])
def test_patches_of_samples_stay_on_the_disk_until_they_are_taken(tmp_path, n_samples, n_patches):
    front_end = dataclasses.replace(WAVE_3S, patch_frames=100, patch_hop_frames=100)
    samples = np.random.default_rng(2).integers(-32768, 32767, (n_samples, 1), dtype=np.int16)
    Store(tmp_path).write("ab" * 32, front_end, samples)
    track = types.SimpleNamespace(content="ab" * 32)
    source = BandSource(types.SimpleNamespace(front_end=front_end, store=tmp_path, tracks=[track]))
    grid = source.grid(0)
    assert (len(grid), grid.shape) == (n_patches, (n_patches, 100))
    expected = np.resize(samples[: 100 * n_patches, 0], (n_patches, 100)).astype(np.float32) / 32768
    np.testing.assert_array_equal(grid, expected)
    np.testing.assert_array_equal(grid[n_patches - 1], expected[-1])
    np.testing.assert_array_equal(np.concatenate(list(iterate_grid(source, np.array([0, 0])))), [*expected, *expected])
    assert grid[:1].dtype == np.float32
    if n_samples >= 100:
        held = grid._patches
        while not isinstance(held, np.memmap) and held.base is not None:
            held = held.base
        assert isinstance(held, np.memmap), "a view of the file, and no copy"
