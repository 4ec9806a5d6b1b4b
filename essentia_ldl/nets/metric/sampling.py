"""Which tracks a step of metric learning compares: anchors, positives of the same group, and negatives of others.

In: the group of every track (its artist), a seed and the number of an epoch; distances, for semi-hard negatives. Out:
rows of tracks. Every draw is a function of its arguments alone, so that a training that was stopped goes on as if not.

References
----------
F. Schroff, D. Kalenichenko and J. Philbin, "FaceNet: A unified embedding for face recognition and clustering" (CVPR
2015), section 3.2: negatives that are farther than the positive, and within the margin. Park et al. (ISMIR 2018),
section 2.2: negatives drawn at random from other artists.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from essentia_ldl.errors import DataError, explain

STREAM = 1 << 33  # beside the draws of patches, which have the same seed and epoch


@dataclasses.dataclass(frozen=True)
class Triplets:
    """The comparisons of an epoch, in its order.

    Parameters
    ----------
    anchors, positives : np.ndarray [shape=(n,), int64]
        Rows; the two of a comparison are tracks of one group.
    negatives : np.ndarray [shape=(n, n_candidates), int64]
        Rows of other groups.
    """

    anchors: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray


def check_groups(groups: np.ndarray, *, itself: bool = False) -> None:
    """Raise `DataError` unless there are two groups or more, and one of them has two tracks or `itself` is true."""
    counts = np.unique(groups, return_counts=True)[1]
    if len(counts) < 2:
        remedy = "Add music of others: what is alike shows only beside what is not."
        raise DataError(explain("groups", "two or more", len(counts), "metric learning", remedy))
    if counts.max() < 2 and not itself:
        remedy = "Add a second track of some."
        raise DataError(explain("groups", "two tracks of one of them", "one each", "metric learning", remedy))


def draw_triplets(groups: np.ndarray, n_candidates: int, seed: int, epoch: int, *, itself: bool = False) -> Triplets:
    """Draw the comparisons of an epoch: every track whose group has another one is an anchor once.

    Parameters
    ----------
    groups : np.ndarray [shape=(n_tracks,), int]
        Number of each track's group.
    n_candidates : int
        Negatives per anchor, drawn from tracks of other groups, with repeats.
    seed, epoch : int
        Other ones are other draws.
    itself : bool
        Whether a track is a positive of itself as well as others are, of which another patch is then taken: every track
        is an anchor then.

    Returns
    -------
    Triplets
        In a random order; negatives of tracks that are alone in their group are drawn too.

    Raises
    ------
    DataError
        When there are no two groups, or none has two tracks.
    """
    check_groups(groups, itself=itself)
    random = np.random.default_rng([seed, epoch, STREAM])
    by_group = np.argsort(groups, kind="stable")
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    starts = np.cumsum(counts) - counts
    place = np.empty(len(groups), np.int64)  # of a track among those of its group
    place[by_group] = np.arange(len(groups)) - starts[inverse[by_group]]
    anchors = random.permutation(np.flatnonzero((counts[inverse] > 1) | itself))
    of = inverse[anchors]
    steps = random.integers(0 if itself else 1, counts[of])  # from 1 to the others of the group, round it
    positives = by_group[starts[of] + (place[anchors] + steps) % counts[of]]
    # places of the other groups: those before the group's own, and those after it
    drawn = random.integers(0, (len(groups) - counts[of])[:, None], (len(anchors), n_candidates))
    drawn += np.where(drawn >= starts[of][:, None], counts[of][:, None], 0)
    return Triplets(anchors, positives, by_group[drawn])


def choose_semi_hard(positive: np.ndarray, negatives: np.ndarray, margin: float, n_chosen: int) -> np.ndarray:
    """Choose the hardest of the negatives that are farther than the positive and within the margin.

    Parameters
    ----------
    positive, negatives : np.ndarray [shape=(n,) and (n, n_candidates), float]
        Distances from the anchor.
    margin : float
        In the unit of the distances.
    n_chosen : int
        How many, at most the candidates.

    Returns
    -------
    np.ndarray [shape=(n, n_chosen), int64]
        Columns of `negatives`, the best first. Where semi-hard ones are too few, the nearest of those that are farther
        follow, and then, of those that are nearer than the positive, the farthest.
    """
    farther = negatives - positive[:, None]
    kind = np.where(farther > 0, np.where(farther < margin, 0, 1), 2)
    distance = np.where(kind == 2, -farther, farther)
    return np.lexsort((distance, kind), axis=-1)[:, :n_chosen].astype(np.int64)
