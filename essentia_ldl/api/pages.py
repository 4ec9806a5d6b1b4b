"""What a notebook shows of a result: a heading, a table of scores, and a reliability diagram as inline SVG.

In: a record of the API; out: HTML without script, link or style sheet, in the colours of the notebook. Texts of the
user's are escaped; where the files of a run are gone, the diagram is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import EssentiaLdlError
from essentia_ldl.files import Home
from essentia_ldl.report.confidence import measure_diagrams
from essentia_ldl.report.diagrams import draw_reliability
from essentia_ldl.report.page import table
from essentia_ldl.report.pictures import shown
from essentia_ldl.report.results import read_results
from essentia_ldl.runs.kind_scores import describe_scores
from essentia_ldl.scores import reliability
from essentia_ldl.tables import read_csv

N_CLASSES = 10  # shown of a file; a tagger has fifty


def frame(title: object, parts: Sequence[str]) -> str:
    """Return a heading and what stands below it."""
    return f'<div class="essentia-ldl"><h4>{shown(title)}</h4>{"".join(parts)}</div>'


def draw_facts(rows: Sequence[tuple[str, object]]) -> str:
    """Return a table of names and values."""
    words = {True: "yes", False: "no"}
    cells = [(name, words[value] if isinstance(value, bool) else value) for name, value in rows]
    return table(["", ""], [[shown(name.replace("_", " ")), shown(value)] for name, value in cells])


def draw_cells(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of values."""
    return table([shown(name) for name in head], [[shown(cell) for cell in row] for row in rows])


def draw_training(done: Any) -> str:
    """Draw a `TrainedModel`: its models, its scores, and how sure it is against how right.

    Parameters
    ----------
    done : TrainedModel
        Whose run folder is read for the diagram.
    """
    if "kind" in done.scores:
        return frame(done.run.name, [draw_facts([("models", ", ".join(done.models)), *_list_kind_facts(done)])])
    scores, rows = done.scores, []
    nested = scores.get("crossval")
    if nested is not None and "balanced_accuracy_mean" in nested:
        rows.append(_row("folds", nested["n_tracks"], _mean_and_deviation(nested), nested["recall"]))
    for side, words in (("valid", "validation"), ("test", "test")):
        if side in scores:
            score = scores[side]
            rows.append(_row(words, score["n_tracks"], f"{score['balanced_accuracy']:.3f}", score["recall"]))
    facts = [("models", ", ".join(done.models)), ("run", done.run)]
    if done.failures:
        facts.append(("files left out", len(done.failures)))
    return frame(done.run.name, [draw_facts(facts), _draw_scores(rows), _draw_run(done.run)])


def _list_kind_facts(done: Any) -> list[tuple[str, object]]:
    """List the scores of a training, or of the label sources of a cross-validation, of tags or numbers."""
    scores, kind = done.scores, done.scores["kind"]
    told = {"folds": scores.get("crossval"), "validation": scores.get("valid"), "test": scores.get("test")}
    told |= {name: row["pooled"][0] for name, row in scores.get("sources", {}).items()}
    facts = [(name, describe_scores(kind, one)) for name, one in told.items() if one]
    return [*facts, ("run", done.run), *([("files left out", len(done.failures))] if hasattr(done, "failures") else [])]


def draw_cross_validation(done: Any) -> str:
    """Draw a `CrossValidated`: one row per label source and baseline, and the diagram of the best source."""
    if "kind" in done.scores:
        return frame(done.run.name, [draw_facts(_list_kind_facts(done))])
    scores, rows = done.scores, []
    for name, row in {**scores["sources"], **scores["baselines"]}.items():
        recalls = [one["recall"] for one in row["pooled"]]
        recall = {label: _mean([one[label] for one in recalls]) for label in scores["classes"]}
        rows.append(_row(name, scores["n_tracks"], _mean_and_deviation(row), recall))
    facts = [("folds", scores["n_folds"]), ("grouped by artist", scores["grouped_by_artist"]), ("run", done.run)]
    if done.final is not None:
        facts.append(("final models", ", ".join(done.final.models)))
    return frame(done.run.name, [draw_facts(facts), _draw_scores(rows), _draw_run(done.run)])


def draw_evaluation(done: Any) -> str:
    """Draw an `EvaluatedModel`: scores with their intervals, recall, and the diagram of the tracks it was scored on."""
    scores = done.scores
    facts = [("tracks", scores["n_tracks"]), ("failed", scores["n_failed"])]
    if "kind" in scores:
        return frame(scores["model"], [draw_facts([*facts, ("scores", describe_scores(scores["kind"], scores))])])
    for name in ("balanced_accuracy", "accuracy"):
        interval = scores["intervals"][name]
        known = "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"
        facts.append((name, f"{scores[name]:.3f}{known}"))
    if "calibration" in scores:
        facts.append(("expected calibration error", f"{scores['calibration']['ece']['value']:.3f}"))
    row = _row(scores["model"], scores["n_tracks"], f"{scores['balanced_accuracy']:.3f}", scores["recall"])
    return frame(scores["model"], [draw_facts(facts), _draw_scores([row]), _draw_table(done.folder, scores)])


