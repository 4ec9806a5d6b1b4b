"""Calibration on plain arrays. In: logits and labels of tracks; out: calibrated probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from essentia_ldl.errors import DataError, explain
from essentia_ldl.estimators.checks import LabelledTransformer, check_labelled, check_rows, find_classes
from essentia_ldl.scores import calibration
from essentia_ldl.scores.logits import PatchLogits


class TemperatureScaler(LabelledTransformer):
    """Temperature scaling: all logits are divided by one T before the softmax.

    It takes logits, whose softmax are the probabilities to calibrate. Where there are probabilities only, their
    logarithms are logits.

    Attributes
    ----------
    classes_ : np.ndarray [shape=(n_classes,)]
        The labels in order, which has to be the order of the columns.
    temperature_ : float
        T: above 1 where the classifier is surer than it is right.
    reason_ : str
        Why it is not what was asked for, such as too few tracks, of which 20 are needed; empty when all went well.
    calibration_ : Calibration
        The same with what it was fitted on.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2. A prior of
    deviation 1 around log(T) = 0 keeps T away from 0 where all tracks are right by chance.

    Examples
    --------
    >>> import numpy as np, essentia_ldl as ldl
    >>> draws = np.random.default_rng(0)
    >>> y = draws.integers(0, 2, 500)
    >>> logits = 4 * draws.normal(np.eye(2)[y])          # four times too sure
    >>> scaler = ldl.TemperatureScaler().fit(logits, y)
    >>> 3 < scaler.temperature_ < 5
    True
    >>> scaler.predict_proba(logits).sum(axis=1).round(9).tolist() == [1.0] * 500
    True
    """

    _kind = calibration.TEMPERATURE

    def fit(self, X: object, y: object = None) -> Any:
        """Learn the scaling from tracks that the classifier was not trained on.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_classes), float]
            Logits, one column per class in the order of the sorted labels.
        y : array-like [shape=(n_tracks,)]
            True labels: texts or whole numbers; every class at least once.

        Returns
        -------
        object
            Itself.

        Raises
        ------
        DataError
            When a logit is NaN or infinite, there is not one label per track, or there is not one column per class; a
            ValueError.
        """
        rows, labels = check_labelled(self, X, y)
        classes, targets = find_classes(self, labels)
        if len(classes) != rows.shape[1]:
            rule = f"one column of logits per class, {len(classes)}"
            remedy = "Give the logits of all classes, and tracks of every class."
            raise DataError(explain("X", rule, f"{rows.shape[1]} feature(s)", type(self).__name__, remedy))
        ids, names = tuple(map(str, range(len(rows)))), tuple(map(str, classes))
        sample = PatchLogits(ids, targets, names, rows, np.ones(len(rows), dtype=np.int64), type(self).__name__)
        self.calibration_ = calibration.fit(sample, self._kind)
        self.classes_, self.reason_ = classes, self.calibration_.reason
        self._keep(self.calibration_)
        return self

    def _keep(self, found: calibration.Calibration) -> None:
        self.temperature_ = found.temperature

    def predict_proba(self, X: object) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_classes), float]
            Logits.

        Returns
        -------
        np.ndarray [shape=(n_tracks, n_classes), float64]
            Rows sum to 1; columns are those of `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`; scikit-learn's.
        DataError
            When a logit is NaN or infinite, or there is another number of them; a ValueError.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, is_new=False)
        return calibration.apply(self.calibration_, rows, np.ones(len(rows), dtype=np.int64))

    def transform(self, X: object) -> np.ndarray:
        """Return calibrated probabilities, as `predict_proba`, so that it can stand inside a pipeline.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_classes), float]
            Logits.

        Returns
        -------
        np.ndarray [shape=(n_tracks, n_classes), float64]
            Rows sum to 1; columns are those of `classes_`.
        """
        return self.predict_proba(X)

    def predict(self, X: object) -> np.ndarray:
        """Return the most probable class of each track, the first of equals.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_classes), float]
            Logits.

        Returns
        -------
        np.ndarray [shape=(n_tracks,)]
            Labels.
        """
        columns = self.predict_proba(X).argmax(axis=1)
        return self.classes_[columns]


class VectorScaler(TemperatureScaler):
    """Vector scaling: each class has a factor and an offset of its own between the logits and the softmax.

    It takes logits, as `TemperatureScaler` does. Where a class has fewer than 20 tracks it is a temperature, and
    `reason_` says so.

    Attributes
    ----------
    classes_ : np.ndarray [shape=(n_classes,)]
        The labels in order, which has to be the order of the columns.
    scale_ : np.ndarray [shape=(n_classes,), float64]
        Factor of each class: probabilities are ``softmax(logits * scale_ + bias_)``.
    bias_ : np.ndarray [shape=(n_classes,), float64]
        Offset of each class.
    reason_ : str
        Why it is not what was asked for; empty when all went well.
    calibration_ : Calibration
        The same with what it was fitted on.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017, section 4.2.

    Examples
    --------
    >>> import numpy as np, essentia_ldl as ldl
    >>> draws = np.random.default_rng(0)
    >>> y = draws.integers(0, 2, 500)
    >>> logits = draws.normal(np.eye(2)[y]) + [1.0, 0.0]  # it says class 0 too often
    >>> scaler = ldl.VectorScaler().fit(logits, y)
    >>> bool(scaler.bias_[0] < scaler.bias_[1])
    True
    """

    _kind = calibration.VECTOR

    def _keep(self, found: calibration.Calibration) -> None:
        self.scale_, self.bias_ = np.array(found.scale), np.array(found.bias)
