"""Table 2 of the paper on the user's own copies of its data sets: {network} x {start} x {labels} x {task}.

In: a folder with one entry a task; out: a run folder with table2.json, table2.md and table2.csv, written anew after
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

from essentia_ldl import __version__
from essentia_ldl.collection.read import read_labelled
from essentia_ldl.errors import DiskError, EssentiaLdlError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.measure.crossval import cross_validate
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.studies import estimates
from essentia_ldl.studies.table2 import data as table2_data
from essentia_ldl.studies.table2 import tables as tabulation
from essentia_ldl.studies.table2.cells import Book, Group, list_digests
from essentia_ldl.studies.table2.external import read_annotations, validate_externally
from essentia_ldl.studies.table2.paper import NETWORKS, SOURCES, STARTS, TASKS
from essentia_ldl.studies.table2.settings import Grid, describe_settings, set_up
from essentia_ldl.train.train import Say


@dataclasses.dataclass(frozen=True)
class Table:
    """What `build_table` leaves: its folder, the lines to show, and what could not be measured."""

    folder: Path
    lines: tuple[str, ...]
    problems: tuple[str, ...]


def build_table(
    data: str, grid: Grid, say: Say, *, home: Home, n_jobs: int | None = None, dry_run: bool = False
) -> Table:
    """Measure the cells that are not measured yet, cheapest first, and put them beside the paper's.

    Parameters
    ----------
    data : str
        Folder with one entry a task, see `table2_data.find_collections`.
    grid : Grid
        Which cells.
    say : callable
        Gets lines while the work goes on: what is there, the estimated time, the progress.
    home : Home
        Whose runs, store, recipes and graphs are meant.
    n_jobs : int or None
        Worker processes of the feature extraction.
    dry_run : bool
        Stop after the estimate.

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
    found = table2_data.find_collections(root, grid.tasks)
    problems = dict(found.problems)
    external = found.external if grid.external else None
    tracks, annotated = _read_sets(found.collections, external, home.recipes, problems)
    for task in grid.tasks:
        state = f"not used: {problems[task]}" if task in problems else "no data"
        say(f"{task:<18} {f'{len(tracks[task])} tracks in {found.collections[task]}' if task in tracks else state}")
    if not grid.external:
        problems.pop(table2_data.EXTERNAL, None)
    else:
        say(f"{'external':<18} {external or f'no data: {root / table2_data.EXTERNAL} with a TSV of annotations'}")

    digest = runs.fingerprint(__version__, os.path.abspath(root), *grid.training)
    run = runs.resume_run(home.runs, "table2", digest)
    groups = list(_list_groups(grid, tracks, found.collections, annotated, home.recipes))
    with runs.locked(run):
        book = Book(run, home.root)
        current = [*_list_others(root, grid, book, groups, home.recipes), *groups]
        todo = _say_estimates(run, grid, groups, tracks, book, say, n_jobs, home)
        if dry_run:
            return Table(run, (f"nothing trained; the measured costs are in {run / 'costs.json'}",), _list(problems))
        try:
            for number, group in enumerate(todo, 1):
                say(f"[{number}/{len(todo)}] {group.task}, {group.network}, {group.start}")
                _measure_folds(group, grid, book, problems, say, n_jobs, home)
                if external is not None and "ext" in group.digests:
                    _measure_external(group, grid, external, run, book, problems, say, n_jobs, home)
        finally:
            lines = _write(run, grid, book, problems, root, current)
    return Table(run, (*lines, str(run / "table2.md")), _list(problems))


def _list(problems: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}: {text}" for name, text in problems.items())


def _read_sets(
    collections: Mapping[str, Path], external: Path | None, recipes: Path, problems: dict[str, str]
) -> tuple[dict[str, list[Track]], dict[str, str]]:
    """Read the tracks of every task and digest what it is scored on; note what cannot be read."""
    tracks: dict[str, list[Track]] = {}
    for task, path in collections.items():
        try:
            tracks[task] = read_labelled(path, read_recipe(task, recipes))
        except EssentiaLdlError as error:
            problems[task] = str(error)
    annotated: dict[str, str] = {}
    for task in tracks if external is not None else ():
        try:
            annotated[task] = _digest_tracks(read_annotations(external, task))
        except EssentiaLdlError as error:
            problems[f"{task}, Ext."] = str(error)
    return tracks, annotated


