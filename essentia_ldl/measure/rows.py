"""Rows of a cross-validation's table: predictions of every fold flow in, their scores ready for json flow out.

A row is a label source or a baseline. Scores are of test tracks alone. Where the shares of listeners are known, the
predictions are also compared with them, beside a constant that says of every test track the mean share of the tracks
that its fold learned from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.records import Track
from essentia_ldl.runs.calibrate import describe_for_card, read_run
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.predictions import read_predictions, read_side
from essentia_ldl.runs.score import choose_best, compare_calibrations, score_predictions
from essentia_ldl.runs.targets import REPORT, read_report
from essentia_ldl.scores import bootstrap, listeners, statistics
from essentia_ldl.scores import calibration as calibration_module


@dataclasses.dataclass(frozen=True)
class TruthColumn:
    """A column with the share of listeners, from 0 to 1, who chose the class `positive`.

    Without a class it is the one that is not called non_ or not_.
    """

    column: str
    positive: str | None = None


@dataclasses.dataclass(frozen=True)
class Truth:
    """Shares of listeners, from 0 to 1 by track id, who chose class number `positive`; `column` had them."""

    column: str
    positive: int
    shares: Mapping[str, float]


def read_truth(
    tracks: Sequence[Track], classes: Sequence[str], asked: TruthColumn | None, where: object
) -> Truth | None:
    """Read the shares of listeners; None when no column is asked for.

    Raises
    ------
    UnknownNameError
        When the class that is asked for is none of the task's, or the collection has no such column.
    DataError
        When the task has not two classes, their names do not say which is the positive one, or a cell of the column is
        empty, no number, or not from 0 to 1.
    """
    if asked is None:
        return None
    positive = listeners.choose_class(classes, asked.positive)
    values = listeners.read_shares(tracks, asked.column, where)
    return Truth(asked.column, positive, {track.id: float(value) for track, value in zip(tracks, values, strict=True)})


def gather_row(
    run: Path,
    classes: Sequence[str],
    name: str,
    folds: Sequence[Fold],
    tracks: Sequence[Track],
    truth: Truth | None = None,
) -> dict[str, Any]:
    """Collect the folds of one row: each fold's score, their mean and deviation, and the score of all pooled.

    Parameters
    ----------
    run : Path
        Folder of the cross-validation.
    classes : sequence of str
        Columns of the probabilities.
    name : str
        A label source or a baseline.
    folds : sequence of Fold
        Of all repetitions.
    tracks : sequence of Track
        The collection.
    truth : Truth or None
        Shares of listeners.

    Returns
    -------
    dict
        balanced_accuracy_mean, _std and _pooled, own_mass_mean, pooled (one score per repetition), folds (one each),
        listeners when there is a truth, and calibration of a network's row.
    """
    by_repeat: dict[int, list[tuple[np.ndarray, ...]]] = {}
    scored, own_mass = [], []
    for fold in folds:
        cell = fold.cell(run, name)
        tested = read_predictions(cell).select("test")
        targets, probabilities, ids = tested.targets, tested.probabilities, tested.ids
        scored.append(score_predictions(targets, probabilities, classes))
        prior = np.full(len(targets), np.nan if truth is None else _average_share(truth, fold))
        by_repeat.setdefault(fold.repeat, []).append((targets, probabilities, ids, prior))
        if (cell / REPORT).is_file():
            own_mass.append(read_report(cell).get("own_mass_mean"))
    joined = [tuple(map(np.concatenate, zip(*parts, strict=True))) for parts in by_repeat.values()]
    pooled = [score_predictions(*arrays[:2], classes) for arrays in joined]
    values = np.array([score["balanced_accuracy"] for score in scored])
    row = {
        "balanced_accuracy_mean": float(values.mean()),
        "balanced_accuracy_std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "balanced_accuracy_pooled": float(np.mean([score["balanced_accuracy"] for score in pooled])),
        "own_mass_mean": float(np.mean(own_mass)) if own_mass and None not in own_mass else None,
        "pooled": pooled,
        "folds": scored,
    }
    if truth is not None:
        by_id = {track.id: track for track in tracks}
        found = []
        for targets, probabilities, ids, prior in joined:
            shares = np.array([truth.shares[str(track_id)] for track_id in ids])
            groups = bootstrap.group_tracks([by_id[str(track_id)] for track_id in ids])
            answers = listeners.Answers(shares, classes, truth.positive)
            found.append(listeners.score_shares(answers, probabilities, targets, groups, prior=prior))
        row["listeners"] = _average_listeners(found)
    if all((fold.cell(run, name) / calibration_module.FILE).is_file() for fold in folds):
        row["calibration"] = gather_calibrations(run, name, folds, tracks)
    return row


def gather_calibrations(run: Path, name: str, folds: Sequence[Fold], tracks: Sequence[Track]) -> dict[str, Any]:
    """Score a row before and after calibration: each fold's is fitted on its validation side and scored on its test.

    Returns
    -------
    dict
        folds: what calibrates each; repeats: `compare_calibrations` of the pooled test tracks of each
        repetition; before and after: the means of the repetitions, interval limits too; n_changed: tracks with another
        most probable class, over all repetitions.
    """
    artists = {track.id: track.artist for track in tracks if track.artist}
    found, by_repeat = [], {}
    for fold in folds:
        cell = fold.cell(run, name)
        one = read_run(cell)
        found.append({**describe_for_card(one), "text": one.describe()})
        by_repeat.setdefault(fold.repeat, []).append((read_side(cell, "test"), one))
    repeats = []
    for parts in by_repeat.values():
        ids = [track_id for sample, _ in parts for track_id in sample.ids]
        repeats.append(compare_calibrations(parts, bootstrap.group_ids(ids, artists)))
    averages = {side: _average_scores([repeat[side] for repeat in repeats]) for side in ("before", "after")}
    n_changed = sum(repeat["n_changed"] for repeat in repeats)
    return {"folds": found, "repeats": repeats, **averages, "n_changed": n_changed}


def _average_scores(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for name in ("ece", "ece_15", "classwise_ece", "nll", "brier"):
        limits = [one[name]["interval"] for one in found]
        interval = None if None in limits else np.mean(limits, axis=0).tolist()
        scores[name] = {"value": float(np.mean([one[name]["value"] for one in found])), "interval": interval}
    return scores


def _average_share(truth: Truth, fold: Fold) -> float:
    """Return the mean share of the tracks that a fold learned from: those that train or validate."""
    return float(np.mean([truth.shares[track_id] for track_id in (*fold.split.train, *fold.split.valid)]))


def _average_listeners(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Average over repetitions; a correlation that one of them lacks is None."""

    def mean(values: Sequence[float | None]) -> float | None:
        return None if None in values else float(np.mean(values))

    divergence = {key: mean([one["divergence"][key] for one in found]) for key in ("model", "constant", "difference")}
    names = found[0]["spearman"]["within"]
    within = {name: mean([one["spearman"]["within"][name]["value"] for one in found]) for name in names}
    return {
        "divergence": {"unit": "nats", **divergence},
        "spearman": mean([one["spearman"]["all"]["value"] for one in found]),
        "spearman_within": within,
        "repeats": list(found),
    }


