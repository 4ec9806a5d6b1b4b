"""Metrics against scikit-learn, scipy and closed forms, and the invariants of every function of the module."""

import inspect

import numpy as np
import pytest

from essentia_ldl import metrics
from essentia_ldl.errors import DataError

N_TRACKS, N_CLASSES = 57, 4
FUNCTIONS = {
    name: function
    for name, function in inspect.getmembers(metrics, inspect.isfunction)
    if function.__module__ == metrics.__name__ and not name.startswith("_")
}
WITH_TARGETS = sorted(
    name for name, function in FUNCTIONS.items() if "targets" in inspect.signature(function).parameters
)
OF_CLASSES = ["confusion_matrix", "score_accuracy", "score_balanced_accuracy", "score_recall"]


@pytest.fixture(params=range(3))
def sample(request):
    generator = np.random.default_rng(request.param)
    targets = generator.choice(N_CLASSES, N_TRACKS, p=[0.5, 0.3, 0.15, 0.05])
    targets[:N_CLASSES] = range(N_CLASSES)
    probabilities = generator.dirichlet(np.ones(N_CLASSES), N_TRACKS)
    probabilities[::2] = 0.4 * probabilities[::2] + 0.6 * np.eye(N_CLASSES)[targets[::2]]
    return targets, probabilities.astype(np.float32)


def test_scores_are_those_of_scikit_learn(sample):
    from sklearn import metrics as golden

    targets, probabilities = sample
    predicted = probabilities.argmax(axis=1)
    assert metrics.score_accuracy(*sample) == pytest.approx(golden.accuracy_score(targets, predicted))
    assert metrics.score_balanced_accuracy(*sample) == pytest.approx(golden.balanced_accuracy_score(targets, predicted))
    np.testing.assert_allclose(
        metrics.score_recall(*sample), golden.recall_score(targets, predicted, average=None), rtol=1e-12
    )
    np.testing.assert_array_equal(metrics.confusion_matrix(*sample), golden.confusion_matrix(targets, predicted))


def test_divergence_and_entropy_are_those_of_scipy(sample):
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import entropy

    _, probabilities = sample
    other = probabilities[::-1]
    np.testing.assert_allclose(metrics.score_entropy(probabilities), entropy(probabilities, axis=1), rtol=1e-5)
    expected = jensenshannon(other.astype(float), probabilities.astype(float), axis=1) ** 2
    np.testing.assert_allclose(metrics.score_divergence(other, probabilities), expected, atol=1e-7)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_class_without_an_example_is_left_out(sample):
    from sklearn.metrics import balanced_accuracy_score

    targets, probabilities = sample
    kept = targets != 2
    targets, probabilities = targets[kept], probabilities[kept]
    recall = metrics.score_recall(targets, probabilities)
    assert np.isnan(recall).tolist() == [False, False, True, False]
    expected = balanced_accuracy_score(targets, probabilities.argmax(axis=1))
    assert metrics.score_balanced_accuracy(targets, probabilities) == pytest.approx(expected)
    assert metrics.confusion_matrix(targets, probabilities)[2].sum() == 0


def test_known_answers():
    targets = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    assert metrics.confusion_matrix(targets, probabilities).tolist() == [[2, 1], [1, 0]]
    assert metrics.score_accuracy(targets, probabilities) == 0.5
    assert metrics.score_recall(targets, probabilities).tolist() == [2 / 3, 0]
    assert metrics.score_balanced_accuracy(targets, probabilities) == pytest.approx(1 / 3)
    # Equal probabilities go to the first class.
    assert metrics.confusion_matrix(np.array([1]), np.array([[0.5, 0.5]])).tolist() == [[0, 0], [1, 0]]
    entropies = metrics.score_entropy(np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]]))
    np.testing.assert_allclose(entropies, [0, np.log(2), np.log(3)])
    assert not np.signbit(entropies[0])
    divergences = metrics.score_divergence(np.array([0, 1]), np.array([[1, 0], [1, 0]]))
    np.testing.assert_allclose(divergences, [0, np.log(2)])


def test_one_class_predicted_always_scores_chance(sample):
    targets, _ = sample
    constant = np.tile(np.eye(N_CLASSES)[1], (N_TRACKS, 1))
    assert metrics.score_balanced_accuracy(targets, constant) == pytest.approx(1 / N_CLASSES)


