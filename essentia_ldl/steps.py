"""The steps of `train`, in order, each in its zone: collection, labels, network, export, verify, promote.

In: a recipe and the user's data; out: a run folder with every artefact, and a verified model in graphs/. A killed run
goes on where it was: features and embeddings are in the store, training in its checkpoint.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__, frontends, metrics, models, runs, splits
from essentia_ldl import labels as label_sources
from essentia_ldl.collection import Collection, extract, read_labelled, write_failures
from essentia_ldl.datasets import demo
from essentia_ldl.errors import DataError, explain
from essentia_ldl.recipe import Recipe, read_nothing, render_recipe
from essentia_ldl.records import Failure, LabelTable, Split, Track
from essentia_ldl.store import Store, home, read_json, replacing, write_json
from essentia_ldl.zones import run_zone

N_VERIFIED_TRACKS = 2
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Trained:
    """What `train` leaves: the run, the models it put into graphs/, its scores and the files it left out."""

    run: Path
    models: tuple[str, ...]
    scores: Mapping[str, Any]
    failures: tuple[Failure, ...]
    repeated: bool = False


def graphs_folder() -> Path:
    """Return graphs/ in the home folder."""
    return home() / "graphs"


def open_store() -> Store:
    """Return the store in the home folder."""
    return Store(home() / "store")


def build_base_graphs(wheel: str | None = None) -> None:
    """Build the pretrained networks that graphs/ lacks."""
    arguments = [str(graphs_folder()), *(["--wheel", wheel] if wheel else [])]
    run_zone("essentia_ldl.nets.weights", *arguments)


def find_data(recipe: Recipe, data: str | None, say: Say) -> tuple[str, bool]:
    """Return the path of the collection, and whether it is the built-in demo, which is made when there is no data."""
    if data is not None:
        return data, any((folder / "demo.json").is_file() for folder in (Path(data), Path(data).parent))
    root = home() / "store" / "demo" / recipe.task
    say(f"no DATA given: using the built-in demo collection in {root}")
    return str(demo.build_demo(root, recipe.classes, seed=recipe.split.seed)), True


def label_front_ends(recipe: Recipe, sources: Sequence[str]) -> list[str]:
    """Return the names of the front-ends whose features some label sources read."""
    needed = set()
    for source in sources:
        needed |= set(_build_source(recipe, source, read_nothing).front_ends)
    return sorted(needed)


def prepare(
    recipe: Recipe,
    data: str | None,
    sources: Sequence[str],
    n_jobs: int | None,
    say: Say,
    *,
    bands: bool = True,
    draw: Callable[[list[Track]], Sequence[Split]] | None = None,
) -> tuple[Collection, bool]:
    """Read, check and extract a collection.

    Parameters
    ----------
    recipe : Recipe
        The task.
    data : str or None
        Folder or table; None is the demo.
    sources : sequence of str
        Label sources that will be fitted.
    n_jobs : int or None
        Worker processes.
    say : callable
        Gets lines for the user.
    bands : bool
        Also compute what the network reads.
    draw : callable or None
        Splits the tracks as the training will, so that too few of them are told before the long work.

    Returns
    -------
    collection : Collection
    is_demo : bool
    """
    path, is_demo = find_data(recipe, data, say)
    tracks = read_labelled(path, recipe)
    wanted = [frontends.MUSICNN.name] if bands else []
    wanted += [name for name in label_front_ends(recipe, sources) if name not in wanted]
    if not wanted:
        wanted = [frontends.MUSICNN.name]
    for split in draw(tracks) if draw else ():
        chosen = set(split.train)
        train = [track for track in tracks if track.id in chosen]
        for source in sources:
            _build_source(recipe, source, read_nothing).check(train)
    collection = extract(tracks, open_store(), [frontends.get(name) for name in wanted], n_jobs)
    present = {track.label for track in collection.tracks}
    for name in recipe.classes:
        if name not in present:
            first = collection.failures[0].reason if collection.failures else "no files"
            raise DataError(explain("class", "at least one usable track", 0, f"{name} in {path}", f"First: {first}"))
    counts = ", ".join(f"{sum(t.label == name for t in collection.tracks)} {name}" for name in recipe.classes)
    left_out = f", {len(collection.failures)} left out" if collection.failures else ""
    say(f"{len(collection.tracks)} tracks ({counts}){left_out}")
    return collection, is_demo


def fit_labels(
    recipe: Recipe, source_name: str, collection: Collection, split: Split
) -> tuple[LabelTable, Mapping[str, Any]]:
    """Make the targets of every track: the source's for training tracks, one-hot for the others.

    Returns
    -------
    table : LabelTable
        Every track of the split.
    report : Mapping[str, Any]
        What the source measured while fitting.
    """
    store = open_store()

    def read_features(track: Track, front_end: str) -> np.ndarray:
        return store.read(collection.contents[track.id], frontends.get(front_end))

    by_id = {track.id: track for track in collection.tracks}
    train = [by_id[track_id] for track_id in split.train]
    others = [by_id[track_id] for track_id in (*split.valid, *split.test)]
    source = _build_source(recipe, source_name, read_features).fit(train)
    tables = [source(train)]
    if others:
        tables.append(_build_source(recipe, "none", read_features).fit(train)(others))
    ids = tuple(track_id for table in tables for track_id in table.ids)
    rows = np.concatenate([table.distributions for table in tables])
    return LabelTable(ids, recipe.classes, rows), source.report


def _build_source(recipe: Recipe, name: str, read_features: label_sources.ReadFeatures) -> label_sources.LabelSource:
    overrides = recipe.label_settings.get(name)
    return label_sources.build(name, recipe.classes, read_features, overrides, recipe.split.seed)


def write_plan(
    run: Path,
    recipe: Recipe,
    collection: Collection,
    split: Split,
    *,
    source: str | None = None,
    is_demo: bool = False,
    export: bool = True,
    max_hours: float | None = None,
) -> None:
    """Write what the nets zone reads: labels.csv and plan.json, the plan last.

    Parameters
    ----------
    run : Path
        Run folder.
    recipe, collection, split
        What to train on.
    source : str or None
        Label source; None is the recipe's.
    is_demo, export : bool
        Whether the model's name says demo, and whether graphs are exported.
    max_hours : float or None
        Stop training after that long.
    """
    source = source or recipe.labels
    table, report = fit_labels(recipe, source, collection, split)
    label_sources.write_table(table, run / "labels.csv")
    write_json(run / "labels.json", {"source": source, **report})
    sides = splits.describe(split, collection.tracks)
    training = dataclasses.asdict(recipe.training)
    training["epochs"] = recipe.n_epochs
    training.pop("epochs_from_scratch")
    network = dataclasses.asdict(recipe.network)
    if network["fine_tune"] == "none":
        network["pretrained"] = None
    plan = {
        "run": run.name,
        "task": recipe.task,
        "name": recipe.task.replace("-", " "),
        "description": recipe.description,
        "classes": list(recipe.classes),
        "front_end": frontends.MUSICNN.name,
        "network": network,
        "training": training,
        "labels_source": source,
        "seed": recipe.split.seed,
        "max_hours": max_hours,
        "export": export,
        "stems": name_stems(recipe, is_demo),
        "card": _card_fields(recipe, collection, is_demo),
        "tracks": [
            {
                "id": track.id,
                "content": collection.contents[track.id],
                "role": split.role(track.id),
                "label": track.label,
            }
            for track in collection.tracks
        ],
        "split": {"grouped": sides.grouped},
        **_find_places(collection),
    }
    write_json(run / "plan.json", plan)


def _find_places(collection: Collection) -> dict[str, Any]:
    """Return what a plan says of where things are: it may change between a stop and going on."""
    shortest = sorted(collection.tracks, key=lambda track: collection.durations_s[track.id])[:N_VERIFIED_TRACKS]
    return {
        "store": str(open_store().root),
        "graphs": str(graphs_folder()),
        "audio": [{"path": track.path, "content": collection.contents[track.id]} for track in shortest],
    }


def name_stems(recipe: Recipe, is_demo: bool) -> dict[str, str | None]:
    """Name the exported files, without version: the full graph, and the head of a frozen network.

    Returns
    -------
    dict
        full ``mood_sad-musicnn-msd`` and head ``mood_sad-msd-musicnn`` (the middle parts swap, as Essentia's do).
    """
    prefix = f"{'demo-' if is_demo else ''}{recipe.file_task}"
    network = recipe.network
    if network.fine_tune == "none":
        return {"full": f"{prefix}-{network.backbone}-scratch", "head": None}
    full = f"{prefix}-{network.backbone}-{network.pretrained}"
    head = f"{prefix}-{network.pretrained}-{network.backbone}" if network.fine_tune == "head" else None
    return {"full": full, "head": head}


def _card_fields(recipe: Recipe, collection: Collection, is_demo: bool) -> dict[str, Any]:
    counts = "/".join(str(sum(t.label == name for t in collection.tracks)) for name in recipe.classes)
    card = recipe.card
    return {
        "author": card.author,
        "email": card.email,
        "release_date": datetime.date.today().isoformat(),
        "dataset": {
            "name": "essentia-ldl demo (synthetic)" if is_demo else card.dataset or "unnamed",
            "size": f"{len(collection.tracks)} tracks, {counts} per class",
        },
        "licence": card.licence,
        "training_data_rights": "synthetic, no rights attached" if is_demo else card.training_data_rights,
        "demo": is_demo,
        "recipe_hash": recipe.digest,
    }


def train(
    recipe: Recipe,
    data: str | None = None,
    *,
    n_jobs: int | None = None,
    max_hours: float | None = None,
    again: bool = False,
    say: Say = print,
) -> Trained:
    """Train a task from audio to a verified model in graphs/.

    Parameters
    ----------
    recipe : Recipe
        The task.
    data : str or None
        Folder or table; None is the built-in demo.
    n_jobs : int or None
        Worker processes of the feature extraction.
    max_hours : float or None
        Stop training after that long and export the best so far.
    again : bool
        Train even when the same run ended before.
    say : callable
        Gets lines for the user.

    Returns
    -------
    Trained

    Raises
    ------
    EssentiaLdlError
        Whatever went wrong; nothing half-written is left in graphs/.
    """
    collection, is_demo = prepare(recipe, data, [recipe.labels], n_jobs, say, draw=lambda t: [_draw_split(recipe, t)])
    listing = [
        (track.id, collection.contents[track.id], track.label, track.artist, track.split) for track in collection.tracks
    ]
    digest = runs.fingerprint(__version__, recipe.as_dict(), listing, is_demo, max_hours)
    folder = home() / "runs"
    run, done = runs.find_run(folder, recipe.task, digest)
    if again and done:
        run = None
    if (
        run is not None
        and done
        and all((graphs_folder() / f"{n}.pb").is_file() for n in read_json(run / "run.json")["models"])
    ):
        say(f"trained before with the same recipe and data: {run}")
        names = tuple(read_json(run / "run.json")["models"])
        return Trained(run, names, read_json(run / "scores.json"), collection.failures, repeated=True)
    if run is None or done:
        run = runs.make_run(folder, recipe.task, digest)
    else:
        say(f"going on with {run}")
    with runs.locked(run):
        return _train_run(run, recipe, collection, is_demo, max_hours, say)


def _train_run(
    run: Path, recipe: Recipe, collection: Collection, is_demo: bool, max_hours: float | None, say: Say
) -> Trained:
    with replacing(run / "recipe.toml") as file:
        file.write(render_recipe(recipe).encode())
    write_failures(run / "failures.csv", collection.failures)
    split = _draw_split(recipe, list(collection.tracks))
    if recipe.network.fine_tune != "none":
        build_base_graphs()
    if not (run / "plan.json").is_file():
        say(f"labels: {recipe.labels}")
        write_plan(run, recipe, collection, split, is_demo=is_demo, max_hours=max_hours)
    else:
        write_json(run / "plan.json", {**read_json(run / "plan.json"), **_find_places(collection)})
    run_zone("essentia_ldl.nets", str(run))
    run_zone("essentia_ldl.sound", str(run))
    scores = score_run(run)
    write_json(run / "scores.json", scores)
    stems = [stem for stem in read_json(run / "plan.json")["stems"].values() if stem]
    promoted = models.promote(run / "export", stems, graphs_folder(), {"run": run.name, "scores": scores})
    names = [model.name for model in promoted]
    runs.finish_run(run, names)
    return Trained(run, tuple(names), scores, collection.failures)


def _draw_split(recipe: Recipe, tracks: list[Track]) -> Split:
    return splits.split_tracks(tracks, recipe.split.valid_share, seed=recipe.split.seed)


def score_run(run: Path) -> dict[str, Any]:
    """Score a run's predictions on its validation and test tracks.

    Returns
    -------
    dict
        By side: n_tracks, balanced_accuracy, accuracy, recall by class and the confusion matrix (rows are truth).
    """
    plan = read_json(run / "plan.json")
    classes = plan["classes"]
    with np.load(run / "predictions.npz", allow_pickle=False) as arrays:
        roles, labels, probabilities = arrays["roles"], arrays["labels"], arrays["probabilities"]
    targets = np.array([classes.index(str(label)) for label in labels])
    scores: dict[str, Any] = {"classes": classes}
    for side in ("valid", "test"):
        rows = roles == side
        if rows.any():
            scores[side] = score_predictions(targets[rows], probabilities[rows], classes)
    return scores


def score_predictions(targets: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Score probabilities (n_tracks, n_classes) against class indices (n_tracks,), ready for json."""
    recall = metrics.score_recall(targets, probabilities)
    return {
        "n_tracks": len(targets),
        "balanced_accuracy": float(metrics.score_balanced_accuracy(targets, probabilities)),
        "accuracy": float(metrics.score_accuracy(targets, probabilities)),
        "recall": {
            name: None if np.isnan(value) else float(value) for name, value in zip(classes, recall, strict=True)
        },
        "confusion": np.asarray(metrics.confusion_matrix(targets, probabilities)).tolist(),
    }
