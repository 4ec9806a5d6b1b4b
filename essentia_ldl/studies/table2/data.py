"""The data sets of table 2 in one folder: the folder flows in, the collection of each task flows out.

An entry has the name of its task: a folder (mood-sad/) in any layout of `essentia_ldl.datasets` or with a table inside,
or a table beside the others (mood-sad.csv). MTG-Jamendo's annotations, for the external validation, are in
mtg-jamendo/, with their audio.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from essentia_ldl import datasets
from essentia_ldl.datasets import mtg_jamendo, table
from essentia_ldl.errors import DataError, EssentiaLdlError, explain

EXTERNAL = "mtg-jamendo"
TABLE_NAMES = ("table", "index")


@dataclasses.dataclass(frozen=True)
class Found:
    """What a folder of data sets holds.

    Parameters
    ----------
    collections : Mapping[str, Path]
        Task -> what `datasets.read_tracks` reads.
    problems : Mapping[str, str]
        Task -> what was expected and found, for an entry that cannot be read; EXTERNAL is a key here too.
    external : Path or None
        MTG-Jamendo's annotations.
    """

    collections: Mapping[str, Path]
    problems: Mapping[str, str]
    external: Path | None


def find_collections(root: Path, tasks: Sequence[str]) -> Found:
    """Find the data of tasks; a task without an entry is in none of the answers.

    Parameters
    ----------
    root : Path
        The folder.
    tasks : sequence of str
        Names of recipes.

    Returns
    -------
    Found

    Raises
    ------
    DataError
        When the folder does not exist, or has an entry of no task.
    """
    rule = f"a folder with one entry per task, such as {tasks[0]}/ or {tasks[0]}.csv"
    if not root.is_dir():
        remedy = "Give the folder that holds the data sets."
        raise DataError(explain("data", rule, datasets.describe_path(root), root, remedy))
    collections, problems, external = {}, {}, None
    for task in tasks:
        try:
            entry = _find_entry(root, task)
            if entry is not None:
                collections[task] = entry if entry.is_file() else _find_collection(entry)
        except EssentiaLdlError as error:
            problems[task] = str(error)
    annotations = root / EXTERNAL
    if mtg_jamendo.matches(annotations):
        external = annotations
    elif annotations.exists():
        found = datasets.describe_path(annotations)
        remedy = "Put one of the two TSVs and the audio there."
        problems[EXTERNAL] = explain("MTG-Jamendo", mtg_jamendo.EXPECTED, found, annotations, remedy)
    if not collections and not (set(problems) - {EXTERNAL}):
        remedy = "Name each folder or table after its task: " + ", ".join(tasks) + "."
        raise DataError(explain("data", rule, datasets.describe_path(root), root, remedy))
    return Found(collections, problems, external)


def _find_entry(root: Path, task: str) -> Path | None:
    """Return the one entry of a task."""
    names = (task, task.replace("-", "_"))
    paths = [root / name for name in names] + [root / f"{name}{s}" for name in names for s in table.SUFFIXES]
    entries = [path for path in paths if path.exists()]
    if len(entries) > 1:
        shown = [path.name for path in entries]
        raise DataError(explain("data", "one entry per task", shown, root, "Keep one of them under the task's name."))
    if entries and entries[0] in paths[: len(names)] and entries[0].is_file():
        raise DataError(explain("data", "a folder or a table", "a file", entries[0], "Name a table .csv or .tsv."))
    return entries[0] if entries else None


def _find_collection(folder: Path) -> Path:
    """Return the folder itself, or the table inside it that describes it."""
    if datasets.find_layout(folder) != datasets.FALLBACK:
        return folder
    tables = sorted(path for path in folder.iterdir() if table.matches(path) and path.suffix.lower() != ".txt")
    named = [path for path in tables if path.stem in TABLE_NAMES]
    if len(named) == 1:
        return named[0]
    classes = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if len(classes) > 1 and not named:
        return folder
    if len(tables) > 1:
        shown = [path.name for path in tables]
        remedy = "Call the one with path and label table.csv or table.tsv."
        raise DataError(explain("data", "one table in the folder", shown, folder, remedy))
    return tables[0] if tables else folder
