"""The agf command: the experiment of the paper on artist group factors, on the user's collection or on the demo.

In: a collection with artists; out: a run folder with agf.md, agf.csv and figure3, written anew with every few cells.
All 31 combinations of five targets, each with separate networks and with a shared one, and wide networks. Whatever was
measured is not measured again, and a network is trained once for all cells that read it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import __version__
from essentia_ldl.choices import SEPARATE, SHARED, WIDE
from essentia_ldl.collection.read import Collection, Source, keep_split, read_labelled
from essentia_ldl.discover import unknown
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.features.extractors import identify_weights
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, read_json
from essentia_ldl.frontends import get_network
from essentia_ldl.parallel import count_workers
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import change_recipe, read_recipe, render_recipe
from essentia_ldl.records import Failure, Split, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import HISTORY
from essentia_ldl.studies import estimates
from essentia_ldl.studies.artist_groups.cells import (
    ARTIST,
    SOURCES,
    STRATIFIED,
    TEST_SHARE,
    Trial,
    draw_split,
    fit_targets,
    list_cells,
    plan_cells,
    read_rows,
    score_cell,
)
from essentia_ldl.studies.artist_groups.comparison import SPLITS
from essentia_ldl.studies.artist_groups.paper import COMBINATIONS, LETTERS, NETWORKS
from essentia_ldl.studies.artist_groups.tables import write_files
from essentia_ldl.train.compose import identify_tracks
from essentia_ldl.train.multi_target import describe_left_out
from essentia_ldl.train.prepare import Needs, Say, find_data, prepare, require_network
from essentia_ldl.zones import run_zone, run_zones

TASK, DEMO_TASK = "genre-fma", "genre-agf-demo"
DEMO_COMBINATIONS = ("g", "gm", "gs", "gmdes")
N_THREADS = 1  # a network: so its numbers do not depend on how many are trained at once


@dataclasses.dataclass(frozen=True)
class Trials:
    """Which cells are measured: combinations of letters, kinds of networks, kinds of split, and seeds.

    With `dry_run` none is; the time that they take is estimated.
    """

    combinations: tuple[str, ...] = COMBINATIONS
    networks: tuple[str, ...] = NETWORKS
    splits: tuple[str, ...] = SPLITS
    seeds: tuple[int, ...] = (0,)
    dry_run: bool = False


@dataclasses.dataclass(frozen=True)
class Selection:
    """What the command is asked for; the rest of a `Trials` and of the recipe is as usual.

    Parameters
    ----------
    task : str or None
        A recipe's name or file; None is the paper's, or without data the demo's.
    targets, networks, splits : tuple[str, ...]
        Parts of a `Trials`; empty for all, or on the demo for few.
    seeds, epochs : int or None
        Seeds 0 to so many less 1, and epochs of one network.
    changes : Mapping[str, str]
        Keys of the recipe that differ, as in `recipe.toml.change_recipe`.
    dry_run : bool
        Stop after the estimated time.
    """

    task: str | None = None
    targets: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    seeds: int | None = None
    epochs: int | None = None
    changes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dry_run: bool = False


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What `run_experiment` leaves.

    Parameters
    ----------
    folder : Path
        The run, or after a dry run the folder of runs.
    rows : tuple[Mapping[str, Any], ...]
        One per cell that was measured, now or before.
    notes : tuple[str, ...]
        What could not be written, in sentences.
    failures : tuple[Failure, ...]
        Files left out.
    is_demo : bool
        Whether the music is synthetic.
    """

    folder: Path
    rows: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    is_demo: bool = False


def measure(source: Source, asked: Selection, home: Home, n_jobs: int | None = None, say: Say = print) -> Experiment:
    """Run the experiment as it is asked for; without data on the demo, a smaller one.

    Parameters
    ----------
    source : Source
        Folder or table with artists.
    asked : Selection
        Which cells, of which recipe.
    home : Home
        Whose runs, store, recipes and graphs are meant.
    n_jobs : int or None
        Worker processes.
    say : callable
        Gets lines for the user.

    Returns
    -------
    Experiment

    Raises
    ------
    UnknownNameError
        When there is no such task, kind of networks or split.
    """
    for name, given, known in (("networks", asked.networks, NETWORKS), ("split", asked.splits, SPLITS)):
        for value in given:
            if value not in known:
                raise unknown(name, value, known)
    task = asked.task or (DEMO_TASK if source.data is None else TASK)
    recipe = change_recipe(read_recipe(task, home.recipes), asked.changes)
    recipe = recipe.override(training__epochs=asked.epochs, training__epochs_from_scratch=asked.epochs)
    usual = Trials() if source.data is not None else Trials(DEMO_COMBINATIONS, (SEPARATE, SHARED), (ARTIST,))
    if not asked.networks and not get_network(recipe.network.backbone).is_widened:
        usual = dataclasses.replace(usual, networks=tuple(name for name in usual.networks if name != WIDE))
        say(f"no wide networks: {recipe.network.backbone} cannot be made wider")
    grid = Trials(
        asked.targets or usual.combinations,
        asked.networks or usual.networks,
        asked.splits or usual.splits,
        tuple(range(asked.seeds or 1)),
        asked.dry_run,
    )
    return run_experiment(recipe, source, grid, home, n_jobs, say)


