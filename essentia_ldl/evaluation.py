"""Cross-validation: several label sources and the baselines on the same folds, everything fitted inside each fold.

In: a collection and a recipe; out: ``scores.json`` in a run folder, the only source of every number that is shown.
Targets are smoothed on the training tracks of a fold alone; validation and test targets stay one-hot; a track's
prediction is the mean of its patches' probabilities. Folds are drawn, grouped by artist, or are the values of a column
of the collection, of which one is left out at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__, baselines, embeddings, frontends, runs, scoring, splits, statistics, steps
from essentia_ldl.collection import Collection, extract
from essentia_ldl.errors import DataError, explain
from essentia_ldl.planning import write_plan
from essentia_ldl.recipe import Recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.statistics import describe_scores
from essentia_ldl.steps import Say
from essentia_ldl.store import home, open_store, read_json, write_json
from essentia_ldl.zones import run_zone


@dataclasses.dataclass(frozen=True)
class Fold:
    """One fold of one repetition; `held_out` is the value of the column that its test side has, or None."""

    repeat: int
    seed: int
    number: int
    held_out: str | None
    split: Split

    def cell(self, run: Path, name: str) -> Path:
        """Return the folder of a label source or a baseline on this fold."""
        return run / f"{name}-{self.seed}-{self.number}"


def cross_validate(
    recipe: Recipe,
    data: str | None,
    sources: Sequence[str],
    n_folds: int,
    n_repeats: int,
    n_jobs: int | None,
    say: Say,
    leave_out: str | None = None,
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
        Folds, and how often they are drawn (by seed, seed + 1, …).
    n_jobs : int or None
        Worker processes of the feature extraction.
    say : callable
        Gets lines while the work goes on.
    leave_out : str or None
        A column of the collection: one fold a value, tested on its tracks and trained on the others. `n_folds` is not
        looked at then, and repetitions draw other validation sides only.

    Yields
    ------
    str
        Lines of the result.

    Raises
    ------
    DataError
        When folds cannot be made.
    """
    sources = list(dict.fromkeys(sources))

    def draw(tracks: Sequence[Track]) -> list[Split]:
        return [fold.split for fold in draw_folds(tracks, recipe, n_folds, 1, leave_out)]

    collection, is_demo = steps.prepare(recipe, data, sources, n_jobs, say, draw=draw)
    tracks = list(collection.tracks)
    listing = [(track.id, collection.contents[track.id], track.label, track.artist) for track in tracks]
    values = {key: value for key, value in recipe.as_dict().items() if key != "labels"}
    kind = n_folds if leave_out is None else [leave_out, [track.columns[leave_out] for track in tracks]]
    digest = runs.fingerprint(__version__, values, listing, kind)
    folder, task = home() / "runs", f"{recipe.task}-crossval"
    run = runs.find_run(folder, task, digest)[0] or runs.make_run(folder, task, digest)
    if recipe.network.fine_tune != "none":
        steps.build_base_graphs()
    with runs.locked(run):
        folds = draw_folds(tracks, recipe, n_folds, n_repeats, leave_out)
        _train(run, recipe, collection, folds, sources, is_demo, say)
        problems = _test_baselines(run, recipe, collection, folds, n_jobs, say)
        scores = _describe_folds(recipe, tracks, folds, n_repeats, leave_out)
        scores["sources"] = {name: _gather(run, recipe, name, folds) for name in sources}
        tested = [name for name in baselines.GRIDS if name not in problems]
        scores["baselines"] = {name: _gather(run, recipe, name, folds) for name in tested}
        scores["baselines_left_out"] = problems
        scores["comparisons"] = _compare(scores)
        write_json(run / "scores.json", scores)
    yield from describe_scores(scores)
    yield str(run / "scores.json")


