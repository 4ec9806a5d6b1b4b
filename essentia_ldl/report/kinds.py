"""The report of a run of tags or numbers: what `command` draws in place of the sections for classes.

In: a finished run with such scores; out: HTML of its sections: the scores, a table with a row per tag or dimension,
and, of numbers, truth against estimate. There is no audit: it asks which other class a track may be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import MULTI_LABEL
from essentia_ldl.report.page import bar, figure, percent, table
from essentia_ldl.report.pictures import draw_scatter, shown
from essentia_ldl.runs.calibrate import list_nested
from essentia_ldl.runs.folder import cell_folder
from essentia_ldl.runs.kind_scores import describe_scores, name_main
from essentia_ldl.runs.names import FAILURES, PLAN
from essentia_ldl.runs.outcome import CROSSVAL, read_scores, tell_outcome
from essentia_ldl.runs.plan import Plan, read_plan
from essentia_ldl.runs.predictions import Predictions, read_predictions
from essentia_ldl.scores.regression import NAMES
from essentia_ldl.tables import read_csv

NO_AUDIT = "There is no label audit of tags and numbers: it asks which other class a track may be."
WORDS = {"roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "f1": "F1", "r2": "R2", "pearson": "Pearson", "ccc": "CCC"}
VALIDATION = "validation tracks"
_MOST_POINTS = 2000


@dataclasses.dataclass(frozen=True, eq=False)
class KindResults:
    """A run of tags or numbers, read back.

    Parameters
    ----------
    folder : Path
        The run.
    outcome : str
        "train" or "crossval".
    plan : Plan
        That of the run, in a cross-validation that of its first fold.
    scores : Mapping[str, Any]
        ``scores.json``.
    measured : Mapping[str, Mapping[str, Any]]
        What is scored -> its scores.
    answers : Mapping[str, Sequence[Predictions]]
        What is scored -> what was said of its tracks.
    n_failed : int
        Files that were left out.
    """

    folder: Path
    outcome: str
    plan: Plan
    scores: Mapping[str, Any]
    measured: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, Sequence[Predictions]]
    n_failed: int


def read_kind_results(folder: Path) -> KindResults | None:
    """Read a run; None when it is of classes.

    Raises
    ------
    StoreError, DataError, TrainingError
        When a file of it is missing or damaged.
    """
    scores = read_scores(folder)
    if "kind" not in scores:
        return None
    failed = read_csv(folder / FAILURES, "failures", "Give its command again.") if (folder / FAILURES).is_file() else []
    n_failed = max(0, len(failed) - 1)
    if tell_outcome(scores) == CROSSVAL:
        cells = {
            name: [cell_folder(folder, name, fold["seed"], fold["fold"]) for fold in scores["folds"]]
            for name in scores["sources"]
        }
        first = next(path for paths in cells.values() for path in paths if (path / PLAN).is_file())
        measured = {f"labels {name}": row["pooled"][0] for name, row in scores["sources"].items()}
        n_first = scores["n_folds"]  # of the first repetition
        answers = {
            f"labels {name}": [read_predictions(path).select("test") for path in paths[:n_first]]
            for name, paths in cells.items()
        }
        return KindResults(folder, CROSSVAL, read_plan(first), scores, measured, answers, n_failed)
    plan, measured, answers = read_plan(folder), {}, {}
    if "crossval" in scores:
        told = scores["crossval"]
        name = "tracks that neither fit nor choice has seen" if "choice" in told else "cross-validation"
        measured[name] = told
        nested = [read_predictions(path).select("test") for path in list_nested(folder)]
        answers |= {name: nested} if nested else {}
    for side, name in (("valid", VALIDATION), ("test", "test tracks")):
        if side in scores:
            measured[name] = scores[side]
            answers[name] = [read_predictions(folder).select(side)]
    return KindResults(folder, "train", plan, scores, measured, answers, n_failed)


def draw_kind_sections(results: KindResults) -> list[tuple[str, str, str]]:
    """Draw the sections of a run: anchor, title and HTML of each."""
    is_tags = results.plan.kind == MULTI_LABEL
    sections = [("summary", "Summary", _draw_summary(results)), ("scores", "Scores", _draw_tables(results))]
    if not is_tags:
        sections.append(("scatter", "Truth and estimate", _draw_scatters(results)))
    told = results.scores.get("calibration", {})
    if told:
        sections.append(("calibration", "Calibration", f"<p>{shown(told['text'])}</p>"))
    return sections


def _draw_summary(results: KindResults) -> str:
    plan, kind = results.plan, results.plan.kind
    lines = [
        f"<p><b>{shown(name)}</b>: {shown(describe_scores(kind, score))}{_draw_interval(kind, score)}; "
        f"{score['n_tracks']} tracks</p>"
        for name, score in results.measured.items()
    ]
    network = plan.network
    weights = f"{network.backbone}, {network.pretrained or 'no'} weights"
    start = ", ".join(network.backbones) or network.extractor or weights
    facts = [
        ("tracks", len(plan.tracks)),
        ("tags" if kind == MULTI_LABEL else "dimensions", ", ".join(plan.classes)),
        ("network", start),
        ("labels", plan.labels_source),
        ("loss", plan.loss),
        ("files left out", results.n_failed),
    ]
    listed = "".join(f"<div><dt>{shown(name)}</dt><dd>{shown(value)}</dd></div>" for name, value in facts)
    warnings = [*results.scores.get("warnings", ()), *results.scores.get("findings", ())]
    for told in [results.scores.get("crossval", {})]:
        warnings += [*told.get("warnings", ()), *told.get("findings", ())]
    if plan.card.get("demo"):
        warnings.append("This is the synthetic demo collection: the numbers say nothing about music.")
    if not plan.grouped:
        warnings.append("Not grouped by artist: one may train and be measured, and the scores may come out too high.")
    warnings.append(NO_AUDIT)
    noted = "".join(f"<li>{shown(text)}</li>" for text in warnings)
    return f'{"".join(lines)}<dl class="facts">{listed}</dl><ul class="warnings">{noted}</ul>'


def _draw_interval(kind: str, score: Mapping[str, Any]) -> str:
    limits = (score.get("intervals") or {}).get(name_main(kind))
    if limits is None:
        return ""
    return f" (95 % of {WORDS[name_main(kind)]} over whole artists: {limits[0]:.2f} to {limits[1]:.2f})"


def _draw_tables(results: KindResults) -> str:
    is_tags, parts = results.plan.kind == MULTI_LABEL, []
    for name, score in results.measured.items():
        keys = ("roc_auc", "pr_auc", "f1") if is_tags else NAMES
        head = ["tag" if is_tags else "dimension", "tracks", *(WORDS.get(key, key.upper()) for key in keys)]
        rows = []
        ordered = sorted(score["by_class"].items(), key=lambda item: -(item[1][keys[0]] or 0))
        for label, one in ordered:
            cells = [shown(label), str(one["n_tracks"])]
            for key in keys:
                value = one.get(key)
                words = "–" if value is None else f"{value:.3f}"
                cells.append(words if key in ("mae", "rmse") else bar(min(max(value or 0, 0), 1), words))
            rows.append(cells)
        more = "; thresholds are of other tracks" if is_tags else ""
        if name == VALIDATION:
            more = "; they chose epoch and calibration, so that scores are on the high side"
        coverage = score.get("coverage")
        more += f"; the intervals hold {percent(coverage)} of these tracks" if coverage is not None else ""
        note = f'<p class="note">{score["n_tracks"]} tracks{more}.</p>'
        parts.append(f"<h3>{shown(name)}</h3>{table(head, rows, 'bars')}{note}")
    return "".join(parts) or "<p>No track was kept from training, so that nothing was measured.</p>"


def _draw_scatters(results: KindResults) -> str:
    figures = []
    for name, parts in results.answers.items():
        truth = np.concatenate([part.truth for part in parts])[:_MOST_POINTS]
        answers = np.concatenate([part.probabilities for part in parts])[:_MOST_POINTS]
        ids = [str(track_id) for part in parts for track_id in part.ids][:_MOST_POINTS]
        for k, label in enumerate(results.plan.classes):
            picture = draw_scatter(truth[:, k], answers[:, k], ids, f"{label}: truth and estimate, {name}")
            figures.append(figure(picture, f"<b>{shown(label)}</b>, {shown(name)}: on the dashed line both are equal"))
    return f'<div class="figures">{"".join(figures)}</div>' if figures else "<p>Nothing was measured.</p>"
