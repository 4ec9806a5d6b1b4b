"""Metrics against scikit-learn, scipy and closed forms, and the invariants of every function of the module."""

import inspect

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.scores import metrics

N_TRACKS, N_CLASSES = 57, 4
FUNCTIONS = {
    name: function
    for name, function in inspect.getmembers(metrics, inspect.isfunction)
    if function.__module__ == metrics.__name__ and not name.startswith("_")
}
WITH_TARGETS = sorted(
    name for name, function in FUNCTIONS.items() if "targets" in inspect.signature(function).parameters
)
OF_CLASSES = sorted(set(WITH_TARGETS) - {"score_divergence"})  # which takes smoothed labels too


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


def test_likelihood_and_brier_are_those_of_scikit_learn(sample):
    from sklearn.metrics import brier_score_loss, log_loss

    targets, probabilities = sample
    rows = probabilities.astype(np.float64)
    rows /= rows.sum(axis=1, keepdims=True)
    assert metrics.score_nll(targets, rows).mean() == pytest.approx(log_loss(targets, rows))
    one_hot = np.eye(N_CLASSES)[targets]
    by_class = [brier_score_loss(one_hot[:, k], rows[:, k]) for k in range(N_CLASSES)]
    assert metrics.score_brier(targets, rows).mean() == pytest.approx(sum(by_class))


@pytest.mark.parametrize("n_bins", [1, 10, 15])
def test_bins_are_those_of_scikit_learn(sample, n_bins):
    from sklearn.calibration import calibration_curve

    targets, probabilities = sample
    hits = (probabilities.argmax(axis=1) == targets).astype(int)
    columns = [(metrics.bin_tracks(targets, probabilities, n_bins), hits, probabilities.max(axis=1))]
    by_class = metrics.bin_classes(targets, probabilities, n_bins)
    columns += [(by_class[:, k], (targets == k).astype(int), probabilities[:, k]) for k in range(N_CLASSES)]
    for cells, truth, values in columns:
        counts, confidence, right = cells.sum(axis=0).T
        assert counts.sum() == N_TRACKS
        shares, means = calibration_curve(truth, values.astype(float), n_bins=n_bins)
        some = counts > 0
        np.testing.assert_allclose(right[some] / counts[some], shares)
        np.testing.assert_allclose(confidence[some] / counts[some], means)


def test_a_bin_holds_its_upper_edge():
    """As Guo et al. and not as scikit-learn, whose bins hold the lower one; 0.7 * 10 is more than 7 in floats."""
    for tenth in range(1, 11):
        row = np.array([[tenth / 10, 0.0]]) if tenth >= 5 else np.array([[tenth / 10, tenth / 10]])
        assert metrics.bin_tracks(np.array([0]), row)[0, :, 0].argmax() == tenth - 1
    assert metrics.bin_classes(np.array([0]), np.array([[1.0, 0.0]]))[0, 1, :, 0].argmax() == 0


def test_known_calibration_errors():
    # Confidence 0.85 is right once in two, 0.65 twice in two: |1.7 - 1| / 4 + |1.3 - 2| / 4.
    targets = np.array([0, 1, 0, 0])
    probabilities = np.array([[0.85, 0.15], [0.85, 0.15], [0.65, 0.35], [0.65, 0.35]])
    assert metrics.score_ece(targets, probabilities) == pytest.approx(0.35)
    np.testing.assert_allclose(metrics.score_class_ece(targets, probabilities), [0.35, 0.35])
    assert metrics.score_ece(targets, probabilities, 1) == pytest.approx(0.0)  # 0.75 sure, 3 of 4 right
    # A class that never occurs ought to have no probability: its error is its mean.
    three = np.array([[0.6, 0.3, 0.1], [0.3, 0.5, 0.2]])
    assert metrics.score_class_ece(np.array([0, 1]), three)[2] == pytest.approx(0.15)
    np.testing.assert_allclose(metrics.score_nll(np.array([0, 1]), three), -np.log([0.6, 0.5]))
    np.testing.assert_allclose(metrics.score_brier(np.array([0, 1]), three), [0.26, 0.38])


def test_sure_and_wrong_has_a_finite_likelihood():
    nll = metrics.score_nll(np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    np.testing.assert_allclose(nll, [-np.log(metrics.SMALLEST), 0])
    assert not np.signbit(nll[1])
    assert metrics.score_brier(np.array([1]), np.array([[1.0, 0.0]])).tolist() == [2.0]


def test_true_confidence_has_little_error_and_false_confidence_much():
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.5, 1, 40000)
    probabilities = np.stack([sure, 1 - sure], axis=1)
    targets = (generator.random(40000) > sure).astype(int)
    assert metrics.score_ece(targets, probabilities) < 0.01
    assert metrics.score_ece(np.zeros(40000, int), probabilities) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("name", ["bin_tracks", "bin_classes", "score_ece", "score_class_ece"])
def test_there_is_a_bin(sample, name):
    with pytest.raises(DataError, match="n_bins: expected 1 or more; got 0"):
        FUNCTIONS[name](*sample, 0)


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
    if np.shape(before)[:1] == (N_TRACKS,):
        before = before[order]
    np.testing.assert_allclose(after, before, atol=1e-12)


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
    for score in (metrics.score_nll, metrics.score_brier):
        with pytest.raises(DataError, match="probabilities: expected rows that sum to 1"):
            score(np.array([0]), np.array([[0.9, 0.8]]))
    with pytest.raises(DataError, match="targets: expected rows that sum to 1"):
        metrics.score_divergence(np.array([[0.2, 0.2]]), np.array([[0.5, 0.5]]))
    with pytest.raises(DataError, match=r"targets: expected shape \(1, 2\); got \(2, 2\)"):
        metrics.score_divergence(np.eye(2), np.array([[0.5, 0.5]]))
