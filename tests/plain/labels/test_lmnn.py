"""LMNN: the map and the objective of metric-learn, four points by hand, and what it refuses."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.labels._lmnn import (
    check_classes,
    check_components,
    count_least_tracks,
    fit_lmnn,
    score_objective,
)
from essentia_ldl.labels._mfcc import pool_frames
from essentia_ldl.labels.smoothing import PRESETS
from essentia_ldl.records import Track

CLASSES = ("a", "b")


def make_tracks(targets, classes=CLASSES):
    return [Track(f"t{i:03d}", f"/t{i:03d}", classes[target]) for i, target in enumerate(targets)]


@pytest.fixture(scope="module")
def cloud():
    """60 tracks of two overlapping classes, and their frames."""
    generator = np.random.default_rng(3)
    targets = np.arange(60) % 2
    frames = {}
    for i, target in enumerate(targets):
        level = generator.normal(size=13) + 0.8 * target
        slow = np.repeat(generator.normal(size=(16, 13)), 86, axis=0)[:1293]
        frames[f"t{i:03d}"] = (level + slow + generator.normal(size=(1293, 13))).astype(np.float32)
    return targets, make_tracks(targets), frames


@pytest.fixture(scope="module")
def points(cloud):
    targets, tracks, frames = cloud
    points = np.stack([pool_frames(frames[track.id]) for track in tracks])
    return (points - points.mean(axis=0)) / points.std(axis=0), targets


@pytest.mark.slow
def test_map_and_objective_are_those_of_metric_learn(points, capsys):
    from metric_learn import LMNN
    from threadpoolctl import threadpool_limits

    class Golden(LMNN):
        """metric-learn 0.7 checks its input with an argument that scikit-learn 1.8 removed: left out here."""

        def _prepare_inputs(self, points, targets, **_):
            return points, targets

    points, targets = points
    settings = {**PRESETS["sb"], "lambda_": 0.7, "n_components": 5}
    components, report = fit_lmnn(points, targets, CLASSES, settings, seed=4)
    assert capsys.readouterr().out == ""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        learner = Golden(n_components=5, max_iter=10000, regularization=1 - 0.7, random_state=4, verbose=True)
        learner.fit(points, targets)
        mapped = points @ learner.components_.T
    printed = [line.split() for line in capsys.readouterr().out.splitlines() if line[:1].isdigit()]
    np.testing.assert_allclose(points @ components.T, mapped, rtol=1e-6, atol=1e-9)
    assert report["n_iter"] == learner.n_iter_ == int(printed[-1][0])
    assert report["objective"] == pytest.approx(float(printed[-1][1]), rel=1e-6)


def test_objective_of_four_points_by_hand():
    points, targets = np.array([[0.0], [1.0], [1.5], [1.5]]), np.array([0, 0, 1, 1])
    # Pull: the pair of class 0 at squared distance 1, seen from both sides; the pair of class 1 at distance 0.
    pull = 1 + 1
    # Push, [1 + target - impostor]+ with impostor distances 2.25 from 0 and 0.25 from 1: the point 0 sees nothing,
    # the point 1 sees 1.75 twice, each of the others sees 1 + 0 - 0.25 of the point 1.
    push = 2 * 1.75 + 2 * 0.75
    for lambda_ in (0.0, 0.3, 1.0):
        expected = (1 - lambda_) * pull + lambda_ * push
        assert score_objective(np.eye(1), points, targets, 1, lambda_) == pytest.approx(expected)


def test_stopping_at_max_iter_is_reported(points):
    points, targets = points
    _, report = fit_lmnn(points, targets, CLASSES, {**PRESETS["sb"], "max_iter": 60})
    assert report["converged"] is False
    assert report["n_iter"] == 59


# --- what it needs --------------------------------------------------------------------------------------------------


def test_a_larger_weight_of_the_push_term_is_a_line_between_pull_and_push():
    generator = np.random.default_rng(1)
    points, targets = generator.normal(size=(20, 4)), np.arange(20) % 2
    components = generator.normal(size=(2, 4))
    pull, half, push = (score_objective(components, points, targets, 3, weight) for weight in (0.0, 0.5, 1.0))
    assert half == pytest.approx((pull + push) / 2)
    assert score_objective(2 * components, points, targets, 3, 0.0) == pytest.approx(4 * pull)


@pytest.mark.parametrize("n_neighbors", [1, 3])
def test_a_class_needs_a_track_and_its_neighbours(n_neighbors):
    check_classes(np.repeat([0, 1], n_neighbors + 1), CLASSES, n_neighbors, "labels.sb")
    targets = np.repeat([0, 1], (n_neighbors + 1, n_neighbors))
    rule = rf"class 'b': expected at least {n_neighbors + 1} training tracks.*; got {n_neighbors} .*a {n_neighbors + 1}"
    with pytest.raises(DataError, match=rule):
        check_classes(targets, CLASSES, n_neighbors, "labels.sb")


@pytest.mark.parametrize(
    ("init", "n_components", "least"),
    [("auto", 1, 0), ("auto", 8, 0), ("auto", 5, 6), ("pca", 5, 5), ("identity", 5, 0), ("random", 8, 0)],
)
def test_components_need_features_and_tracks(init, n_components, least):
    """8 features and 2 classes: LDA gives one component, and as many as there are features need no choice."""
    settings = {"init": init, "n_components": n_components}
    assert count_least_tracks(8, 2, settings) == least
    check_components(max(least, 1), 8, 2, settings, "labels.sb")
    if least:
        with pytest.raises(DataError, match=rf"LMNN components: .*the {least - 1} training tracks give; got 5"):
            check_components(least - 1, 8, 2, settings, "labels.sb")
    with pytest.raises(DataError, match=r"at most 8, the size of the features; got 9 \(labels\.sb\.n_components\)"):
        check_components(100, 8, 2, {**settings, "n_components": 9}, "labels.sb")
