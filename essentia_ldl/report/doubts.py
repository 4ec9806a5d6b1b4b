"""Doubts about labels: which tracks should a person listen to again, because all that sounds like them disagrees?

In: `Results` of a run; out: one `Judged` per track, the most doubtful first, and ``audit.csv``, which goes back into
`train --corrections`.

Two or three opinions judge a label, and none of them has learned from it:

- neighbours: classes of the 10 tracks that are nearest by the mean embedding of the pretrained network (of a network
  from scratch: by MFCC-P), the track itself left out;
- classifier: logistic regression on the same features, fitted on four fifths of the tracks, without the artist's;
- model: the run's own prediction where it was not trained on the track: validation and test tracks of a training; those
  of a solved one in the folds that have not seen them; every track of a cross-validation (there the row of the best
  balanced accuracy, which takes the place of the classifier).

The disagreement is the mean over the opinions of 1 minus the probability of the label; the suggestion is the most
probable class of their mean. Neighbours by LMNN are not asked, although labels were smoothed by them: LMNN has pulled a
track towards its class by the very label that is in doubt. With a tenth of the labels of 202 clips flipped on purpose,
the area under the ROC curve of finding them was 0.59 for neighbours by LMNN, 0.60 for those by LMNN fitted without
them, 0.63 by MFCC-P, 0.75 by embedding, 0.83 for the classifier and 0.81 for the mean of these two (5 draws).

References
----------
D. Wilson, "Asymptotic properties of nearest neighbor rules using edited data" (1972): labels that neighbours outvote.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.collection.corrections import DROP, read_corrections
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, EssentiaLdlError, StoreError
from essentia_ldl.features import embeddings
from essentia_ldl.features.store import Store
from essentia_ldl.files import replacing, set_aside, taking_turns
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track
from essentia_ldl.report.results import CROSSVAL, Results
from essentia_ldl.train.targets import build_source

N_NEIGHBORS = 10
N_FOLDS = 5
INVERSE_STRENGTH = 0.01  # C of the logistic regression: a few hundred tracks, a few hundred features
AUDIT = "audit.csv"
AGAIN = "Move it away, then run report again."
HEADER = ("rank", "id", "path", "artist", "label", "suggestion", "disagreement")
OF_LABEL = "_of_label"  # the end of the name of a column: what share an opinion gives to the label
BETWEEN = " | "  # ids of neighbours


@dataclasses.dataclass(frozen=True)
class Judged:
    """A track and what is thought of its label.

    Parameters
    ----------
    track : Track
        Its label is the one that the run used.
    opinions : Mapping[str, np.ndarray]
        Probabilities (n_classes,) by name: neighbours, classifier, model.
    nearest : tuple[str, ...]
        Ids of its neighbours, the nearest first.
    disagreement : float
        From 0 (all agree with the label) to 1.
    suggestion : str
        The class that the opinions favour.
    correction : str
        What a person has said already: a class, `DROP`, or nothing.
    """

    track: Track
    opinions: Mapping[str, np.ndarray]
    nearest: tuple[str, ...]
    disagreement: float
    suggestion: str
    correction: str = ""


@dataclasses.dataclass(frozen=True)
class Doubts:
    """All tracks judged, the most doubtful first, and where they lie; `rules` say in words who judged.

    `corrections` hold what persons have said by track id, of tracks that are not in the run any more too.
    """

    judged: tuple[Judged, ...]
    points: np.ndarray | None
    space: str
    rules: tuple[str, ...]
    notes: tuple[str, ...] = ()
    corrections: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read_features_of(results: Results) -> Callable[[Track, str], np.ndarray]:
    """Return the function that label sources read features with: MFCC from the store, embeddings from the network."""
    store, embedded = Store(results.home.store, of_any=True), {}

    def read(track: Track, front_end: str) -> np.ndarray:
        if front_end != embeddings.NAME:
            return store.read(results.contents[track.id], frontends.get(front_end))
        if not embedded:
            durations_s = dict.fromkeys(results.contents, 0.0)
            collection = Collection(results.tracks, results.contents, durations_s, (), results.home)
            embeddings.make_embeddings(collection, results.recipe.network)
            embedded.update(embeddings.read_embeddings(collection, results.recipe.network))
        return embedded[track.id]

    return read


def locate(
    recipe: Recipe,
    source: str,
    fitted: Sequence[Track],
    tracks: Sequence[Track],
    read: Callable[[Track, str], np.ndarray],
    settings: Mapping[str, object] | None = None,
) -> np.ndarray:
    """Return where tracks lie in the space of a label source.

    Parameters
    ----------
    recipe : Recipe
        Settings of the source.
    source : str
        Preset with a space: "sa", "sb", "emb", "emb-lmnn".
    fitted : Sequence[Track]
        What the space is learned from.
    tracks : Sequence[Track]
        What is looked for.
    read : callable
        From `read_features_of`.
    settings : Mapping[str, object] or None
        Settings of the source that go before the recipe's.

    Returns
    -------
    np.ndarray [shape=(n_tracks, d), float64]

    Raises
    ------
    EssentiaLdlError
        When features are missing, or the source has no space.
    """
    changed = {**recipe.label_settings, source: {**recipe.label_settings.get(source, {}), **(settings or {})}}
    found = build_source(dataclasses.replace(recipe, label_settings=changed), source, read).fit(fitted)
    return found.locate(tracks)


def judge(results: Results, read: Callable[[Track, str], np.ndarray]) -> Doubts:
    """Judge the label of every track of a run.

    Parameters
    ----------
    results : Results
        The run.
    read : callable
        From `read_features_of`.

    Returns
    -------
    Doubts
        Without neighbours and classifier where no features are there, and a note that says so.
    """
    tracks, recipe, notes = results.tracks, results.recipe, []
    targets = np.array([recipe.classes.index(track.label) for track in tracks])
    opinions: list[dict[str, np.ndarray]] = [{} for _ in tracks]
    nearest: list[tuple[str, ...]] = [() for _ in tracks]
    points, space = _find_points(results, read, notes)
    rules = []
    if points is not None and len(tracks) > 1:
        rows = find_neighbors(points, N_NEIGHBORS)
        for number, row in enumerate(rows):
            opinions[number]["neighbours"] = np.bincount(targets[row], minlength=len(recipe.classes)) / len(row)
            nearest[number] = tuple(tracks[other].id for other in row)
        rules.append(f"neighbours: the {rows.shape[1]} nearest other tracks by {space}")
    name = results.best if results.kind == CROSSVAL else results.sources[0]
    own = results.opinions.get(name, {})
    if results.kind != CROSSVAL and points is not None:
        artists = [track.artist or f"\0{track.id}" for track in tracks]
        guessed = fit_classifier(points, targets, artists, len(recipe.classes), recipe.split.seed)
        if guessed is not None:
            for number, row in enumerate(guessed):
                opinions[number]["classifier"] = row
            unknown = any(track.artist is None for track in tracks)
            without = "without the track" if unknown else "without any track of the artist"
            rules.append(f"classifier: logistic regression on the same features, fitted {without}")
    for number, track in enumerate(tracks):
        if track.id in own:
            opinions[number]["model"] = own[track.id]
    if own:
        where = f"of {name}, out of fold" if results.kind == CROSSVAL else "of this run, on tracks it did not train on"
        rules.append(f"model: the prediction {where}")
    decided = {**_list_given(results), **_read_said(results.folder / AUDIT)[0]}
    judged = [
        _judge(track, target, opinions[number], nearest[number], recipe.classes, decided.get(track.id, ""))
        for number, (track, target) in enumerate(zip(tracks, targets, strict=True))
    ]
    judged.sort(key=lambda row: (bool(row.correction), -row.disagreement, row.track.id))
    return Doubts(tuple(judged), points, space, tuple(rules), tuple(notes), decided)


def _list_given(results: Results) -> dict[str, str]:
    """Return the corrections that a run was given, by track id."""
    return {change["id"]: change["to"] or DROP for change in results.corrections.get("changes", ())}


def _read_said(path: Path) -> tuple[dict[str, str], str]:
    """Return what a person wrote into an audit.csv, by track id, and why the file cannot be read, if so."""
    if not os.path.lexists(path):
        return {}, ""
    try:
        return {track_id: value for track_id, (_, value) in read_corrections(path).values.items()}, ""
    except DataError as error:
        return {}, str(error)


def _judge(
    track: Track,
    target: int,
    opinions: Mapping[str, np.ndarray],
    nearest: tuple[str, ...],
    classes: Sequence[str],
    correction: str,
) -> Judged:
    if not opinions:
        return Judged(track, {}, nearest, 0.0, track.label, correction)
    mean = np.mean(list(opinions.values()), axis=0)
    # a tie is no reason to suggest another class
    best = target if mean[target] >= mean.max() - 1e-9 else int(np.argmax(mean))
    return Judged(track, opinions, nearest, float(1 - mean[target]), classes[best], correction)


def _find_points(
    results: Results, read: Callable[[Track, str], np.ndarray], notes: list[str]
) -> tuple[np.ndarray | None, str]:
    """Return standardised features that know nothing of labels, and their name."""
    spaces = {"emb": "the mean embedding of the pretrained network", "sb": "MFCC-P (no LMNN)"}
    if results.recipe.network.fine_tune == "none":
        spaces.pop("emb")
    for source, name in spaces.items():
        settings = {"lmnn": False, "n_neighbors": 1, "include_self": True, "standardize": True}
        try:
            return locate(results.recipe, source, results.tracks, results.tracks, read, settings), name
        except StoreError as error:
            reason = "they were not extracted. A training with labels sa or sb does." if source == "sb" else error
            notes.append(f"Neighbours by {name} could not be looked for: {reason}")
        except EssentiaLdlError as error:
            notes.append(f"Neighbours by {name} could not be looked for: {error}")
    return None, ""


def find_neighbors(points: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Return the nearest other points of each, the nearest first; equal distances go by row.

    Parameters
    ----------
    points : np.ndarray [shape=(n_tracks, d), float64]
        At least two.
    n_neighbors : int
        At most n_tracks - 1 are returned.

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_neighbors), int64]
        Rows of `points`.
    """
    count = min(n_neighbors, len(points) - 1)
    rows = np.empty((len(points), count), dtype=np.int64)
    for row, point in enumerate(points):
        distances = np.square(points - point).sum(axis=1)
        distances[row] = np.inf
        rows[row] = np.argsort(distances, kind="stable")[:count]
    return rows