def draw_folds(
    tracks: Sequence[Track], recipe: Recipe, n_folds: int, n_repeats: int, leave_out: str | None
) -> list[Fold]:
    """Draw the folds of every repetition, seeded by the recipe's seed, seed + 1, …; the same for every source."""
    folds, share = [], recipe.split.valid_share
    for repeat in range(n_repeats):
        seed = recipe.split.seed + repeat
        if leave_out is None:
            drawn = [(None, split) for split in splits.fold_tracks(tracks, n_folds, share, seed)]
        else:
            drawn = list(leave_out_values(tracks, leave_out, share, seed).items())
        folds += [Fold(repeat, seed, number, value, split) for number, (value, split) in enumerate(drawn)]
    return folds


def leave_out_values(tracks: Sequence[Track], column: str, valid_share: float, seed: int) -> dict[str, Split]:
    """Make one fold a value of a column: its tracks test; the others train, but for those of an artist who tests.

    Parameters
    ----------
    tracks : Sequence[Track]
        The collection; a split column is not looked at.
    column : str
        Name of a column of the collection, such as "genre".
    valid_share : float
        Share of the tracks that remain, which validates.
    seed : int
        Another seed is another validation side.

    Returns
    -------
    dict[str, Split]
        By value, in alphabetical order.

    Raises
    ------
    DataError
        When the column is missing, is not filled for every track or has one value only, a class is missing on a
        training side, or there are too few artists to validate with.
    """
    where = f"leave out {column}"
    known = sorted({name for track in tracks for name in track.columns})
    if column not in known:
        rule = "one of " + (", ".join(known) or "the columns that the collection has beside path, label, artist, split")
        raise DataError(explain("column", rule, column, where, "Name another one, or add it to the table."))
    empty = [track.id for track in tracks if not track.columns.get(column)]
    if empty:
        found = f"{len(empty)} of {len(tracks)} tracks without one"
        raise DataError(explain(f"column {column!r}", "a value for every track", found, empty[0], "Fill it."))
    values = sorted({track.columns[column] for track in tracks})
    if len(values) < 2:
        raise DataError(explain(f"column {column!r}", "two or more values", values, where, "Name another column."))
    classes, found = sorted({track.label for track in tracks}), {}
    for value in values:
        test = [track for track in tracks if track.columns[column] == value]
        testing = {track.artist for track in test} - {None}
        others = [track for track in tracks if track.columns[column] != value]
        rest = [dataclasses.replace(track, split=None) for track in others if track.artist not in testing]
        counts = {name: sum(track.label == name for track in rest) for name in classes}
        if not all(counts.values()):
            numbers = ", ".join(f"{n} {name}" for name, n in counts.items())
            numbers += f"; {len(test)} tracks test, {len(others) - len(rest)} more are of artists who test"
            where, remedy = f"{column} {value}", "Add tracks, or merge values."
            raise DataError(explain("folds", "every class in every training side", numbers, where, remedy))
        side = splits.split_tracks(rest, valid_share, seed=seed)
        artists = {track.id: track.artist for track in (*rest, *test) if track.artist is not None}
        found[value] = Split(side.train, side.valid, tuple(sorted(track.id for track in test)), artists)
    return found


def _within(collection: Collection, split: Split) -> Collection:
    """Keep the tracks of a fold: one left out of every side must not reach a plan."""
    ids = {*split.train, *split.valid, *split.test}
    return dataclasses.replace(collection, tracks=tuple(track for track in collection.tracks if track.id in ids))


def _train(
    run: Path, recipe: Recipe, collection: Collection, folds: list[Fold], sources: list[str], is_demo: bool, say: Say
) -> None:
    cells = []
    for fold in folds:
        drawn, inside = recipe.override(split__seed=fold.seed), _within(collection, fold.split)
        for source in sources:
            cells.append(fold.cell(run, source))
            if not (cells[-1] / "plan.json").is_file():
                write_plan(cells[-1], drawn, inside, fold.split, source=source, is_demo=is_demo, export=False)
    waiting = [str(cell) for cell in cells if not (cell / "predictions.npz").is_file()]
    say(f"{len(cells)} trainings, {len(waiting)} to do")
    if waiting:
        run_zone("essentia_ldl.nets", *waiting)


