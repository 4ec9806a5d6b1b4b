"""What the values of a run's json files may be: annotations of fields as checks and as words of an error.

In: values that json holds, which anybody may have edited. Out: the first that is of another kind, so that whoever reads
a file can say it in one sentence.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_text, value))


def _or_none(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or check(value)


def _list(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(check, value))


def _is_sized(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and _is_text(value[0]) and _is_whole(value[1])


def _object(check: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: _is_object(value) and all(map(check, value.values()))


# Annotation -> what it may hold, in words and as a check; json writes tuples as lists.
KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("text", _is_text),
    "int": ("a whole number", _is_whole),
    "float": ("a number", _is_number),
    "bool": ("true or false", lambda value: isinstance(value, bool)),
    "tuple[str, ...]": ("a list of texts", _list(_is_text)),
    "tuple[int, ...]": ("a list of whole numbers", _list(_is_whole)),
    "tuple[tuple[int, ...], ...]": ("rows of whole numbers", _list(_list(_is_whole))),
    "tuple[tuple[str, int], ...]": ("rows of a text and a whole number", _list(_is_sized)),
    "tuple[Mapping, ...]": ("a list of objects", _list(_is_object)),
    "Mapping[str, Any]": ("an object", _is_object),
    "Mapping[str, str]": ("an object of texts", _object(_is_text)),
    "Mapping[str, str | None]": ("an object of texts", _object(_or_none(_is_text))),
    "Mapping[str, float | None]": ("an object of numbers", _object(_or_none(_is_number))),
    "Mapping[str, Mapping]": ("an object of objects", _object(_is_object)),
}
_NONE = " | None"


@functools.cache
def list_kinds(record: type) -> dict[str, str]:
    """Return the annotations of a dataclass by field, as `find_wrong` takes them."""
    return {field.name: str(field.type) for field in dataclasses.fields(record)}


def find_wrong(kinds: Mapping[str, str], values: Mapping[str, Any]) -> tuple[str, str, Any] | None:
    """Find the first value that is of another kind than is asked for.

    Parameters
    ----------
    kinds : Mapping[str, str]
        Annotation by key; one that is not in `KINDS` is not looked at.
    values : Mapping[str, Any]
        What is there; a key that is missing is not looked at.

    Returns
    -------
    tuple[str, str, Any] or None
        Key, what its value should be, and the value; None when all are right.

    Examples
    --------
    >>> find_wrong({"seed": "int", "stop": "int | None"}, {"seed": 1.5, "stop": None})
    ('seed', 'a whole number', 1.5)
    """
    for key, annotation in kinds.items():
        if key not in values:
            continue
        value, optional = values[key], annotation.endswith(_NONE)
        rule, check = KINDS.get(annotation.removesuffix(_NONE), ("", None))
        if check is not None and not check(value) and not (optional and value is None):
            return key, f"{rule}, or none" if optional else rule, value
    return None
