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
from typing import Any, NamedTuple

import numpy as np

from essentia_ldl import datasets
from essentia_ldl.choices import MULTI_LABEL, SINGLE_LABEL
from essentia_ldl.collection.class_map import IGNORE, find_aliases, map_labels
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, GraphError, StoreError, TrainingError, UnknownNameError, explain
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, is_file_name, replacing
from essentia_ldl.measure.kinds import match_tracks, score_model, write_answers
from essentia_ldl.measure.rows import TruthColumn, read_truth
from essentia_ldl.models import folder as models
from essentia_ldl.models.folder import Model
from essentia_ldl.predict.ask import predict_files
from essentia_ldl.progress import hides_bars
from essentia_ldl.records import Failure, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import FAILURES
from essentia_ldl.runs.outcome import write_scores
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.runs.score import score_predictions
from essentia_ldl.scores import bootstrap, listeners, reliability


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What `evaluate` leaves: the folder, what stands in its scores.json, and the files that could not be used."""

    folder: Path
    scores: Mapping[str, Any]
    failures: tuple[Failure, ...]


def evaluate(
    model_name: str,
    source: Source,
    home: Home,
    mapping: Mapping[str, str] | None = None,
    truth: TruthColumn | None = None,
    output: str | None = None,
) -> Evaluated:
    """Run a model on a collection and score it.

    Parameters
    ----------
    model_name : str
        A name of graphs/, or a file.
    source : Source
        The collection; labels are mapped instead of corrected.
    home : Home
        Whose graphs, runs, recipes and store are meant.
    mapping : Mapping[str, str] or None
        Label of the collection -> class of the model, or "ignore" to leave its tracks out.
    truth : TruthColumn or None
        Column with the share of listeners who chose a class, see `listeners`.
    output : str or None
        Folder to write to; None is runs/evaluate-<model>-<date>.

    Returns
    -------
    Evaluated

    Raises
    ------
    DataError
        When there is no data, labels map to no class, the truth column does not fit, or no track could be used.
    GraphError
        When the model is no classifier, or cannot run at all.
    UnknownNameError
        When the model, an option, a label to map, its class or the truth column does not exist.
    """
    data, model = source.place, models.find_model(model_name, home.graphs)
    if model.is_base or len(model.card.classes) < (2 if model.card.kind == SINGLE_LABEL else 1):
        raise GraphError(
            explain("model", "a classifier", model.card.fields["type"], model.name, "Name a model that was trained.")
        )
    classes = model.card.classes
    aliases = find_aliases(model.card, home.recipes)
    found = _read_tracks(model, source, aliases)
    if found[0].kind != SINGLE_LABEL:
        if mapping or truth:
            rule, remedy = f"neither for a model of the kind {model.card.kind}", "Leave it out."
            raise DataError(explain("mapping and truth column", rule, mapping or truth, model.name, remedy))
        return _evaluate_kind(model, match_tracks(found, model.card, data, aliases), data, home, output)
    table = map_labels([track.label for track in found], classes, mapping or {}, aliases, data)
    ignored = set() if IGNORE in classes else {label for label, name in table.items() if name == IGNORE}
    tracks = [track for track in found if track.label not in ignored]
    if not tracks:
        raise DataError(explain("tracks", "at least one that is not ignored", 0, data, "Map a label to a class."))
    known = read_truth(tracks, classes, truth, data)  # checked before the long work
    folder = _make_folder(output, model.name, home.runs)

    used, probabilities, failures = _ask(model, tracks, folder, home.graphs)
    targets = np.array([classes.index(table[track.label]) for track in used])
    groups = bootstrap.group_tracks(used)
    scores: dict[str, Any] = {
        "model": model.name,
        "sha256": model.card.extra.get("sha256"),
        "data": str(Path(data).expanduser().absolute()),
        "layout": source.layout,
        "options": {name: value if value is None else str(value) for name, value in source.options.items()},
        "mapping": table,
        "n_ignored": dict(sorted(Counter(t.label for t in found if t.label in ignored).items())),
        "n_failed": len(tracks) - len(used),
        "n_seen_in_training": _count_seen(model, used, home),
        "classes": list(classes),
        **score_predictions(targets, probabilities, classes),
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
    if known is not None:
        values = np.array([known.shares[track.id] for track in used])
        answers = listeners.Answers(values, classes, known.positive)
        listened = listeners.score_shares(answers, probabilities, targets, groups)
        scores["listeners"] = {"column": known.column, **listened}
    predicted = _Predicted(used, targets, probabilities)
    _write_predictions(folder / "predictions.csv", predicted, classes, None if truth is None else truth.column)
    write_scores(folder, scores)
    return Evaluated(folder, scores, tuple(failures))


def _read_tracks(model: Model, source: Source, aliases: Mapping[str, str]) -> list[Track]:
    """Read a collection as a model is asked of it; one of tags may be asked of classes, and so for the likeliest."""
    place, kind, classes = (source.place, source.layout, source.options), model.card.kind, model.card.classes
    if kind == SINGLE_LABEL:
        return datasets.read_tracks(*place, kind=kind)
    if kind == MULTI_LABEL:  # an alias may be a column
        classes = (*classes, *aliases)
    try:
        return datasets.read_tracks(*place, classes, kind=kind)
    except (DataError, UnknownNameError):
        found = datasets.read_tracks(*place) if kind == MULTI_LABEL else ()
        if found and found[0].kind == SINGLE_LABEL:
            return found
        raise


def _evaluate_kind(model: Model, tracks: Sequence[Track], data: object, home: Home, output: str | None) -> Evaluated:
    """Do what `evaluate` does for a model of tags or numbers; tags that it does not know are passed over."""
    card, folder = model.card, _make_folder(output, model.name, home.runs)
    used, answers, failures = _ask(model, tracks, folder, home.graphs)
    scores = {
        "model": model.name,
        "sha256": card.extra.get("sha256"),
        "data": str(Path(data).expanduser().absolute()),
        "n_failed": len(tracks) - len(used),
        "n_seen_in_training": _count_seen(model, used, home),
        "classes": list(card.classes),
        **score_model(card, used, answers),
    }
    write_answers(folder / "predictions.csv", used, answers, card.classes)
    write_scores(folder, scores)
    return Evaluated(folder, scores, tuple(failures))


class _Predicted(NamedTuple):
    """Tracks, their true classes (n_tracks,) as indices, and their probabilities (n_tracks, n_classes)."""

    tracks: list[Track]
    targets: np.ndarray
    probabilities: np.ndarray


def _make_folder(output: str | None, name: str, runs: Path) -> Path:
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = runs / f"evaluate-{name}-{stamp}" if output is None else Path(output).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=output is not None)
    except OSError as error:
        remedy = "Choose another, or try again."
        raise StoreError(f"The folder {folder} cannot be made: {error.strerror}. {remedy}") from None
    return folder


def _ask(
    model: Model, tracks: Sequence[Track], folder: Path, graphs: Path
) -> tuple[list[Track], np.ndarray, list[Failure]]:
    """Return the tracks that a model answers, its answers (n_tracks, n_classes) float64, and the failures, written."""
    answered, failures = _predict(model, tracks, folder, graphs)
    runs.write_failures(folder / FAILURES, failures)
    used = [track for track in tracks if track.path in answered]
    if not used:
        remedy = f"First: {failures[0].reason}"
        raise DataError(explain("tracks", "at least one that can be used", 0, folder / FAILURES, remedy))
    return used, np.array([answered[track.path] for track in used], dtype=np.float64), failures


def _predict(
    model: Model, tracks: Sequence[Track], folder: Path, graphs: Path
) -> tuple[dict[str, np.ndarray], list[Failure]]:
    """Return the probabilities by path, and the failures; an interrupted run leaves no empty folder."""
    from tqdm import tqdm

    files = list(dict.fromkeys(track.path for track in tracks))
    rows: dict[str, np.ndarray] = {}
    failures: list[Failure] = []
    try:
        with tqdm(total=len(files), unit="file", disable=hides_bars()) as bar:
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
    name = model.card.extra.get("run")
    if not is_file_name(name):  # none, or one that would lead out of runs/
        return None
    run = home.runs / name
    with contextlib.suppress(StoreError, TrainingError, UnknownNameError):  # the run is gone, or damaged
        seen = {track.content for track in read_plan(run).tracks if track.role != "test"}
        store = Store(home.store)
        return sum(store.remember(track.path) in seen for track in tracks)
    return None


def _write_predictions(path: Path, predicted: _Predicted, classes: Sequence[str], column: str | None) -> None:
    """Write one row per track: id, true and predicted class, probabilities, and what the column of listeners holds."""
    more = [] if column is None else [column]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "label", "prediction", *classes, *more])
    for track, target, values in zip(*predicted, strict=True):
        numbers = (f"{value:.9g}" for value in values)
        cells = (track.columns[name] for name in more)
        table.writerow([track.id, classes[target], classes[values.argmax()], *numbers, *cells])
    with replacing(path) as file:
        file.write(text.getvalue().encode("utf-8", "surrogateescape"))