def run_experiment(
    recipe: Recipe, source: Source, grid: Trials, home: Home, n_jobs: int | None = None, say: Say = print
) -> Experiment:
    """Measure the cells of a grid that are not measured yet.

    Parameters
    ----------
    recipe : Recipe
        Network, training, targets and settings of the label sources; its own list of sources is not looked at.
    source : Source
        Folder or table with artists; without data, the demo of the recipe.
    grid : Trials
        Which cells.
    home : Home
        Where run and features go.
    n_jobs : int or None
        Worker processes of the extraction, and networks that are trained at once; None is one per core.
    say : callable
        Gets lines while the work goes on.

    Returns
    -------
    Experiment

    Raises
    ------
    DataError
        When a source cannot be fitted: no artists, no column of sub-genres, fewer tracks than clusters.
    EssentiaLdlError
        Whatever else goes wrong; what was measured stays.
    """
    cells = list_cells(grid.combinations, grid.networks, grid.splits, grid.seeds)
    if not cells:
        rule, remedy = "one network or more", "Name combinations of two letters and more, or other networks."
        raise RecipeError(explain("networks", rule, "none for these targets", "agf", remedy))
    for cell in cells:
        cell.set_up(recipe)  # what cannot be trained is told before the long work
    require_network(recipe.network, home.graphs)
    sources = tuple(SOURCES[letter] for letter in _list_letters(cells))

    def draw(tracks: list) -> list[Split]:
        return [draw_split(tracks, kind, seed) for kind in grid.splits for seed in grid.seeds]

    source, _ = find_data(recipe, source, home, say)
    say_estimate(recipe, cells, read_labelled(source, recipe), Store(home.store), n_jobs, say)
    if grid.dry_run:
        return Experiment(home.runs)
    collection = prepare(recipe, source, Needs(sources, draw), home, n_jobs, say)
    same = {key: value for key, value in recipe.as_identity().items() if key not in ("labels", "card")}
    sides = [track.split for track in collection.tracks]
    listing = identify_tracks(recipe, collection)
    digest = runs.fingerprint(__version__, same, listing, sides, *identify_weights(recipe.network, home.graphs))
    run = runs.resume_run(home.runs, "agf", digest)
    with runs.locked(run):
        runs.open_run(run, render_recipe(recipe), collection.failures, collection.corrections)
        waiting = [cell for cell in cells if not (_folder(run, cell) / runs.SCORES).is_file()]
        say(f"{len(cells)} cells, {len(cells) - len(waiting)} measured before, {len(waiting)} to do")
        for group in dict.fromkeys(cell.group for cell in waiting):
            own = [cell for cell in waiting if cell.group == group]
            for _ in measure_group(run, recipe, collection, own, n_jobs, say):
                _write(run, collection.is_demo)
        runs.finish_run(run)
        rows, notes = _write(run, collection.is_demo)
    return Experiment(run, rows, notes, collection.failures, collection.is_demo)


