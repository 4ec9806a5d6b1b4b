"""How good an embedding is: what is near a track in it, and what a simple classifier makes of it.

In: vectors (n_tracks, d), one per track; groups (n_tracks,), the number of what a track is alike in, such as its artist
or its genre, -1 where that is not known. Out: one number per track that asks, NaN where it has no answer because no
other track is of its group. With `apart`, the tracks of a track's own artist are not among what is found for it (the
artist filter).

Nearness is the cosine. Average precision is that of a ranked list as in equation 3 of the reference: the mean over the
relevant tracks of the share of relevant ones up to each; equally near tracks come in the order of the tracks.

References
----------
J. Park, J. Lee, J. Park, J.-W. Ha and J. Nam, "Representation learning of music using artist labels" (ISMIR 2018),
sections 4.2 and 4.3: mean average precision, the 20 nearest tracks, and a linear softmax. A. Flexer, "A closer look on
artist filters for musical genre classification" (ISMIR 2007).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from essentia_ldl.errors import DataError, explain

N_BLOCK = 512  # tracks that ask at once, so that memory does not grow with the square of the tracks
N_NEAREST = 20  # of the k-NN, section 4.3


@dataclasses.dataclass(frozen=True)
class Ranked:
    """What retrieval says of every track that asks.

    Parameters
    ----------
    average_precision : np.ndarray [shape=(n_queries,), float64]
        Of its list of all other tracks; NaN where none is relevant.
    precision : np.ndarray [shape=(n_queries,), float64]
        The share of relevant tracks among the `k` nearest, of fewer tracks all.
    """

    average_precision: np.ndarray
    precision: np.ndarray


def check_vectors(vectors: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors and groups as arrays that fit one another.

    Raises
    ------
    DataError
        When shapes do not fit, or a number is not finite.

    Examples
    --------
    >>> check_vectors([[3.0, 4.0]], [7])
    (array([[0.6, 0.8]]), array([7]))
    """
    vectors, groups = np.asarray(vectors, dtype=np.float64), np.asarray(groups)
    if vectors.ndim != 2 or groups.shape != (len(vectors),) or not np.all(np.isfinite(vectors)):
        rule, found = "finite (n_tracks, d), and (n_tracks,) groups", f"{vectors.shape} and {groups.shape}"
        raise DataError(explain("vectors", rule, found, "neighbours", "Embed the tracks again."))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1), groups


def rank_neighbours(vectors: np.ndarray, groups: np.ndarray, k: int = 10, apart: np.ndarray | None = None) -> Ranked:
    """Let every track ask for its group.

    Parameters
    ----------
    vectors : np.ndarray [shape=(n_tracks, d), float]
        One per track.
    groups : np.ndarray [shape=(n_tracks,), int]
        What tracks are alike in; -1 for none, which asks nothing and is never relevant.
    k : int
        Length of the list whose precision is told.
    apart : np.ndarray [shape=(n_tracks,), int] or None
        Numbers of artists, -1 where they are not known: no other track of the same one is in a list.

    Returns
    -------
    Ranked
        In the order of the tracks.

    Examples
    --------
    >>> found = rank_neighbours([[1, 0], [0.9, 0.1], [0, 1], [0.1, 1]], [0, 0, 1, 0], k=1)
    >>> found.average_precision.round(3).tolist(), found.precision.tolist()
    ([1.0, 1.0, nan, 0.583], [1.0, 1.0, nan, 0.0])
    """
    units, groups = check_vectors(vectors, groups)
    n_tracks = len(units)
    average, precision = np.full(n_tracks, np.nan), np.full(n_tracks, np.nan)
    for start in range(0, n_tracks, N_BLOCK):
        asking = np.arange(start, min(start + N_BLOCK, n_tracks))
        cosines = units[asking] @ units.T
        for place, row in enumerate(asking):
            allowed = np.arange(n_tracks) != row
            if apart is not None and apart[row] >= 0:
                allowed &= apart != apart[row]
            relevant = (groups[allowed] == groups[row]) if groups[row] >= 0 else np.zeros(0, bool)
            if relevant.any():
                hits = relevant[np.argsort(-cosines[place, allowed], kind="stable")]
                average[row] = np.mean(np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1))
                precision[row] = hits[:k].mean()
    return Ranked(average, precision)


def vote_neighbours(
    known: tuple[np.ndarray, np.ndarray],
    asked: tuple[np.ndarray, np.ndarray],
    k: int = N_NEAREST,
    apart: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Let the k nearest tracks of a training side vote for the class of every track of another.

    Parameters
    ----------
    known, asked : tuple of np.ndarray
        Vectors (n_tracks, d) and classes (n_tracks,) of either side.
    k : int
        Voters, of fewer tracks all. Of classes with as many votes that of the nearest voter wins.
    apart : tuple of np.ndarray or None
        Artists of either side, -1 where they are not known: an artist does not vote for a track of hers.

    Returns
    -------
    np.ndarray [shape=(n_asked,), float64]
        1 where the vote is right, 0 where it is wrong, NaN where nobody votes.

    Examples
    --------
    >>> known = np.array([[1.0, 0.0], [0.8, 0.2], [0.0, 1.0]]), np.array([0, 0, 1])
    >>> vote_neighbours(known, (np.array([[0.9, 0.1], [0.2, 1.0]]), np.array([0, 1])), k=1).tolist()
    [1.0, 1.0]
    """
    (units, classes), (queries, truth) = check_vectors(*known), check_vectors(*asked)
    right = np.full(len(queries), np.nan)
    for start in range(0, len(queries), N_BLOCK):
        cosines = queries[start : start + N_BLOCK] @ units.T
        for place, row in enumerate(range(start, start + len(cosines))):
            allowed = np.arange(len(units))
            if apart is not None and apart[1][row] >= 0:
                allowed = np.flatnonzero(apart[0] != apart[1][row])
            if len(allowed):
                voters = classes[allowed[np.argsort(-cosines[place, allowed], kind="stable")[:k]]]
                votes = [int(np.sum(voters == one)) for one in voters]
                right[row] = float(voters[int(np.argmax(votes))] == truth[row])
    return right


def summarise(values: np.ndarray) -> tuple[float, int]:
    """Return the mean of numbers that are known, NaN for none, and how many are not.

    Examples
    --------
    >>> summarise(np.array([0.5, np.nan, 1.0]))
    (0.75, 1)
    """
    known = values[np.isfinite(values)]
    return (float(known.mean()) if len(known) else float("nan")), int(len(values) - len(known))
