"""What a browser says with a call: who asks, and what is said of which track. In: values of json; out: checked ones."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from essentia_ldl.annotate.music import TABLE
from essentia_ldl.errors import DataError, explain

LONGEST_ID = 80  # characters
MODEL, RANDOM, LIST = "model", "random", "list"
MEANS = ("key", "click", "slider")


@dataclasses.dataclass(frozen=True)
class Visitor:
    """What a browser says of itself with every call.

    Parameters
    ----------
    rater : str
        Who listens.
    browser : str
        Which window.
    order : str
        "model" or "random": what chooses the next track.

    Raises
    ------
    DataError
        When the rater is called as the labels of a table are.
    """

    rater: str
    browser: str
    order: str = MODEL

    def __post_init__(self) -> None:
        if self.rater == TABLE:
            rule = f"another name than {TABLE!r}, by which the labels of MUSIC are kept"
            raise DataError(explain("rater", rule, self.rater, "page", "Write another name."))


def make_key(name: str) -> str:
    """Return what a page calls a track: it stays the same where the numbers of tracks do not."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


def find_track(keys: Mapping[str, str], answer: Mapping[str, Any], find: Callable[[], str]) -> str:
    """Return the track that an answer is on.

    Parameters
    ----------
    keys : Mapping[str, str]
        From `make_key` to tracks.
    answer : Mapping[str, Any]
        Its key says which; a page may be older than the session, which counts otherwise.
    find : callable
        Returns it where the answer has no key.
    """
    key = str(answer.get("key", ""))
    if key and key not in keys:
        raise DataError(explain("track", "one that is here", key, "page", "Load it again: it is of other music."))
    return keys[key] if key else find()


def read_answer(answer: Mapping[str, Any]) -> tuple[int, dict[str, float] | None, float]:
    """Return the number of a track, what was said of it, and the seconds that it took; `DataError` where it is none."""
    try:
        number, said, took_s = answer["track"], answer["said"], round(float(answer.get("took_s", 0.0)), 1)
        shares = None if said is None else {str(name): value for name, value in said.items()}
        are_numbers = all(isinstance(share, int | float) for share in (shares or {}).values())
        if not isinstance(number, int) or not 0 <= took_s < math.inf or shares == {} or not are_numbers:
            raise ValueError(f"track {number}, {said}, {took_s} s")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(explain("answer", "a track and what was said", error, "page", "Load it again.")) from None
    return number, shares, took_s
