"""How good the model of the answers is on artists that it has not heard, as far as the answers can tell.

In: unit vectors of answered tracks, what was said of them, and their artists. Out: a `Judgement`. Every artist is left
out once; with more than `MOST_ARTISTS` of them, whole artists are dealt to `N_FOLDS` folds of like classes, and every
fold is left out once. A track whose artist is not known is an artist of its own.

The score is low rather than high, most of all in chosen order: of the answered tracks many are those that were hard to
tell, while the tracks of other artists are as they come (docs/measured.md has both, by the number of answers).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from essentia_ldl.annotate.learn import check_answers, learn, number_artists
from essentia_ldl.collection.parts import find_fold
from essentia_ldl.errors import DataError, explain
from essentia_ldl.scores.bootstrap import score_intervals
from essentia_ldl.scores.metrics import score_balanced_accuracy

MOST_ARTISTS, N_FOLDS = 50, 10
UNSURE = 0.05
FEWEST_ARTISTS = 2  # of a class: with one of them left out, the model must have heard another


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What is known of the model.

    Parameters
    ----------
    is_told : bool
        Whether there are answers enough, from `FEWEST_ARTISTS` artists of every class at least. Until then the
        accuracy is that of guessing, and the interval everything from 0 to 1.
    balanced_accuracy : float
        Mean over the classes of the share of their tracks that is recognised when their artists are left out.
    interval : tuple[float, float]
        Of 95 %, artists drawn with replacement. Where all answers are right no draw differs, and it is the exact one of
        as many trials as the class of fewest artists has.
    n_answers, n_artists : int
        How many there are; a track of unknown artist counts as an artist.
    missing : tuple[int, ...]
        Classes that were heard of too few artists.
    """

    is_told: bool
    balanced_accuracy: float
    interval: tuple[float, float]
    n_answers: int
    n_artists: int
    missing: tuple[int, ...] = ()


def judge_answers(units: np.ndarray, targets: np.ndarray, groups: Sequence[str], seed: int = 0) -> Judgement:
    """Score the model on the answers, whole artists left out.

    Parameters
    ----------
    units : np.ndarray [shape=(n_answered, d), float32]
        Unit vectors of the answered tracks.
    targets : np.ndarray [shape=(n_answered, n_classes), float64]
        What people said, rows that sum to 1: one-hot for a key, shares for a slider. The true class of a track is that
        of the largest share; where two are as large there is none, and the track helps to learn but is not scored.
    groups : sequence of str
        Artist of each track; empty where it is not known.
    seed : int
        Of the interval.

    Returns
    -------
    Judgement

    Raises
    ------
    DataError
        When the arrays do not fit.
    """
    targets = check_answers(units, targets)
    if len(groups) != len(targets):
        raise DataError(explain("artists", f"{len(targets)}, one per answer", len(groups), "answers", "Give them all."))
    artists = number_artists(groups)
    n_artists, n_classes = int(artists.max()) + 1, targets.shape[1]
    is_scored = (targets == targets.max(axis=1, keepdims=True)).sum(axis=1) == 1
    truth = targets.argmax(axis=1)
    heard = [len(np.unique(artists[is_scored & (truth == k)])) for k in range(n_classes)]
    missing = tuple(k for k in range(n_classes) if heard[k] < FEWEST_ARTISTS)
    if missing:
        return Judgement(False, 1 / n_classes, (0.0, 1.0), len(targets), n_artists, missing)
    parts = artists if n_artists <= MOST_ARTISTS else deal_artists(targets, artists, N_FOLDS)
    probabilities = _ask_left_out(units, targets, parts)
    rows = np.flatnonzero(is_scored)
    _, scored_artists = np.unique(artists[rows], return_inverse=True)
    low, high = score_intervals(truth[rows], probabilities[rows], scored_artists, seed=seed)["balanced_accuracy"]
    accuracy = score_balanced_accuracy(truth[rows], probabilities[rows])
    least = bound_perfect(min(heard))
    interval = (min(low, least) if accuracy == 1 else low, max(high, 1 - least) if accuracy == 0 else high)
    return Judgement(True, accuracy, interval, len(targets), n_artists)


def bound_perfect(n: int) -> float:
    """Return how low the true share may be where all of so many were right, with 95 % confidence on two sides.

    Examples
    --------
    >>> round(bound_perfect(4), 2), round(bound_perfect(100), 2)
    (0.4, 0.96)

    References
    ----------
    C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 1934.
    """
    return (UNSURE / 2) ** (1 / n)


def deal_artists(targets: np.ndarray, artists: np.ndarray, n_parts: int) -> np.ndarray:
    """Deal whole artists to parts of like classes.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks, n_classes), float64]
        Of their tracks.
    artists : np.ndarray [shape=(n_tracks,), int]
        Their numbers.
    n_parts : int
        How many parts.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), int64]
        The part of each track. Artists whose classes are most uneven are dealt first, as scikit-learn deals them.
    """
    counts = np.zeros((int(artists.max()) + 1, targets.shape[1]))
    np.add.at(counts, artists, targets)
    part_of, dealt = np.zeros(len(counts), dtype=np.int64), np.zeros((n_parts, targets.shape[1]))
    for artist in np.argsort(-counts.std(axis=1), kind="stable"):
        part_of[artist] = find_fold(dealt, counts.sum(axis=0), counts[artist])
        dealt[part_of[artist]] += counts[artist]
    return part_of[artists]


def _ask_left_out(units: np.ndarray, targets: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return what models say that were fitted without the part of the track, (n_tracks, n_classes)."""
    said = np.zeros(targets.shape)
    whole = learn(units, targets)
    for part in np.unique(parts):
        inside = parts == part
        said[inside] = learn(units[~inside], targets[~inside], whole).ask(units[inside])
    return said
