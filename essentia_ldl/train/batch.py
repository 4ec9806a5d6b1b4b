"""The trainings of a cross-validation, one per label source and fold: planned here, trained in the nets zone.

In: folds and a collection with features; out: a folder per cell with labels.csv, plan.json and predictions.npz. What is
there from a killed run is not done again. Heads on a frozen network train in several processes at once, with one
thread each, so that their numbers do not depend on how many there are; whole networks train one at a time, because
each needs some 6 GB. Embeddings are computed before, so that no two processes compute the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import labels as label_sources
from essentia_ldl.collection.read import Collection, keep_split
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.features import embeddings
from essentia_ldl.parallel import count_workers, run_jobs
from essentia_ldl.recipe.recipe import NetworkSettings, Recipe
from essentia_ldl.records import Failure, Split
from essentia_ldl.runs.folder import Fold, is_planned
from essentia_ldl.runs.predictions import FILE as PREDICTIONS
from essentia_ldl.scores import calibration
from essentia_ldl.scores.calibration import NONE
from essentia_ldl.train.compose import Wanted, plan_run, update_places
from essentia_ldl.train.prepare import Say
from essentia_ldl.train.targets import list_slow
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


@dataclasses.dataclass(frozen=True)
class FoldTraining:
    """One training of a cross-validation.

    Parameters
    ----------
    folder : Path
        Its cell.
    recipe : Recipe
        The task, with the label source and the seed of this training.
    split : Split
        Sides of the fold.
    """

    folder: Path
    recipe: Recipe
    split: Split


def list_trainings(run: Path, recipe: Recipe, folds: Sequence[Fold], sources: Sequence[str]) -> list[FoldTraining]:
    """List the trainings of a cross-validation, one per label source and fold.

    Parameters
    ----------
    run : Path
        Folder of the cross-validation.
    recipe : Recipe
        The task; its seed is that of the first repetition.
    folds : sequence of Fold
        Of all repetitions.
    sources : sequence of str
        Label sources.
    """
    return [
        FoldTraining(fold.cell(run, source), recipe.override(split__seed=fold.seed, labels=source), fold.split)
        for fold in folds
        for source in sources
    ]


def train_cells(
    trainings: Sequence[FoldTraining], collection: Collection, wanted: Wanted, n_jobs: int | None, say: Say
) -> None:
    """Plan and train what is not there yet.

    Parameters
    ----------
    trainings : sequence of FoldTraining
        One at least; all of one network.
    collection : Collection
        With features in the store.
    wanted : Wanted
        What is asked of each; training does not look at the hop of the patches.
    n_jobs : int or None
        Processes that fit slow labels and that train heads; None is one per core.
    say : callable
        Gets lines for the user.

    Raises
    ------
    StepFailed
        When a process fails; the other cells go on with the next call.
    KeyboardInterrupt
        After Ctrl-C, once all processes have ended.
    """
    plan_cells(trainings, collection, wanted, n_jobs, say)
    network = trainings[0].recipe.network
    train_folders([training.folder for training in trainings], collection, network, n_jobs, say, wanted.patch_hop)


def plan_cells(
    trainings: Sequence[FoldTraining], collection: Collection, wanted: Wanted, n_jobs: int | None, say: Say
) -> None:
    """Plan what is not planned yet; where labels are slow to fit, several cells at once; see `train_cells`."""
    waiting = [training for training in trainings if not is_planned(training.folder)]
    slow = [training for training in waiting if _is_slow(training.recipe)]
    jobs = [{"path": str(one.folder), "training": one, "collection": collection, "wanted": wanted} for one in slow]
    if slow:
        sources = ", ".join(dict.fromkeys(name for training in slow for name in list_slow(training.recipe)))
        say(f"labels of {len(slow)} trainings: LMNN for {sources}")
    if len(jobs) > 1:
        for _, result in run_jobs("essentia_ldl.train.batch:plan_cell", jobs, "labels", n_jobs, progress="fit"):
            if isinstance(result, Failure):
                break  # what went wrong in a worker goes wrong again below, and is told there as what it is
    for training in waiting:
        if not is_planned(training.folder):
            plan_cell({"training": training, "collection": collection, "wanted": wanted})


def plan_cell(job: Mapping[str, Any]) -> None:
    """Plan one training: the keys are training, collection and wanted, as `plan_cells` has them."""
    training = job["training"]
    inside = keep_split(job["collection"], training.split)
    plan_run(training.folder, training.recipe, inside, training.split, job["wanted"])


def _is_slow(recipe: Recipe) -> bool:
    """Tell whether labels are fitted in a worker: not where they start workers of their own."""
    return bool(list_slow(recipe)) and not any(label_sources.is_auxiliary(name) for name in recipe.learned)


def train_folders(
    folders: Sequence[Path],
    collection: Collection,
    network: NetworkSettings,
    n_jobs: int | None,
    say: Say,
    patch_hop: int | None = None,
) -> None:
    """Train and calibrate folders whose plans are written, those that are not done yet; see `train_cells`.

    Parameters
    ----------
    folders : sequence of Path
        Each with a plan.
    collection : Collection
        With features in the store.
    network : NetworkSettings
        What all of them train.
    n_jobs : int or None
        Networks that are trained at once; None is one per core.
    say : callable
        Gets lines while the work goes on.
    patch_hop : int or None
        Frames between the patches that are scored.
    """
    made = (PREDICTIONS, calibration.FILE)
    waiting = [folder for folder in folders if not all((folder / name).is_file() for name in made)]
    say(f"{len(folders)} trainings, {len(waiting)} to do")
    if not waiting:
        return
    for folder in waiting:
        update_places(folder, collection)
    todo = [str(folder) for folder in waiting]
    if network.fine_tune != "head":
        run_zone("essentia_ldl.nets", *todo)
        return
    embeddings.make_embeddings(collection, network)
    if patch_hop is not None:
        embeddings.make_embeddings(collection, network, patch_hop)
    n_processes = min(count_workers(n_jobs), len(todo))
    shares = [todo[first::n_processes] for first in range(n_processes)]
    run_zones("essentia_ldl.nets", shares, HEAD_THREADS)
