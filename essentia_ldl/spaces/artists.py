"""The command `space artists`: a collection with artists in, an embedding space as a verified extractor out.

Each step is in its zone, as those of `train`: features, projection or network, export, proof, graphs/. A run that was
killed goes on where it was, and one that has ended is not repeated.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import __version__, datasets, frontends
from essentia_ldl.choices import SIAMESE, TAGS
from essentia_ldl.collection.alike import ARTIST, list_alike
from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.errors import DataError, TrainingError, explain
from essentia_ldl.features.beside import find_networks
from essentia_ldl.features.extract import extract
from essentia_ldl.features.joint import make_joint_features
from essentia_ldl.files import Home, read_object
from essentia_ldl.models.promotion import promote
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Failure, Track
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.names import FAILURES, HISTORY
from essentia_ldl.runs.plan_parts import Places, PlannedAudio, PlannedTrack
from essentia_ldl.runs.space import SpacePlan, SpaceSettings, make_settings, write_space_plan
from essentia_ldl.taps import EMBEDDING, NETWORKS, Network, count_features
from essentia_ldl.train.prepare import Say, build_base_graphs, find_data
from essentia_ldl.zones import run_zone

DEMO, OF_DEMO = "artists-demo", "genre-agf-demo"  # artists with sub-styles of their own, fewer than that recipe's
DEMO_SIZE = {"demo__tracks": 45, "demo__artists": 15}  # per class, of four
BASE = "msd-musicnn"
N_VERIFIED_TRACKS = 2
VALID_SHARE = 0.2  # of the artists, where a whole network trains
SPLIT_STREAM = 1 << 34


@dataclasses.dataclass(frozen=True)
class WantedSpace:
    """What is to be learned.

    Parameters
    ----------
    settings : SpaceSettings
        How.
    on : tuple[str, ...]
        Frozen networks side by side below a projection, or names of extractors in graphs/.
    layers : str
        What of them is read, see `taps`.
    network : str
        The network that trains as a whole, from scratch; empty for a projection.
    by : str
        Column of what tracks are alike in.
    name : str
        Of the space; empty takes that of the data.
    valid_share : float or None
        Share of the groups that choose the best epoch; None is `VALID_SHARE` of a whole network and none of a
        projection, whose few epochs are chosen already.
    told : Mapping[str, Any]
        Settings that were asked for by name, and that a comparison gives to every loss that has them.

    Raises
    ------
    DataError
        When the share is out of range, or the name would lead out of its folder.
    """

    settings: SpaceSettings = dataclasses.field(default_factory=SpaceSettings)
    on: tuple[str, ...] = (BASE,)
    layers: str = EMBEDDING
    network: str = ""
    by: str = ARTIST
    name: str = ""
    valid_share: float | None = None
    told: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.valid_share is not None and not 0 <= self.valid_share < 1:
            rule = "0 to 1, below 1"
            raise DataError(explain("share that validates", rule, self.valid_share, "space", "Correct it."))
        if self.name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", self.name):
            rule = "letters, digits, _ and -"
            raise DataError(explain("name", rule, self.name, "space", "Give it another name."))
        if self.network:
            frontends.get_network(self.network)
            object.__setattr__(self, "on", ())


def make_asked(loss: str = SIAMESE, **given: Any) -> WantedSpace:
    """Make what is asked for of options: fields of `WantedSpace` and `SpaceSettings`; None, or nothing, is the default.

    Raises
    ------
    UnknownNameError, DataError
        As these records.
    TrainingError
        As these records, and when a network that trains as a whole is to have what only a projection has.
    """
    own = {field.name for field in dataclasses.fields(WantedSpace)} - {"settings", "told"}
    known = {name: value for name, value in given.items() if value not in (None, "", ())}
    settings = {name: value for name, value in known.items() if name not in own}
    wanted = {name: value for name, value in known.items() if name in own}
    if "network" in wanted:
        for key, default in (("on", ()), ("layers", EMBEDDING), ("size", 0)):
            value = known.get(key, default)
            if value != default:
                rule, remedy = "nothing beside a network that trains as a whole", "Leave one of the two out."
                raise TrainingError(explain(key, rule, value, f"network {wanted['network']}", remedy))
        if known.get("epochs", 1) < 1:
            rule, remedy = "1 or more of a network that trains as a whole", "Correct it."
            raise TrainingError(explain("epochs", rule, known["epochs"], f"network {wanted['network']}", remedy))
    return WantedSpace(make_settings(loss, whole="network" in wanted, **settings), **wanted, told=settings)


@dataclasses.dataclass(frozen=True)
class Learned:
    """What `learn_space` leaves.

    Parameters
    ----------
    run : Path
        Its folder.
    model : str
        The extractor in graphs/.
    by : str
        Column of what tracks are alike in; of the loss "tags" the label.
    n_tracks, n_groups, n_single : int
        Tracks, groups such as artists, and groups of one track, which are compared with patches of that alone.
    n_unknown : int
        Tracks without a value in the column, which were left out.
    history : Mapping[str, Any]
        What the training wrote, see `nets.metric.train`.
    failures : tuple[Failure, ...]
        Files left out, and why.
    repeated : bool
        Whether it was learned before.
    """

    run: Path
    model: str
    by: str
    n_tracks: int
    n_groups: int
    n_single: int
    n_unknown: int
    history: Mapping[str, Any]
    failures: tuple[Failure, ...]
    repeated: bool = False


def learn_space(
    asked: WantedSpace, source: Source, home: Home, n_jobs: int | None = None, again: bool = False, say: Say = print
) -> Learned:
    """Learn an embedding space from audio to a verified extractor in graphs/.

    Parameters
    ----------
    asked : WantedSpace
        What is to be learned.
    source : Source
        Where the collection is; without data, a demo of 60 artists.
    home : Home
        Where run, features and model go.
    n_jobs : int or None
        Worker processes; None is one per core.
    again : bool
        Train even when the same run ended before.
    say : callable
        Gets lines for the user.

    Raises
    ------
    DataError
        When there is no such column, artists are not known, or there is one alone.
    EssentiaLdlError
        Whatever else went wrong; nothing half-written is left in graphs/.
    """
    source, is_demo = find_music(source, home, say)
    tracks = datasets.read_tracks(source.place, source.layout, source.options, say=say)
    named, n_unknown = keep_known(tracks, asked)
    collection, networks = prepare_features(asked, named, home, n_jobs, say)
    collection = dataclasses.replace(collection, is_demo=is_demo)
    name = asked.name or name_data(source.place, is_demo)
    plan = plan_space(asked, collection, networks, name)
    identity = [dataclasses.asdict(plan.settings), plan.layers, plan.network, plan.stem, dict(plan.tags)]
    below = [dataclasses.asdict(one) for one in plan.published]
    listing = [dataclasses.astuple(track) for track in plan.tracks]
    digest = runs.fingerprint(__version__, *identity, plan.backbones, below, listing)
    run, finished = runs.take_run(f"space-{name}", digest, home, again, say)
    groups = Counter(track.label for track in plan.tracks)
    counts = (len(plan.tracks), len(groups), sum(count == 1 for count in groups.values()), n_unknown)
    if not finished:
        with runs.locked(run):
            runs.write_failures(run / FAILURES, collection.failures)
            write_space_plan(dataclasses.replace(plan, folder=run))
            train_spaces([run])
            run_zone("essentia_ldl.sound.spaces", str(run))
            [model] = promote(run / "export", [plan.stem], home.graphs, {"run": run.name})
            runs.finish_run(run, [model.name])
    [model] = runs.read_models(run)
    history = read_object(run / HISTORY)
    by = "label" if asked.settings.loss == TAGS else asked.by
    return Learned(run, model, by, *counts, history, collection.failures, repeated=finished)


def find_music(source: Source, home: Home, say: Say) -> tuple[Source, bool]:
    """Return a source that has data, and whether it is the demo, which is made when there is none."""
    recipe = read_recipe(OF_DEMO, home.recipes).override(**DEMO_SIZE)
    return find_data(dataclasses.replace(recipe, task=DEMO), source, home, say)


def keep_known(tracks: list[Track], asked: WantedSpace) -> tuple[list[Track], int]:
    """Return the tracks whose group is known, or with "tags" all, and how many were left out; raises `DataError`."""
    if asked.settings.loss == TAGS:
        labels = {track.label or track.told for track in tracks}
        if len(labels) < 2:
            raise DataError(
                explain("labels", "two or more", sorted(labels), "space", "Take another loss, or add some.")
            )
        return tracks, 0
    alike = list_alike(tracks, asked.by)
    known = [track for track, value in zip(tracks, alike, strict=True) if value]
    values = set(alike) - {""}
    if len(values) < 2:
        remedy = "Add music of others: what is alike shows only beside what is not."
        raise DataError(explain(f"column {asked.by!r}", "two or more values", sorted(values), "space", remedy))
    return known, len(tracks) - len(known)


def prepare_features(
    asked: WantedSpace, tracks: list[Track], home: Home, n_jobs: int | None, say: Say
) -> tuple[Collection, tuple[Network, ...]]:
    """Fill the store with what the network reads; return the collection, and the frozen networks."""
    networks: tuple[Network, ...] = ()
    if asked.network:
        collection = extract(tracks, home, [frontends.of_network(asked.network)], n_jobs, say=say)
        collection.require_some()
        return collection, networks
    if set(asked.on) & set(NETWORKS):
        build_base_graphs(home.graphs)
    networks = find_networks(asked.on, home.graphs)
    check_size(asked, networks)
    collection = extract(tracks, home, [networks[0].front_end], n_jobs, say=say)
    collection.require_some()
    quality = networks[0].front_end.resample_quality
    make_joint_features(collection, networks, asked.layers, (quality,), n_jobs, say)
    return collection, networks


def check_size(asked: WantedSpace, networks: tuple[Network, ...]) -> None:
    """Raise `TrainingError` when a projection is asked for with more numbers than the networks below it have."""
    most, size = count_features(networks, asked.layers), asked.told.get("size", 0)
    if size > most:
        names, remedy = " and ".join(network.name for network in networks), "Ask for fewer, or other layers."
        raise TrainingError(explain("size", f"{most} or fewer, as these layers have", size, names, remedy))


def plan_space(asked: WantedSpace, collection: Collection, networks: tuple[Network, ...], name: str) -> SpacePlan:
    """Plan the run of a space; its folder is not known yet."""
    tracks, loss = collection.tracks, asked.settings.loss
    alike = [track.label or track.told for track in tracks] if loss == TAGS else list_alike(tracks, asked.by)
    share = (VALID_SHARE if asked.network else 0.0) if asked.valid_share is None else asked.valid_share
    roles = draw_roles(alike, share, asked.settings.seed)
    planned = tuple(
        PlannedTrack(track.id, collection.contents[track.id], role, value)
        for track, role, value in zip(tracks, roles, alike, strict=True)
    )
    audio = tuple(PlannedAudio(t.path, collection.contents[t.id]) for t in tracks[:N_VERIFIED_TRACKS])
    by = "tags" if loss == TAGS else asked.by
    architecture = asked.network or (networks[0].name.split("-")[-1] if len(networks) == 1 else "joint")
    if len(networks) == 1 and networks[0].published is not None:
        architecture = re.sub(r"-\d+$", "", networks[0].name)
    n_groups = len(set(alike))
    size = f"{len(tracks)} tracks" + ("" if loss == TAGS else f", {n_groups} different values of {by}")
    return SpacePlan(
        Path("."),
        f"{name} {by} {architecture}",
        f"embeddings of music learned from {by} labels ({loss})",
        f"{name.replace('-', '_')}_{by}-{architecture}",
        asked.settings,
        planned,
        Places(collection.home.store, collection.home.graphs, audio),
        tuple(network.name for network in networks),
        asked.layers,
        tuple(network.published for network in networks if network.published is not None),
        asked.network,
        {track.id: list(track.names) for track in tracks} if loss == TAGS else {},
        {"dataset": {"name": name, "size": size}, "demo": collection.is_demo},
    )


def draw_roles(alike: list[str], share: float, seed: int) -> list[str]:
    """Draw which groups validate, and give every track the role of its group."""
    names = sorted(set(alike))
    drawn = np.random.default_rng([seed, SPLIT_STREAM]).permutation(len(names))[: round(share * len(names))]
    validate = {names[number] for number in drawn}
    return ["valid" if value in validate else "train" for value in alike]


def train_spaces(folders: list[Path]) -> None:
    """Train, and export where their plans ask for it, the spaces of run folders in one process."""
    run_zone("essentia_ldl.nets.metric.run", *map(str, folders))


def name_data(place: str, is_demo: bool) -> str:
    """Name what is learned by its data: the folder or table, of tables called index or tracks their folder.

    Letters and digits, joined by "_".
    """
    path = Path(place).resolve()
    is_table = path.is_file()
    told = path.parent.name if is_table and path.stem in ("index", "tracks") else path.stem if is_table else path.name
    name = re.sub(r"[^a-z0-9]+", "_", told.lower()).strip("_") or "music"
    return f"demo_{name}" if is_demo else name
