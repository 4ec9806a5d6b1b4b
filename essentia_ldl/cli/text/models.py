"""What the terminal shows of a folder of models. In: `Model`s; out: lines of text."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from essentia_ldl.models.folder import Model
from essentia_ldl.runs.kind_scores import describe_scores


def program_name() -> str:
    """Return how this program was called, so that a printed command can be copied."""
    called = sys.argv[0]
    if os.path.basename(called) != "essentia-ldl":
        return "essentia-ldl"
    relative = os.path.relpath(called)
    return called if relative.startswith("..") else relative


def describe_models(models: Sequence[Model], folder: Path) -> list[str]:
    """Write one line per model: name, kind, classes and score."""
    if not models:
        more = "or set ESSENTIA_LDL_HOME to the folder in which your graphs/ is."
        return [f"no models in {show_path(folder)}. Run `{program_name()} graphs build` or train one, {more}"]
    width = max(len(model.name) for model in models)
    lines = []
    for model in models:
        classes = model.card.classes
        shown = (", ".join(classes) or "embeddings") if len(classes) <= 10 else f"{len(classes)} classes"
        kind = "head" if model.card.embedding_model else "base" if model.is_base else "full"
        scores = model.card.extra.get("scores", {})
        score, kind_of_score = scores.get("valid", {}).get("balanced_accuracy"), "validation"
        if "crossval" in scores:
            score, kind_of_score = scores["crossval"].get("balanced_accuracy_mean"), "cross-validation"
        measured = "" if score is None else f"  balanced accuracy {score:.2f} ({kind_of_score})"
        if "kind" in scores:
            of = "crossval" if "crossval" in scores else "valid"
            measured = f"  {describe_scores(scores['kind'], scores[of])} ({kind_of_score})" if of in scores else ""
        lines.append(f"{model.name:<{width}}  {kind}  {shown}{measured}")
    return lines


def describe_problems(problems: Sequence[str]) -> list[str]:
    """Write what is wrong with the models that cannot be used."""
    return [f"error: {problem}" for problem in problems]


def show_path(path: Path) -> str:
    """Return a path as short as it can be copied: relative where it is below the current folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
