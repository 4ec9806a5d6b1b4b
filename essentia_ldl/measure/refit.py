"""The final model of a cross-validation: trained on all tracks with what the folds chose, exported, verified, promoted.

In: a scored cross-validation; out: a run folder as `train` leaves it, and models in graphs/ whose cards carry the
scores of the folds. No track is left to choose anything with, so the folds choose everything:

- the calibration: fitted on what the folds' networks said of the tracks that they were tested on, all together;
- the label source with the best mean balanced accuracy, the first of equals;
- the number of epochs: the median of the best epochs of that source's folds, rounded up; the last epoch is the result;
- the learning rate: its k-th halving happens after the median of the epochs at which the folds halved it for the k-th
  time, when more than half of the folds did and the training gets that far.

Steps of one epoch grow with the number of tracks, as they do in MTG's own classifiers, whose published models are
trained on the whole collection too.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__
from essentia_ldl.files import write_json
from essentia_ldl.measure.crossval import Measured
from essentia_ldl.measure.kinds import summarize_kind
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.calibrate import keep_out_of_fold
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.kind_scores import name_main
from essentia_ldl.runs.outcome import read_history
from essentia_ldl.runs.score import choose_best
from essentia_ldl.train.compose import Wanted, plan_run
from essentia_ldl.train.prepare import Say
from essentia_ldl.train.train import Trained, finish, open_folder, take_training


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the folds chose: a label source, a number of epochs, and the epochs after which the learning rate halves."""

    source: str
    n_epochs: int
    halvings: tuple[int, ...]


def choose_training(run: Path, folds: Sequence[Fold], scores: Mapping[str, Any]) -> Choice:
    """Read off the histories of the best label source how to train without a validation side.

    Raises
    ------
    StoreError
        When the history of a fold cannot be read.
    """
    source = choose_best(scores)
    best_epochs, by_fold = [], []
    for fold in folds:
        history = read_history(fold.cell(run, source))
        best_epochs.append(history["best_epoch"])
        by_fold.append(_find_halvings(history["epochs"]))
    n_epochs = max(1, math.ceil(np.median(best_epochs)))
    halvings = []
    for number in range(max(map(len, by_fold))):
        epochs = [found[number] for found in by_fold if len(found) > number]
        if 2 * len(epochs) > len(by_fold):
            halvings.append(math.ceil(np.median(epochs)))
    return Choice(source, n_epochs, tuple(epoch for epoch in halvings if epoch < n_epochs))


def _find_halvings(epochs: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the epochs after which the learning rate was lower."""
    rates = [epoch["learning_rate"] for epoch in epochs]
    return [epochs[i]["epoch"] for i in range(len(rates) - 1) if rates[i + 1] < rates[i]]


def summarize_crossval(run: Path, source: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a card says of the cross-validation that its model comes from."""
    row = scores["sources"][source]
    if "kind" in scores:
        told = ("n_folds", "n_repeats", "leave_out", "grouped_by_artist", "n_tracks", "warnings", "findings")
        known = {key: scores[key] for key in told}
        return {"run": run.name, "labels": source, **summarize_kind(scores["kind"], row), **known}
    recall = {
        name: None if None in values else float(np.mean(values))
        for name in scores["classes"]
        for values in [[pooled["recall"][name] for pooled in row["pooled"]]]
    }
    keys = ("n_folds", "n_repeats", "leave_out", "grouped_by_artist", "n_tracks", "warnings", "findings")
    return {
        "run": run.name,
        "labels": source,
        **{key: scores[key] for key in keys},
        **{key: row[key] for key in row if key.startswith("balanced_accuracy_")},
        "recall": recall,
        **({"calibration": _shorten(row["calibration"])} if "calibration" in row else {}),
        "baselines": {name: other["balanced_accuracy_mean"] for name, other in scores["baselines"].items()},
    }


def _shorten(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: found[key] for key in ("before", "after", "n_changed")}


def name_metric(scores: Mapping[str, Any]) -> str:
    """Name the mean balanced accuracy as Essentia's cards do, or the main score of tags or numbers."""
    if "kind" in scores:
        return f"{scores['n_folds']}-fold_cross_validation_{name_main(scores['kind'])}"
    kind = f"leave-one-{scores['leave_out']}-out" if scores["leave_out"] else f"{scores['n_folds']}-fold"
    return f"{kind}_cross_validation_normalized_accuracy"


def refit(measured: Measured, recipe: Recipe, say: Say = print) -> Trained:
    """Train the final model, or find the one that the same folds and scores gave before.

    Parameters
    ----------
    measured : Measured
        A cross-validation; its refit.json says what was chosen and where it went.
    recipe : Recipe
        The task.
    say : callable
        Gets lines for the user.

    Returns
    -------
    Trained

    Raises
    ------
    EssentiaLdlError
        Whatever went wrong; nothing half-written is left in graphs/.
    """
    crossval, collection, folds, scores = measured.run, measured.collection, measured.folds, measured.scores
    choice = choose_training(crossval, folds, scores)
    final = recipe.override(labels=choice.source)
    if final.target_networks == "none":  # otherwise every network trains for the epochs of the recipe
        final = final.override(training__epochs=choice.n_epochs, training__epochs_from_scratch=choice.n_epochs)
    summary = summarize_crossval(crossval, choice.source, scores)
    own = runs.fingerprint(__version__, "refit", measured.fingerprint, final.as_identity(), choice.halvings, summary)
    run, done = take_training(recipe.task, own, collection.home, False, say)
    if done is None:
        rates = f", learning rate halved after {', '.join(map(str, choice.halvings))}" if choice.halvings else ""
        n_tracks = len(collection.tracks)
        n_epochs = final.n_epochs if final.target_networks == "none" else f"networks of {final.n_epochs}"
        say(f"final model on all {n_tracks} tracks: labels {choice.source}, {n_epochs} epochs{rates}")
        split = Split(tuple(track.id for track in collection.tracks), (), ())
        key = f"{name_main(scores['kind'])}_mean" if "kind" in scores else "balanced_accuracy_mean"
        metrics = {name_metric(scores): round(summary[key], 4)}
        with runs.locked(run):
            open_folder(run, final, collection)
            if not runs.is_planned(run):
                wanted = Wanted(halvings=choice.halvings, metrics=metrics)
                plan_run(run, final, collection, split, wanted)
            keep_out_of_fold(run, [fold.cell(crossval, choice.source) for fold in folds])
            names, found = finish(run, collection, {"crossval": summary})
        done = Trained(run, names, found, ())
    link = {"run": run.name, "models": list(done.models), **dataclasses.asdict(choice)}
    write_json(crossval / "refit.json", link)
    return dataclasses.replace(done, failures=collection.failures)
