"""Labels as people write them: spellings of one label become one, and what is no label is refused, with counts.

In: Tracks whose labels stand as the collection writes them; out: the same Tracks with one spelling per label.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from essentia_ldl.datasets._names import spell
from essentia_ldl.errors import DataError, explain
from essentia_ldl.records import Track

NOTHING = frozenset(
    ("nan", "none", "null", "na", "n/a", "<na>", "#n/a", "#na", "nil", "nat", "?", "-", "--", "unlabeled", "unlabelled")
)
_SEPARATORS = re.compile(r"[;|,/+&\t]")
_QUOTES = " \t'\"[](){}"


def unify_labels(
    tracks: list[Track], classes: tuple[str, ...], path: Path, say: Callable[[str], object] | None
) -> list[Track]:
    """Give every label one spelling: that of a class, or the most frequent one.

    Parameters
    ----------
    tracks : list[Track]
        One or more.
    classes : tuple[str, ...]
        Of the task, where it is known; what is a class as it is written stays.
    path : Path
        For messages.
    say : callable or None
        Gets a sentence for every label that had several spellings.

    Returns
    -------
    list[Track]
        In their order.

    Raises
    ------
    DataError
        When labels say that there is none, such as nan, or when one cell holds several.
    """
    counts = Counter(track.label for track in tracks)
    _refuse_nothing(counts, classes, path)
    _refuse_several(counts, classes, path)
    spellings: dict[str, list[str]] = {}
    for label in sorted(counts):
        spellings.setdefault(spell(label), []).append(label)
    chosen: dict[str, str] = {}
    for written in spellings.values():
        named = [label for label in written if label in classes]
        if len(written) == 1 or len(named) > 1:
            continue
        most = named[0] if named else max(written, key=lambda label: (counts[label], label.strip() == label, label))
        chosen |= dict.fromkeys(written, most.strip() or most)
        if say is not None:
            found = ", ".join(f"{label!r} ({counts[label]})" for label in written)
            say(f"labels that differ in case, spaces or hyphens alone are one: {found} -> {chosen[most]!r}")
    if not chosen:
        return tracks
    return [
        dataclasses.replace(track, label=chosen[track.label]) if track.label in chosen else track for track in tracks
    ]


def _refuse_nothing(counts: Counter[str], classes: Sequence[str], path: Path) -> None:
    found = {label: n for label, n in counts.items() if label not in classes and label.strip().casefold() in NOTHING}
    if found:
        remedy = "Fill them, drop their tracks, or give a class of that name another one."
        raise DataError(explain("label", "a class name for every track", _count(found), path, remedy))


def _refuse_several(counts: Counter[str], classes: Sequence[str], path: Path) -> None:
    """Refuse cells with several labels: those whose parts are labels, or parts of other cells."""
    parts_of = {}
    for label in counts:
        parts = [spell(part.strip(_QUOTES)) for part in _SEPARATORS.split(label)]
        parts_of[label] = [part for part in parts if part] if label not in classes else []
    others = Counter(part for parts in parts_of.values() for part in set(parts))
    others.update(spell(name) for name in classes)
    found = {
        label: counts[label]
        for label, parts in parts_of.items()
        if (len(parts) > 1 and any(others[part] > 1 for part in parts)) or (label[:1] == "[" and label[-1:] == "]")
    }
    if found:
        remedy = "Leave one label per track, or drop the tracks of several."
        raise DataError(explain("label", "one class name per track", _count(found), path, remedy))


def _count(found: dict[str, int]) -> str:
    first = ", ".join(f"{label} ({n})" for label, n in sorted(found.items())[:3])
    return f"{sum(found.values())} tracks of {first}"
