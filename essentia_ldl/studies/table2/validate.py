"""An external validation of table 2: train on a whole data set, score the exported graph on MTG-Jamendo.

In: a recipe, its data set and the annotations; out: a folder with everything a run has, and evaluation/scores.json.
Nothing is put into graphs/: these models are there to be measured. 20 % of the data set validate, as in `train`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from essentia_ldl import datasets
from essentia_ldl.collection.read import Source
from essentia_ldl.files import Home
from essentia_ldl.measure.evaluate import evaluate
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import SCORES
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.train.compose import Wanted, plan_run, update_places
from essentia_ldl.train.prepare import Needs, Say, prepare
from essentia_ldl.train.train import draw_split, open_folder
from essentia_ldl.zones import run_zone

LAYOUT = "mtg_jamendo"


def read_annotations(annotations: Path, task: str) -> list[Track]:
    """Return the tracks that a task is scored on; raise `DataError` when there are none."""
    return datasets.read_tracks(annotations, LAYOUT, {"taxonomy": task})


@dataclasses.dataclass(frozen=True)
class Sets:
    """The data set that a task is trained on, and the annotations of MTG-Jamendo that it is scored on."""

    training: Source
    annotations: Path


def validate_externally(
    cell: Path, recipe: Recipe, sets: Sets, home: Home, n_jobs: int | None = None, say: Say = print
) -> Path:
    """Train, export, verify in Essentia, and score on the annotations of the recipe's task; go on where it was.

    Parameters
    ----------
    cell : Path
        Folder of this cell, of one recipe, data set and set of annotations; made when missing.
    recipe : Recipe
        The task and its label source.
    sets : Sets
        What is trained and scored on.
    home : Home
        Whose store and graphs are meant.
    n_jobs : int or None
        Worker processes of the feature extraction.
    say : callable
        Gets lines.

    Returns
    -------
    Path
        The scores.json.

    Raises
    ------
    EssentiaLdlError
        Whatever went wrong.
    """
    cell.mkdir(parents=True, exist_ok=True)
    with runs.locked(cell):
        if not (cell / "export" / "verify.json").is_file():
            _train(cell, recipe, sets.training, home, n_jobs, say)
        if (cell / "evaluation" / SCORES).is_file():
            return cell / "evaluation" / SCORES
        graph = cell / "export" / f"{read_plan(cell).stems['full']}.pb"
        say(f"{recipe.task}, {recipe.labels}: {graph.stem} on {sets.annotations}")
        annotated = Source(sets.annotations, LAYOUT, {"taxonomy": recipe.task})
        done = evaluate(str(graph), annotated, home, output=str(cell / "evaluation"))
    return done.folder / SCORES


def _train(cell: Path, recipe: Recipe, source: Source, home: Home, n_jobs: int | None, say: Say) -> None:
    needs = Needs((recipe.labels,), lambda tracks: [draw_split(recipe, tracks)])
    collection = prepare(recipe, source, needs, home, n_jobs, say)
    open_folder(cell, recipe, collection)
    if runs.is_planned(cell):
        update_places(cell, collection)
    else:
        plan_run(cell, recipe, collection, draw_split(recipe, list(collection.tracks)), Wanted())
    run_zone("essentia_ldl.nets", str(cell))
    run_zone("essentia_ldl.sound", str(cell))