def draw_file(found: Any) -> str:
    """Draw a `PredictedFile`: the classes of each model, the most probable first, with a bar."""
    if found.failure:
        return frame(found.path, [f"<p>{shown(found.failure)}</p>"])
    parts = []
    for one in found.predictions:
        order = np.argsort(-one.probabilities, kind="stable")[:N_CLASSES]
        rows = [
            [shown(one.classes[k]), f"{one.probabilities[k]:.3f}", _draw_bar(float(one.probabilities[k]))]
            for k in order
        ]
        parts.append(table([shown(one.model), "probability", ""], rows))
    notes = dict.fromkeys(note for one in found.predictions for note in one.notes)
    parts += [f"<p>{shown('; '.join(notes))}</p>"] if notes else []
    return frame(found.path, parts)


def draw_found(found: Any) -> str:
    """Draw a `FoundTracks`: the nearest first, with a bar for the cosine, and what the user should know."""
    rows = []
    for one in found.neighbours:
        words = [shown(one.artist or "–"), shown(one.title), shown(one.label), f"{one.similarity:.3f}"]
        rows.append([*words, _draw_bar(max(0.0, one.similarity)), shown(one.path)])
    notes = [f"<p>{shown(note)}</p>" for note in found.notes]
    return frame(found.query, [table(["artist", "title", "label", "cosine", "", "file"], rows), *notes])


def draw_words(done: Any) -> str:
    """Draw a `DescribedTracks`: the words of every track with a bar, the files that failed, and the notes."""
    parts = []
    for track in done.tracks:
        rows = [[shown(word), f"{score:.3f}", _draw_bar(max(0.0, score))] for word, score in track.words]
        parts += [f"<p>{shown(track.path)}</p>", table(["word", "fit", ""], rows)]
    parts += [f"<p>{shown(text)}</p>" for text in (*(one.reason for one in done.failures), *done.notes)]
    return frame("words", parts)


def _draw_bar(share: float) -> str:
    return (
        '<svg viewBox="0 0 100 8" width="100" height="8" role="img" aria-hidden="true">'
        f'<rect width="{100 * share:.1f}" height="8" fill="#4c8bd0"/></svg>'
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _mean_and_deviation(row: Mapping[str, Any]) -> str:
    deviation = row.get("balanced_accuracy_std")
    spread = "" if deviation is None else f" ± {deviation:.3f}"
    return f"{row['balanced_accuracy_mean']:.3f}{spread}"


def _row(name: str, n_tracks: int, score: str, recall: Mapping[str, float | None]) -> list[object]:
    return [name, n_tracks, score, recall]


def _draw_scores(rows: Sequence[Sequence[Any]]) -> str:
    """Return a table of balanced accuracy and recall; nothing where nothing was measured."""
    if not rows:
        return ""
    classes = list(rows[0][3])
    head = ["", "tracks", "balanced accuracy", *(f"recall {shown(label)}" for label in classes)]
    cells = []
    for name, n_tracks, score, recall in rows:
        shares = ["–" if recall[label] is None else f"{recall[label]:.3f}" for label in classes]
        cells.append([shown(name), str(n_tracks), score, *shares])
    return table(head, cells)


def _draw_run(run: Path) -> str:
    """Return the reliability diagrams of a run, before and after calibration; nothing where its files are gone."""
    try:
        diagrams = measure_diagrams(read_results(run, Home(run.parent.parent)))
    except EssentiaLdlError:
        return ""
    if diagrams is None:
        return ""
    return f"<p>{shown(diagrams.name)}</p>" + "".join(map(draw_reliability, diagrams.overall))


def _draw_table(folder: Path, scores: Mapping[str, Any]) -> str:
    """Return the reliability diagram of an evaluation's predictions.csv; nothing where there is none."""
    classes = list(scores["classes"])
    try:
        header, *lines = read_csv(folder / "predictions.csv", "predictions", "Evaluate again.")
        rows = [dict(zip(header, line, strict=True)) for line in lines]
        targets = np.array([classes.index(row["label"]) for row in rows])
        values = np.array([[float(row[name]) for name in classes] for row in rows])
        measured = reliability.measure(targets, values, name=scores["model"])
    except (OSError, KeyError, ValueError):
        return ""
    return draw_reliability(measured)
