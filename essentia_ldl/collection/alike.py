"""What tracks are alike in: their artist, their label, or a column of the collection.

In: Tracks and the name of a column. Out: a value per track, and numbers for those that measure and train by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from essentia_ldl.discover import suggest
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

ARTIST, LABEL = "artist", "label"
NOBODY = -1  # number of a track whose value is not known


def list_alike(tracks: Sequence[Track], column: str) -> list[str]:
    """List what each track is alike in to others; empty where that is not known.

    Parameters
    ----------
    tracks : sequence of Track
        The collection.
    column : str
        "artist", "label", or another column of the collection, such as "genre".

    Raises
    ------
    DataError
        When there is no such column, or no track has a value in it.
    """
    if column == ARTIST:
        found = [track.artist or "" for track in tracks]
    elif column == LABEL:
        found = [track.label for track in tracks]
    else:
        known = sorted({ARTIST, LABEL, *(name for track in tracks for name in track.columns)})
        if column not in known:
            rule = f"one of {', '.join(known)}"
            raise DataError(explain("column", rule, column, "collection", suggest(column, known)))
        found = [track.columns.get(column, "") for track in tracks]
    if not any(found):
        remedy = (
            "Add the column, or folders class/artist/track." if column == ARTIST else "Fill it, or name another one."
        )
        raise DataError(explain(f"column {column!r}", "a value for some tracks", "none", "collection", remedy))
    return found


def number_alike(tracks: Sequence[Track], column: str) -> np.ndarray:
    """Number what each track is alike in, (n_tracks,) int64, `NOBODY` where it is not known; raises as `list_alike`.

    Examples
    --------
    >>> artists = {"a": "Bea", "b": None, "c": "Ann"}
    >>> number_alike([Track(name, "", "sad", artist) for name, artist in artists.items()], "artist")
    array([ 1, -1,  0])
    """
    values = list_alike(tracks, column)
    numbers = {value: number for number, value in enumerate(sorted(set(values) - {""}))}
    return np.array([numbers.get(value, NOBODY) for value in values], dtype=np.int64)
