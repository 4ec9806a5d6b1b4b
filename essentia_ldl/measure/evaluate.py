"""External validation: an exported graph on a collection that it was not trained on, scored.

In: a model of graphs/ and a collection in any layout; out: scores.json, predictions.csv and failures.csv in one
folder. The graph runs in Essentia as `predict` runs it, so what is scored is what ships. The balanced accuracy is the
"class-weighted accuracy" of Buisson et al. (ICASSP 2022), table 2.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import datetime
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import datasets
from essentia_ldl.collection.class_map import IGNORE, find_aliases, map_labels
from essentia_ldl.errors import DataError, GraphError, StoreError, TrainingError, UnknownNameError, explain
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, replacing, write_json
from essentia_ldl.models import folder as models
from essentia_ldl.models.folder import Model
from essentia_ldl.predict.ask import predict_files
from essentia_ldl.records import Failure, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs import score as scoring
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.scores import bootstrap, listeners, reliability


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` leaves: the folder, what stands in its scores.json, and the files that could not be used."""

    folder: Path
    scores: Mapping[str, Any]
    failures: tuple[Failure, ...]


def evaluate(
    model_name: str,
    data: str,
    home: Home,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
    mapping: Mapping[str, str] | None = None,
    truth_column: str | None = None,
    output: str | None = None,
    truth_class: str | None = None,
) -> Evaluation:
    """Run a model on a collection and score it.

    Parameters
    ----------
    model_name : str
        A name of graphs/, or a file.
    data : str
        Folder or table, in any layout of `essentia_ldl.datasets`.
    home : Home
        Whose graphs, runs and store are meant.
    layout : str or None
        As in `datasets.read_tracks`, and so are the `options`.
    options : Mapping[str, object] or None
        Options of the layout.
    mapping : Mapping[str, str] or None
        Label of the collection -> class of the model, or "ignore" to leave its tracks out.
    truth_column : str or None
        Column with the share of listeners who chose the positive class, see `listeners`.
    output : str or None
        Folder to write to; None is runs/evaluate-<model>-<date>.
    truth_class : str or None
        The class that the shares are of; None takes the one that is not called non_ or not_.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        When labels map to no class, the truth column does not fit, or no track could be used.
    GraphError
        When the model is no classifier, or cannot run at all.
    UnknownNameError
        When the model, an option, a label to map, its class or the truth column does not exist.
    """
    model = models.find_model(model_name, home.graphs)
    if model.is_base or len(model.card.classes) < 2:
        raise GraphError(
            explain("model", "a classifier", model.card.fields["type"], model.name, "Name a model that was trained.")
        )
    classes = model.card.classes
    found = datasets.read_tracks(data, layout, options)
    table = map_labels(
        [track.label for track in found], classes, mapping or {}, find_aliases(model.card, home.recipes), data
    )
    ignored = set() if IGNORE in classes else {label for label, name in table.items() if name == IGNORE}
    tracks = [track for track in found if track.label not in ignored]
    if not tracks:
        raise DataError(explain("tracks", "at least one that is not ignored", 0, data, "Map a label to a class."))
    positive, shares = None, {}
    if truth_column is not None:  # checked before the long work
        positive = listeners.choose_class(classes, truth_class)
        values = listeners.read_shares(tracks, truth_column, data)
        shares = {track.id: float(value) for track, value in zip(tracks, values, strict=True)}
    folder = _make_folder(output, model.name, home.runs)

    rows, failures = _predict(model, tracks, folder)
    runs.write_failures(folder / "failures.csv", failures)
    used = [track for track in tracks if track.path in rows]
    if not used:
        remedy = f"First: {failures[0].reason}"
        raise DataError(explain("tracks", "at least one that can be used", 0, folder / "failures.csv", remedy))

    targets = np.array([classes.index(table[track.label]) for track in used])
    probabilities = np.array([rows[track.path] for track in used], dtype=np.float64)
    groups = bootstrap.group_tracks(used)
    scores: dict[str, Any] = {
        "model": model.name,
        "sha256": model.card.extra.get("sha256"),
        "data": str(Path(data).expanduser().absolute()),
        "layout": layout,
        "options": {name: value if value is None else str(value) for name, value in (options or {}).items()},
        "mapping": table,
        "n_ignored": dict(sorted(Counter(t.label for t in found if t.label in ignored).items())),
        "n_failed": len(tracks) - len(used),
        "n_seen_in_training": _count_seen(model, used, home),
        "classes": list(classes),
        **scoring.score_predictions(targets, probabilities, classes),
        "n_by_class": {name: int((targets == column).sum()) for column, name in enumerate(classes)},
        "intervals": {
            "level": bootstrap.LEVEL,
            "n_resamples": bootstrap.N_RESAMPLES,
            "n_groups": int(groups.max()) + 1,
            "n_artists": len({track.artist for track in used if track.artist}),
            "n_without_artist": sum(not track.artist for track in used),
            **bootstrap.score_intervals(targets, probabilities, groups),
        },
    }
    if np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):  # a published graph may answer each class by itself
        scores["calibration"] = reliability.score_calibration(targets, probabilities, classes, groups)
    if positive is not None:
        values = np.array([shares[track.id] for track in used])
        scores["listeners"] = {
            "column": truth_column,
            **listeners.score_shares(listeners.Answers(values, classes, positive), probabilities, targets, groups),
        }
    _write_predictions(folder / "predictions.csv", used, targets, probabilities, classes, truth_column)
    write_json(folder / "scores.json", scores)
    return Evaluation(folder, scores, tuple(failures))


