"""The folder of a benchmark: found again after a kill, and refused where its settings changed meanwhile.

In: settings, which are everything that decides the numbers. Out: a run folder with `settings.json`. A benchmark that
ended is known by its settings; one that was interrupted is taken up with the same settings only, so that no table has
networks of two kinds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from essentia_ldl.errors import DataError, Reason, StoreError, explain
from essentia_ldl.files import read_object, taking_turns, write_json
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import STATE

NAME, SETTINGS = "benchmark", "settings.json"


def take_folder(root: Path, settings: Mapping[str, Any], again: bool) -> tuple[Path, bool]:
    """Return the folder of a benchmark.

    Parameters
    ----------
    root : Path
        Folder of the runs.
    settings : Mapping[str, Any]
        What json keeps as it is; "data" tells where the collection is.
    again : bool
        Make a new one, whatever there is.

    Returns
    -------
    run : Path
        One that was begun with the same settings, or a new one.
    done : bool
        Whether it has ended.

    Raises
    ------
    DataError
        When a benchmark of the same collection was interrupted, and its settings were others.
    """
    digest = runs.fingerprint(settings)
    with taking_turns(root):
        run, done = (None, False) if again else runs.find_run(root, NAME, digest)
        if run is not None:
            return run, done
        if not again:
            _refuse_interrupted(root, settings)
        run = runs.make_run(root, NAME, digest)
        write_json(run / SETTINGS, dict(settings))
        return run, False


def _refuse_interrupted(root: Path, settings: Mapping[str, Any]) -> None:
    """Raise `DataError` when a benchmark of the same collection was interrupted, and its settings were others."""
    for other in _list_interrupted(root):
        with contextlib.suppress(StoreError):  # nobody can go on with a folder that is damaged
            before = read_object(other / SETTINGS)
            if before.get("data") == settings["data"]:
                changed = (
                    describe_changes(before, settings) or "another version of Essentia or of the pretrained networks"
                )
                remedy = "Give the same settings to go on, or --again to begin a new benchmark."
                rule = f"those of {other.name}, which was interrupted"
                raise DataError(explain("settings of the benchmark", rule, Reason(changed), other, remedy))


def _list_interrupted(root: Path) -> list[Path]:
    found = []
    for path in sorted(root.glob(f"{NAME}-*/{STATE}"), reverse=True):
        with contextlib.suppress(StoreError):
            if read_object(path).get("state") != "done":
                found.append(path.parent)
    return found


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name what differs between two settings, such as "training.batch_size 8 in place of 16".

    Examples
    --------
    >>> describe_changes({"folds": 5, "recipe": {"seed": 0}}, {"folds": 3, "recipe": {"seed": 0}})
    'folds 3 in place of 5'
    """
    old, new = _flatten(before), _flatten(now)
    parts = []
    for key in dict.fromkeys([*new, *old]):
        if old.get(key) != new.get(key):
            named = key.removeprefix("recipe.")
            parts.append("other tracks" if key == "tracks" else f"{named} {new.get(key)} in place of {old.get(key)}")
    return ", ".join(parts)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flatten(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = list(value) if isinstance(value, tuple) else value
    return found
