"""Measured values beside those of the paper's table 2, as text, Markdown, CSV and json.

In: the `scores.json` of cross-validations and of external validations, the only source of measured numbers, and
`paper`. Out: lines, and table2.json, table2.md and table2.csv. The lines of the terminal are made here and not in
`cli.text`, because they share their layout with the Markdown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.files import replacing, write_json
from essentia_ldl.studies.table2.paper import (
    COLUMNS,
    MARKS,
    NETWORKS,
    NOTES,
    REASONS,
    SOURCES,
    STARTS,
    TABLE_2,
    TASKS,
    Cell,
)

LEVEL = 0.05
FIELDS = (*Cell._fields, "measured", "deviation", "n_tracks", "p", "paper", "mark", "scores")
_STARTS = {"scratch": "trained from scratch", "pretrained": "pretrained on MSD"}
_COLUMNS = {"5f": "5F", "ext": "Ext."}
_ORDER = [(column, source) for column in COLUMNS for source in SOURCES]
_HEADS = [f"{_COLUMNS[column]} {source}" for column, source in _ORDER]


def score_fold_cell(scores: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return what the table shows of one label source of a cross-validation.

    Parameters
    ----------
    scores : Mapping[str, Any]
        A scores.json of `crossval.cross_validate`.
    source : str
        One of its sources.

    Returns
    -------
    dict
        measured and deviation (mean and deviation of the folds' balanced accuracies), n_tracks, and p of the corrected
        resampled t-test against none, None where there is none.
    """
    score = scores["sources"][source]
    rows = [row for row in scores["comparisons"] if row["name"] == source and row["against"] == "none"]
    return {
        "measured": score["balanced_accuracy_mean"],
        "deviation": score["balanced_accuracy_std"],
        "n_tracks": scores["n_tracks"],
        "p": rows[0]["corrected"]["p"] if rows else None,
    }


def score_external_cell(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the table shows of a scores.json of `evaluate.evaluate`."""
    return {"measured": scores["balanced_accuracy"], "deviation": None, "n_tracks": scores["n_tracks"], "p": None}


def fill_rows(measured: Mapping[Cell, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Make a row of every cell of the paper's table, with what was measured for it or None.

    Parameters
    ----------
    measured : Mapping[Cell, Mapping[str, Any]]
        What `score_fold_cell` and `score_external_cell` return, and the path of the scores as "scores".

    Returns
    -------
    list[dict]
        With the keys `FIELDS`.
    """
    empty = dict.fromkeys(("measured", "deviation", "n_tracks", "p", "scores"))
    return [
        {**cell._asdict(), **empty, **measured.get(cell, {}), "paper": paper, "mark": MARKS.get(cell, "")}
        for cell, paper in TABLE_2.items()
    ]


def describe_rows(rows: Sequence[Mapping[str, Any]], heading: Sequence[str] = ()) -> list[str]:
    """Write the table as lines of text: measured, then the paper's, "-" where nothing was measured."""
    found = _index(rows)
    names = [f"{network:<8} {task}" for network in NETWORKS for task in TASKS]
    width, lines = max(map(len, names)), [*heading]
    for start in STARTS:
        lines += ["", _STARTS[start], f"{'':<{width}}" + "".join(f"{head:>13}" for head in _HEADS)]
        for network, task, row in _lay_out(found, start):
            cells = ["  {:>5}|{:<5}".format(*_write(cell)) for cell in row]
            lines.append(f"{f'{network:<8} {task}':<{width}}{''.join(cells)}".rstrip())
    return [*lines, "", *_explain()]


def write_files(folder: Path, table: Mapping[str, Any]) -> None:
    """Write table2.json, table2.md and table2.csv.

    Parameters
    ----------
    folder : Path
        Where to.
    table : Mapping[str, Any]
        heading (list of lines), cells (from `fill_rows`) and whatever else the json is to hold.
    """
    rows = table["cells"]
    write_json(folder / "table2.json", {**table, "reasons": REASONS, "notes": list(NOTES)})
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    for name, content in (("table2.csv", text.getvalue()), ("table2.md", _write_markdown(rows, table["heading"]))):
        with replacing(folder / name) as file:
            file.write(content.encode("utf-8", "surrogateescape"))


def _lay_out(found: Mapping[Cell, Mapping[str, Any]], start: str) -> Iterator[tuple[str, str, list[Mapping[str, Any]]]]:
    """Yield the lines of one half of the table: network, task, and its cells in the order of the columns."""
    for network in NETWORKS:
        for task in TASKS:
            yield network, task, [found[Cell(network, task, start, *column)] for column in _ORDER]


def _write_markdown(rows: Sequence[Mapping[str, Any]], heading: Sequence[str]) -> str:
    found = _index(rows)
    lines = ["# Table 2, measured / paper", "", *heading, ""]
    for start in STARTS:
        lines += [f"## {_STARTS[start].capitalize()}", "", f"| network | data set | {' | '.join(_HEADS)} |"]
        lines.append("| --- " * (2 + len(_HEADS)) + "|")
        for network, task, row in _lay_out(found, start):
            cells = []
            for cell in row:
                ours, paper = _write(cell)
                deviation = "" if cell["deviation"] is None else f" ± {cell['deviation']:.2f}"
                cells.append(f"{ours}{deviation} / {paper}".replace("*", "\\*"))
            lines.append(f"| {network} | {task} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join([*lines, *(f"- {line}".replace("*", "\\*") for line in _explain())]) + "\n"


def _index(rows: Sequence[Mapping[str, Any]]) -> dict[Cell, Mapping[str, Any]]:
    return {Cell(*(row[name] for name in Cell._fields)): row for row in rows}


def _write(row: Mapping[str, Any]) -> tuple[str, str]:
    """Write the measured value, with a star when it differs from none, and the paper's with its mark."""
    star = "*" if row["p"] is not None and row["p"] < LEVEL else ""
    return "-" if row["measured"] is None else f"{row['measured']:.2f}{star}", f"{row['paper']:.2f}{row['mark']}"


def _explain() -> list[str]:
    return [
        "measured balanced accuracy, then the paper's value; -: not measured; 5F: mean of the folds; Ext.: MTG-Jamendo",
        f"*: differs from none, p < {LEVEL} (corrected resampled t-test over the folds)",
        *(f"{mark}: {reason}" for mark, reason in REASONS.items()),
        *NOTES,
    ]
