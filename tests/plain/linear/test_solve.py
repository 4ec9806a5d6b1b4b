"""The solver: against scikit-learn, and what smoothing, weights and strength must do for any data."""

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.linear import solve as solve_module
from essentia_ldl.linear.solve import balance_targets, smooth_targets, solve, solve_rows, weigh_tracks


def make_tracks(n_tracks=60, n_features=15, n_classes=2, seed=0):
    random = np.random.default_rng(seed)
    classes = np.arange(n_tracks) % n_classes
    features = random.normal(size=(n_tracks, n_features)) + 0.8 * random.normal(size=(n_classes, n_features))[classes]
    return features, classes, np.eye(n_classes)[classes]


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("strength", [1.0, 0.1, 0.003])
def test_the_solution_is_that_of_scikit_learn(n_classes, strength):
    from sklearn.linear_model import LogisticRegression

    features, classes, one_hot = make_tracks(n_classes=n_classes)
    keep = np.r_[0:40, 41:60:3]  # classes of other sizes
    features, classes, one_hot = features[keep], classes[keep], one_hot[keep]
    products = features @ features.T
    ((dual, bias),) = solve(products, one_hot, weigh_tracks(one_hot), [strength])
    logits = products @ dual + bias
    # with two classes scikit-learn has one column, whose square is twice that of our two
    c = (1 if n_classes > 2 else 2) / (strength * len(classes))
    other = LogisticRegression(C=c, class_weight="balanced", tol=1e-10, max_iter=10000).fit(features, classes)
    expected = other.decision_function(features)
    found = logits[:, 1] - logits[:, 0] if n_classes == 2 else logits - logits.mean(axis=1, keepdims=True)
    expected = expected if n_classes == 2 else expected - expected.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_several_strengths_are_those_solved_alone_in_the_order_asked():
    features, _, one_hot = make_tracks()
    products, weights = features @ features.T, weigh_tracks(one_hot)
    together = solve(products, one_hot, weights, [0.01, 1.0, 0.1])
    for strength, (dual, bias) in zip([0.01, 1.0, 0.1], together, strict=True):
        ((alone, alone_bias),) = solve(products, one_hot, weights, [strength])
        scale = np.abs(products @ alone).max()
        np.testing.assert_allclose(products @ dual + bias, products @ alone + alone_bias, atol=2e-3 * scale)


@pytest.mark.parametrize("n_features", [15, 90])
def test_features_are_solved_as_their_inner_products_are(n_features):
    features, _, one_hot = make_tracks(n_features=n_features, n_classes=3)
    weights, strengths = weigh_tracks(one_hot), [0.01, 0.1]
    by_rows = solve_rows(features, one_hot, weights, strengths)
    for (kernel, bias), (dual, its_bias) in zip(
        by_rows, solve(features @ features.T, one_hot, weights, strengths), strict=True
    ):
        expected = features @ features.T @ dual + its_bias
        np.testing.assert_allclose(features @ kernel + bias, expected, atol=2e-3 * np.abs(expected).max())
    begun = solve_rows(features, one_hot, weights, [0.1], by_rows[0])
    np.testing.assert_allclose(features @ begun[0][0], features @ by_rows[1][0], atol=5e-3)


def test_steps_that_run_out_go_on_and_a_solution_that_is_not_reached_is_told(monkeypatch):
    features, _, one_hot = make_tracks()
    products, weights = features @ features.T, weigh_tracks(one_hot)
    ((dual, bias),) = solve(products, one_hot, weights, [0.01])
    monkeypatch.setattr(solve_module, "MAX_STEPS", 5)
    ((found, its_bias),) = solve(products, one_hot, weights, [0.01])
    np.testing.assert_allclose(products @ found + its_bias, products @ dual + bias, atol=1e-2)
    monkeypatch.setattr(solve_module, "MAX_DESCENTS", 1)
    with pytest.raises(DataError, match=r"slope where the classifier is solved: expected below 0.001; got 0.*0.01 of"):
        solve(products, one_hot, weights, [0.01])


def test_a_stronger_penalty_means_smaller_logits():
    features, _, one_hot = make_tracks()
    products = features @ features.T
    found = solve(products, one_hot, weigh_tracks(one_hot), [1.0, 0.1, 0.01])
    sizes = [np.abs(products @ dual).mean() for dual, _ in found]
    assert sizes[0] < sizes[1] < sizes[2]


