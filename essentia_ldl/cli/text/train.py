"""What the terminal shows after a training. In: `Trained`; out: lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.cli.text.kinds import describe_sides
from essentia_ldl.cli.text.models import program_name, show_path
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.train.train import Trained


def describe_training(done: Trained, recipe: Recipe, graphs: Path) -> list[str]:
    """Write what a training gave, and the command that uses it."""
    lines = describe_scores_of(done.scores)
    if "test" in done.scores and recipe.kind == SINGLE_LABEL:
        lines += describe_test(done.scores["test"], recipe.classes)
    return [*lines, *describe_calibration(done.scores), *describe_models_made(done, graphs)]


def describe_scores_of(scores: Mapping[str, Any]) -> list[str]:
    """Write the accuracy of each side that was kept from training."""
    if "kind" in scores:
        return describe_sides(scores)
    lines = []
    told = scores.get("crossval")
    if told is not None and "choice" in told:
        lines += describe_nested(told)
    for side, remark in (("valid", " (chosen by its best epoch, so on the high side)"), ("test", "")):
        score = scores.get(side)
        if score is not None:
            recall = ", ".join(f"{name} {value:.2f}" for name, value in score["recall"].items() if value is not None)
            word = "validation" if side == "valid" else "test"
            remark = remark if score.get("chose_epoch", True) else ""
            lines.append(
                f"balanced accuracy {score['balanced_accuracy']:.2f} on {score['n_tracks']} {word} tracks{remark};"
                f" recall: {recall}"
            )
    return lines


def describe_nested(told: Mapping[str, Any]) -> list[str]:
    """Write what folds inside the training tracks say of a classifier whose settings were chosen there."""
    grouped = ", grouped by artist" if told["grouped_by_artist"] else ", NOT grouped by artist"
    recall = ", ".join(f"{name} {value:.2f}" for name, value in told["recall"].items() if value is not None)
    lines = [
        f"balanced accuracy {told['balanced_accuracy_mean']:.2f} +- {told['balanced_accuracy_std']:.2f} on tracks that "
        f"neither fit nor choice has seen ({told['n_folds']} folds{grouped}); recall: {recall}"
    ]
    found = told.get("calibration")
    if found is not None:
        ece, nll = ([found[side][name]["value"] for side in ("before", "after")] for name in ("ece", "nll"))
        lines.append(
            f"calibration on these tracks, fitted without them: ECE {ece[0]:.3f} -> {ece[1]:.3f}, log loss "
            f"{nll[0]:.3f} -> {nll[1]:.3f}"
        )
    changed = told.get("changed_by_resampling")
    if changed is not None:
        lines.append(f"{changed:.1%} of the tracks change their class with the resampling quality of the loader")
    warnings = (f"note: {warning}" for warning in told.get("warnings", ()))
    return [*lines, *warnings, *(f"finding: {finding}" for finding in told["findings"])]


def describe_models_made(done: Trained, graphs: Path) -> list[str]:
    """Write where models and run are, and the command that uses them."""
    folder = show_path(graphs)
    return [
        *(f"model: {folder}/{name}.pb and .json" for name in done.models),
        f"run: {show_path(done.run)}",
        f"use it: {program_name()} predict --model {done.models[0]} track.mp3",
    ]


def describe_calibration(scores: Mapping[str, Any]) -> list[str]:
    """Write what calibrates a model, and how many tracks have another class for it."""
    found = scores.get("calibration")
    if found is None:
        return []
    lines = [f"calibration: {found['text']}"]
    for side, word in (("valid", "validation"), ("test", "test")):
        n_changed = found.get(side, {}).get("n_changed", 0)
        if n_changed:
            lines.append(f"calibration changes the class of {n_changed} of {scores[side]['n_tracks']} {word} tracks")
    return lines


def describe_test(score: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    """Write filewise accuracy and confusion matrix of test tracks, as papers with fixed test sides do.

    Parameters
    ----------
    score : Mapping[str, Any]
        What `runs.score.score_predictions` says of the test side.
    classes : sequence of str
        In the order of the matrix.

    Returns
    -------
    list[str]
        Rows of the matrix are true classes, cells are percent of the row; a class without test tracks has dashes.

    References
    ----------
    Lukashevich, Grollmisch and Abeßer, "Quantifying uncertainty in music genre classification" (2023), figures 3, 4.
    """
    n_right, n_tracks = sum(score["confusion"][i][i] for i in range(len(classes))), score["n_tracks"]
    title = "true / predicted, %"
    width = max(map(len, (title, *classes)))
    lines = [
        f"filewise accuracy {score['accuracy']:.4f}: {n_right} of {n_tracks} test tracks right",
        "  ".join([f"{title:<{width}}", *(f"{label:>5}" for label in classes), "tracks"]),
    ]
    for label, counts in zip(classes, score["confusion"], strict=True):
        n_true = sum(counts)
        shares = [f"{100 * count / n_true:.0f}" if n_true else "-" for count in counts]
        cells = [f"{share:>{max(5, len(column))}}" for share, column in zip(shares, classes, strict=True)]
        lines.append("  ".join([f"{label:<{width}}", *cells, f"{n_true:>6}"]))
    return lines
