"""Tags and numbers of a collection, checked against a recipe before the long work.

In: Tracks as their layout reads them, and tags or dimensions; out: the same Tracks with these alone. A tag that no
track has, or that all have, cannot be learned, nor can a number that never changes.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.discover import suggest
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

ROUNDED = 0.01  # of a deviation, that 32 bits may change


def check_tags_and_numbers(
    tracks: Sequence[Track],
    classes: Sequence[str],
    aliases: Mapping[str, str],
    where: object,
    say: Callable[[str], object] | None = None,
) -> list[Track]:
    """Keep the tags or dimensions of a recipe, and see that each can be learned.

    Parameters
    ----------
    tracks : Sequence[Track]
        With tags, or with numbers.
    classes : sequence of str
        The tags or dimensions of the task.
    aliases : Mapping[str, str]
        Tag of the collection -> tag of the task; applied first.
    where : object
        The collection, for errors.
    say : callable or None
        Gets a sentence on tags that the recipe does not list.

    Returns
    -------
    list[Track]
        In their order.

    Raises
    ------
    DataError
        When a track lacks a number, a tag is of no track or of all, a number is the same everywhere, or numbers are
        beyond what 32 bits hold.
    """
    if tracks[0].kind == MULTI_LABEL:
        return _check_tags(tracks, classes, aliases, where, say)
    kept = []
    for track in tracks:
        for name in classes:
            if name not in (track.numbers or {}):
                hint = suggest(name, track.numbers or {})
                found, remedy = sorted(track.numbers or {}), f"{hint} Add the column, or correct the recipe's classes."
                raise DataError(explain("dimension", f"a number of {name!r} for every track", found, track.id, remedy))
        kept.append(dataclasses.replace(track, numbers={name: track.numbers[name] for name in classes}))
    for name in classes:
        values = {track.numbers[name] for track in kept}
        if len(values) < 2:
            found, remedy = f"{values.pop():g} everywhere", "Leave it out of the recipe's classes."
            raise DataError(explain(f"numbers of {name!r}", "two or more that differ", found, where, remedy))
        _check_range(name, np.array(sorted(values)), where)
    return kept


def _check_range(name: str, values: np.ndarray, where: object) -> None:
    """Raise `DataError` where networks, which compute with 32 bits, would not tell numbers apart or not hold them."""
    with np.errstate(all="ignore"):
        narrow = values.astype(np.float32)
        deviation, whole = float(narrow.std()), float(values.std())
    if not (math.isfinite(deviation) and abs(deviation - whole) <= ROUNDED * whole):
        rule = "numbers that 32 bits tell apart and hold"
        found, remedy = f"{values[0]:.9g} to {values[-1]:.9g}", "Shift and scale them, such as to 0 to 1."
        raise DataError(explain(f"numbers of {name!r}", rule, found, where, remedy))


def _check_tags(
    tracks: Sequence[Track],
    classes: Sequence[str],
    aliases: Mapping[str, str],
    where: object,
    say: Callable[[str], object] | None,
) -> list[Track]:
    wanted, kept = set(classes), []
    others: Counter[str] = Counter()
    for track in tracks:
        tags = {aliases.get(tag, tag) for tag in track.tags or ()}
        others.update(tags - wanted)
        kept.append(dataclasses.replace(track, tags=tuple(tags & wanted)))
    counts = Counter(tag for track in kept for tag in track.tags)
    for name in classes:
        if not counts[name]:
            near = suggest(name, others) if others else "Correct the table."
            remedy = f"{near} Add tracks of it, or leave it out of the recipe's classes."
            raise DataError(explain(f"tag {name!r}", "at least one track that has it", 0, where, remedy))
        if counts[name] == len(kept):
            remedy = "Add tracks without it, or leave it out of the recipe's classes."
            raise DataError(explain(f"tag {name!r}", "at least one track without it", "all have it", where, remedy))
    if others and say is not None:
        first = ", ".join(f"{tag} ({n})" for tag, n in others.most_common(3))
        say(f"{len(others)} tags are not among the recipe's classes and are passed over: {first}")
    return kept
