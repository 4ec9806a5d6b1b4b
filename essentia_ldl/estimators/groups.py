"""Artist groups on plain arrays. In: features of tracks and their artists; out: distributions over groups."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from essentia_ldl.estimators.checks import (
    LabelledTransformer,
    check_labelled,
    check_parameters,
    check_rows,
    draw_seed,
    is_count,
)
from essentia_ldl.labels import bag_descriptors, fit_groups
from essentia_ldl.records import Track

_RULES = {
    "n_groups": ("a whole number, 2 or more", lambda x: is_count(x, 2)),
    "n_clusters": ("a whole number, 1 or more", is_count),
}


class ArtistGroups(LabelledTransformer):
    """Groups of artists whose tracks have similar features: artist group factors.

    Features are brought to a normal distribution by their ranks and clustered into words; a track is one word, an
    artist a bag of them, and latent Dirichlet allocation finds groups in the bags. `fit_transform(X, artists)` gives
    every track the row of its artist. `transform(X)` treats every row as an artist of one track who did not train.

    Parameters
    ----------
    n_groups : int
        Groups, at most as many as there are artists; 40 in the paper.
    n_clusters : int
        Words of the dictionary, at most as many as there are tracks; 2048 in the paper.
    random_state : int, RandomState or None
        Of the order of the tracks, the clusters and the allocation.

    Attributes
    ----------
    artists_ : np.ndarray [shape=(n_artists,)]
        The artists in order.
    distributions_ : np.ndarray [shape=(n_artists, n_groups), float64]
        Their distributions over the groups; rows sum to 1.
    words_ : np.ndarray [shape=(n_groups, n_clusters), float64]
        Distribution of each group over the words; rows sum to 1.

    References
    ----------
    Kim, Won, Serra, Liem, "Transfer learning of artist group factors to musical genre classification" (WWW 2018
    companion), sections 3.1 and 3.1.3.

    Examples
    --------
    >>> import numpy as np, essentia_ldl as ldl
    >>> draws = np.random.default_rng(0)
    >>> artists = np.repeat(["Ann", "Bob", "Cid", "Dee"], 10)
    >>> X = draws.normal(size=(40, 3)) + 9 * np.isin(artists, ["Cid", "Dee"])[:, None]
    >>> groups = ldl.ArtistGroups(n_groups=2, n_clusters=4).fit(X, artists)
    >>> groups.distributions_.argmax(axis=1).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """

    def __init__(
        self,
        n_groups: int = 40,
        n_clusters: int = 2048,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.n_groups = n_groups
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X: object, y: object = None) -> ArtistGroups:
        """Learn words and groups from training tracks.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_features), float]
            Features of the training tracks.
        y : array-like [shape=(n_tracks,)]
            The artist of each: texts or whole numbers.

        Returns
        -------
        ArtistGroups
            Itself.

        Raises
        ------
        DataError
            When a parameter is out of range, a feature is NaN or infinite, there is not one artist per track, there are
            fewer tracks than clusters or artists than groups, or no feature changes; a ValueError.
        """
        self._fit(X, y)
        return self

    def _fit(self, X: object, y: object) -> np.ndarray:
        """Learn, and return the index of each track's artist."""
        check_parameters(self, _RULES)
        rows, names = check_labelled(self, X, y)
        artists, indices = np.unique(names, return_inverse=True)
        indices, seed, where = indices.reshape(-1), draw_seed(self.random_state), type(self).__name__
        # names of one length, so that the order of the texts is that of the numbers
        tracks = [Track(f"{n:012d}", "", "track", f"{index:012d}") for n, index in enumerate(indices)]
        settings = {"n_clusters": int(self.n_clusters)}
        with threadpool_limits(1):  # sums do not depend on the cores
            bags = bag_descriptors(tracks, lambda track, _: rows[int(track.id)], settings, seed=seed, where=where)
            groups = fit_groups(bags, "e", int(self.n_groups), seed, where)
        self._dictionary, self._model, self._names = bags.dictionary, groups.model, groups.names
        self.artists_, self.distributions_, self.words_ = artists, groups.distributions, groups.words
        return indices

    def fit_transform(self, X: object, y: object = None) -> np.ndarray:
        """Learn from training tracks, and return the distribution of each track's artist.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_features), float]
            Features of the training tracks.
        y : array-like [shape=(n_tracks,)]
            The artist of each: texts or whole numbers.

        Returns
        -------
        np.ndarray [shape=(n_tracks, n_groups), float64]
            Rows sum to 1; tracks of one artist have the same row.

        Raises
        ------
        DataError
            When a parameter is out of range, a feature is NaN or infinite, there is not one artist per track, there are
            fewer tracks than clusters or artists than groups, or no feature changes; a ValueError.
        """
        indices = self._fit(X, y)
        return self.distributions_[indices]

    def transform(self, X: object) -> np.ndarray:
        """Return the distributions of artists of one track each, who did not train.

        Parameters
        ----------
        X : array-like [shape=(n_tracks, n_features), float]
            Features; a training track among them is treated as that of a new artist.

        Returns
        -------
        np.ndarray [shape=(n_tracks, n_groups), float64]
            Rows sum to 1.

        Raises
        ------
        NotFittedError
            Before `fit`; scikit-learn's.
        DataError
            When a feature is NaN or infinite, or there is another number of them; a ValueError.
        """
        from scipy.sparse import csr_matrix

        check_is_fitted(self)
        rows = check_rows(self, X, is_new=False)
        with threadpool_limits(1):
            words = self._dictionary.find_words(rows)
            places = (np.arange(len(rows)), words)
            counts = csr_matrix((np.ones(len(rows)), places), shape=(len(rows), self.words_.shape[1]))
            return self._model.transform(counts)

    def _name_columns(self) -> list[str]:
        return list(self._names)
