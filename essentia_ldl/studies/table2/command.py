"""Table 2 of the paper on the user's own copies of its data sets: {network} x {start} x {labels} x {task}.

In: a folder with one entry per task; out: a run folder with table2.json, table2.md and table2.csv, written anew after
every cell. A 5F cell is a cross-validation at the recipe of its task. An Ext. cell is a training on the whole data set,
whose exported graph is scored through Essentia on MTG-Jamendo's annotations, when the folder holds those too. What was
measured is in cells.json and is not measured again; a training that was killed goes on where it was.

Pretrained means fine-tuned as a whole ("all") unless asked otherwise: the paper follows Alonso-Jimenez et al. (ICASSP
2020), and in the models published with that, every trainable weight differs from the network they started from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import __version__
from essentia_ldl.collection.read import Source, read_labelled
from essentia_ldl.errors import DiskError, EssentiaLdlError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.measure.crossval import Comparison, Folds, cross_validate
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import SCORES
from essentia_ldl.studies import estimates
from essentia_ldl.studies.table2.cells import Book, CellGroup, list_digests
from essentia_ldl.studies.table2.data import EXTERNAL, find_collections
from essentia_ldl.studies.table2.paper import NETWORKS, SOURCES, STARTS, TASKS
from essentia_ldl.studies.table2.settings import Grid, describe_settings, set_up
from essentia_ldl.studies.table2.tables import fill_rows, write_files
from essentia_ldl.studies.table2.validate import Sets, read_annotations, validate_externally
from essentia_ldl.train.prepare import Say


@dataclasses.dataclass(frozen=True)
class Table:
    """What `build_table` leaves.

    Parameters
    ----------
    folder : Path
        The run.
    heading : tuple[str, ...]
        What the table is of, and in what it is not the paper's.
    rows : tuple[Mapping[str, Any], ...]
        From `tables.fill_rows`; none after a dry run.
    problems : tuple[str, ...]
        What could not be measured, and why.
    """

    folder: Path
    heading: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class _Work:
    """What the steps of one table share."""

    run: Path
    grid: Grid
    book: Book
    home: Home
    n_jobs: int | None
    say: Say


def build_table(
    data: str, grid: Grid, home: Home, n_jobs: int | None = None, dry_run: bool = False, say: Say = print
) -> Table:
    """Measure the cells that are not measured yet, cheapest first, and put them beside the paper's.

    Parameters
    ----------
    data : str
        Folder with one entry per task, see `find_collections`.
    grid : Grid
        Which cells.
    home : Home
        Whose runs, store, recipes and graphs are meant.
    n_jobs : int or None
        Worker processes of the feature extraction.
    dry_run : bool
        Stop after the estimate.
    say : callable
        Gets lines while the work goes on: what is there, the estimated time, the progress.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        When the folder has no entry of any task. Everything else that is wrong with a task or a cell is a problem of
        the result, and the others go on.
    """
    root = Path(data).expanduser()
    found = find_collections(root, grid.tasks)
    problems = dict(found.problems)
    external = found.external if grid.external else None
    tracks, annotated = _read_sets(found.collections, external, home.recipes, problems)
    for task in grid.tasks:
        state = f"not used: {problems[task]}" if task in problems else "no data"
        say(f"{task:<18} {f'{len(tracks[task])} tracks in {found.collections[task]}' if task in tracks else state}")
    if not grid.external:
        problems.pop(EXTERNAL, None)
    else:
        say(f"{'external':<18} {external or f'no data: {root / EXTERNAL} with a TSV of annotations'}")

    digest = runs.fingerprint(__version__, os.path.abspath(root), *grid.training)
    run = runs.resume_run(home.runs, "table2", digest)
    groups = list(_list_groups(grid, tracks, found.collections, annotated, home.recipes))
    with runs.locked(run):
        work = _Work(run, grid, Book(run, home.root), home, n_jobs, say)
        current = [*_list_others(root, grid, work.book, groups, home.recipes), *groups]
        todo = _say_estimates(work, groups, tracks)
        if dry_run:
            return Table(run, problems=_list(problems))
        try:
            for number, group in enumerate(todo, 1):
                say(f"[{number}/{len(todo)}] {group.task}, {group.network}, {group.start}")
                _measure_folds(work, group, problems)
                if external is not None and "ext" in group.digests:
                    _measure_external(work, group, external, problems)
        finally:
            heading, rows = _write(work, problems, root, current)
    return Table(run, tuple(heading), tuple(rows), _list(problems))


def _list(problems: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}: {text}" for name, text in problems.items())


def _read_sets(
    collections: Mapping[str, Path], external: Path | None, recipes: Path, problems: dict[str, str]
) -> tuple[dict[str, list[Track]], dict[str, str]]:
    """Read the tracks of every task and digest what it is scored on; note what cannot be read."""
    tracks: dict[str, list[Track]] = {}
    for task, path in collections.items():
        try:
            tracks[task] = read_labelled(Source(path), read_recipe(task, recipes))
        except EssentiaLdlError as error:
            problems[task] = str(error)
    annotated: dict[str, str] = {}
    for task in tracks if external is not None else ():
        try:
            annotated[task] = _digest_tracks(read_annotations(external, task))
        except EssentiaLdlError as error:
            problems[f"{task}, Ext."] = str(error)
    return tracks, annotated


def _list_others(root: Path, grid: Grid, book: Book, groups: Sequence[CellGroup], recipes: Path) -> list[CellGroup]:
    """Return the groups of what was measured and is not asked for now, as its data and recipe are now.

    What has no data any more, or none that can be read, is not among them.
    """
    lacking = {key.split("/")[0] for key in book.rows if key not in list_digests(groups)}
    tasks = tuple(task for task in TASKS if task in lacking)
    if not tasks:
        return []
    with contextlib.suppress(EssentiaLdlError):
        found = find_collections(root, tasks)
        tracks, annotated = _read_sets(found.collections, found.external, recipes, {})
        every = dataclasses.replace(grid, networks=NETWORKS, starts=STARTS)
        return list(_list_groups(every, tracks, found.collections, annotated, recipes))
    return []


def _list_groups(
    grid: Grid,
    tracks: Mapping[str, Sequence[Track]],
    collections: Mapping[str, Path],
    annotated: Mapping[str, str],
    recipes: Path,
) -> Iterator[CellGroup]:
    for task in tracks:
        listing = _digest_tracks(tracks[task])
        for network in grid.networks:
            for start in grid.starts:
                recipe = set_up(read_recipe(task, recipes), grid, network, start)
                values = {key: value for key, value in recipe.as_identity().items() if key != "labels"}
                digests = {"5f": runs.fingerprint(__version__, values, listing, grid.n_folds, grid.patch_hop)}
                if task in annotated:
                    digests["ext"] = runs.fingerprint(__version__, values, listing, annotated[task])
                yield CellGroup(task, network, start, recipe, collections[task], len(tracks[task]), digests)


def _digest_tracks(tracks: Sequence[Track]) -> str:
    return runs.fingerprint([(t.id, t.label, t.artist, t.split, _state(t.path)) for t in tracks])


def _state(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns
    return None


def _say_estimates(work: _Work, groups: Sequence[CellGroup], tracks: Mapping[str, Sequence[Track]]) -> list[CellGroup]:
    """Print how long every group takes; return those with cells to do, the quickest first."""
    grid, say = work.grid, work.say
    waiting = {}
    for group in groups:
        missing = {column: len(set(grid.sources) - set(work.book.measured(group, column))) for column in group.digests}
        if any(missing.values()):
            waiting[group] = (missing["5f"], missing.get("ext", 0))
    n_cells = len(grid.sources) * sum(len(group.digests) for group in groups)
    n_waiting = sum(map(sum, waiting.values()))
    say(f"{n_cells} cells with data, {n_cells - n_waiting} measured before, {n_waiting} to do")
    if not waiting:
        return []
    say("measuring a training step of each network")
    batch_size = max(group.recipe.training.batch_size for group in waiting)
    costs = estimates.measure_costs(work.run / "costs.json", sorted({group.training for group in waiting}), batch_size)
    store = Store(work.home.store)
    durations = {task: estimates.find_durations(tracks[task], store, work.n_jobs) for task in {g.task for g in waiting}}
    seconds: dict[CellGroup, float] = {}
    say(f"{'task':<18} {'tracks':>6}  {'network':<8} {'start':<11} {'epochs':>6}  {'a 5F cell':>11}  {'to do':>11}")
    for group, (n_folds, n_external) in waiting.items():
        cost, sizes = costs[group.training], (group.n_tracks, durations[group.task])
        cell = estimates.estimate_training(cost, group.recipe, *sizes, n_folds=grid.n_folds)
        once = estimates.estimate_training(cost, group.recipe, *sizes)
        embeddings = estimates.estimate_embeddings(cost, group.recipe, *sizes)
        seconds[group] = embeddings + n_folds * cell + n_external * once
        shown = [estimates.describe_length(value) for value in (cell, seconds[group])]
        say(
            f"{group.task:<18} {group.n_tracks:>6}  {group.network:<8} {group.start:<11} {group.recipe.n_epochs:>6}"
            f"  {shown[0]:>11}  {shown[1]:>11}"
        )
    runs_too = " and the runs on MTG-Jamendo" if any(n for _, n in waiting.values()) else ""
    total = estimates.describe_length(sum(seconds.values()))
    say(f"together about {total} here, one training after the other, without features, labels, baselines{runs_too}")
    return sorted(waiting, key=seconds.__getitem__)


def _measure_folds(work: _Work, group: CellGroup, problems: dict[str, str]) -> None:
    """Cross-validate the sources of a group that are not measured, one more at a time, so that each counts at once."""
    grid, done = work.grid, work.book.measured(group, "5f")
    for source in [name for name in grid.sources if name not in done]:
        with _noting(problems, f"{group.task}, {group.network}, {group.start}, {source}", work.say):
            asked = [name for name in SOURCES if name in (*done, source)]
            comparison = Comparison(tuple(asked), Folds(grid.n_folds), grid.patch_hop)
            measured = cross_validate(group.recipe, Source(group.data), comparison, work.home, work.n_jobs, work.say)
            done = asked
            for name in asked:
                work.book.note(group, "5f", name, measured.run / SCORES)


def _measure_external(work: _Work, group: CellGroup, external: Path, problems: dict[str, str]) -> None:
    done = work.book.measured(group, "ext")
    for source in [name for name in work.grid.sources if name not in done]:
        with _noting(problems, f"{group.task}, {group.network}, {group.start}, {source}, Ext.", work.say):
            name = f"{group.key.replace('/', '-')}-{source}-{group.digests['ext'][:8]}"
            cell, recipe = work.run / "external" / name, group.recipe.override(labels=source)
            sets = Sets(Source(group.data), external)
            scores = validate_externally(cell, recipe, sets, work.home, work.n_jobs, work.say)
            work.book.note(group, "ext", source, scores)


@contextlib.contextmanager
def _noting(problems: dict[str, str], name: str, say: Say) -> Iterator[None]:
    """Let the other cells go on after one that cannot be measured; a full disk stops all."""
    try:
        yield
    except DiskError:
        raise
    except EssentiaLdlError as error:
        problems[name] = str(error) or "its process ended with an error, told above"
        say(f"not measured: {name}: {problems[name]}")


def _write(
    work: _Work, problems: Mapping[str, str], root: Path, current: Sequence[CellGroup]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Write the table; `current` are the groups as their data and recipes are now, those asked for last."""
    grid, book = work.grid, work.book
    digests = list_digests(current)
    older = [key for key, row in book.rows.items() if digests.get(key, row["digest"]) != row["digest"]]
    alone = [key for key in book.rows if key not in digests]
    heading = describe_settings(root, grid, [group for group in current if _is_shown(group, book)] or current)
    if older:
        heading.append(f"not shown, measured on other data or by another recipe: {', '.join(older)}")
    if alone:
        heading.append(f"measured before on data that cannot be compared now: {', '.join(alone)}")
    rows = fill_rows(book.cells(digests))
    settings = {**dataclasses.asdict(grid), "version": __version__, "data": os.path.abspath(root)}
    table = {"heading": heading, "settings": settings, "problems": dict(problems), "cells": rows}
    write_files(work.run, table)
    return heading, rows


def _is_shown(group: CellGroup, book: Book) -> bool:
    return any(book.rows.get(f"{group.key}/{c}", {}).get("digest") == digest for c, digest in group.digests.items())
