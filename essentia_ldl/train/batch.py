"""The trainings of a cross-validation, one a label source and fold: planned here, trained in the nets zone.

In: folds and a collection with features; out: a folder a cell with labels.csv, plan.json and predictions.npz. What is
there from a killed run is not done again. Heads on a frozen network train in several processes at once, with one
thread each, so that their numbers do not depend on how many there are; whole networks train one at a time, because
each needs some 6 GB. Embeddings are computed before, so that no two processes compute the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from essentia_ldl.collection.read import Collection, keep_split
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.features import embeddings
from essentia_ldl.measure.folds import Fold
from essentia_ldl.parallel import count_workers
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.scores import calibration
from essentia_ldl.scores.calibration import NONE
from essentia_ldl.train.compose import update_places, write_plan
from essentia_ldl.train.train import Say
from essentia_ldl.zones import run_zone, run_zones

HEAD_THREADS = 1


def check_hop(recipe: Recipe, patch_hop: int | None, refit: bool = False) -> None:
    """Raise `RecipeError` when the patches of a recipe's network cannot be scored at another hop.

    With `refit` they may be only where nothing is calibrated: the calibration of the final model is fitted on what the
    folds say, and has to hold for the patches that `predict` cuts.
    """
    if patch_hop is not None and refit and recipe.calibration.method != NONE:
        rule = "the network's own, with a final model that is calibrated on the folds"
        remedy = "Leave the patch hop out, or set calibration.method to none in the recipe."
        raise RecipeError(explain("patch hop", rule, patch_hop, f"recipe {recipe.task}", remedy))
    extractor = recipe.network.extractor
    if patch_hop is not None and extractor:
        rule, remedy = "a network whose hop is free", "Leave the patch hop out."
        raise RecipeError(explain("patch hop", rule, extractor, f"recipe {recipe.task}", remedy))


def train_cells(
    run: Path,
    recipe: Recipe,
    collection: Collection,
    folds: Sequence[Fold],
    sources: Sequence[str],
    is_demo: bool,
    n_jobs: int | None,
    say: Say,
    patch_hop: int | None = None,
) -> None:
    """Plan and train what is not there yet.

    Parameters
    ----------
    run : Path
        Folder of the cross-validation.
    recipe : Recipe
        The task; its seed is that of the first repetition.
    collection : Collection
        With features in the store.
    folds : sequence of Fold
        Of all repetitions.
    sources : sequence of str
        Label sources.
    is_demo : bool
        Whether the collection is the built-in one.
    n_jobs : int or None
        Processes that train heads; None is one a core.
    say : callable
        Gets lines for the user.
    patch_hop : int or None
        Frames between the patches that are scored; None is the front-end's. Training does not look at it.

    Raises
    ------
    StepFailed
        When a process fails; the other cells go on with the next call.
    KeyboardInterrupt
        After Ctrl-C, once all processes have ended.
    """
    cells = []
    for fold in folds:
        drawn, inside = recipe.override(split__seed=fold.seed), keep_split(collection, fold.split)
        for source in sources:
            cells.append(fold.cell(run, source))
            if not (cells[-1] / "plan.json").is_file():
                write_plan(
                    *(cells[-1], drawn, inside, fold.split),
                    source=source,
                    is_demo=is_demo,
                    export=False,
                    patch_hop=patch_hop,
                )
    train_folders(cells, collection, recipe, n_jobs, say, patch_hop)


def train_folders(
    folders: Sequence[Path],
    collection: Collection,
    recipe: Recipe,
    n_jobs: int | None,
    say: Say,
    patch_hop: int | None = None,
) -> None:
    """Train and calibrate folders whose plans are written, those that are not done yet; see `train_cells`."""
    made = ("predictions.npz", calibration.FILE)
    waiting = [str(folder) for folder in folders if not all((folder / name).is_file() for name in made)]
    say(f"{len(folders)} trainings, {len(waiting)} to do")
    if not waiting:
        return
    for folder in waiting:
        update_places(Path(folder), collection)
    if recipe.network.fine_tune != "head":
        run_zone("essentia_ldl.nets", *waiting)
        return
    embeddings.make_embeddings(collection, recipe.network)
    if patch_hop is not None:
        embeddings.make_embeddings(collection, recipe.network, patch_hop)
    n_processes = min(count_workers(n_jobs), len(waiting))
    shares = [waiting[first::n_processes] for first in range(n_processes)]
    run_zones("essentia_ldl.nets", shares, HEAD_THREADS)
