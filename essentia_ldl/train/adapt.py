"""A solved classifier adapted to music without labels: how its features spread there, beside how they do in training.

In: a folder of the music that a model will meet, and a `Fitted` with the features of its training tracks. Out: the same
weights on features that are standardised by both collections: mean and deviation of every feature are a share of those
of the folder and the rest of those of the training tracks. The share is half where the folder has many tracks, and less
where it has few, whose mean says less. No label of the folder is looked at, and the exported graph costs nothing more,
because standardisation is folded into its first layer.

References
----------
Y. Li, N. Wang, J. Shi, X. Hou and J. Liu, "Adaptive batch normalization for practical domain adaptation", Pattern
Recognition 80, 2018: statistics of the target domain in place of those of the source.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.collection.read import Collection
from essentia_ldl.datasets.folder import list_audio
from essentia_ldl.errors import DataError, explain
from essentia_ldl.features.extract import extract
from essentia_ldl.files import Home
from essentia_ldl.linear.choose import Fitted
from essentia_ldl.linear.solution import Solution
from essentia_ldl.linear.span import measure
from essentia_ldl.records import Track
from essentia_ldl.taps import FRONT_END
from essentia_ldl.train.solved import gather_blocks

HALF = 0.5
MIN_TRACKS = 20  # below, means of features are of these tracks and not of their kind
PRIOR_TRACKS = 20  # the training collection weighs as much as so many tracks more
UNLABELLED = "unlabelled"


def weigh(n_tracks: int) -> float:
    """Return the share of a folder of so many tracks in mean and deviation.

    Examples
    --------
    >>> [round(weigh(n), 2) for n in (20, 80, 2000)]
    [0.25, 0.4, 0.5]
    """
    return HALF * n_tracks / (n_tracks + PRIOR_TRACKS)


def list_unlabelled(folder: str) -> list[Track]:
    """List the audio files of a folder, at any depth.

    Raises
    ------
    DataError
        When it is no folder, or has fewer than `MIN_TRACKS`.
    """
    if not Path(folder).is_dir():
        raise DataError(explain("adapt", "a folder of music", "no folder", folder, "Check the path."))
    tracks = [Track(str(path), str(path.absolute()), UNLABELLED) for path in sorted(list_audio(Path(folder)))]
    _check_number(len(tracks), "audio files", folder)
    return tracks


def read_unlabelled(
    folder: str, home: Home, n_jobs: int | None = None, say: Callable[[str], None] = print
) -> Collection:
    """Read the music that a model is adapted to; a file that cannot be used is left out and told.

    Parameters
    ----------
    folder : str
        Its folder.
    home : Home
        Whose store is filled.
    n_jobs : int or None
        Worker processes.
    say : callable
        Gets a line.

    Returns
    -------
    Collection
        Labels mean nothing.

    Raises
    ------
    DataError
        When it is no folder, or has fewer than `MIN_TRACKS` audio files that can be used.
    """
    found = extract(list_unlabelled(folder), home, [FRONT_END], n_jobs, say=say)
    first = f"; {len(found.failures)} left out, the first: {found.failures[0].reason}" if found.failures else ""
    say(f"adapt: {len(found.tracks)} tracks of {folder}{first}")
    _check_number(len(found.tracks), "usable tracks", folder)
    return found


def _check_number(n_tracks: int, what: str, folder: str) -> None:
    if n_tracks < MIN_TRACKS:
        rule, remedy = f"{MIN_TRACKS} {what} or more", "Add music of the kind that the model will meet."
        raise DataError(explain("adapt", rule, n_tracks, folder, remedy))


def adapt(fitted: Fitted, target: Collection) -> Fitted:
    """Standardise the features of a classifier by the music that it will meet, too.

    Parameters
    ----------
    fitted : Fitted
        A classifier on all tracks.
    target : Collection
        From `read_unlabelled`, its joint features in the store.

    Returns
    -------
    Fitted
        With the same weights of standardised features.
    """
    features, every = fitted.setting.features, np.arange(len(target.tracks))
    blocks = gather_blocks(target, [features])
    found = [measure(blocks[name], every) for name in features.blocks]
    mean = np.concatenate([one.mean for one in found])
    scale = np.concatenate([one.deviation * np.sqrt(len(one.mean)) for one in found])
    return dataclasses.replace(fitted, solution=blend(fitted.solution, mean, scale, weigh(len(target.tracks))))


def blend(solution: Solution, mean: np.ndarray, scale: np.ndarray, share: float) -> Solution:
    """Return a solution whose mean and scale are a share of others, each (d,), and the rest its own."""
    return dataclasses.replace(
        solution,
        mean=(1 - share) * solution.mean + share * mean,
        scale=(1 - share) * solution.scale + share * scale,
    )


def describe_adaptation(target: Collection) -> dict[str, Any]:
    """Return what plan, card and report say of the music that a model is adapted to."""
    n_tracks = len(target.tracks)
    share = weigh(n_tracks)
    note = (
        f"Features are standardised by {n_tracks} tracks without labels too, with a share of {share:.0%}. Scores of "
        "folds and calibration are of the classifier before, on music like the training collection; what it does on "
        "the other music is measured by nothing here, but by evaluate where there are labels."
    )
    return {"n_tracks": n_tracks, "share": round(share, 4), "note": note}
