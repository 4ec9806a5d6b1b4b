"""An external validation of table 2: train on a whole data set, score the exported graph on MTG-Jamendo.

In: a recipe, its data set and the annotations; out: a folder with everything a run has, and evaluation/scores.json.
Nothing is put into graphs/: these models are there to be measured. 20 % of the data set validate, as in `train`.
"""

from __future__ import annotations

from pathlib import Path

from essentia_ldl import datasets
from essentia_ldl.collection import splits
from essentia_ldl.files import Home
from essentia_ldl.measure.evaluate import evaluate
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.train import train as steps
from essentia_ldl.train.compose import Wanted, plan_run, update_places
from essentia_ldl.train.train import Say
from essentia_ldl.zones import run_zone

LAYOUT = "mtg_jamendo"


def read_annotations(annotations: Path, task: str) -> list[Track]:
    """Return the tracks that a task is scored on; raise `DataError` when there are none."""
    return datasets.read_tracks(annotations, LAYOUT, {"taxonomy": task})


def validate_externally(
    cell: Path, recipe: Recipe, source: str, data: str, annotations: Path, say: Say, n_jobs: int | None, home: Home
) -> Path:
    """Train, export, verify in Essentia, and score on the annotations of the recipe's task; go on where it was.

    Parameters
    ----------
    cell : Path
        Folder of this cell, of one recipe, data set and set of annotations; made when missing.
    recipe : Recipe
        The task; its own label source is not looked at.
    source : str
        Label source.
    data : str
        The data set.
    annotations : Path
        What the layout mtg_jamendo reads.
    say : callable
        Gets lines.
    n_jobs : int or None
        Worker processes of the feature extraction.
    home : Home
        Whose store and graphs are meant.

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
            _train(cell, recipe, source, data, say, n_jobs, home)
        if (cell / "evaluation" / "scores.json").is_file():
            return cell / "evaluation" / "scores.json"
        graph = cell / "export" / f"{read_plan(cell).stems['full']}.pb"
        say(f"{recipe.task}, {source}: {graph.stem} on {annotations}")
        done = evaluate(
            str(graph),
            str(annotations),
            home,
            layout=LAYOUT,
            options={"taxonomy": recipe.task},
            output=str(cell / "evaluation"),
        )
    return done.folder / "scores.json"


def _train(cell: Path, recipe: Recipe, source: str, data: str, say: Say, n_jobs: int | None, home: Home) -> None:
    def draw(tracks: list[Track]) -> list[Split]:
        return [splits.split_tracks(tracks, recipe.split.valid_share, seed=recipe.split.seed)]

    collection, is_demo = steps.prepare(recipe, data, [source], n_jobs, say, home=home, draw=draw)
    steps.open_folder(cell, recipe.override(labels=source), collection)
    if runs.is_planned(cell):
        update_places(cell, collection)
    else:
        (split,) = draw(list(collection.tracks))
        plan_run(cell, recipe.override(labels=source), collection, split, Wanted(is_demo=is_demo))
    run_zone("essentia_ldl.nets", str(cell))
    run_zone("essentia_ldl.sound", str(cell))
