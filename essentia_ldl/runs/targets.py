"""What a run learns: ``labels.csv``, or ``labels-<task>.csv`` of each task, and ``labels.json``, what was measured.

In: label tables and reports of a fitted source. Out: CSV with the header ``id,<classes>``, one row per track, numbers
that read back exactly; and arrays whose rows follow the tracks of a plan.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import digest_file, read_object, replacing, write_json
from essentia_ldl.records import LabelTable
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import AugmentPlan, NetworkPlan, Plan, TrainingPlan
from essentia_ldl.runs.plan_parts import REMEDY
from essentia_ldl.tables import read_csv

REPORT = "labels.json"
TRUTH = "truth.csv"  # the tags or numbers of all tracks


def name_table(task: str = "") -> str:
    """Return the name of the table of a task, or of the only one."""
    return f"labels-{task}.csv" if task else "labels.csv"


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Write what label sources measured while they were fitted."""
    write_json(folder / REPORT, dict(report))


def read_report(folder: Path) -> dict[str, Any]:
    """Read what label sources measured; raise `StoreError` when it is missing or damaged."""
    return read_object(folder / REPORT)


def read_targets(plan: Plan) -> tuple[np.ndarray, ...]:
    """Read what the network of a plan learns.

    Returns
    -------
    tuple[np.ndarray [shape=(n_tracks, n_classes), float32], ...]
        Distributions, rows in the order of the plan's tracks: one array per task, zeros for a track without one; of a
        network with one target the only one, with a distribution for every track.

    Raises
    ------
    StoreError
        When a table is missing or cannot be read.
    DataError
        When it does not fit the plan, or a row of it is not a distribution.
    """
    ids = [track.id for track in plan.tracks]
    if not plan.tasks:
        return (_read_columns(plan.folder / name_table(), plan.classes, plan.kind).rows(ids),)
    return tuple(_read_task(plan.folder / name_table(task.name), task.classes, ids) for task in plan.tasks)


def write_truth(folder: Path, table: LabelTable) -> None:
    """Write the tags or numbers of all tracks of a run, whatever its training tracks are trained towards."""
    write_table(table, Path(folder) / TRUTH)


def read_truth(plan: Plan) -> np.ndarray:
    """Read the tags or numbers of the tracks of a plan, (n_tracks, n_classes) float32; raises as `read_targets`."""
    table = _read_columns(plan.folder / TRUTH, plan.classes, plan.kind)
    return table.rows([track.id for track in plan.tracks])


def digest_training(plan: Plan, targets: tuple[np.ndarray, ...]) -> str:
    """Return a digest of all that decides the numbers of an epoch; `epochs`, `max_hours` and the card do not.

    Parameters
    ----------
    plan : Plan
        The run.
    targets : tuple[np.ndarray, ...]
        From `read_targets`.
    """
    network, training = dataclasses.asdict(plan.network), dataclasses.asdict(plan.training)
    training.pop("epochs")
    _drop_defaults(network, NetworkPlan, ("width", "backbones", "layers", "published", "frozen_until", "n_vectors"))
    _drop_defaults(training, TrainingPlan, ("solver", "rate_factor", "warmup_epochs", "mixed_precision", "stages"))
    parts = {
        "classes": plan.classes,
        "front_end": plan.front_end.numbers_key,  # the fingerprint of a run tells versions of Essentia apart
        "network": network,
        "extractor": None if plan.extractor is None else plan.extractor.folder,
        "training": training,
        "loss": plan.loss,
        "seed": plan.seed,
        "tracks": [dataclasses.astuple(track) for track in plan.tracks],
        "targets": _digest(targets[0]),
    }
    if plan.kind != SINGLE_LABEL:
        parts["kind"] = plan.kind
    if plan.augment != AugmentPlan():
        parts["augment"] = dataclasses.asdict(plan.augment)
    if plan.tasks:
        parts["tasks"] = [
            (task.name, task.classes, _digest(rows), task.loss, task.class_weights)
            for task, rows in zip(plan.tasks, targets, strict=True)
        ]
    if plan.features:
        parts["features"] = [digest_file(folder / WEIGHTS) for folder in plan.features]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _drop_defaults(values: dict[str, Any], kind: type, names: tuple[str, ...]) -> None:
    """Leave out fields that came later, where they have their defaults: digests of older runs stay what they were."""
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    for name in names:
        if values[name] == defaults[name]:
            del values[name]


def _digest(rows: np.ndarray) -> str:
    return hashlib.sha256(rows.tobytes()).hexdigest()


def _read_columns(path: Path, classes: tuple[str, ...], kind: str = SINGLE_LABEL) -> LabelTable:
    table = read_table(path, kind)
    if table.classes != classes:
        rule = f"the columns id, {', '.join(classes)}"
        raise DataError(explain("labels", rule, list(table.classes), path, REMEDY))
    return table


def _read_task(path: Path, classes: tuple[str, ...], ids: list[str]) -> np.ndarray:
    table, row_of = _read_columns(path, classes), {track_id: row for row, track_id in enumerate(ids)}
    targets = np.zeros((len(ids), len(classes)), dtype=np.float32)
    for track_id, row in zip(table.ids, table.distributions, strict=True):
        if track_id not in row_of:
            raise DataError(explain("track", "an id of the plan", track_id, path, REMEDY))
        targets[row_of[track_id]] = row
    return targets


def write_table(table: LabelTable, path: str | os.PathLike[str]) -> Path:
    """Write a label table as CSV; the file appears whole or not at all.

    Parameters
    ----------
    table : LabelTable
        Distributions.
    path : str or os.PathLike
        The file; its folder is made when it is missing.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *table.classes])
    for track_id, row in zip(table.ids, table.distributions, strict=True):
        # The shortest digits that give the same float32 again.
        writer.writerow([track_id, *(np.format_float_positional(value, trim="-") for value in row)])
    with replacing(path) as file:
        # surrogateescape: a file name that is not valid UTF-8 is an id like any other.
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))
    return Path(path)


def read_table(path: str | os.PathLike[str], kind: str = SINGLE_LABEL) -> LabelTable:
    """Read a label table that `write_table` or a spreadsheet wrote.

    Parameters
    ----------
    path : str or os.PathLike
        A CSV file with the header ``id,<classes>``.
    kind : str
        One of `choices.KINDS`: what its rows are.

    Returns
    -------
    LabelTable
        Distributions, float32.

    Raises
    ------
    StoreError
        When the file cannot be read.
    DataError
        When the header or a row is wrong; the message names the file and the row.
    """
    remedy = "Correct the file, or write it again with essentia-ldl labels."
    lines = read_csv(path, "label table", remedy)
    header = lines[0] if lines else []
    classes = tuple(header[1:])
    if header[:1] != ["id"] or not classes or len(set(classes)) != len(classes):
        raise DataError(explain("label table", "the header id,<classes that differ>", header, path, remedy))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise DataError(explain("label row", f"{len(header)} cells", len(line), f"{path}, row {number}", remedy))
        try:
            rows.append([float(cell) for cell in line[1:]])
        except ValueError as error:
            raise DataError(explain("label row", "numbers", line[1:], f"{path}, row {number}", remedy)) from error
    table = np.array(rows, dtype=np.float32).reshape(len(rows), len(classes))
    try:
        return LabelTable(tuple(line[0] for line in lines[1:]), classes, table, kind)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
