"""Published collections with a folder per genre: a path flows in, the folder that holds the genres flows out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from essentia_ldl.errors import DataError, explain

N_SHOWN = 12


def find_root(
    path: Path, genres: Iterable[str], pattern: re.Pattern[str], below: Iterable[str] = (".",)
) -> Path | None:
    """Find the folder in which every genre has a folder with at least one file whose name fits.

    Parameters
    ----------
    path : Path
        Where to begin.
    genres : iterable of str
        Names of the folders that must be there.
    pattern : re.Pattern
        What the name of one file of each folder must match as a whole.
    below : iterable of str
        Folders below `path` to look at, in this order; "." is `path`.

    Returns
    -------
    Path or None
        Absolute; None when there is no such folder.
    """
    genres = tuple(genres)
    for name in below:
        root = Path(os.path.abspath(path / name))
        if all(_holds(root / genre, pattern) for genre in genres):
            return root
    return None


def _holds(folder: Path, pattern: re.Pattern[str]) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(pattern.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False


def layout_error(what: str, expected: str, path: Path) -> DataError:
    """Make the error for a path that is not laid out as expected; it says what was found instead."""
    remedy = "Give the folder that the collection unpacks to, or leave the layout out."
    return DataError(explain(what, expected, describe(path), path, remedy))


def describe(path: Path) -> str:
    """Say in a few words what stands at a path."""
    if path.is_file():
        return "a file"
    try:
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        return error.strerror or "nothing"
    folders = [entry.name for entry in entries if entry.is_dir()]
    shown = ", ".join(folders[:N_SHOWN]) + (f" and {len(folders) - N_SHOWN} more" if len(folders) > N_SHOWN else "")
    return f"{len(folders)} folders{f' ({shown})' if folders else ''} and {len(entries) - len(folders)} files"