def _test_baselines(
    run: Path, recipe: Recipe, collection: Collection, folds: list[Fold], n_jobs: int | None, say: Say
) -> dict[str, str]:
    """Run the baselines on every fold; return why one of them was left out, by its name."""
    store = open_store()

    def read_embeddings() -> Mapping[str, np.ndarray]:
        embeddings.make_embeddings(collection, recipe.network)
        return baselines.average(embeddings.read_embeddings(collection, recipe.network))

    def read_mfcc() -> Mapping[str, np.ndarray]:
        lacking = [t for t in collection.tracks if not store.has(collection.contents[t.id], frontends.MFCC)]
        if lacking:
            say(f"MFCC of {len(lacking)} tracks, for a baseline")
            extract(lacking, store, [frontends.MFCC], n_jobs)
        return baselines.read_mfcc(collection, store)

    readers = {"logreg": read_embeddings, "mfcc-svm": read_mfcc}
    places = [(lambda name, fold=fold: fold.cell(run, name), fold.split, fold.seed) for fold in folds]
    return baselines.run_baselines(readers, places, collection.tracks, recipe.classes, say)


def _describe_folds(
    recipe: Recipe, tracks: Sequence[Track], folds: Sequence[Fold], n_repeats: int, leave_out: str | None
) -> dict[str, Any]:
    unknown = sum(track.artist is None for track in tracks)
    warning = f"NOT grouped by artist: not known for {unknown} of {len(tracks)} tracks, so one may train and test"
    scores: dict[str, Any] = {
        "task": recipe.task,
        "classes": list(recipe.classes),
        "n_tracks": len(tracks),
        "class_counts": {name: sum(track.label == name for track in tracks) for name in recipe.classes},
        "n_folds": len(folds) // n_repeats,
        "n_repeats": n_repeats,
        "leave_out": leave_out,
        "seeds": list(dict.fromkeys(fold.seed for fold in folds)),
        "grouped_by_artist": unknown == 0,
        "warnings": [warning] if unknown else [],
        "folds": [],
    }
    for fold in folds:
        sides = splits.describe(fold.split, tracks)
        sizes = {f"n_{side}": len(getattr(fold.split, side)) for side in ("train", "valid", "test")}
        row = {"repeat": fold.repeat, "seed": fold.seed, "fold": fold.number, "held_out": fold.held_out, **sizes}
        row["n_dropped"] = len(tracks) - sum(sizes.values())
        row["class_counts"] = {side: dict(counts) for side, counts in sides.counts.items()}
        scores["folds"].append({**row, "artists": dict(sides.artists)})
    return scores


def _gather(run: Path, recipe: Recipe, name: str, folds: Sequence[Fold]) -> dict[str, Any]:
    """Collect the folds of one source: each fold's score, their mean and deviation, and the score of all pooled."""
    by_repeat: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    scored, own_mass = [], []
    for fold in folds:
        cell = fold.cell(run, name)
        with np.load(cell / "predictions.npz", allow_pickle=False) as arrays:
            rows = arrays["roles"] == "test"
            targets = np.array([recipe.classes.index(str(label)) for label in arrays["labels"][rows]])
            probabilities = arrays["probabilities"][rows]
        scored.append(scoring.score_predictions(targets, probabilities, recipe.classes))
        by_repeat.setdefault(fold.repeat, []).append((targets, probabilities))
        if (cell / "labels.json").is_file():
            own_mass.append(read_json(cell / "labels.json").get("own_mass_mean"))
    joined = [map(np.concatenate, zip(*parts, strict=True)) for parts in by_repeat.values()]
    pooled = [scoring.score_predictions(*arrays, recipe.classes) for arrays in joined]
    values = np.array([score["balanced_accuracy"] for score in scored])
    return {
        "balanced_accuracy_mean": float(values.mean()),
        "balanced_accuracy_std": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "balanced_accuracy_pooled": float(np.mean([score["balanced_accuracy"] for score in pooled])),
        "own_mass_mean": float(np.mean(own_mass)) if own_mass and None not in own_mass else None,
        "pooled": pooled,
        "folds": scored,
    }


def _compare(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
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