def measure_group(
    run: Path, recipe: Recipe, collection: Collection, cells: Sequence[Trial], n_jobs: int | None, say: Say
) -> Iterator[None]:
    """Fit the targets of a split and seed once, and measure its cells.

    Parameters
    ----------
    run : Path
        Folder of the experiment.
    recipe : Recipe
        Network, training, targets and settings of the label sources; its own list of sources is not looked at.
    collection : Collection
        Tracks with artists, whose features are in the store.
    cells : sequence of Trial
        Of one split and seed.
    n_jobs : int or None
        Networks that are trained at once; None is one per core.
    say : callable
        Gets lines while the work goes on.

    Yields
    ------
    None
        Whenever there are new scores.
    """
    first = cells[0]
    group = run / first.group
    split = draw_split(collection.tracks, first.split, first.seed)
    inside, letters = keep_split(collection, split), _list_letters(cells)
    redrawn = first.split == STRATIFIED or not any(track.split == "test" for track in collection.tracks)
    say(f"{first.split} split, seed {first.seed}: {len(split.train)} training and {len(split.test)} test tracks")
    targets = fit_targets(group / "targets", letters, recipe.override(split__seed=first.seed), inside, split)
    for line in describe_left_out({letter: read_json(group / "targets" / f"{letter}.json") for letter in letters}):
        say(line)
    for batch in _batch(cells, count_workers(n_jobs)):
        plan_cells(group, batch, recipe, inside, split, targets)
        _train_networks([group / name for name in _list_networks(batch)], n_jobs, say)
        run_zone("essentia_ldl.nets", *(str(_folder(run, cell)) for cell in batch))
        for cell in batch:
            own = [group / name for name in cell.list_networks()]
            scores = score_cell(_folder(run, cell), cell, own, redrawn=redrawn)
            say(f"{cell.group} {cell.name}: log loss {scores['log_loss']:.4f}, macro F1 {scores['macro_f1']:.4f}")
            if cell.networks != SEPARATE:  # gigabytes on large collections, which no other cell reads
                for network in own:
                    runs.remove_features(network)
        yield


def _batch(cells: Sequence[Trial], n_workers: int) -> list[list[Trial]]:
    """Part cells so that scores come early: separate networks, which share theirs, at once, others a few at a time."""
    separate = [cell for cell in cells if cell.networks == SEPARATE]
    others = [cell for cell in cells if cell.networks != SEPARATE]
    batches = [separate, *(others[start : start + n_workers] for start in range(0, len(others), n_workers))]
    return [batch for batch in batches if batch]


def _train_networks(networks: Sequence[Path], n_jobs: int | None, say: Say) -> None:
    """Train the networks that are not trained yet, several at once."""
    missing = [str(network) for network in networks if not (network / HISTORY).is_file()]
    if not missing:
        return
    n_processes = min(count_workers(n_jobs), len(missing))
    longest_first = missing[::-1]  # cells are listed from cheap to dear
    shares = [["--networks", *longest_first[first::n_processes]] for first in range(n_processes)]
    say(f"{len(missing)} networks to train, {n_processes} at once")
    run_zones("essentia_ldl.nets", shares, N_THREADS)


def say_estimate(
    recipe: Recipe, cells: Sequence[Trial], tracks: Sequence[Track], store: Store, n_jobs: int | None, say: Say
) -> None:
    """Print how long all networks of some cells take to train here, from a measured training step.

    A network's epochs are those of the recipe, a shared one's as many times more as it has targets, and a step of a
    wide one costs about as many times more as it has parameters. Extraction and classifiers come on top.
    """
    size = recipe.training.batch_size
    network = f"{recipe.network.backbone}:{recipe.network.fine_tune}"
    cost = estimates.measure_costs(store.root / "costs.json", [network], size)[network]
    single = {(cell.group, letter) for cell in cells if cell.networks == SEPARATE for letter in cell.targets}
    n_trainings = len(single) + sum(len(cell.targets) for cell in cells if cell.networks != SEPARATE)
    n_trained = len(tracks) * (1 - TEST_SHARE)
    n_patches = estimates.count_patches(recipe, estimates.find_durations(tracks, store, n_jobs))
    seconds = recipe.n_epochs * n_trained / size * cost.step_s + len(tracks) * n_patches * cost.patch_s
    length = estimates.describe_length(n_trainings * seconds)
    say(f"{len(tracks)} tracks, {len(cells)} cells: {n_trainings} x {recipe.n_epochs} epochs, about {length} here")
    say("one network after the other, without features and classifiers; what was measured before is not done again")


def _list_letters(cells: Sequence[Trial]) -> list[str]:
    return [letter for letter in LETTERS if any(letter in cell.learned for cell in cells)]


def _list_networks(cells: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(name for cell in cells for name in cell.list_networks()))


def _folder(run: Path, cell: Trial) -> Path:
    return run / cell.group / "cells" / cell.name


def _write(run: Path, is_demo: bool) -> tuple[tuple[Mapping[str, Any], ...], tuple[str, ...]]:
    """Write the tables; give their rows, and sentences on what could not be written."""
    rows = tuple(read_rows(run))
    written = write_files(run, rows, is_demo=is_demo)
    return rows, tuple(note for note in written if isinstance(note, str))