def fit_classifier(
    points: np.ndarray, targets: np.ndarray, groups: Sequence[str], n_classes: int, seed: int
) -> np.ndarray | None:
    """Predict every track by logistic regression that has seen neither it nor its group.

    Parameters
    ----------
    points : np.ndarray [shape=(n_tracks, d), float64]
        Standardised features.
    targets : np.ndarray [shape=(n_tracks,), int]
        Classes.
    groups : Sequence[str]
        Artists.
    n_classes, seed : int
        Columns of the result, and the seed of the folds.

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_classes), float64] or None
        None when there are too few groups, or a fold would have one class to learn from.
    """
    import warnings

    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold

    n_folds = min(N_FOLDS, int(np.bincount(targets).max()))
    if len(set(groups)) < 2 * N_FOLDS or n_folds < 2:
        return None
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    probabilities = np.zeros((len(points), n_classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class with fewer tracks than folds, or slow convergence: still an opinion
        for train, test in folds.split(points, targets, groups):
            if len(set(targets[train])) < 2:
                return None
            if len(test):
                model = LogisticRegression(C=INVERSE_STRENGTH, max_iter=500).fit(points[train], targets[train])
                probabilities[np.ix_(test, model.classes_)] = model.predict_proba(points[test])
    return probabilities


def write_doubts(path: Path, doubts: Doubts, results: Results) -> list[str]:
    """Write audit.csv, atomically: every track, the most doubtful first, and a column for the correction.

    Corrections that the run was given stand in it already, dropped tracks at the end, so that the file can be handed
    back as it is. What a person wrote into the file that is there is carried over, and goes before what the run was
    given.

    Parameters
    ----------
    path : Path
        Where to.
    doubts : Doubts
        From `judge`.
    results : Results
        The run.

    Returns
    -------
    list[str]
        Where the file that was there is kept, and why, when it could not be read.

    Raises
    ------
    StoreError
        When a file that cannot be read cannot be renamed either, or the disk is full.
    """
    with taking_turns(path.parent):
        said, reason = _read_said(path)  # once more: judging takes minutes, and a person may have written meanwhile
        text = _list_doubts(doubts, results, said)
        notes = []
        if reason:
            kept = set_aside(path, "unreadable", AGAIN)
            notes.append(f"{path.name} is kept as {kept}, because it could not be read: {reason}")
        with replacing(path) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    return notes


def _list_doubts(doubts: Doubts, results: Results, said: Mapping[str, str]) -> str:
    """Return the text of audit.csv."""
    corrections = {**doubts.corrections, **said}
    names = list(dict.fromkeys(name for row in doubts.judged for name in row.opinions))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*HEADER, *(f"{name}{OF_LABEL}" for name in names), "nearest", "correction"])
    classes = results.recipe.classes
    for rank, row in enumerate(doubts.judged, start=1):
        track, column = row.track, classes.index(row.track.label)
        shares = [f"{row.opinions[name][column]:.4f}" if name in row.opinions else "" for name in names]
        cells = [rank, track.id, track.path, track.artist or "", track.label, row.suggestion, f"{row.disagreement:.4f}"]
        writer.writerow([*cells, *shares, BETWEEN.join(row.nearest[:3]), corrections.get(track.id, "")])
    known = {row.track.id for row in doubts.judged}
    before = {change["id"]: change["from"] for change in results.corrections.get("changes", ())}
    for track_id, word in corrections.items():
        if track_id not in known:
            writer.writerow(["", track_id, "", "", before.get(track_id, ""), "", "", *[""] * (len(names) + 1), word])
    return text.getvalue()
