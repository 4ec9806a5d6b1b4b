"""The smoothing space on arrays: where points lie, and whose labels they take."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.labels._space import check_size, fit_space
from essentia_ldl.labels.smoothing import PRESETS

CLASSES = ("a", "b")


def fit(points, targets, **own):
    settings = {**PRESETS["emb"], "n_neighbors": 2, **own}
    return fit_space(np.array(points, dtype=float), np.array(targets), CLASSES, settings)[0]


def test_a_feature_is_standardised_and_a_constant_one_is_not_blown_up():
    space = fit([[0, 5], [2, 5], [4, 5]], [0, 1, 1])
    assert (space.mean.tolist(), space.scale.tolist()) == ([2, 5], [pytest.approx(np.sqrt(8 / 3)), 1])
    assert space.embed(np.array([2.0, 6.0])).tolist() == [0, 1]
    assert fit([[0, 5], [2, 5]], [0, 1], standardize=False).embed(np.array([3.0, 4.0])).tolist() == [3, 4]


def test_a_new_point_takes_its_nearest_and_a_training_point_leaves_itself_out():
    space = fit([[0], [1], [10], [11]], [0, 1, 1, 0])
    assert space.smooth(np.array([0.0])).tolist() == [0.5, 0.5]
    assert space.smooth_own(0).tolist() == [0, 1]
    assert fit([[0], [1], [10], [11]], [0, 1, 1, 0], include_self=True).smooth_own(0).tolist() == [0.5, 0.5]
    assert fit([[0], [1], [10], [11]], [0, 1, 1, 0], self_weight=0.25).smooth_own(0).tolist() == [0.25, 0.75]


def test_equal_distances_go_by_the_order_of_the_points():
    assert fit([[1], [-1], [1]], [0, 1, 1], n_neighbors=1, standardize=False).smooth(np.zeros(1)).tolist() == [1, 0]


def test_lmnn_maps_onto_its_components_and_says_what_it_did():
    random = np.random.default_rng(0)
    points, targets = random.normal(size=(30, 4)), np.arange(30) % 2
    settings = {**PRESETS["emb"], "lmnn": True, "n_components": 2, "lmnn_filter": "wilson"}
    space, report = fit_space(points, targets, CLASSES, settings)
    assert space.points.shape == (30, 2)
    assert space.embed(points) == pytest.approx(space.points)
    assert {"n_iter", "converged", "objective", "n_filtered", "n_put_back"} <= set(report)


def test_more_neighbours_than_tracks_are_refused():
    check_size(3, "n_neighbors", 2, {"n_neighbors": 2}, "labels.sa")
    with pytest.raises(DataError, match="at most 2, as the 3 training tracks give; got 3"):
        check_size(3, "n_neighbors", 2, {"n_neighbors": 3}, "labels.sa")
