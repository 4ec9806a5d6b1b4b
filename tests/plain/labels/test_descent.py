"""LMNN's descent against metric-learn, finite differences and pairs counted one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from metric_learn import LMNN
from threadpoolctl import threadpool_limits

from essentia_ldl.labels import _descent
from essentia_ldl.labels._descent import Margins, descend, find_target_neighbors, start_map
from essentia_ldl.labels._lmnn import score_objective
from essentia_ldl.labels.smoothing import PRESETS

SETTINGS = PRESETS["sb"]


class Golden(LMNN):
    """metric-learn 0.7 checks its input with an argument that scikit-learn 1.8 removed; there is nothing to check."""

    def _prepare_inputs(self, points, targets, **_):
        return points, targets


def fit_golden(points, targets, settings, seed=0):
    """Return metric-learn's learner, and the objective that it prints last."""
    learner = Golden(
        init=settings["init"],
        n_neighbors=settings["lmnn_neighbors"],
        n_components=settings["n_components"],
        max_iter=settings["max_iter"],
        min_iter=settings["min_iter"],
        learn_rate=settings["learn_rate"],
        convergence_tol=settings["convergence_tol"],
        regularization=1 - settings["lambda_"],
        random_state=seed,
    )
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        return learner.fit(points, targets)


def make_points(n_tracks, n_classes, n_features=40, seed=0, distance=0.7):
    """Tracks whose features hang together, as the windows of a track do, in classes that overlap and differ in size."""
    generator = np.random.default_rng(seed)
    targets = np.sort(generator.integers(0, n_classes, n_tracks) * generator.integers(0, 2, n_tracks))
    targets[: 5 * n_classes] = np.arange(5 * n_classes) % n_classes
    centres = distance * generator.normal(size=(n_classes, n_features // 4))
    levels = centres[targets] + generator.normal(size=(n_tracks, n_features // 4))
    points = np.tile(levels, 4) + generator.normal(size=(n_tracks, n_features))
    order = generator.permutation(n_tracks)
    return ((points - points.mean(axis=0)) / points.std(axis=0))[order], targets[order]


def count_by_pairs(points, targets, components, n_neighbors, lambda_):
    """Return LMNN's objective and gradient, triplet by triplet."""
    neighbors = find_target_neighbors(points, targets, n_neighbors)
    objective, inner = 0.0, np.zeros((points.shape[1], points.shape[1]))
    for row, others in enumerate(neighbors):
        for other in others:
            apart = points[row] - points[other]
            pull = np.square(components @ apart).sum()
            objective += (1 - lambda_) * pull
            inner += (1 - lambda_) * np.outer(apart, apart)
            for impostor in np.flatnonzero(targets != targets[row]):
                away = points[row] - points[impostor]
                margin = 1 + pull - np.square(components @ away).sum()
                if margin > 0:
                    objective += lambda_ * margin
                    inner += lambda_ * (np.outer(apart, apart) - np.outer(away, away))
    return objective, 2 * components @ inner


@pytest.mark.parametrize(
    ("n_tracks", "n_classes", "changes"),
    [
        (60, 2, {"n_components": 8}),
        pytest.param(*(150, 2, {"n_components": 12, "lambda_": 0.8, "lmnn_neighbors": 1}), marks=pytest.mark.slow),
        pytest.param(*(120, 4, {"n_components": 12, "standardize": False}), marks=pytest.mark.slow),
        pytest.param(*(90, 3, {"n_components": 2}), marks=pytest.mark.slow),  # discriminants
        pytest.param(*(80, 3, {"n_components": 40, "max_iter": 200}), marks=pytest.mark.slow),  # the identity
        pytest.param(*(80, 2, {"n_components": 6, "init": "random", "learn_rate": 1e-3}), marks=pytest.mark.slow),
        pytest.param(
            *(80, 2, {"n_components": 6, "init": "identity", "lambda_": 0.0, "learn_rate": 1e-5}),
            marks=pytest.mark.slow,
        ),
        pytest.param(*(80, 2, {"n_components": 6, "lambda_": 1.0}), marks=pytest.mark.slow),
        (80, 2, {"n_components": 6, "learn_rate": 1e3}),  # halved many times
    ],
)
def test_map_and_steps_are_those_of_metric_learn(n_tracks, n_classes, changes):
    points, targets = make_points(n_tracks, n_classes, seed=n_tracks)
    settings = {**SETTINGS, "max_iter": 600, **changes}
    with threadpool_limits(1):
        found = descend(points, targets, settings, 7)
    golden = fit_golden(points, targets, settings, 7)
    assert found.n_iter == golden.n_iter_
    size = np.abs(golden.components_).max()
    np.testing.assert_allclose(found.components, golden.components_, rtol=0, atol=1e-9 * size)
    sizes = settings["lmnn_neighbors"], settings["lambda_"]
    objective = score_objective(golden.components_, points, targets, *sizes)
    assert found.objective == pytest.approx(objective, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_neighbours_after_it_are_those_after_metric_learn(seed):
    """What labels are made of: the 30 nearest of every track are the same ones, in the same order."""
    points, targets = make_points(200, 2, seed=seed)
    settings = {**SETTINGS, "n_components": 16, "max_iter": 800}
    orders = []
    with threadpool_limits(1):
        for components in (
            descend(points, targets, settings, seed).components,
            fit_golden(points, targets, settings, seed).components_,
        ):
            mapped = points @ components.T
            distances = np.square(mapped[:, None] - mapped[None]).sum(axis=2)
            orders.append(np.argsort(distances, axis=1, kind="stable")[:, :31])
    np.testing.assert_array_equal(*orders)


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("block", [_descent._BLOCK, 64, pytest.param(1, marks=pytest.mark.slow)])
def test_objective_and_slope_are_those_of_pairs_counted_one_by_one(monkeypatch, n_classes, block):
    monkeypatch.setattr(_descent, "_BLOCK", block)
    points, targets = make_points(50, n_classes, 12, seed=n_classes)
    margins = Margins(points, targets, 3, 0.3)
    for seed in range(3):  # the arrays are used again
        components = 0.5 * np.random.default_rng(seed).normal(size=(4, 12))
        objective, slope = count_by_pairs(points, targets, components, 3, 0.3)
        assert margins.measure(components) == pytest.approx(objective, rel=1e-12)
        np.testing.assert_allclose(margins.find_slope(), slope, rtol=1e-9, atol=1e-9 * np.abs(slope).max())


def test_the_slope_is_that_of_finite_differences():
    from scipy.optimize import approx_fprime

    points, targets = make_points(40, 3, 8)
    margins, components = Margins(points, targets, 2, 0.6), np.random.default_rng(1).normal(size=(3, 8))
    golden = approx_fprime(components.ravel(), lambda flat: margins.measure(flat.reshape(3, 8)), 1e-7)
    margins.measure(components)
    np.testing.assert_allclose(margins.find_slope().ravel(), golden, rtol=1e-3, atol=1e-3 * np.abs(golden).max())


def test_no_step_raises_the_objective():
    points, targets = make_points(100, 2, seed=5)
    ends = [
        descend(points, targets, {**SETTINGS, "learn_rate": 1e-5, "max_iter": n}, 0).objective for n in (2, 10, 50, 200)
    ]
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] < 0.5 * ends[0]


def test_classes_that_are_far_apart_only_pull():
    points, targets = make_points(40, 2, 8)
    points = points + 1e3 * targets[:, None]
    margins = Margins(points, targets, 3, 0.5)
    pull, _ = count_by_pairs(points, targets, np.eye(8), 3, 0.0)
    assert margins.measure(np.eye(8)) == pytest.approx(pull / 2, rel=1e-6)


def test_a_step_that_leaves_the_numbers_ends_it():
    points, targets = make_points(40, 2, 8)
    settings = {**SETTINGS, "n_components": 3, "learn_rate": 1e300, "max_iter": 300}
    with np.errstate(all="ignore"):
        wild = descend(points, targets, settings, 0)
    assert np.isnan(wild.objective)
    assert wild.n_iter == 2


def test_points_that_are_too_large_for_numbers_end_at_once():
    points, targets = make_points(40, 2, 8)
    with np.errstate(all="ignore"):
        found = descend(1e200 * points, targets, {**SETTINGS, "n_components": 3, "init": "identity"}, 0)
    assert not np.isfinite(found.objective)
    assert found.n_iter == 1


def test_equal_tracks_are_neighbours_and_no_trouble():
    points, targets = make_points(40, 2, 8)
    points = np.concatenate([points, points])
    targets = np.concatenate([targets, 1 - targets])
    found = descend(points, targets, {**SETTINGS, "n_components": 3, "max_iter": 100}, 0)
    assert np.isfinite(found.components).all()


@pytest.mark.parametrize("init", ["auto", "pca", "lda", "identity", "random"])
@pytest.mark.parametrize("n_components", [1, 2, 6, 12])
def test_the_first_map_is_metric_learns(init, n_components):
    from metric_learn._util import _initialize_components

    points, targets = make_points(60, 3, 12)
    if init == "lda" and n_components > 2:
        with pytest.raises(ValueError, match="n_components cannot be larger"):
            start_map(points, targets, init, n_components, 3)
        return
    golden = _initialize_components(n_components, points, targets, init, random_state=3)
    np.testing.assert_array_equal(start_map(points, targets, init, n_components, 3), golden)


def test_target_neighbours_are_the_nearest_of_the_class():
    points, targets = make_points(50, 3, 12)
    found = find_target_neighbors(points, targets, 3)
    for row in range(50):
        distances = np.square(points - points[row]).sum(axis=1)
        distances[(targets != targets[row]) | (np.arange(50) == row)] = np.inf
        np.testing.assert_array_equal(found[row], np.argsort(distances)[:3])
