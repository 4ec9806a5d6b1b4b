"""What estimators share: transformers that need labels, and checks of parameters and arrays with our errors."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from essentia_ldl.errors import ArrayTypeError, DataError, Reason, explain

Rules = Mapping[str, tuple[str, Callable[[Any], bool]]]


class LabelledTransformer(TransformerMixin, BaseEstimator):
    """A transformer that learns from labels, and whose columns have names: `classes_`, unless it says others."""

    def _name_columns(self) -> list[str]:
        return [str(name) for name in self.classes_]

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the columns, as texts: the classes, or the groups "e01", "e02" and so on.

        Parameters
        ----------
        input_features : None
            Not looked at; scikit-learn passes it.

        Returns
        -------
        np.ndarray [shape=(n_columns,), object]

        Raises
        ------
        NotFittedError
            Before `fit`; scikit-learn's.
        """
        check_is_fitted(self)
        return np.array(self._name_columns(), dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def is_count(value: object, least: int = 1) -> bool:
    """Tell whether a value is a whole number, `least` or more."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= least


def check_parameters(estimator: BaseEstimator, rules: Rules) -> None:
    """Raise `DataError` when a parameter of an estimator breaks its rule.

    Parameters
    ----------
    estimator : BaseEstimator
        Whose parameters are looked at.
    rules : Mapping[str, tuple[str, callable]]
        Name -> what is expected, and a function that tells it.
    """
    name = type(estimator).__name__
    for key, (rule, holds) in rules.items():
        value = getattr(estimator, key)
        if not holds(value):
            raise DataError(explain(key, rule, value, name, "Correct the parameter."))


def draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """Return a seed: a whole number itself, else one that the state draws."""
    if isinstance(random_state, numbers.Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def check_rows(estimator: BaseEstimator, X: object, *, is_new: bool = True, n_least: int = 1) -> np.ndarray:
    """Return features as finite numbers, (n_tracks, n_features) float64.

    Parameters
    ----------
    estimator : BaseEstimator
        Learns the number and the names of the features, or compares them.
    X : array-like [shape=(n_tracks, n_features)]
        Features.
    is_new : bool
        True in `fit`.
    n_least : int
        Fewest tracks.

    Raises
    ------
    DataError
        When it is no array of finite numbers, or has another number of features than that of `fit`; a ValueError.
    """
    try:
        return validate_data(estimator, X, reset=is_new, dtype=np.float64, ensure_min_samples=n_least)
    except (ValueError, TypeError) as error:
        raise _refuse(estimator, "X", "finite numbers (n_tracks, n_features)", error) from None


def check_labelled(estimator: BaseEstimator, X: object, y: object, n_least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return features and one label per row.

    Parameters
    ----------
    estimator : BaseEstimator
        Learns the number and the names of the features.
    X : array-like [shape=(n_tracks, n_features)]
        Features.
    y : array-like [shape=(n_tracks,)]
        Labels: texts or whole numbers.
    n_least : int
        Fewest tracks.

    Returns
    -------
    X : np.ndarray [shape=(n_tracks, n_features), float64]
    y : np.ndarray [shape=(n_tracks,)]

    Raises
    ------
    DataError
        When X is no array of finite numbers or has another number of features than that of `fit`, there is no label, or
        not one per row; a ValueError.
    """
    if y is None:
        rule = "one label per row: requires y to be passed, but the target y is None"
        raise DataError(explain("y", rule, None, type(estimator).__name__, "Give the labels of the rows."))
    try:
        rows, labels = validate_data(estimator, X, y, dtype=np.float64, ensure_min_samples=n_least)
        check_classification_targets(labels)
    except (ValueError, TypeError) as error:
        raise _refuse(estimator, "X and y", "finite numbers with one label per row", error) from None
    return rows, labels


def find_classes(estimator: BaseEstimator, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes in order and the index of each label; `DataError` when there is one class only."""
    classes, targets = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        remedy = "Give tracks of another class too."
        raise DataError(explain("y", "two classes or more", "1 class", type(estimator).__name__, remedy))
    return classes, targets.reshape(-1)


def _refuse(estimator: BaseEstimator, what: str, rule: str, error: Exception) -> DataError:
    kind = ArrayTypeError if isinstance(error, TypeError) else DataError
    return kind(explain(what, rule, Reason(error), type(estimator).__name__, "Correct the array."))