# --- invariants of every function with targets


@pytest.mark.parametrize("name", WITH_TARGETS)
def test_one_hot_targets_are_the_same_as_indices(sample, name):
    targets, probabilities = sample
    one_hot = np.eye(N_CLASSES)[targets]
    np.testing.assert_allclose(FUNCTIONS[name](one_hot, probabilities), FUNCTIONS[name](targets, probabilities))


@pytest.mark.parametrize("name", WITH_TARGETS)
def test_order_of_tracks_does_not_matter(sample, name):
    targets, probabilities = sample
    order = np.random.default_rng(5).permutation(N_TRACKS)
    before, after = FUNCTIONS[name](targets, probabilities), FUNCTIONS[name](targets[order], probabilities[order])
    if np.shape(before) == (N_TRACKS,):
        before = before[order]
    np.testing.assert_allclose(after, before)


@pytest.mark.parametrize("name", WITH_TARGETS)
def test_order_of_classes_does_not_matter(sample, name):
    targets, probabilities = sample
    order = np.array([2, 0, 3, 1])
    before = np.asarray(FUNCTIONS[name](targets, probabilities))
    after = FUNCTIONS[name](np.argsort(order)[targets], probabilities[:, order])
    for axis in range(before.ndim):
        if before.shape[axis] == N_CLASSES:
            before = before.take(order, axis)
    np.testing.assert_allclose(after, before, atol=1e-12)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_arguments_are_left_alone(sample, name):
    arguments = [a.copy() for a in sample][-len(inspect.signature(FUNCTIONS[name]).parameters) :]
    for argument in arguments:
        argument.setflags(write=False)
    FUNCTIONS[name](*arguments)


# --- bad input


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.array([[np.nan, 1.0], [1.0, 0.0]]), r"finite numbers from 0 to 1; got \[nan, 1.0\] \(row 0\)"),
        (np.array([[0.0, 1.0], [3.0, -2.0]]), r"finite numbers from 0 to 1; .*row 1.*not logits"),
        (np.array([0.5, 0.5]), r"shape \(n_tracks, n_classes\)"),
        (np.ones((2, 1)), "two classes at least"),
        (np.ones((0, 2)), "a track and two classes"),
        (np.array([["a", "b"], ["c", "d"]]), "numbers of shape"),
    ],
)
def test_probabilities_are_checked(name, bad, message):
    arguments = [np.array([0, 1]), bad][-len(inspect.signature(FUNCTIONS[name]).parameters) :]
    with pytest.raises(DataError, match=message):
        FUNCTIONS[name](*arguments)


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0, 1, 1], r"shape \(2,\) or \(2, 2\).*got \(3,\)"),
        ([0, 2], r"expected 0 to 1; got 2 \(row 1\)"),
        ([-1, 0], r"expected 0 to 1; got -1 \(row 0\)"),
        ([0.0, 1.0], "expected integers; got 'float64'"),
        ([True, False], "expected integers; got 'bool'"),
        ([[1, 0], [0.4, 0.6]], r"one-hot rows; got \[0.4, 0.6\] \(row 1\).*not smoothed labels"),
        ([[1, 0], [0, 0]], "one-hot rows"),
        ([[1, 0, 0], [0, 1, 0]], r"shape \(2,\) or \(2, 2\)"),
    ],
)
def test_targets_are_checked(name, targets, message):
    with pytest.raises(DataError, match=message):
        FUNCTIONS[name](np.array(targets), np.array([[0.5, 0.5], [0.1, 0.9]]))


def test_distributions_must_sum_to_one():
    with pytest.raises(DataError, match=r"distributions: expected rows that sum to 1; got 1\.5 \(row 0\)"):
        metrics.score_entropy(np.array([[1.0, 0.5]]))
    with pytest.raises(DataError, match="targets: expected rows that sum to 1"):
        metrics.score_divergence(np.array([[0.2, 0.2]]), np.array([[0.5, 0.5]]))
    with pytest.raises(DataError, match=r"targets: expected shape \(1, 2\); got \(2, 2\)"):
        metrics.score_divergence(np.eye(2), np.array([[0.5, 0.5]]))
