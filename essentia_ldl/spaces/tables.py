"""What was measured of embeddings, and what the paper measured, as tables. In: records; out: cells, Markdown, JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from essentia_ldl.spaces.evaluate import MeasuredEmbeddings
from essentia_ldl.spaces.measure import MeanScore
from essentia_ldl.spaces.paper import NETWORKS, PUBLISHED

NAMES = {"map": "MAP", "gain": "MAP gained", "precision": "P@{k}", "knn": "k-NN", "softmax": "softmax"}
TITLES = {"map": "MAP", "knn": "k-NN accuracy", "softmax": "accuracy of a linear softmax"}


def list_cells(done: MeasuredEmbeddings) -> list[list[str]]:
    """List the cells of the table, its head first; a dash where there is no score."""
    shown = [name for name in NAMES if name != "gain" or any("gain" in row.scores for row in done.rows)]
    rows = [["model", "by", "artist filter", "asked", *(NAMES[name].format(k=done.k) for name in shown)]]
    for row in done.rows:
        asked = row.scores["map"]
        counts = f"{asked.n_asked} of {asked.n_asked + asked.n_without}"
        told = [_write(row.scores.get(name)) for name in shown]
        rows.append([row.model, row.by, "on" if row.filtered else "off", counts, *told])
    return rows


def list_published(done: MeasuredEmbeddings) -> list[list[str]]:
    """List the cells of tables 1 to 3 of the paper, with what was measured by columns other than artist beside them."""
    head = ["table", "collection", *NETWORKS]
    ours = [(f"{row.model} by {row.by}", row) for row in done.rows if not row.filtered and row.by != "artist"]
    head += [name for name, _ in ours]
    rows = [head]
    for number, (name, published) in enumerate(PUBLISHED.items(), 1):
        blank = ["-"] * len(ours)
        rows += [
            [f"{number}: {TITLES[name]}", data, *map(_number, values), *blank] for data, values in published.items()
        ]
        values = [row.scores.get(name) for _, row in ours]
        told = ["-" if one is None else _number(one.value) for one in values]
        rows.append([f"{number}: {TITLES[name]}", "this one", *["-"] * len(NETWORKS), *told])
    return rows


def write_text(cells: Sequence[Sequence[str]]) -> list[str]:
    """Write cells as lines whose columns stand below one another."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def write_markdown(cells: Sequence[Sequence[str]]) -> list[str]:
    """Write cells as lines of a table in Markdown."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
    return [lines[0], "|" + " --- |" * len(cells[0]), *lines[1:]]


def write_json(done: MeasuredEmbeddings) -> str:
    """Write everything as JSON."""
    fields = dataclasses.asdict(done) | {"pictures": [str(path) for path in done.pictures]}
    return json.dumps(fields, indent=2, ensure_ascii=False)


def _write(score: MeanScore | None) -> str:
    if score is None or not score.n_asked:
        return "-"
    interval = "" if score.interval is None else f" [{_number(score.interval[0])}, {_number(score.interval[1])}]"
    return f"{_number(score.value)}{interval}"


def _number(value: float) -> str:
    sign, text = ("-" if value < 0 else ""), f"{abs(value):.3f}"
    return sign + text.removeprefix("0")
