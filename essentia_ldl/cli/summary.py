"""What the terminal shows after a training and for a list of models. In: records; out: lines of text."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.cli.tables import describe_test
from essentia_ldl.models.folder import Model
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.train.train import Trained


def program_name() -> str:
    """Return how this program was called, so that a printed command can be copied."""
    called = sys.argv[0]
    if os.path.basename(called) != "essentia-ldl":
        return "essentia-ldl"
    relative = os.path.relpath(called)
    return called if relative.startswith("..") else relative


def describe_training(done: Trained, recipe: Recipe, graphs: Path) -> list[str]:
    """Write what a training gave, and the command that uses it."""
    lines = describe_scores_of(done.scores)
    if "test" in done.scores:
        lines += describe_test(done.scores["test"], recipe.classes)
    return [*lines, *describe_calibration(done.scores), *describe_models_made(done, graphs)]


def describe_scores_of(scores: Mapping[str, Any]) -> list[str]:
    """Write the accuracy of each side that was kept from training."""
    lines = []
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


def describe_models_made(done: Trained, graphs: Path) -> list[str]:
    """Write where models and run are, and the command that uses them."""
    folder = _shown(graphs)
    return [
        *(f"model: {folder}/{name}.pb and .json" for name in done.models),
        f"run: {_shown(done.run)}",
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


def describe_models(models: Sequence[Model], folder: Path) -> list[str]:
    """Write one line a model: name, kind, classes and score."""
    if not models:
        return [f"no models in {_shown(folder)}. Run `{program_name()} graphs build` or train one."]
    width = max(len(model.name) for model in models)
    lines = []
    for model in models:
        classes = model.card.classes
        shown = ", ".join(classes) if len(classes) <= 10 else f"{len(classes)} classes"
        kind = "head" if model.card.embedding_model else "base" if model.is_base else "full"
        scores = model.card.extra.get("scores", {})
        score, kind_of_score = scores.get("valid", {}).get("balanced_accuracy"), "validation"
        if "crossval" in scores:
            score, kind_of_score = scores["crossval"].get("balanced_accuracy_mean"), "cross-validation"
        measured = "" if score is None else f"  balanced accuracy {score:.2f} ({kind_of_score})"
        lines.append(f"{model.name:<{width}}  {kind}  {shown}{measured}")
    return lines


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