def compare_rows(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Test every row of the table against "none", or against the first source."""
    rows = {**scores["sources"], **scores["baselines"]}
    values = {name: [fold["balanced_accuracy"] for fold in score["folds"]] for name, score in rows.items()}
    if scores["leave_out"]:  # repetitions test the same tracks, so that their mean is one observation
        shape = (scores["n_repeats"], scores["n_folds"])
        values = {name: np.reshape(list_, shape).mean(axis=0).tolist() for name, list_ in values.items()}
    reference = "none" if "none" in scores["sources"] else next(iter(scores["sources"]))
    # Validation tracks count as trained on: they choose the epoch, and the baselines are fitted on them.
    ratio = np.mean([fold["n_test"] / (fold["n_train"] + fold["n_valid"]) for fold in scores["folds"]])
    return statistics.compare_all(values, reference, float(ratio))


def find_findings(scores: Mapping[str, Any]) -> list[str]:
    """Say what nobody should overlook: that no network beats every baseline."""
    best = choose_best(scores)
    mean = scores["sources"][best]["balanced_accuracy_mean"]
    means = {name: row["balanced_accuracy_mean"] for name, row in scores["baselines"].items()}
    ahead = [f"{name} {value:.3f}" for name, value in means.items() if value >= mean]
    if not ahead:
        return []
    return [f"no network beats every baseline: {best}, the best, has {mean:.3f}; {', '.join(ahead)}"]
