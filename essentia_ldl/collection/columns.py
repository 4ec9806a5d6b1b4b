"""Folds by a column of the collection: its values flow in, what trains and what tests for each of them flows out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track


def list_values(tracks: Sequence[Track], column: str) -> list[str]:
    """List the values of a column that folds are made of, in alphabetical order.

    Parameters
    ----------
    tracks : Sequence[Track]
        The collection.
    column : str
        Name of a column of the collection, such as "genre".

    Returns
    -------
    list[str]
        Two or more.

    Raises
    ------
    DataError
        When the column is missing, is not filled for every track or has one value only.
    """
    where = f"leave out {column}"
    known = sorted({name for track in tracks for name in track.columns})
    if column not in known:
        rule = "one of " + (", ".join(known) or "the columns that the collection has beside path, label, artist, split")
        raise _error("column", rule, column, where, "Name another one, or add it to the table.")
    empty = [track.id for track in tracks if not track.columns.get(column)]
    if empty:
        found = f"{len(empty)} of {len(tracks)} tracks without one"
        raise _error(f"column {column!r}", "a value for every track", found, empty[0], "Fill it.")
    values = sorted({track.columns[column] for track in tracks})
    if len(values) < 2:
        raise _error(f"column {column!r}", "two or more values", values, where, "Name another column.")
    return values


def leave_out_value(tracks: Sequence[Track], column: str, value: str) -> tuple[list[Track], list[Track]]:
    """Divide tracks into those of a value of a column, and those that can train without it.

    Parameters
    ----------
    tracks : Sequence[Track]
        The collection.
    column, value : str
        One of `list_values`.

    Returns
    -------
    held_out : list[Track]
        The tracks of the value.
    rest : list[Track]
        The others, but for those of an artist who is among the held out.

    Raises
    ------
    DataError
        When a class has no track among the rest.
    """
    held_out = [track for track in tracks if track.columns[column] == value]
    artists = {track.artist for track in held_out} - {None}
    others = [track for track in tracks if track.columns[column] != value]
    rest = [track for track in others if track.artist not in artists]
    names = sorted({name for track in tracks for name in track.names})
    training = Counter(name for track in rest for name in track.names)
    counts = {name: training[name] for name in names}
    if not all(counts.values()):
        found = ", ".join(f"{n} {name}" for name, n in counts.items())
        found += f"; {len(held_out)} tracks test, {len(others) - len(rest)} more are of artists who test"
        where = f"{column} {value}"
        raise _error("folds", "every class in every training side", found, where, "Add tracks, or merge values.")
    return held_out, rest


def check_column(tracks: Sequence[Track], column: str) -> None:
    """Raise `DataError` when the values of a column cannot be left out one at a time; see `leave_out_value`."""
    for value in list_values(tracks, column):
        leave_out_value(tracks, column, value)


def _error(what: str, rule: str, value: object, where: object, remedy: str) -> DataError:
    return DataError(explain(what, rule, value, where, remedy))