def test_no_class_is_given_up_however_rare():
    random = np.random.default_rng(3)
    classes = np.r_[np.zeros(90, int), np.ones(10, int)]
    features = random.normal(size=(100, 5)) + 1.5 * classes[:, None]
    one_hot = np.eye(2)[classes]
    products = features @ features.T
    ((dual, bias),) = solve(products, one_hot, weigh_tracks(one_hot), [0.1])
    recall = [np.mean((products @ dual + bias).argmax(axis=1)[classes == k] == k) for k in (0, 1)]
    assert min(recall) > 0.8


def test_targets_that_say_nothing_give_logits_that_say_nothing():
    features, _, one_hot = make_tracks()
    ((dual, bias),) = solve(features @ features.T, np.full_like(one_hot, 0.5), weigh_tracks(one_hot), [0.01])
    np.testing.assert_allclose(features @ features.T @ dual + bias, 0, atol=1e-6)


def test_classes_weigh_the_same_whatever_their_size():
    one_hot = np.eye(3)[[0, 0, 0, 0, 1, 1, 2]]
    weights = weigh_tracks(one_hot)
    np.testing.assert_allclose(weights @ one_hot, 1 / 3)
    assert weights.sum() == pytest.approx(1)


def test_a_class_without_tracks_weighs_nothing():
    one_hot = np.eye(3)[[0, 0, 1]]
    np.testing.assert_allclose(weigh_tracks(one_hot) @ one_hot, [0.5, 0.5, 0])


# --- smoothing --------------------------------------------------------------------------------------------------------


def test_no_smoothing_is_the_label_itself():
    features, _, one_hot = make_tracks()
    np.testing.assert_array_equal(smooth_targets(features @ features.T, one_hot, 0.0), one_hot)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_smoothed_rows_are_distributions(share):
    features, _, one_hot = make_tracks(n_classes=3)
    rows = smooth_targets(features @ features.T, one_hot, share, 7)
    assert rows.min() >= 0
    np.testing.assert_allclose(rows.sum(axis=1), 1)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_every_class_has_the_same_share_of_smoothed_targets(share):
    features, classes, one_hot = make_tracks(n_tracks=90)
    keep = (classes == 0) | (np.arange(90) % 3 == 0)
    features, one_hot = features[keep], one_hot[keep]
    rows = smooth_targets(features @ features.T, one_hot, share, 9)
    np.testing.assert_allclose(weigh_tracks(one_hot) @ rows, 0.5, atol=1e-6)


def test_targets_that_are_balanced_stay_as_they_are():
    _, _, one_hot = make_tracks()
    np.testing.assert_allclose(balance_targets(one_hot, weigh_tracks(one_hot)), one_hot)


def test_a_class_without_targets_stays_without():
    rows = np.array([[1.0, 0, 0], [0.5, 0.5, 0], [0.2, 0.8, 0]])
    found = balance_targets(rows, np.full(3, 1 / 3))
    np.testing.assert_array_equal(found[:, 2], 0)
    np.testing.assert_allclose(found[:, :2].mean(axis=0), 0.5)


def test_a_track_is_not_its_own_neighbour():
    # One track of class 1 amid class 0: with all weight on neighbours its own label is gone.
    features = np.array([[0.0], [0.1], [0.2], [0.3], [5.0]])
    one_hot = np.eye(2)[[0, 1, 0, 0, 1]]
    rows = smooth_targets(features @ features.T, one_hot, 1.0, 2)
    assert rows[1, 1] == 0


def test_neighbours_are_the_nearest_by_distance_and_not_by_product():
    features = np.array([[1.0, 0.0], [1.2, 0.0], [9.0, 0.0], [1.1, 0.1], [8.5, 1.0], [9.5, 0.0]])
    one_hot = np.eye(2)[[0, 0, 1, 0, 1, 1]]
    rows = smooth_targets(features @ features.T, one_hot, 1.0, 2)
    np.testing.assert_array_equal(rows, one_hot)


def test_a_frequent_class_is_not_taken_for_a_near_one():
    random = np.random.default_rng(5)
    features = random.normal(size=(400, 3))  # nothing tells the classes apart
    one_hot = np.eye(2)[(np.arange(400) % 4 == 0).astype(int)]  # 3 to 1
    rows = smooth_targets(features @ features.T, one_hot, 1.0, 100)
    assert abs(rows[:, 1].mean() - 0.5) < 0.05


def test_more_neighbours_than_tracks_are_all_the_others():
    features, _, one_hot = make_tracks(n_tracks=6)
    some, many = (smooth_targets(features @ features.T, one_hot, 0.5, n) for n in (5, 500))
    np.testing.assert_array_equal(some, many)


def test_one_track_keeps_its_label():
    np.testing.assert_array_equal(smooth_targets(np.ones((1, 1)), np.array([[0.0, 1.0]]), 0.5), [[0, 1]])
