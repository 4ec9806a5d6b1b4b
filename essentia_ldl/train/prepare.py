"""A collection made ready for a training: found or synthesised, read, corrected, checked, and its features extracted.

In: a recipe and where the collection is; out: a `Collection` whose store holds what labels and network read. Whatever
can be told to be wrong is told before the long work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from collections.abc import Collection as Ids
from pathlib import Path
from typing import Any

from essentia_ldl import frontends, taps
from essentia_ldl import labels as label_sources
from essentia_ldl.choices import AUDIO_VARIANTS, CHOSEN, REGRESSION, SVM
from essentia_ldl.collection import columns, splits
from essentia_ldl.collection.corrections import describe_corrections
from essentia_ldl.collection.read import Collection, Source, read_corrected
from essentia_ldl.datasets import demo
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.features import descriptors, embeddings
from essentia_ldl.features.beside import check_ambiguous, find_networks
from essentia_ldl.features.extract import extract
from essentia_ldl.features.extractors import read_extractor
from essentia_ldl.features.joint import QUALITIES, make_joint_features
from essentia_ldl.features.room import count_lacking, tell_room
from essentia_ldl.features.store import Store, find_variant
from essentia_ldl.features.variants import TRAIN_WITHOUT, make_variants, require_ffmpeg
from essentia_ldl.files import Home
from essentia_ldl.models import folder as models
from essentia_ldl.models import pretrained
from essentia_ldl.recipe.recipe import NetworkSettings, Recipe
from essentia_ldl.records import FrontEnd, Split, Track
from essentia_ldl.train.adapt import list_unlabelled, read_unlabelled
from essentia_ldl.train.choice import list_feature_sets
from essentia_ldl.train.compose import check_sampling
from essentia_ldl.train.targets import build_source, label_front_ends, list_sources
from essentia_ldl.zones import run_zone

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Needs:
    """What a command needs of a collection.

    Parameters
    ----------
    labels : tuple[str, ...]
        Label sources that will be fitted.
    draw : callable or None
        Splits the tracks as the training will, so that too few of them are told before the long work.
    bands : bool
        Also compute what the network reads.
    """

    labels: tuple[str, ...]
    draw: Callable[[list[Track]], Sequence[Split]] | None = None
    bands: bool = True


@dataclasses.dataclass(frozen=True)
class Built:
    """The pretrained networks that are there after `build_base_graphs`, and their folder."""

    folder: Path
    models: tuple[str, ...]


def build_base_graphs(graphs: Path, wheel: str | None = None) -> Built:
    """Build the pretrained networks that the folder of models lacks.

    Parameters
    ----------
    graphs : Path
        Folder of the models.
    wheel : str or None
        File of the musicnn package, where there is no network to get it from.

    Returns
    -------
    Built
    """
    arguments = [str(graphs), *(["--wheel", wheel] if wheel else [])]
    if not pretrained.are_built(graphs):
        run_zone("essentia_ldl.nets.base_graphs", *arguments)
    return Built(graphs, tuple(name for name in models.BASE_MODELS if (graphs / f"{name}.pb").is_file()))


def require_network(network: NetworkSettings, graphs: Path) -> None:
    """Build what a recipe's network starts from, or say what is missing and where it is had."""
    if network.extractor:
        read_extractor(network, graphs)
    elif network.fine_tune != "none":
        if models.base_name(network.backbone, network.pretrained) in models.BASE_MODELS:
            build_base_graphs(graphs)
        else:
            models.require_weights(graphs, network.backbone, network.pretrained)


def find_data(recipe: Recipe, source: Source, home: Home, say: Say) -> tuple[Source, bool]:
    """Return a source that has data, and whether it is the built-in demo, which is made when there is none."""
    if source.data is not None:
        path = Path(source.data)
        return source, any((folder / "demo.json").is_file() for folder in (path, path.parent))
    root = home.demos / recipe.task
    say(f"no DATA given: using the built-in demo collection in {root}")
    return dataclasses.replace(source, data=str(make_demo(root, recipe))), True


