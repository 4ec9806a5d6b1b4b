"""What an index knows of its tracks, by column, so that a million of them are read in seconds.

In: tracks one by one, or the columns of a file. Out: a sequence of `IndexedTrack`, each made when it is asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import StoreError, explain

TEXTS = ("path", "artist", "label")
NUMBERS = {"duration_s": np.float64, "size": np.int64, "time_ns": np.int64}


@dataclasses.dataclass(frozen=True)
class IndexedTrack:
    """A track of an index.

    Parameters
    ----------
    path : str
        Absolute, or a URL.
    duration_s : float
        Seconds of audio decoded.
    size, time_ns : int
        Of the file when it was indexed: bytes, and when its content changed last.
    artist, label : str
        Empty where they are not known.
    columns : Mapping[str, str]
        What else a table said of it, such as genre and title.
    """

    path: str
    duration_s: float
    size: int
    time_ns: int
    artist: str = ""
    label: str = ""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Catalogue(Sequence[IndexedTrack]):
    """The tracks of an index.

    Parameters
    ----------
    texts : Mapping[str, Sequence[str]]
        Path, artist and label of every track.
    numbers : Mapping[str, np.ndarray [shape=(n_tracks,)]]
        Duration in seconds, size in bytes and time of change in ns of every track.
    columns : Mapping[str, Sequence[str | None]]
        What tables said of them; None where a track has no such column.

    Raises
    ------
    StoreError
        When one of them is of another kind, or they are not as many.
    """

    def __init__(
        self,
        texts: Mapping[str, Sequence[str]],
        numbers: Mapping[str, np.ndarray],
        columns: Mapping[str, Sequence[str | None]],
    ) -> None:
        n = len(texts["path"])
        for name in TEXTS:
            _check_texts(name, texts[name], n, {str})
        if n and not all(texts["path"]):
            raise _wrong("path", "a text for every track", "an empty one")
        for name, values in columns.items():
            _check_texts(name, values, n, {str, type(None)})
        for name, kind in NUMBERS.items():
            values = numbers[name]
            if values.shape != (n,) or values.dtype != kind:
                raise _wrong(name, f"{n} numbers ({np.dtype(kind)})", f"{values.dtype} {values.shape}")
        if not np.isfinite(numbers["duration_s"]).all():
            raise _wrong("duration_s", "finite numbers", "one that is not")
        self.texts, self.numbers, self.columns = texts, numbers, columns

    def __len__(self) -> int:
        return len(self.texts["path"])

    def __getitem__(self, row: int) -> IndexedTrack:
        row = operator.index(row)
        return IndexedTrack(
            **{name: self.texts[name][row] for name in TEXTS},
            **{name: self.numbers[name][row].item() for name in NUMBERS},
            columns={name: values[row] for name, values in self.columns.items() if values[row] is not None},
        )

    @functools.cached_property
    def rows(self) -> dict[str, int]:
        """Where each path is."""
        return dict(zip(self.texts["path"], range(len(self)), strict=True))

    @functools.cached_property
    def artists(self) -> dict[str, list[int]]:
        """The rows of each artist that is known, by `fold` of the name."""
        exact: dict[str, list[int]] = {}
        for row, name in enumerate(self.texts["artist"]):
            if name:
                exact.setdefault(name, []).append(row)
        found: dict[str, list[int]] = {}
        for name, rows in exact.items():
            found.setdefault(fold(name), []).extend(rows)
        return {name: sorted(rows) for name, rows in found.items()}


def fold(name: str) -> str:
    """Return a name without case and superfluous blanks.

    Examples
    --------
    >>> fold(" Nina  Simone")
    'nina simone'
    """
    return " ".join(name.casefold().split())


def gather(tracks: Iterable[IndexedTrack]) -> Catalogue:
    """Put tracks into columns; raises `StoreError` as `Catalogue`."""
    listed = list(tracks)
    names = dict.fromkeys(name for track in listed for name in track.columns)
    for track in listed:
        whole = type(track.size) is int and type(track.time_ns) is int and isinstance(track.duration_s, float | int)
        if not whole or not math.isfinite(track.duration_s):
            raise _wrong(track.path, "finite numbers", (track.duration_s, track.size, track.time_ns))
    return Catalogue(
        {name: [getattr(track, name) for track in listed] for name in TEXTS},
        {name: np.array([getattr(track, name) for track in listed], kind) for name, kind in NUMBERS.items()},
        {name: [track.columns.get(name) for track in listed] for name in names},
    )


def _check_texts(name: str, values: Any, n: int, kinds: set[type]) -> None:
    if not isinstance(values, list | tuple) or len(values) != n or not set(map(type, values)) <= kinds:
        raise _wrong(name, f"{n} texts", values)


def _wrong(name: str, rule: str, value: object) -> StoreError:
    return StoreError(explain(f"{name} of an index", rule, value, "index", "Index the music again with --again."))
