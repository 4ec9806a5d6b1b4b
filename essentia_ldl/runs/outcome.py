"""What came of a run: ``scores.json`` and ``history.json``, written and read here alone.

In: scores of a training, a cross-validation, an evaluation or a cell of a study, ready for json; or the epochs of a
training. Out: the same, read back. What was damaged or edited is one sentence with the file, the key and a remedy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.errors import StoreError, explain
from essentia_ldl.files import read_object, write_json
from essentia_ldl.runs.kinds import KINDS, find_wrong
from essentia_ldl.runs.names import HISTORY, SCORES

TRAIN, CROSSVAL = "train", "crossval"
REMEDY = "Give its command again; where that does not help, delete this folder first."
_TRAIN_AGAIN = "Delete this folder and give its command again."

# Annotations of keys, see `kinds`; a file need not have all of them.
_SCORES = {
    **dict.fromkeys(("classes", "warnings"), "tuple[str, ...]"),
    **dict.fromkeys(("n_tracks", "n_folds", "n_repeats"), "int"),
    **dict.fromkeys(("valid", "test", "calibration", "crossval"), "Mapping[str, Any]"),
    **dict.fromkeys(("sources", "baselines"), "Mapping[str, Mapping]"),
    **dict.fromkeys(("folds", "comparisons"), "tuple[Mapping, ...]"),
    "balanced_accuracy": "float",
    "kind": "str",
    "baselines_left_out": "Mapping[str, str]",
    "grouped_by_artist": "bool",
    "leave_out": "str | None",
    "listeners": "Mapping[str, Any] | None",
    "seeds": "tuple[int, ...]",
}
_FOLD = dict.fromkeys(("seed", "fold", "repeat", "n_train", "n_valid", "n_test"), "int")
_ROW = {
    **dict.fromkeys((f"balanced_accuracy_{name}" for name in ("mean", "std", "pooled")), "float"),
    **dict.fromkeys(("pooled", "folds"), "tuple[Mapping, ...]"),
    "own_mass_mean": "float | None",
    "calibration": "Mapping[str, Any]",
}
_SIDE = {
    "n_tracks": "int",
    "balanced_accuracy": "float",
    "accuracy": "float",
    "recall": "Mapping[str, float | None]",
    "confusion": "tuple[tuple[int, ...], ...]",
}
_KIND_SIDE = {"n_tracks": "int", "by_class": "Mapping[str, Mapping]", "intervals": "Mapping[str, Any]"}
# What a report shows of each, and cannot do without.
_SHOWN = {
    CROSSVAL: ("n_folds", "n_repeats", "seeds", "grouped_by_artist", "comparisons"),
    TRAIN: ("classes",),
}
_SHOWN_OF_ROW = tuple(name for name in _ROW if name not in ("own_mass_mean", "calibration"))

_EPOCH = {"epoch": "int", "learning_rate": "float"}
_CURVES = {"train_loss": "float", **dict.fromkeys(("valid_loss", "valid_accuracy"), "float | None")}


def write_scores(folder: Path, scores: Mapping[str, Any]) -> None:
    """Write the scores.json of a folder, whose presence says that what is scored has ended."""
    write_json(Path(folder) / SCORES, scores)


def read_scores(folder: Path, shown: bool = False) -> dict[str, Any]:
    """Read and check the scores.json of a folder.

    Parameters
    ----------
    folder : Path
        Of a run, an evaluation, or a cell.
    shown : bool
        Whether all is needed that a report shows of a training or a cross-validation.

    Returns
    -------
    dict[str, Any]
        What `write_scores` was given.

    Raises
    ------
    StoreError
        When it is missing or no json object, lacks a key, or has a value of another kind.
    """
    path = Path(folder) / SCORES
    scores = read_object(path)
    _check(scores, _SCORES, _SHOWN.get(tell_outcome(scores), ()) if shown else (), "", path)
    is_kind = "kind" in scores
    checks = _KIND_SIDE if is_kind else _SIDE
    for number, fold in enumerate(scores.get("folds", ())):
        _check(fold, _FOLD, ("seed", "fold"), f"folds.{number}.", path)
    for kind in ("sources", "baselines"):
        for name, row in scores.get(kind, {}).items():
            needed = _SHOWN_OF_ROW if shown else ("balanced_accuracy_mean",)
            needed = ("pooled", "folds") if is_kind else needed
            _check(row, _ROW, needed, f"{kind}.{name}.", path)
            for part in ("pooled", "folds"):
                for number, side in enumerate(row.get(part, ())):
                    _check(side, checks, checks if shown else (), f"{kind}.{name}.{part}.{number}.", path)
    for name in ("valid", "test"):
        if name in scores:
            _check(scores[name], checks, checks if shown else (), f"{name}.", path)
    return scores


def tell_outcome(scores: Mapping[str, Any]) -> str:
    """Return whose scores these are: `CROSSVAL`, `TRAIN` (or an evaluation, which has no plan), or nothing."""
    if "sources" in scores and "folds" in scores:
        return CROSSVAL
    return TRAIN if "classes" in scores else ""


def _check(
    values: Mapping[str, Any], kinds: Mapping[str, str], needed: Sequence[str] | Mapping[str, str], at: str, path: Path
) -> None:
    lacking = [name for name in needed if name not in values]
    found = (lacking[0], KINDS[kinds[lacking[0]]][0], "nothing") if lacking else find_wrong(kinds, values)
    if found is not None:
        name, rule, value = found
        raise StoreError(explain(f"{at}{name}", rule, value, path, REMEDY))


def write_history(folder: Path, history: Mapping[str, Any]) -> None:
    """Write the history.json of a trained network."""
    write_json(Path(folder) / HISTORY, history)


def read_history(folder: Path, curves: bool = False) -> dict[str, Any]:
    """Read and check the history.json of a trained network.

    Parameters
    ----------
    folder : Path
        Of a run or a cell.
    curves : bool
        Whether the losses and the recall of every epoch are needed too.

    Returns
    -------
    dict[str, Any]
        best_epoch and epochs, one at least, each with epoch (from 1) and learning_rate; loss and more.

    Raises
    ------
    StoreError
        When it is missing or damaged.
    """
    path = Path(folder) / HISTORY
    history = read_object(path)
    kinds = {"best_epoch": "int", "epochs": "tuple[Mapping, ...]", **({"loss": "str"} if curves else {})}
    each = {**_EPOCH, **(_CURVES if curves else {})}
    complete = set(kinds) <= set(history) and find_wrong(kinds, history) is None and history["epochs"]
    if not complete or any(set(each) - set(epoch) or find_wrong(each, epoch) for epoch in history["epochs"]):
        rule = f"{', '.join(kinds)}, and in each of these {', '.join(each)}"
        raise StoreError(explain("history", rule, history, path, _TRAIN_AGAIN))
    return history


def copy_history(source: Path, folder: Path) -> None:
    """Copy the history.json of a network into another folder; `StoreError` when it is missing or no json object."""
    write_history(folder, read_object(Path(source) / HISTORY))
