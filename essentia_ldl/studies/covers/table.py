"""The table of the comparison. In: what folds answered, and the tracks; out: scores and intervals by system.

Every track is tested once, in the fold that has its artist, and the folds are scored together. Intervals draw whole
artists; those of a difference draw the same artists for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.arrays import read_arrays
from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.records import Track
from essentia_ldl.runs.covers import ANSWERS, SYSTEMS
from essentia_ldl.scores import bootstrap, metrics, multi_label

BASE = "audio"  # what the others are compared with
FILE = "covers.json"


def gather_answers(folders: Sequence[Path], tracks: Sequence[Track], n_classes: int) -> dict[str, np.ndarray]:
    """Put the answers of folds together.

    Parameters
    ----------
    folders : sequence of Path
        With answers.npz.
    tracks : sequence of Track
        Each is in one of them.
    n_classes : int
        Columns.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_tracks, n_classes), float32]]
        By system, in the order of the tracks.

    Raises
    ------
    StoreError
        When answers are damaged, or miss a track.
    """
    rows = {track.id: row for row, track in enumerate(tracks)}
    found = {name: np.full((len(tracks), n_classes), np.nan, np.float32) for name in SYSTEMS}
    for folder in folders:
        arrays = read_arrays(folder / ANSWERS, "answers", "Delete it and run again.")
        places = [rows[str(name)] for name in arrays["ids"]]
        for name, values in found.items():
            values[places] = arrays[name]
    missing = np.isnan(found[BASE]).any(axis=1)
    if missing.any():
        remedy = "Run the same command again with --again."
        raise StoreError(explain("answers", "every track once", tracks[int(missing.argmax())].id, folders[0], remedy))
    return found


def score_systems(
    tracks: Sequence[Track], classes: Sequence[str], kind: str, answers: Mapping[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """Score every system.

    Parameters
    ----------
    tracks : sequence of Track
        In the order of the rows.
    classes : sequence of str
        Genres, in the order of the columns.
    kind : str
        "single_label" or "multi_label".
    answers : Mapping[str, np.ndarray [shape=(n_tracks, n_classes), float32]]
        Probabilities, by system.

    Returns
    -------
    dict[str, dict[str, Any]]
        By system its scores (balanced_accuracy and accuracy, or roc_auc and pr_auc), "intervals" of each, and of a
        single label "gain", the balanced accuracy less that of `BASE`, with its interval.
    """
    groups = bootstrap.group_tracks(tracks)
    truth = np.array([[name in track.names for name in classes] for track in tracks], np.float64)
    found: dict[str, dict[str, Any]] = {}
    for name, rows in answers.items():
        if kind == SINGLE_LABEL:
            labels = truth.argmax(axis=1)
            scores = {
                "balanced_accuracy": metrics.score_balanced_accuracy(labels, rows),
                "accuracy": metrics.score_accuracy(labels, rows),
            }
            intervals: Mapping[str, Any] = bootstrap.score_intervals(labels, rows, groups)
            scores["gain"] = scores["balanced_accuracy"] - metrics.score_balanced_accuracy(labels, answers[BASE])
            intervals = {**intervals, "gain": compare(labels, rows, answers[BASE], groups)}
        else:
            scores = {
                "roc_auc": float(np.nanmean(multi_label.score_roc_auc(truth, rows))),
                "pr_auc": float(np.nanmean(multi_label.score_average_precision(truth, rows))),
            }
            intervals = multi_label.score_intervals(truth, rows, groups)
        found[name] = {**{key: float(value) for key, value in scores.items()}, "intervals": dict(intervals)}
    return found


def compare(labels: np.ndarray, rows: np.ndarray, base: np.ndarray, groups: np.ndarray) -> list[float] | None:
    """Return the interval of the balanced accuracy of answers less that of others, on the same drawn artists.

    Parameters
    ----------
    labels : np.ndarray [shape=(n_tracks,), int]
        True classes.
    rows, base : np.ndarray [shape=(n_tracks, n_classes), float]
        Probabilities.
    groups : np.ndarray [shape=(n_tracks,), int]
        From `bootstrap.group_tracks`.

    Returns
    -------
    list[float] or None
        None with fewer than two groups.
    """
    n_classes = rows.shape[1]
    cells = np.zeros((len(labels), 3, n_classes))
    cells[np.arange(len(labels)), 0, labels] = 1
    for place, answers in enumerate((rows, base), start=1):
        cells[np.arange(len(labels)), place, labels] = answers.argmax(axis=1) == labels
    sums = bootstrap.resample_sums(cells, groups)
    if sums is None:
        return None
    counts = sums[:, 0]
    shares = np.where(counts > 0, (sums[:, 1] - sums[:, 2]) / np.maximum(counts, 1), np.nan)
    return bootstrap.find_interval(np.nanmean(shares, axis=1))