def make_demo(
    root: Path,
    recipe: Recipe,
    *,
    size: demo.DemoSize | None = None,
    seed: int | None = None,
    replace: bool = True,
) -> Path:
    """Synthesise the demo of a recipe, of the sizes in its section [demo] unless others are given.

    Parameters
    ----------
    root : Path
        Folder to make.
    recipe : Recipe
        Its classes, seed and section demo are meant.
    size : DemoSize or None
        What it says goes before what the recipe says.
    seed : int or None
        Another seed is another collection; None is the recipe's.
    replace : bool
        Whether a demo of other parameters is replaced; otherwise it is an error.

    Returns
    -------
    Path
        The folder.
    """
    wanted, given = recipe.demo, size or demo.DemoSize()
    size = demo.DemoSize(
        n_tracks=given.n_tracks or wanted.tracks or None,
        n_artists=given.n_artists or wanted.artists or None,
        n_substyles=given.n_substyles or wanted.substyles,
        duration_s=given.duration_s or wanted.seconds,
        covers=given.covers,
    )
    seed = recipe.split.seed if seed is None else seed
    return demo.build_demo(root, recipe.classes, size, seed=seed, replace=replace, kind=recipe.kind)


def prepare(
    recipe: Recipe, source: Source, needs: Needs, home: Home, n_jobs: int | None = None, say: Say = print
) -> Collection:
    """Read, check and extract a collection.

    Parameters
    ----------
    recipe : Recipe
        The task.
    source : Source
        Where the collection is; without data, the demo of the recipe.
    needs : Needs
        What will be done with it.
    home : Home
        Whose store is filled.
    n_jobs : int or None
        Worker processes; None is one per core.
    say : callable
        Gets lines for the user.

    Returns
    -------
    Collection

    Raises
    ------
    RecipeError, WeightsError, CardError, GraphError
        When the network, its weights or the graph it stands on do not fit or are missing.
    DataError
        When labels do not fit the recipe, tracks are too few for the split, or a class has no usable track.
    """
    check_sampling(recipe)
    is_solved = any(name in CHOSEN for name in needs.labels)
    if source.adapt is not None:
        if not is_solved or SVM in needs.labels:
            remedy = "Leave --adapt out, or what asks for other labels."
            raise RecipeError(explain("adapt", "labels auto or joint", ", ".join(needs.labels), recipe.task, remedy))
        list_unlabelled(source.adapt)
    front_end = frontends.of_network(recipe.network.backbone)
    for named in (recipe.choice.networks, recipe.network.backbones):
        check_ambiguous(named, home.graphs)
        if found := find_networks(named, home.graphs):
            front_end = found[0].front_end  # that of all
    source, is_demo = find_data(recipe, source, home, say)
    tracks, corrected = read_corrected(source, recipe, say)
    if corrected:
        say(describe_corrections(corrected))
    network = recipe.network
    read = label_front_ends(recipe, needs.labels)
    wanted = [name for name in read if name not in (embeddings.NAME, label_sources.DESCRIPTORS)]
    extractor: dict[str, Any] = {}
    if needs.bands or not wanted or embeddings.NAME in read:
        if network.extractor:
            job = read_extractor(network, home.graphs).as_job(Store(home.store))
            extractor = {"extractor": job}
        elif (network.backbone, network.pretrained) in models.USERS_GRAPHS and network.fine_tune != "none":
            models.require_weights(home.graphs, network.backbone, network.pretrained)  # before the long work
    if not extractor and (needs.bands or not wanted or embeddings.NAME in read):
        wanted = list(dict.fromkeys([front_end.name, *wanted]))
    column = recipe.choice.leave_out if is_solved else ""
    require_ffmpeg(recipe.augment.audio, TRAIN_WITHOUT)
    training: set[str] = set()
    drawn = needs.draw(tracks) if needs.draw else ()
    if is_solved or any(split.valid or split.test for split in drawn):
        large = splits.describe_large_artist(drawn, tracks, recipe.split.valid_share)
        if large is not None:
            say(f"warning: {large}")
    for split in drawn:
        chosen = set(split.train)
        training |= chosen
        train = [track for track in tracks if track.id in chosen]
        if column:
            columns.check_column([track for track in tracks if track.id in chosen.union(split.valid)], column)
        for name in list_sources(recipe, needs.labels):
            build_source(recipe, name).check(train)
    front_ends = [frontends.get(name) for name in wanted]
    others = [dataclasses.replace(one, resample_quality=QUALITIES[1]) for one in front_ends if is_solved]
    _tell_room(recipe, tracks, ([*front_ends, *others], training if needs.bands else ()), home, n_jobs, say)
    collection = extract(tracks, home, front_ends, n_jobs, **extractor, say=say)
    present = {name for track in collection.tracks for name in track.names}
    for name in recipe.classes:
        if name not in present and recipe.kind != REGRESSION:
            first = collection.failures[0].reason if collection.failures else "no files"
            raise DataError(
                explain("class", "at least one usable track", 0, f"{name} in {source.data}", f"First: {first}")
            )
    counts = ", ".join(f"{sum(name in t.names for t in collection.tracks)} {name}" for name in recipe.classes)
    if recipe.kind == REGRESSION:
        counts = f"numbers: {', '.join(recipe.classes)}"
    left_out = f", {len(collection.failures)} left out" if collection.failures else ""
    say(f"{len(collection.tracks)} tracks ({counts}){left_out}")
    collection = dataclasses.replace(collection, corrections=corrected, is_demo=is_demo)
    if needs.bands and recipe.augment.audio:
        make_variants(collection, training, front_end, recipe.augment.audio, n_jobs, say)
    if label_sources.DESCRIPTORS in read:
        _describe(collection, n_jobs, say)
    if embeddings.NAME in read:
        require_network(recipe.network, home.graphs)
        embeddings.make_embeddings(collection, recipe.network)
    solved = [recipe.override(labels=name) for name in needs.labels if name in CHOSEN]
    if solved:
        build_base_graphs(home.graphs)
        sets = [features for one in solved for features in list_feature_sets(one)]
        if source.adapt is not None:
            target = read_unlabelled(source.adapt, home, n_jobs, say)
            failures = (*collection.failures, *target.failures)
            collection = dataclasses.replace(collection, target=target, failures=failures)
        for layers in sorted({taps.find_stored(features.layers) for features in sets}):
            names = [n for features in sets if taps.find_stored(features.layers) == layers for n in features.backbones]
            for one in (collection, collection.target):
                if one is not None:
                    make_joint_features(one, tuple(dict.fromkeys(names)), layers, QUALITIES, n_jobs, say)
    return collection


