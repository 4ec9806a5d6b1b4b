"""What a benchmark found, as one object of json: written, read, and compared with that of another run.

In: scores of cells. Out: `benchmark.json`: {"settings", "collection", "left_out" (network: why), "networks": {name:
{"title", "n_folds", "scores" (means over folds), "deviations" (over folds; empty of one), "intervals" (of 95 %, whole
artists drawn), "n_groups" (artists that test, and tracks without one, over all folds), "less_best" (interval of the
ROC-AUC less that of the best network, on the same draws; null of itself), "by_tag", "variants", "parameters", "costs"
(training_s, of one fold, and ms_per_s)}}}. All but "costs" is the same on every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import read_object
from essentia_ldl.scores.bootstrap import find_interval
from essentia_ldl.scores.multi_label import average_known
from essentia_ldl.studies.tagging.cells import GROUPS, Entry
from essentia_ldl.studies.tagging.folder import describe_changes
from essentia_ldl.studies.tagging.grid import NETWORKS

FILE = "benchmark.json"
SCORES = {  # what the table has, in words
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "tracks_precision": "tracks of a tag: P@10",
    "tags_precision": "tags of a track: P@3",
    "tags_map": "tags of a track: MAP",
}
COSTS = ("training_s", "ms_per_s")


def gather(
    cells: Mapping[Entry, Mapping[str, Any]], draws: Mapping[Entry, Mapping[str, np.ndarray]]
) -> dict[str, dict[str, Any]]:
    """Average the scores of cells over folds.

    Parameters
    ----------
    cells : Mapping[Entry, Mapping[str, Any]]
        From `cells.score_cell`.
    draws : Mapping[Entry, Mapping[str, np.ndarray]]
        From `cells.draw_cell`.

    Returns
    -------
    dict[str, dict[str, Any]]
        By network, in the order of `grid.NETWORKS`, as `FILE` has it.
    """
    found = {}
    resampled = {name: _average_draws([draws[cell] for cell in cells if cell.network == name]) for name in NETWORKS}
    for name in NETWORKS:
        rows = [scores for cell, scores in cells.items() if cell.network == name]
        if not rows:
            continue
        scores = [*SCORES, "tracks_map"]
        found[name] = {
            "title": NETWORKS[name],
            "n_folds": len(rows),
            "scores": {key: _mean([row[key] for row in rows]) for key in scores},
            "deviations": {key: float(np.std([row[key] for row in rows], ddof=1)) for key in scores if len(rows) > 1},
            "intervals": {key: _find_interval(resampled[name][key]) for key in SCORES},
            "n_groups": int(sum(draws[cell][GROUPS][0] for cell in cells if cell.network == name)),
            "less_best": None,
            "by_tag": _average_tables([row["by_tag"] for row in rows]),
            "variants": _average_tables([row["variants"] for row in rows]),
            "parameters": rows[0]["parameters"],
            "costs": {key: _mean([row[key] for row in rows]) for key in COSTS},
        }
    best = max(found, key=lambda name: found[name]["scores"]["roc_auc"], default=None)
    for name, row in found.items():
        same = name != best and row["n_folds"] == found[best]["n_folds"]  # of a run that goes on, folds may be missing
        row["less_best"] = _find_interval(resampled[name]["roc_auc"] - resampled[best]["roc_auc"]) if same else None
    return found


def _average_draws(folds: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Average each draw over folds; none where a fold has none."""
    if not folds or any(not len(fold[key]) for fold in folds for key in SCORES):
        return {key: np.empty(0) for key in SCORES}
    return {key: average_known(np.stack([fold[key] for fold in folds])) for key in SCORES}


def _find_interval(values: np.ndarray) -> list[float] | None:
    known = values[np.isfinite(values)]
    return find_interval(known) if len(known) else None


def _average_tables(tables: Sequence[Mapping[str, Mapping[str, float | None]]]) -> dict[str, dict[str, float | None]]:
    return {row: {key: _mean([table[row][key] for table in tables]) for key in tables[0][row]} for row in tables[0]}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def read_benchmark(path: str | Path) -> dict[str, Any]:
    """Read the benchmark.json of another run.

    Parameters
    ----------
    path : str or Path
        The file, or its folder.

    Raises
    ------
    DataError
        When it holds no benchmark.
    StoreError
        When it cannot be read.
    """
    path = Path(path).expanduser()
    path = path / FILE if path.is_dir() else path
    found = read_object(path)
    networks = found.get("networks")
    rows = networks.values() if isinstance(networks, dict) else [None]
    if not all(isinstance(row, dict) and _has_numbers(row) for row in rows) or "settings" not in found:
        rule, remedy = f"the {FILE} of a benchmark", "Name the file or the folder of one."
        raise DataError(explain("against", rule, ", ".join(found) or "nothing", path, remedy))
    return found


def _has_numbers(row: Mapping[str, Any]) -> bool:
    scores, costs = row.get("scores"), row.get("costs")
    return (
        isinstance(scores, dict)
        and isinstance(costs, dict)
        and all(type(scores.get(key)) in (int, float) for key in SCORES)
        and all(type(costs.get(key)) in (int, float) for key in COSTS)
    )


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two benchmarks.

    Parameters
    ----------
    ours, theirs : Mapping[str, Any]
        What `FILE` holds of this run and of the other.

    Returns
    -------
    dict[str, Any]
        settings, in words, what is otherwise; networks, {name: {score: ours less theirs}} of those that both have, and
        of costs ours divided by theirs; only_ours, only_theirs, names.
    """
    mine, other = ours["networks"], theirs["networks"]
    both = [name for name in mine if name in other]
    return {
        "settings": describe_changes(theirs["settings"], ours["settings"]),
        "networks": {
            name: {key: mine[name]["scores"][key] - other[name]["scores"][key] for key in SCORES}
            | {key: mine[name]["costs"][key] / max(other[name]["costs"][key], 1e-9) for key in COSTS}
            for name in both
        },
        "only_ours": [name for name in mine if name not in other],
        "only_theirs": [name for name in other if name not in mine],
    }


def describe_interval(limits: Sequence[float], sign: str = "") -> str:
    """Write an interval, with signs where `sign` is "+".

    Examples
    --------
    >>> describe_interval([0.6491, 0.83]), describe_interval([-0.1, 0.02], "+")
    ('[0.649, 0.830]', '[-0.100, +0.020]')
    """
    return "[" + ", ".join(f"{value:{sign}.3f}" for value in limits) + "]"
