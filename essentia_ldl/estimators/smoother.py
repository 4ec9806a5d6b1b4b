"""Label smoothing on plain arrays. In: features and labels of tracks; out: label distributions."""

from __future__ import annotations

import numbers

import numpy as np
from sklearn.utils.validation import check_is_fitted

from essentia_ldl.estimators.checks import (
    LabelledTransformer,
    check_labelled,
    check_parameters,
    check_rows,
    draw_seed,
    find_classes,
    is_count,
)
from essentia_ldl.labels import check_size, fit_space
from essentia_ldl.labels.smoothing import PRESETS

_RULES = {
    "n_neighbors": ("a whole number, 1 or more", is_count),
    "self_weight": ("a number from 0 to 1", lambda x: isinstance(x, numbers.Real) and 0 <= x <= 1),
    "lmnn": ("True or False", lambda x: isinstance(x, bool | np.bool_)),
    "n_components": ("a whole number, 1 or more", is_count),
    "standardize": ("True or False", lambda x: isinstance(x, bool | np.bool_)),
}


class LabelSmoother(LabelledTransformer):
    """Label distributions from nearest training tracks: a track takes the mean label of its neighbours.

    `fit_transform(X, y)` gives the distributions of the training tracks, in which no track is a neighbour of its own.
    `transform(X)` treats every row as new: a training track that is given again has itself for nearest neighbour, so
    that the two differ on the same rows.

    Parameters
    ----------
    n_neighbors : int
        Training tracks whose labels are averaged.
    self_weight : float
        Share of its own label that a training track keeps, from 0 (the paper) to 1 (one-hot). `transform` has none.
    lmnn : bool
        Learn the distance by large margin nearest neighbours; False is the Euclidean distance.
    n_components : int
        Dimensions of LMNN's map; the paper takes 32 for moods and 64 for genres.
    standardize : bool
        Bring each feature to zero mean and unit deviation, as learned from the training tracks.
    random_state : int, RandomState or None
        Of LMNN's first map.

    Attributes
    ----------
    classes_ : np.ndarray [shape=(n_classes,)]
        The labels in order, which is the order of the columns.
    report_ : dict[str, object]
        What LMNN did: n_iter, converged, objective, lmnn_seconds; empty without it.

    References
    ----------
    Buisson, Alonso-Jiménez, Bogdanov, "Ambiguity modelling with label distribution learning for music classification"
    (ICASSP 2022), sections 3.1 to 3.3.

    Examples
    --------
    >>> import essentia_ldl as ldl
    >>> X, y = [[0.0], [1.0], [3.0], [4.0]], ["calm", "calm", "tense", "tense"]
    >>> smoother = ldl.LabelSmoother(n_neighbors=2)
    >>> smoother.fit_transform(X, y)
    array([[0.5, 0.5],
           [0.5, 0.5],
           [0.5, 0.5],
           [0.5, 0.5]])
    >>> smoother.transform(X)
    array([[1., 0.],
           [1., 0.],
           [0., 1.],
           [0., 1.]])
    """

    def __init__(
        self,
        n_neighbors: int = 10,
        *,
        self_weight: float = 0.0,
        lmnn: bool = False,
        n_components: int = 32,
        standardize: bool = True,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.self_weight = self_weight
        self.lmnn = lmnn
        self.n_components = n_components
        self.standardize = standardize
        self.random_state = random_state

    def fit(self, X: object, y: object = None) -> LabelSmoother:
        """Learn standardisation, LMNN and the neighbours from training tracks.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_features), float]
            Features of the training tracks.
        y : array-like [shape=(n_tracks,)]
            Their labels: texts or whole numbers.

        Returns
        -------
        LabelSmoother
            Itself.

        Raises
        ------
        DataError
            When a parameter is out of range, a feature is NaN or infinite, there is not one label per track, there is
            one class only, or there are too few tracks for the neighbours or for LMNN; a ValueError.
        """
        check_parameters(self, _RULES)
        rows, labels = check_labelled(self, X, y)
        classes, targets = find_classes(self, labels)
        own = {key: getattr(self, key) for key in _RULES}
        settings = {**PRESETS["emb"], **own}
        check_size(len(rows), "n_neighbors", len(rows) - 1, settings, type(self).__name__)
        seed, names = draw_seed(self.random_state), [str(name) for name in classes]
        self._space, self.report_ = fit_space(rows, targets, names, settings, seed, type(self).__name__)
        self.classes_ = classes
        return self

    def fit_transform(self, X: object, y: object = None) -> np.ndarray:
        """Learn from training tracks, and return their distributions, in which no track is a neighbour of its own.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_features), float]
            Features of the training tracks.
        y : array-like [shape=(n_tracks,)]
            Their labels: texts or whole numbers.

        Returns
        -------
        np.ndarray [shape=(n_tracks, n_classes), float64]
            Rows sum to 1; columns are those of `classes_`.

        Raises
        ------
        DataError
            When a parameter is out of range, a feature is NaN or infinite, there is not one label per track, there is
            one class only, or there are too few tracks for the neighbours or for LMNN; a ValueError.
        """
        n_tracks = len(self.fit(X, y)._space.points)
        return np.stack([self._space.smooth_own(row) for row in range(n_tracks)])

    def transform(self, X: object) -> np.ndarray:
        """Return the distributions of tracks that did not train, each over its nearest training tracks.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_features), float]
            Features; a training track among them is treated as new.

        Returns
        -------
        np.ndarray [shape=(n_tracks, n_classes), float64]
            Rows sum to 1; columns are those of `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`; scikit-learn's.
        DataError
            When a feature is NaN or infinite, or there is another number of them; a ValueError.
        """
        check_is_fitted(self)
        return np.stack([self._space.smooth(row) for row in check_rows(self, X, is_new=False)])
