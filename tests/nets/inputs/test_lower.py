"""Frozen lower layers: what is kept is what the whole network makes, and memory has a bound."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.backbones import musicnn
from essentia_ldl.nets.classifier import build_network, split_model
from essentia_ldl.nets.inputs import lower as module
from essentia_ldl.nets.inputs.evaluation_hop import HopBands
from essentia_ldl.nets.inputs.lower import LowerPart, LowerSource
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.runs.plan import read_plan


@pytest.fixture(scope="module")
def parts():
    model = build_network(musicnn, 2, fine_tune="top", size={"n_midend": 4, "n_embedding": 8})
    lower, upper = split_model(model, musicnn.FROZEN_UNTIL)
    return model, LowerPart(lower, (187, 96)), upper


@pytest.fixture
def plan(make_run):
    return read_plan(make_run(n_tracks=3, n_frames=290, evaluation_hop_frames=40))


@pytest.mark.slow
def test_the_upper_part_on_what_is_kept_says_what_the_network_says(parts, plan):
    model, lower, upper = parts
    bands = BandSource(plan)
    source = LowerSource(bands, lower)
    assert source.shape == lower.compute(bands.grid(0)).shape[1:]
    np.testing.assert_array_equal(source.n_choices, bands.n_patches)
    for row in range(3):
        assert len(source.grid(row)) == source.n_patches[row] == 2
        np.testing.assert_allclose(
            upper(source.grid(row), training=False), model(bands.grid(row), training=False), atol=1e-6
        )


def test_what_is_kept_is_computed_once_for_all_runs(parts, plan, monkeypatch):
    source = LowerSource(BandSource(plan), parts[1])
    monkeypatch.setattr(LowerPart, "compute", lambda *_: pytest.fail("computed again"))
    again = LowerSource(BandSource(plan), parts[1])
    taken = again.take(np.array([2, 0]), np.array([0, 1]))
    np.testing.assert_array_equal(taken, [source.grid(2)[0], source.grid(0)[1]])


def test_patches_of_another_hop_are_kept_apart(parts, plan):
    source, hopped = LowerSource(BandSource(plan), parts[1]), LowerSource(HopBands(plan), parts[1])
    assert (len(source.grid(0)), len(hopped.grid(0))) == (2, 3)
    np.testing.assert_allclose(source.grid(0)[0], hopped.grid(0)[0], atol=1e-6)


def test_more_than_fits_is_computed_when_it_is_taken(parts, plan, monkeypatch):
    kept = LowerSource(BandSource(plan), parts[1])
    monkeypatch.setattr(module, "KEPT_BYTES", 6 * 4 * kept.shape[0] - 1)
    source = LowerSource(BandSource(plan), LowerPart(split_model(parts[0], musicnn.FROZEN_UNTIL)[0], (187, 96)))
    assert (kept.keeps, source.keeps) == (True, False)
    rows, choices = np.array([1, 0, 2]), np.array([1, 1, 0])
    # of another batch, so that sums are taken in another order: values are some tens
    np.testing.assert_allclose(source.take(rows, choices), kept.take(rows, choices), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(source.grid(1), kept.grid(1), rtol=1e-5, atol=1e-6)
    assert source.lower.kept == {}