def _tell_room(
    recipe: Recipe,
    tracks: Sequence[Track],
    wanted: tuple[Sequence[FrontEnd], Ids[str]],
    home: Home,
    n_jobs: int | None,
    say: Say,
) -> None:
    """Tell the room that decoded audio will take: of every track, and of the variants of those that train.

    What is wanted are front-ends, and the ids of tracks that have variants.
    """
    store, (front_ends, training) = Store(home.store), wanted
    lacking = count_lacking(tracks, [(front_end, "") for front_end in front_ends], store)
    if training and recipe.augment.audio:
        front_end = frontends.of_network(recipe.network.backbone)
        variants = [find_variant(front_end, name) for kind in recipe.augment.audio for name in AUDIO_VARIANTS[kind]]
        lacking += count_lacking([track for track in tracks if track.id in training], variants, store)
    tell_room(lacking, home, n_jobs, say)


def _describe(collection: Collection, n_jobs: int | None, say: Say) -> None:
    """Compute the descriptors that artist groups read; a file that has none counts for its artist no words there."""
    lacking = descriptors.list_missing(collection, "all")
    if lacking:
        say(f"MusicExtractor on {len(lacking)} tracks, for artist groups")
    refused = descriptors.make_descriptors(collection, n_jobs, "all")
    if refused:
        say(f"MusicExtractor refused {len(refused)} of {len(collection.tracks)} files; first: {refused[0].reason}")
