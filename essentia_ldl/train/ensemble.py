"""Ensembles: trained networks of one kind become one model, which answers the mean of their probabilities.

In: run folders of single networks, or a recipe that is trained with several seeds. Out: a run folder of `members`,
which scores, calibration and report read as that of one network, and a verified model in graphs/.

One temperature calibrates all members, each before the mean. It is fitted on the probabilities that the ensemble
answers for tracks that no member was trained on; of the folds of a cross-validation, where every track trained some
member, on what each fold said of its test tracks.

References
----------
Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty estimation using deep ensembles",
NIPS 2017, section 2.4: five members, from other seeds, trained on all data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import __version__
from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.files import Home, digest_file, replacing
from essentia_ldl.recipe.recipe import TASK_RULE, Recipe, is_task_name
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.calibrate import calibrate_run, keep_out_of_fold
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.outcome import CROSSVAL, read_scores
from essentia_ldl.runs.plan import Plan
from essentia_ldl.runs.score import choose_best
from essentia_ldl.scores.calibration import NONE
from essentia_ldl.train.batch import FoldTraining, plan_cells, train_folders
from essentia_ldl.train.compose import Wanted, identify_graphs, identify_tracks, update_places
from essentia_ldl.train.members import MEMBERS, Member, assemble, check_members, join_plans
from essentia_ldl.train.prepare import Needs, Say, prepare
from essentia_ldl.train.train import DEFAULT_EFFORT, Effort, Trained, deliver, draw_split, open_folder, take_training
from essentia_ldl.zones import run_zone


def make_ensemble(
    name: str, sources: Sequence[str], home: Home, method: str | None = None, again: bool = False, say: Say = print
) -> Trained:
    """Make one model of finished runs, and put it into graphs/.

    Parameters
    ----------
    name : str
        What the model is called in place of the task, such as "mood-sad-ensemble".
    sources : sequence of str
        Runs of `train`, by name or folder; or one cross-validation, whose members are the folds of its best labels.
    home : Home
        Whose runs and graphs are meant.
    method : str or None
        Calibration; None is what the first member's plan says.
    again : bool
        Make it even when the same ensemble was made before.
    say : callable
        Gets lines for the user.

    Returns
    -------
    Trained

    Raises
    ------
    DataError
        When there are fewer than two members, or classes, networks or patches of two differ.
    StoreError, UnknownNameError
        When a run is missing, has not ended, or is damaged.
    """
    if not is_task_name(name):
        raise DataError(explain("name", TASK_RULE, name, "ensemble", "Choose another name."))
    members, cells = find_members(sources, home.runs)
    check_members(members)
    digests = [digest_file(member.folder / WEIGHTS) for member in members]
    run, before = take_training(name, runs.fingerprint(__version__, MEMBERS, name, digests, method), home, again, say)
    if before is not None:
        return before
    with runs.locked(run):
        joined = join_plans(run, members)
        old, new = joined.task.replace("-", "_"), name.replace("-", "_")
        stems = {kind: stem and stem.replace(old, new, 1) for kind, stem in joined.stems.items()}
        if cells:
            keep_out_of_fold(run, cells)
        for folder in (members[0].folder, members[0].folder.parent):
            if (folder / runs.RECIPE).is_file():  # for the report
                with replacing(run / runs.RECIPE) as file:
                    file.write((folder / runs.RECIPE).read_bytes())
                break
        wanted = joined.calibration if method is None else method
        plan = dataclasses.replace(joined, name=name.replace("-", " "), stems=stems, calibration=wanted)
        names, scores = _finish(plan, members, home.graphs, say)
    return Trained(run, names, scores, ())


def train_members(
    recipe: Recipe, source: Source, n_members: int, home: Home, effort: Effort = DEFAULT_EFFORT, say: Say = print
) -> Trained:
    """Train a task with several seeds, the recipe's and those that follow, and make one model of them.

    The validation side is that of the first seed for all, so that it stays out of every member's training.

    Parameters
    ----------
    recipe : Recipe
        The task.
    source : Source
        Where the collection is; without data, the built-in demo.
    n_members : int
        2 or more.
    home : Home
        Where runs, features and the model go.
    effort : Effort
        Worker processes, hours of each member, and whether what was made before is made again.
    say : callable
        Gets lines for the user.

    Returns
    -------
    Trained

    Raises
    ------
    EssentiaLdlError
        When files, labels or recipe do not fit, a training cannot go on, or the model is not what Essentia runs.
    """
    if recipe.kind != SINGLE_LABEL:
        rule, remedy = f"none where the kind is {recipe.kind}", "Leave members out."
        raise RecipeError(explain("members", rule, n_members, f"recipe {recipe.task}", remedy))
    if recipe.target_networks != "none":
        rule, remedy = "a network with one target", "Name one label source that is no artist group."
        raise RecipeError(explain("members", rule, recipe.labels, f"recipe {recipe.task}", remedy))

    needs = Needs((recipe.labels,), lambda tracks: [draw_split(recipe, tracks)])
    collection = prepare(recipe, source, needs, home, effort.n_jobs, say)
    listing, sides = identify_tracks(recipe, collection), [track.split for track in collection.tracks]
    asked = (MEMBERS, n_members, recipe.as_identity(), listing, sides, collection.is_demo, effort.max_hours)
    digest = runs.fingerprint(__version__, *asked, *identify_graphs(recipe, home.graphs))
    run, before = take_training(recipe.task, digest, home, effort.again, say)
    if before is not None:
        return dataclasses.replace(before, failures=collection.failures)
    with runs.locked(run):
        open_folder(run, recipe, collection)
        split = draw_split(recipe, list(collection.tracks))
        members, trainings = [], []
        for number in range(n_members):
            seed = recipe.split.seed + number
            members.append(Member(f"seed {seed}", run / MEMBERS / str(number)))
            seeded = recipe.override(split__seed=seed, uncertainty__samples=0)
            trainings.append(FoldTraining(members[-1].folder, seeded, split))
        wanted = Wanted(export=False, max_hours=effort.max_hours)
        plan_cells(trainings, collection, wanted, effort.n_jobs, say)
        for member in members:  # also those that are trained: their plans become that of the ensemble
            update_places(member.folder, collection)
        train_folders([member.folder for member in members], collection, recipe.network, effort.n_jobs, say)
        names, scores = _finish(join_plans(run, members), members, home.graphs, say)
    return Trained(run, names, scores, collection.failures)


def find_members(sources: Sequence[str], folder: Path) -> tuple[list[Member], list[Path]]:
    """Find the networks that runs hold.

    Parameters
    ----------
    sources : sequence of str
        Names or folders of runs.
    folder : Path
        Folder of the runs.

    Returns
    -------
    members : list[Member]
        One per run, or one per fold of a cross-validation.
    cells : list[Path]
        Their folders, when all are folds; empty otherwise.

    Raises
    ------
    DataError
        When a cross-validation is one of several sources.
    StoreError, UnknownNameError
        When there is no run of that name, or it has not ended, is damaged, or is neither a training nor a
        cross-validation.
    """
    folders = [runs.find_finished(source, folder) for source in sources]
    tables = [folder for folder in folders if runs.tell_kind(folder) == CROSSVAL]
    if tables and len(folders) > 1:
        remedy = "Name the cross-validation alone."
        raise DataError(explain("runs", "runs of train, or one cross-validation", len(folders), tables[0], remedy))
    if not tables:
        return [Member(folder.name, folder) for folder in folders], []
    scores = read_scores(tables[0])
    best = choose_best(scores)
    cells = [runs.cell_folder(tables[0], best, fold["seed"], fold["fold"]) for fold in scores["folds"]]
    return [Member(f"{tables[0].name}/{cell.name}", cell) for cell in cells], cells


def _finish(plan: Plan, members: Sequence[Member], graphs: Path, say: Say) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Assemble, calibrate, export, verify, score and promote."""
    run = plan.folder
    assemble(plan, members)
    say(f"ensemble of {len(members)}: {', '.join(member.name for member in members)}")
    found = calibrate_run(run)
    if plan.calibration != NONE:
        say(f"calibration: {found.describe()}")
    run_zone("essentia_ldl.nets", "--export-only", str(run))
    return deliver(run, {}, graphs)
