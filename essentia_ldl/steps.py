"""The steps of `train`, in order, each in its zone: collection, labels, network, export, verify, promote.

In: a recipe and the user's data; out: a run folder with every artefact, and a verified model in graphs/. A killed run
goes on where it was: features and embeddings are in the store, training in its checkpoint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import __version__, embeddings, frontends, models, runs, splits
from essentia_ldl.collection import Collection, extract, read_labelled, write_failures
from essentia_ldl.datasets import demo
from essentia_ldl.errors import DataError, explain
from essentia_ldl.planning import build_source, find_places, label_front_ends, write_plan
from essentia_ldl.recipe import Recipe, render_recipe
from essentia_ldl.records import Failure, Split, Track
from essentia_ldl.scoring import score_run
from essentia_ldl.store import graphs_folder, home, open_store, read_json, replacing, write_json
from essentia_ldl.zones import run_zone

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Trained:
    """What `train` leaves: the run, the models it put into graphs/, its scores and the files it left out."""

    run: Path
    models: tuple[str, ...]
    scores: Mapping[str, Any]
    failures: tuple[Failure, ...]
    repeated: bool = False


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
    bands_of = frontends.of_network(recipe.network.backbone).name
    read = label_front_ends(recipe, sources)
    wanted = [name for name in read if name != embeddings.NAME]
    if bands or not wanted or embeddings.NAME in read:
        wanted = list(dict.fromkeys([bands_of, *wanted]))
    for split in draw(tracks) if draw else ():
        chosen = set(split.train)
        train = [track for track in tracks if track.id in chosen]
        for source in sources:
            build_source(recipe, source).check(train)
    collection = extract(tracks, open_store(), [frontends.get(name) for name in wanted], n_jobs)
    present = {track.label for track in collection.tracks}
    for name in recipe.classes:
        if name not in present:
            first = collection.failures[0].reason if collection.failures else "no files"
            raise DataError(explain("class", "at least one usable track", 0, f"{name} in {path}", f"First: {first}"))
    counts = ", ".join(f"{sum(t.label == name for t in collection.tracks)} {name}" for name in recipe.classes)
    left_out = f", {len(collection.failures)} left out" if collection.failures else ""
    say(f"{len(collection.tracks)} tracks ({counts}){left_out}")
    if embeddings.NAME in read:
        build_base_graphs()
        embeddings.make_embeddings(collection, recipe.network)
    return collection, is_demo


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
        write_json(run / "plan.json", {**read_json(run / "plan.json"), **find_places(collection)})
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
