"""The model behind the page, against scikit-learn's logistic regression."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.annotate.learn import STRENGTH, check_answers, learn
from essentia_ldl.errors import DataError
from essentia_ldl.search.nearest import normalise


def draw_tracks(n_tracks: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors (n_tracks, 12) float32 around a centre per class, and the classes."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(n_tracks) % n_classes)
    return normalise(rng.normal(size=(n_classes, 12))[classes] + rng.normal(size=(n_tracks, 12))), classes


@pytest.mark.parametrize("n_classes", [2, 4])
def test_says_what_logistic_regression_with_balanced_classes_says(n_classes):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    units, classes = draw_tracks(60, n_classes)
    kept = np.r_[0:20, np.flatnonzero(classes == 0)]  # a class is more frequent than others
    n, d = len(kept), units.shape[1]
    strength = STRENGTH * n * d / (2 if n_classes == 2 else 1)  # of two classes it fits one
    penalised = LogisticRegression(C=1 / strength, class_weight="balanced", tol=1e-9, max_iter=10_000)
    expected = make_pipeline(StandardScaler(), penalised).fit(units[kept].astype(float), classes[kept])
    learned = learn(units[kept], np.eye(n_classes)[classes[kept]])
    np.testing.assert_allclose(learned.ask(units), expected.predict_proba(units.astype(float)), atol=2e-4)


def test_a_distribution_is_as_good_as_so_many_answers():
    """What three of four people say weighs as three answers and one, where no class is rare."""
    units, classes = draw_tracks(40, 2)
    shares = np.where(classes[:, None] == [0, 1], 0.75, 0.25)
    repeated = np.repeat(units, 4, axis=0)
    single = np.eye(2)[np.concatenate([[k, k, k, 1 - k] for k in classes])]
    np.testing.assert_allclose(learn(units, shares).ask(units), learn(repeated, single).ask(units), atol=1e-4)


def test_beginning_at_another_fit_leads_to_the_same():
    units, classes = draw_tracks(40, 3)
    targets = np.eye(3)[classes]
    begun = learn(units[1:], targets[1:], learn(units, targets))
    np.testing.assert_allclose(begun.ask(units), learn(units[1:], targets[1:]).ask(units), atol=1e-4)


@pytest.mark.parametrize("targets", [np.eye(2)[[0, 1]], np.full((3, 2), 0.3), np.full((3, 2), np.nan)])
def test_answers_that_do_not_fit_are_refused(targets):
    with pytest.raises(DataError, match="expected"):
        check_answers(np.zeros((3, 4), np.float32), targets)
