"""Projections and whole networks: their sizes, where they begin, and that outputs leave them as they are."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import UnknownNameError
from essentia_ldl.nets.metric.encoders import SPACE, add_outputs, build_projection, build_whole, start_projection
from essentia_ldl.nets.metric.scatter import measure_scatter, solve_map

TRACKS = [np.random.default_rng(n).normal(2, 3, (3, 8)).astype(np.float32) for n in range(12)]
GROUPS = np.repeat(np.arange(4), 3)


@pytest.mark.parametrize(("size", "expected"), [(0, 8), (3, 3), (20, 8)])
def test_a_projection_begins_as_the_map_of_the_scatter(size, expected):
    scatter, model = measure_scatter(TRACKS, GROUPS), build_projection(8, size)
    start_projection(model, scatter)
    standard = (TRACKS[0] - scatter.mean) / np.sqrt(scatter.variance + 1e-6)
    found = model(TRACKS[0], training=False).numpy()
    assert found.shape == (3, expected)
    np.testing.assert_allclose(found, standard @ solve_map(scatter, expected), atol=1e-4)


def test_outputs_stand_above_the_space_and_change_nothing_below():
    model = build_projection(8, 3)
    start_projection(model, measure_scatter(TRACKS, GROUPS))
    whole = add_outputs(model, 5)
    assert whole.output_shape == (None, 5)
    assert whole.get_layer(SPACE) is model.get_layer(SPACE)


def test_a_whole_network_ends_in_its_own_embedding():
    model = build_whole("artists")
    assert model.output_shape == (None, 256)
    assert model.layers[-1].name == SPACE
    with pytest.raises(UnknownNameError):
        build_whole("artits")