def describe_evaluation(done: Evaluation) -> list[str]:
    """Write an evaluation as lines of text."""
    scores, limits = done.scores, done.scores["intervals"]
    n_tracks, n_of = scores["n_tracks"], scores["n_by_class"]
    counts = ", ".join(f"{n} {name}" for name, n in n_of.items())
    lines = [f"{scores['model']} on {scores['data']}: {n_tracks} tracks ({counts}), {scores['n_failed']} failed"]
    renamed = [f"{label} as {name}" for label, name in scores["mapping"].items() if name not in (label, IGNORE)]
    lines += [f"labels: {', '.join(renamed)}"] if renamed else []
    if scores["n_ignored"]:
        left_out = ", ".join(f"{n} {label}" for label, n in scores["n_ignored"].items())
        lines.append(f"ignored: {left_out}")
    if scores["n_seen_in_training"]:
        lines.append(
            f"WARNING: the model was made with {scores['n_seen_in_training']} of these tracks: scores too high"
        )
    if missing := [name for name, n in n_of.items() if n == 0]:
        lines.append(f"WARNING: no track of {', '.join(missing)}: the balanced accuracy is over the other classes")
    for key in ("balanced_accuracy", "accuracy"):
        interval = limits[key]
        known = "no interval" if interval is None else f"{limits['level']:.0%} {interval[0]:.3f} to {interval[1]:.3f}"
        lines.append(f"{key.replace('_', ' ')} {scores[key]:.3f} ({known}; n {n_tracks})")
    lines += describe_reliability(scores.get("calibration"), limits["level"])
    if limits["n_without_artist"]:
        lines.append(f"{limits['n_without_artist']} tracks without artist: the intervals may be too narrow")
    else:
        lines.append(f"intervals over {limits['n_artists']} artists")
    recall = scores["recall"].items()
    lines.append(
        "recall: " + ", ".join(f"{k} {'-' if v is None else format(v, '.3f')} (n {n_of[k]})" for k, v in recall)
    )
    width = max(len(name) for name in (*scores["classes"], "true / predicted"))
    lines.append("  ".join([f"{'true / predicted':<{width}}", *scores["classes"]]))
    for name, row in zip(scores["classes"], scores["confusion"], strict=True):
        cells = [f"{n:>{len(column)}}" for n, column in zip(row, scores["classes"], strict=True)]
        lines.append("  ".join([f"{name:<{width}}", *cells]))
    if "listeners" in scores:
        lines += listeners.describe_shares(scores["listeners"])
    lines += [f"failed: {failure.reason}" for failure in done.failures]
    lines.append(f"scores: {done.folder / 'scores.json'}")
    return lines


def describe_reliability(scores: Mapping[str, Any] | None, level: float) -> list[str]:
    """Write calibration errors with their intervals."""
    lines = []
    for key, name in (("ece", "ECE, 10 bins"), ("ece_15", "ECE, 15 bins"), ("nll", "NLL"), ("brier", "Brier score")):
        if scores:
            value, interval = scores[key]["value"], scores[key]["interval"]
            known = "no interval" if interval is None else f"{level:.0%} {interval[0]:.3f} to {interval[1]:.3f}"
            lines.append(f"{name} {value:.3f} ({known})")
    if scores:
        lines[0] += f"; chance alone gives {scores['ece_if_calibrated']:.3f} to calibrated probabilities"
    return lines


def _make_folder(output: str | None, name: str, runs: Path) -> Path:
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = runs / f"evaluate-{name}-{stamp}" if output is None else Path(output).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=output is not None)
    except OSError as error:
        remedy = "Choose another, or try again."
        raise StoreError(explain("output", "a folder to write to", error.strerror, folder, remedy)) from None
    return folder


def _predict(
    model: Model, tracks: Sequence[Track], folder: Path, graphs: Path
) -> tuple[dict[str, np.ndarray], list[Failure]]:
    """Return the probabilities by path, and the failures; an interrupted run leaves no empty folder."""
    from tqdm import tqdm

    files = list(dict.fromkeys(track.path for track in tracks))
    rows: dict[str, np.ndarray] = {}
    failures: list[Failure] = []
    try:
        with tqdm(total=len(files), unit="file", disable=None) as bar:
            for answer in predict_files([model], files, graphs):
                bar.update()
                if isinstance(answer, Failure):
                    failures.append(answer)
                else:
                    rows[answer[0].path] = answer[0].probabilities
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
    return rows, sorted(failures, key=lambda failure: failure.path)


def _count_seen(model: Model, tracks: Sequence[Track], home: Home) -> int | None:
    """Count the tracks that the model's own run trained or validated on; None when the run is not here."""
    run = home.runs / Path(str(model.card.extra.get("run", "-"))).name
    with contextlib.suppress(StoreError, TrainingError, UnknownNameError):  # the run is gone, or damaged
        seen = {track.content for track in read_plan(run).tracks if track.role != "test"}
        store = Store(home.store)
        return sum(store.remember(track.path) in seen for track in tracks)
    return None


def _write_predictions(
    path: Path,
    tracks: Sequence[Track],
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    truth_column: str | None,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "label", "prediction", *classes, *([truth_column] if truth_column else [])])
    for track, target, values in zip(tracks, targets, probabilities, strict=True):
        share = [track.columns[truth_column]] if truth_column else []
        row = [track.id, classes[target], classes[values.argmax()], *(f"{value:.9g}" for value in values), *share]
        writer.writerow(row)
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))