def _list_others(root: Path, grid: Grid, book: Book, groups: Sequence[Group], recipes: Path) -> list[Group]:
    """Return the groups of what was measured and is not asked for now, as its data and recipe are now.

    What has no data any more, or none that can be read, is not among them.
    """
    lacking = {key.split("/")[0] for key in book.rows if key not in list_digests(groups)}
    tasks = tuple(task for task in TASKS if task in lacking)
    if not tasks:
        return []
    with contextlib.suppress(EssentiaLdlError):
        found = table2_data.find_collections(root, tasks)
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
) -> Iterator[Group]:
    for task in tracks:
        listing = _digest_tracks(tracks[task])
        for network in grid.networks:
            for start in grid.starts:
                recipe = set_up(read_recipe(task, recipes), grid, network, start)
                values = {key: value for key, value in recipe.as_dict().items() if key != "labels"}
                digests = {"5f": runs.fingerprint(__version__, values, listing, grid.n_folds, grid.patch_hop)}
                if task in annotated:
                    digests["ext"] = runs.fingerprint(__version__, values, listing, annotated[task])
                yield Group(task, network, start, recipe, collections[task], len(tracks[task]), digests)


def _digest_tracks(tracks: Sequence[Track]) -> str:
    return runs.fingerprint([(t.id, t.label, t.artist, t.split, _state(t.path)) for t in tracks])


def _state(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return status.st_size, status.st_mtime_ns
    return None


def _say_estimates(
    run: Path,
    grid: Grid,
    groups: Sequence[Group],
    tracks: Mapping[str, Sequence[Track]],
    book: Book,
    say: Say,
    n_jobs: int | None,
    home: Home,
) -> list[Group]:
    """Print how long every group takes; return those with cells to do, the quickest first."""
    waiting = {}
    for group in groups:
        missing = {column: len(set(grid.sources) - set(book.measured(group, column))) for column in group.digests}
        if any(missing.values()):
            waiting[group] = (missing["5f"], missing.get("ext", 0))
    n_cells = len(grid.sources) * sum(len(group.digests) for group in groups)
    n_waiting = sum(map(sum, waiting.values()))
    say(f"{n_cells} cells with data, {n_cells - n_waiting} measured before, {n_waiting} to do")
    if not waiting:
        return []
    say("measuring a training step of each network")
    batch_size = max(group.recipe.training.batch_size for group in waiting)
    costs = estimates.measure_costs(run / "costs.json", sorted({group.training for group in waiting}), batch_size)
    store = Store(home.store)
    durations = {task: estimates.find_durations(tracks[task], store, n_jobs) for task in {g.task for g in waiting}}
    seconds: dict[Group, float] = {}
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


def _measure_folds(
    group: Group, grid: Grid, book: Book, problems: dict[str, str], say: Say, n_jobs: int | None, home: Home
) -> None:
    """Cross-validate the sources of a group that are not measured, one more at a time, so that each counts at once."""
    done = book.measured(group, "5f")
    for source in [name for name in grid.sources if name not in done]:
        with _noting(problems, f"{group.task}, {group.network}, {group.start}, {source}", say):
            asked = [name for name in SOURCES if name in (*done, source)]
            lines = cross_validate(
                recipe=group.recipe,
                data=str(group.data),
                sources=asked,
                n_folds=grid.n_folds,
                n_repeats=1,
                n_jobs=n_jobs,
                say=say,
                home=home,
                patch_hop=grid.patch_hop,
            )
            scores = Path(list(lines)[-1])
            done = asked
            for name in asked:
                book.note(group, "5f", name, scores)


def _measure_external(
    group: Group,
    grid: Grid,
    external: Path,
    run: Path,
    book: Book,
    problems: dict[str, str],
    say: Say,
    n_jobs: int | None,
    home: Home,
) -> None:
    done = book.measured(group, "ext")
    for source in [name for name in grid.sources if name not in done]:
        with _noting(problems, f"{group.task}, {group.network}, {group.start}, {source}, Ext.", say):
            name = f"{group.key.replace('/', '-')}-{source}-{group.digests['ext'][:8]}"
            cell = run / "external" / name
            scores = validate_externally(cell, group.recipe, source, str(group.data), external, say, n_jobs, home)
            book.note(group, "ext", source, scores)


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
    run: Path, grid: Grid, book: Book, problems: Mapping[str, str], root: Path, current: Sequence[Group]
) -> list[str]:
    """Write the table; `current` are the groups as their data and recipes are now, those asked for last."""
    digests = list_digests(current)
    older = [key for key, row in book.rows.items() if digests.get(key, row["digest"]) != row["digest"]]
    alone = [key for key in book.rows if key not in digests]
    heading = describe_settings(root, grid, [group for group in current if _is_shown(group, book)] or current)
    if older:
        heading.append(f"not shown, measured on other data or by another recipe: {', '.join(older)}")
    if alone:
        heading.append(f"measured before on data that cannot be compared now: {', '.join(alone)}")
    rows = tabulation.fill_rows(book.cells(digests))
    settings = {**dataclasses.asdict(grid), "version": __version__, "data": os.path.abspath(root)}
    table = {"heading": heading, "settings": settings, "problems": dict(problems), "cells": rows}
    tabulation.write_files(run, table)
    return tabulation.describe_rows(rows, heading)


def _is_shown(group: Group, book: Book) -> bool:
    return any(book.rows.get(f"{group.key}/{c}", {}).get("digest") == digest for c, digest in group.digests.items())
