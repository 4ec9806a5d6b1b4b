"""Cross-validation: several label sources on the same folds, everything fitted inside each fold.

In: a collection and a recipe; out: ``scores.json`` in a run folder, the only source of every number that is shown.
Targets are smoothed on the training tracks of a fold alone; validation and test targets stay one-hot; a track's
prediction is the mean of its patches' probabilities.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__, runs, splits, steps
from essentia_ldl.recipe import Recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.store import home, read_json, write_json
from essentia_ldl.zones import run_zone


def cross_validate(
    recipe: Recipe,
    data: str | None,
    sources: Sequence[str],
    n_folds: int,
    n_repeats: int,
    n_jobs: int | None,
    say: Callable[[str], None],
) -> Iterator[str]:
    """Train and test every label source on every fold; what is there from a killed run is not done again.

    Parameters
    ----------
    recipe : Recipe
        The task; its own label source is not looked at.
    data : str or None
        Folder or table; None is the demo.
    sources : sequence of str
        Label sources to compare, on the same folds.
    n_folds, n_repeats : int
        Folds, and how often new folds are drawn (seeds seed, seed + 1, …).
    n_jobs : int or None
        Worker processes of the feature extraction.
    say : callable
        Gets lines while the work goes on.

    Yields
    ------
    str
        Lines of the result.

    Raises
    ------
    DataError
        When folds cannot be made.
    """

    def draw(tracks: list[Track]) -> list[Split]:
        return splits.fold_tracks(tracks, n_folds, recipe.split.valid_share, recipe.split.seed)

    collection, is_demo = steps.prepare(recipe, data, sources, n_jobs, say, draw=draw)
    tracks = list(collection.tracks)
    listing = [(track.id, collection.contents[track.id], track.label, track.artist) for track in tracks]
    values = recipe.as_dict()
    values.pop("labels")
    digest = runs.fingerprint(__version__, values, listing, n_folds)
    folder, task = home() / "runs", f"{recipe.task}-crossval"
    run, _ = runs.find_run(folder, task, digest)
    run = run or runs.make_run(folder, task, digest)
    if recipe.network.fine_tune != "none":
        steps.build_base_graphs()
    with runs.locked(run):
        cells = []
        for repeat in range(n_repeats):
            seed = recipe.split.seed + repeat
            drawn = recipe.override(split__seed=seed)
            folds = splits.fold_tracks(tracks, n_folds, recipe.split.valid_share, seed)
            for (number, split), source in itertools.product(enumerate(folds), sources):
                cells.append((source, repeat, number, run / f"{source}-{seed}-{number}"))
                if not (cells[-1][3] / "plan.json").is_file():
                    steps.write_plan(
                        cells[-1][3], drawn, collection, split, source=source, is_demo=is_demo, export=False
                    )
        waiting = [str(cell) for _, _, _, cell in cells if not (cell / "predictions.npz").is_file()]
        say(f"{len(cells)} trainings, {len(waiting)} to do")
        if waiting:
            run_zone("essentia_ldl.nets", *waiting)
        grouped = splits.describe(folds[0], tracks).grouped
        scores = {"task": recipe.task, "n_folds": n_folds, "n_repeats": n_repeats, "grouped_by_artist": grouped}
        scores["sources"] = {source: _gather(recipe, source, cells) for source in sources}
        write_json(run / "scores.json", scores)
    yield from describe_scores(scores)
    yield str(run / "scores.json")


def _gather(recipe: Recipe, source: str, cells: Sequence[tuple[str, int, int, Path]]) -> dict[str, Any]:
    """Collect the folds of one source: each fold's score, their mean and deviation, and the score of all pooled."""
    by_repeat: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    folds, own_mass = [], []
    for name, repeat, _, cell in cells:
        if name != source:
            continue
        with np.load(cell / "predictions.npz", allow_pickle=False) as arrays:
            rows = arrays["roles"] == "test"
            targets = np.array([recipe.classes.index(str(label)) for label in arrays["labels"][rows]])
            probabilities = arrays["probabilities"][rows]
        folds.append(steps.score_predictions(targets, probabilities, recipe.classes))
        by_repeat.setdefault(repeat, []).append((targets, probabilities))
        own_mass.append(read_json(cell / "labels.json").get("own_mass_mean"))
    pooled = [
        steps.score_predictions(
            np.concatenate([targets for targets, _ in parts]),
            np.concatenate([probabilities for _, probabilities in parts]),
            recipe.classes,
        )
        for parts in by_repeat.values()
    ]
    values = np.array([fold["balanced_accuracy"] for fold in folds])
    return {
        "balanced_accuracy_mean": float(values.mean()),
        "balanced_accuracy_std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "balanced_accuracy_pooled": float(np.mean([score["balanced_accuracy"] for score in pooled])),
        "own_mass_mean": None if None in own_mass else float(np.mean(own_mass)),
        "pooled": pooled,
        "folds": folds,
    }


def describe_scores(scores: dict[str, Any]) -> list[str]:
    """Write the scores of a cross-validation as a table."""
    grouping = "grouped by artist" if scores["grouped_by_artist"] else "NOT grouped: artists are not known"
    times = f", {scores['n_repeats']} times" if scores["n_repeats"] > 1 else ""
    classes = list(next(iter(scores["sources"].values()))["pooled"][0]["recall"])
    header = "labels    balanced accuracy      pooled   " + "   ".join(f"recall {name}" for name in classes)
    lines = [f"{scores['task']}: {scores['n_folds']} folds{times}, {grouping}", header]
    for source, score in scores["sources"].items():
        recalls = [np.mean([pooled["recall"][name] for pooled in score["pooled"]]) for name in classes]
        shown = "   ".join(f"{value:>{len('recall ' + name)}.3f}" for name, value in zip(classes, recalls, strict=True))
        mean, deviation = score["balanced_accuracy_mean"], score["balanced_accuracy_std"]
        pooled = score["balanced_accuracy_pooled"]
        lines.append(f"{source:<8}  {mean:.3f} +- {deviation:.3f}         {pooled:.3f}    {shown}")
    return lines
