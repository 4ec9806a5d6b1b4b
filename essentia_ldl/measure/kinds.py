"""Tags and numbers measured: the folds of a cross-validation, and an exported graph on another collection.

In: predictions of every fold, or of a graph, and what is true of the tracks; out: scores ready for json. Of several
rows the one with the best mean ROC-AUC, or R2, is the best.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import replacing
from essentia_ldl.labels.one_hot import make_rows
from essentia_ldl.models.card import GraphCard
from essentia_ldl.records import Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.runs.kind_scores import name_main, read_kind_run, score_answers
from essentia_ldl.runs.predictions import read_predictions
from essentia_ldl.scores import bootstrap, statistics
from essentia_ldl.scores.kind_calibration import score_log_loss
from essentia_ldl.scores.multi_label import score_instance_f

NO_BASELINE = "for tasks with one class per track"


def gather_kind_row(
    run: Path, kind: str, classes: Sequence[str], name: str, folds: Sequence[Fold], artists: Mapping[str, str]
) -> dict[str, Any]:
    """Collect the folds of a label source: the score of each, their mean and deviation, and the score of all pooled.

    Parameters
    ----------
    run : Path
        Folder of the cross-validation.
    kind : str
        "multi_label" or "regression".
    classes : sequence of str
        Tags or dimensions.
    name : str
        The label source.
    folds : sequence of Fold
        Of all repetitions.
    artists : Mapping[str, str]
        Artist by track id, of those that are known.

    Returns
    -------
    dict
        roc_auc or r2 with _mean, _std and _pooled; pooled (one score per repetition) and folds (one each), as
        `kind_scores.score_answers` has them, thresholds and intervals fitted on each fold's validation side.
    """
    main, scored = name_main(kind), []
    by_repeat: dict[int, list[tuple[np.ndarray, ...]]] = {}
    for fold in folds:
        cell = fold.cell(run, name)
        tested, found = read_predictions(cell).select("test"), read_kind_run(cell)
        ids = np.array([str(track_id) for track_id in tested.ids])
        limits = np.full(len(classes), 0.5 if kind == MULTI_LABEL else np.nan) if found is None else found.limits
        rows = (tested.truth, tested.probabilities, ids, np.tile(limits, (len(ids), 1)))
        groups = bootstrap.group_ids(ids.tolist(), artists)
        scored.append(score_answers(kind, *rows[:2], classes, groups, rows[3]))
        by_repeat.setdefault(fold.repeat, []).append(rows)
    pooled = []
    for parts in by_repeat.values():
        truth, answers, ids, limits = map(np.concatenate, zip(*parts, strict=True))
        groups = bootstrap.group_ids(ids.tolist(), artists)
        pooled.append(score_answers(kind, truth, answers, classes, groups, limits))
    known = [score[main] for score in scored if score[main] is not None]
    if not known:
        rule, remedy = "test tracks with both and without it in some fold", "Take fewer folds, or add tracks."
        raise DataError(explain("tags", rule, "none", name, remedy))
    return {
        f"{main}_mean": float(np.mean(known)),
        f"{main}_std": float(np.std(known, ddof=1)) if len(known) > 1 else 0.0,
        f"{main}_pooled": float(np.mean([score[main] for score in pooled])),
        "pooled": pooled,
        "folds": scored,
    }


def compare_kind_rows(kind: str, scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Test every label source against "none", or the first, on the score of each fold; none where one is not known."""
    main, rows = name_main(kind), scores["sources"]
    values = {name: [fold[main] for fold in row["folds"]] for name, row in rows.items()}
    if len(rows) < 2 or any(value is None for found in values.values() for value in found):
        return []
    reference = "none" if "none" in rows else next(iter(rows))
    ratio = np.mean([fold["n_test"] / (fold["n_train"] + fold["n_valid"]) for fold in scores["folds"]])
    return statistics.compare_all(values, reference, float(ratio))


def summarize_kind(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a card says of a label source that was cross-validated: its scores, pooled, of the first repetition.

    Parameters
    ----------
    kind : str
        "multi_label" or "regression".
    row : Mapping[str, Any]
        From `gather_kind_row`.
    """
    main = name_main(kind)
    return {"kind": kind, **row["pooled"][0], **{key: row[key] for key in (f"{main}_mean", f"{main}_std")}}


def match_tracks(
    tracks: Sequence[Track], card: GraphCard, where: object, aliases: Mapping[str, str] = MappingProxyType({})
) -> list[Track]:
    """Keep the tags or numbers of tracks that a model knows; `DataError` where there are none, or of another kind.

    `aliases` are tags of the collection -> tags of the model.
    """
    kind = card.kind
    for track in tracks:
        if track.kind != kind:
            remedy = "Give it a collection with tags or numbers, as it was trained on."
            raise DataError(explain("collection", f"tracks of the kind {kind}", track.kind, where, remedy))
    if aliases and kind == MULTI_LABEL:
        named = ({aliases.get(tag, tag) for tag in track.tags or ()} for track in tracks)
        tracks = [dataclasses.replace(track, tags=tuple(tags)) for track, tags in zip(tracks, named, strict=True)]
    rows, _ = make_rows(tracks, card.classes)
    if kind == MULTI_LABEL and not rows.any():
        found = sorted({tag for track in tracks for tag in track.names})
        remedy = "Rename the tags of the collection as the model calls them."
        raise DataError(explain("tags", f"one of {', '.join(card.classes)} at least", found, where, remedy))
    return list(tracks)


def score_model(card: GraphCard, tracks: Sequence[Track], answers: np.ndarray) -> dict[str, Any]:
    """Score what a graph says of tracks, (n_tracks, n_classes), with the thresholds or intervals of its card."""
    kind, classes = card.kind, card.classes
    told = card.extra.get("calibration") or {}
    by_class = told.get("thresholds" if kind == MULTI_LABEL else "half_widths") or {}
    limits = np.array([by_class.get(name, 0.5 if kind == MULTI_LABEL else np.nan) for name in classes], dtype=float)
    groups, truth = bootstrap.group_tracks(tracks), make_rows(tracks, classes)[0]
    scores = {"kind": kind, **score_answers(kind, truth, answers, classes, groups, limits)}
    if kind == MULTI_LABEL:
        scores |= _score_said(truth, answers, limits)
        scores["tags_of_no_track"] = [name for name, tracks in zip(classes, truth.T, strict=True) if not tracks.any()]
    return scores


def _score_said(truth: np.ndarray, answers: np.ndarray, thresholds: np.ndarray) -> dict[str, float]:
    """Score all tags of a track at once: those that no track has, and perhaps nobody looked for, are left out."""
    said = truth.any(axis=0)
    rows = truth[:, said], answers[:, said]
    return {"instance_f": score_instance_f(*rows, thresholds[said]), "log_loss": score_log_loss(*rows)}


def write_answers(path: Path, tracks: Sequence[Track], answers: np.ndarray, classes: Sequence[str]) -> None:
    """Write one row per track: its id, what is true of each tag or dimension, and what the model says."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", *(f"{name}, true" for name in classes), *classes])
    for track, truth, values in zip(tracks, make_rows(tracks, classes)[0], answers, strict=True):
        table.writerow([track.id, *(f"{value:.9g}" for value in (*truth, *values))])
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))
