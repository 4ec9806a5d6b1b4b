"""What published collections share: audio that stands apart from its table, and splits that part the artists or not.

In: paths, options and Tracks as a layout reads them; out: the folder of the audio, and Tracks that can be split.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from essentia_ldl.datasets._genre_folders import describe
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

ARTIST = "artist"  # the column that holds it where it may not group


def find_audio(what: str, audio: str | Path | None, places: Sequence[Path]) -> Path:
    """Find the folder of a collection's audio.

    Parameters
    ----------
    what : str
        Name of the collection, for messages.
    audio : str, Path or None
        The option audio; None takes the first of `places` that is a folder.
    places : sequence of Path
        At least one: where the audio usually stands.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    DataError
        When it is no folder.
    """
    if audio is not None:
        root = Path(audio).expanduser()
        if not root.is_dir():
            raise DataError(explain(f"audio of {what}", "a folder", str(audio), "option audio", "Correct the option."))
        return Path(os.path.abspath(root))
    for place in places:
        if place.is_dir():
            return Path(os.path.abspath(place))
    rule = f"a folder {' or '.join(dict.fromkeys(place.name for place in places))}"
    remedy = "Unpack the audio there, or give its folder as the option audio."
    raise DataError(explain(f"audio of {what}", rule, describe(places[0].parent), places[0].parent, remedy))


def require_audio(what: str, tracks: Sequence[Track], where: Path) -> None:
    """Raise `DataError` when there are no tracks, or the audio of none of them is there."""
    if not tracks:
        raise DataError(explain(what, "at least one track", 0, where, "Take another subset, or download it again."))
    if not any(os.path.exists(track.path) for track in tracks):
        remedy = "Unpack the audio there, or give its folder as the option audio."
        raise DataError(explain(f"audio of {what}", "files that exist", tracks[0].path, "every track", remedy))


def check_choice(option: str, value: object, known: Iterable[str], layout: str) -> None:
    """Raise `DataError` when the value of an option is none of those that it takes."""
    known = tuple(known)
    if value not in known:
        raise DataError(explain(f"option {option}", " or ".join(known), value, layout, "Correct the option."))


def free_artists(tracks: list[Track], say: Callable[[str], object]) -> list[Track]:
    """Let an official split that has an artist on two sides be used as it is published.

    Parameters
    ----------
    tracks : list[Track]
        With the sides of an official split.
    say : callable
        Gets a sentence on how many artists are on two sides.

    Returns
    -------
    list[Track]
        The tracks where every artist is on one side. Otherwise an artist on several counts as one per side, so that a
        validation side that is drawn from the training side still holds whole artists; the column "artist" has the
        names as they were.
    """
    sides: dict[str, set[str | None]] = {}
    for track in tracks:
        if track.artist is not None:
            sides.setdefault(track.artist, set()).add(track.split)
    n_parted = sum(len(found) > 1 for found in sides.values())
    if not n_parted:
        return tracks
    say(
        f"the official split has {n_parted} of {len(sides)} artists on more than one side, so its scores are too kind; "
        f"each counts as one artist per side here, and the column {ARTIST} has the names"
    )
    names = {artist for artist, found in sides.items() if len(found) > 1}
    return [
        dataclasses.replace(
            track,
            artist=f"{track.artist} ({track.split or 'no side'})" if track.artist in names else track.artist,
            columns={**track.columns, ARTIST: track.artist or ""},
        )
        for track in tracks
    ]
