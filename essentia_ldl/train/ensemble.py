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

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import __version__
from essentia_ldl.collection import splits
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.features.extractors import identify_weights
from essentia_ldl.files import digest_file, read_json, replacing
from essentia_ldl.measure import rows as gathering
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.report import results
from essentia_ldl.runs import calibrate as calibrating
from essentia_ldl.runs import folder as runs
from essentia_ldl.scores.calibration import NONE
from essentia_ldl.train import train as steps
from essentia_ldl.train.batch import train_folders
from essentia_ldl.train.compose import identify_tracks, update_places, write_plan
from essentia_ldl.train.members import MEMBERS, Member, assemble, check_members
from essentia_ldl.train.train import Say, Trained
from essentia_ldl.zones import run_zone


def make_ensemble(
    name: str, sources: Sequence[str], method: str | None = None, again: bool = False, say: Say = print
) -> Trained:
    """Make one model of finished runs, and put it into graphs/.

    Parameters
    ----------
    name : str
        What the model is called in place of the task, such as "mood-sad-ensemble".
    sources : sequence of str
        Runs of `train`, by name or folder; or one cross-validation, whose members are the folds of its best labels.
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
    if not name or not all(part.isalnum() for part in name.replace("_", "-").split("-")):
        raise DataError(explain("name", "letters, digits and hyphens", name, "ensemble", "Choose another name."))
    members, cells = find_members(sources)
    check_members(members)
    digests = [digest_file(member.folder / "weights.npz") for member in members]
    run, finished = steps.take_run(name, runs.fingerprint(__version__, MEMBERS, name, digests, method), again, say)
    if finished:
        names = tuple(read_json(run / "run.json")["models"])
        return Trained(run, names, read_json(run / "scores.json"), (), repeated=True)
    with runs.locked(run):
        first = members[0].plan
        old, new = first["task"].replace("-", "_"), name.replace("-", "_")
        stems = {kind: stem and stem.replace(old, new, 1) for kind, stem in first["stems"].items()}
        if cells:
            calibrating.keep_out_of_fold(run, cells)
        for folder in (members[0].folder, members[0].folder.parent):
            if (folder / "recipe.toml").is_file():  # for the report
                with replacing(run / "recipe.toml") as file:
                    file.write((folder / "recipe.toml").read_bytes())
                break
        text = {"name": name.replace("-", " "), "stems": stems}
        names, scores = _finish(run, members, {**text, **({} if method is None else {"calibration": method})}, say)
    return Trained(run, names, scores, ())


def train_members(
    recipe: Recipe,
    data: str | None,
    n_members: int,
    *,
    n_jobs: int | None = None,
    max_hours: float | None = None,
    again: bool = False,
    say: Say = print,
    **reading: Any,
) -> Trained:
    """Train a task with several seeds, the recipe's and those that follow, and make one model of them.

    The validation side is that of the first seed for all, so that it stays out of every member's training.

    Parameters
    ----------
    recipe, data, n_jobs, max_hours, again, say
        As in `steps.train`; `max_hours` is of each member.
    n_members : int
        2 or more.
    **reading
        corrections, layout and options, as there.

    Returns
    -------
    Trained

    Raises
    ------
    EssentiaLdlError
        As `steps.train`.
    """

    if recipe.target_networks != "none":
        rule, remedy = "a network without transfer", "Name one label source that is no artist group."
        raise RecipeError(explain("members", rule, recipe.labels, f"recipe {recipe.task}", remedy))

    def draw(tracks: Sequence[Any]) -> list[Any]:
        return [splits.split_tracks(list(tracks), recipe.split.valid_share, seed=recipe.split.seed)]

    collection, is_demo = steps.prepare(recipe, data, [recipe.labels], n_jobs, say, draw=draw, **reading)
    listing, sides = identify_tracks(recipe, collection), [track.split for track in collection.tracks]
    asked = (MEMBERS, n_members, recipe.as_dict(), listing, sides, is_demo, max_hours)
    digest = runs.fingerprint(__version__, *asked, *identify_weights(recipe.network))
    run, finished = steps.take_run(recipe.task, digest, again, say)
    if finished:
        names = tuple(read_json(run / "run.json")["models"])
        return Trained(run, names, read_json(run / "scores.json"), collection.failures, repeated=True)
    with runs.locked(run):
        steps.open_folder(run, recipe, collection)
        (split,) = draw(collection.tracks)
        members = []
        for number in range(n_members):
            seed = recipe.split.seed + number
            members.append(Member(f"seed {seed}", run / MEMBERS / str(number)))
            folder = members[-1].folder
            seeded = recipe.override(split__seed=seed, uncertainty__samples=0)
            if not (folder / "plan.json").is_file():
                facts = {"is_demo": is_demo, "export": False, "max_hours": max_hours}
                write_plan(folder, seeded, collection, split, **facts)
            update_places(folder, collection)
        train_folders([member.folder for member in members], collection, recipe, n_jobs, say)
        names, scores = _finish(run, members, {}, say)
    return Trained(run, names, scores, collection.failures)


def find_members(sources: Sequence[str]) -> tuple[list[Member], list[Path]]:
    """Find the networks that runs hold.

    Parameters
    ----------
    sources : sequence of str
        Names or folders of runs.

    Returns
    -------
    members : list[Member]
        One a run, or one a fold of a cross-validation.
    cells : list[Path]
        Their folders, when all are folds; empty otherwise.

    Raises
    ------
    DataError
        When a cross-validation is one of several sources.
    StoreError, UnknownNameError
        As `results.find_finished`.
    """
    folders = [results.find_finished(source) for source in sources]
    tables = [folder for folder in folders if "folds" in read_json(folder / "scores.json")]
    if tables and len(folders) > 1:
        remedy = "Name the cross-validation alone."
        raise DataError(explain("runs", "runs of train, or one cross-validation", len(folders), tables[0], remedy))
    if not tables:
        return [Member(folder.name, folder) for folder in folders], []
    scores = read_json(tables[0] / "scores.json")
    best = gathering.choose_best(scores)
    cells = [tables[0] / f"{best}-{fold['seed']}-{fold['fold']}" for fold in scores["folds"]]
    return [Member(f"{tables[0].name}/{cell.name}", cell) for cell in cells], cells


def _finish(
    run: Path, members: Sequence[Member], changes: Mapping[str, Any], say: Say
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Assemble, calibrate, export, verify, score and promote."""
    assemble(run, members, changes)
    say(f"ensemble of {len(members)}: {', '.join(member.name for member in members)}")
    found = calibrating.calibrate_run(run)
    if read_json(run / "plan.json")["calibration"] != NONE:
        say(f"calibration: {found.describe()}")
    run_zone("essentia_ldl.nets", "--export-only", str(run))
    return steps.deliver(run, {})
