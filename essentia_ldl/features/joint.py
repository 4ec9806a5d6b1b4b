"""What several pretrained networks make of a collection: asked for here, computed once, read from the store.

In: a collection whose files can be decoded, networks, and a choice of layers. Out: arrays in the folders of
`joint_store`, at every resampling quality that is asked for, because clients load audio at more than one. The nets zone
freezes each network once, the sound zone runs it on the patches of every file in one worker per core.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import taps
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import StoreError
from essentia_ldl.features import joint_store
from essentia_ldl.features.beside import find_networks
from essentia_ldl.features.joint_store import FeaturePlaces, Named, read_joint
from essentia_ldl.features.store import array_path
from essentia_ldl.files import Home, write_json
from essentia_ldl.parallel import count_workers, run_jobs
from essentia_ldl.records import Failure, FrontEnd
from essentia_ldl.taps import Network
from essentia_ldl.zones import run_zone

__all__ = ["QUALITIES", "joint_folders", "make_joint_features", "read_joint"]

QUALITIES = (4, 1)  # of resampling: that of training, and MonoLoader's default
INPUT, NODE = "model/Placeholder", "model/features"


def joint_folders(
    backbones: Sequence[Named], layers: str, home: Home, quality: int, hop_frames: int | None = None
) -> dict[Named, Path]:
    """Return the folder of every network's features; parameters as those of `joint_store.find_folders`."""
    return joint_store.find_folders(backbones, layers, FeaturePlaces(home.store, home.graphs), quality, hop_frames)


def make_joint_features(
    collection: Collection,
    backbones: Sequence[str | Network],
    layers: str,
    qualities: Sequence[int] = QUALITIES,
    n_jobs: int | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Compute the features that are not there yet, of every network, at every quality.

    Parameters
    ----------
    collection : Collection
        Its files; its home's store and graphs are meant.
    backbones : sequence of str or Network
        Such as ("msd-musicnn", "mtt-vgg"), and names of extractors in the home's graphs.
    layers : str
        A choice of layers, see `taps`; the stored set that it is part of is computed.
    qualities : sequence of int
        Of resampling.
    n_jobs : int or None
        Worker processes; None is one per core.
    say : callable
        Gets a line when something is computed, and one when it is done.

    Raises
    ------
    UnknownNameError, RecipeError
        When there is no such network or choice of layers.
    CardError, GraphError
        When an extractor cannot stand beside the others, see `beside.find_networks`.
    WeightsError
        When weights are missing.
    StoreError
        When a file cannot be decoded any more, or the disk is full.
    """
    taps.check_layers(layers, "features")
    home = collection.home
    found = find_networks(backbones, home.graphs)
    missing = {quality: _list_missing(collection, found, layers, quality) for quality in qualities}
    if not any(missing.values()):
        return
    networks = _prepare(found, layers, home)
    for quality in qualities:
        # again: an engine that was chosen now has folders of its own
        jobs = _list_missing(collection, found, layers, quality)
        if not jobs:
            continue
        start = time.monotonic()
        say(f"features of {len(found)} networks for {len(jobs)} tracks, resampling quality {quality}")
        grid = joint_store.read_front_end(quality, None, found[0].front_end), found[0].hop_frames
        _run(jobs, networks, home, grid, n_jobs)
        say(f"features: {time.monotonic() - start:.0f} s")


def _list_missing(
    collection: Collection, networks: Sequence[Network], layers: str, quality: int
) -> list[dict[str, Any]]:
    """List the files that lack features, each with the folders that lack them by name of the network."""
    folders = joint_folders(networks, layers, collection.home, quality)
    jobs: dict[str, dict[str, Any]] = {}
    for track in collection.tracks:
        content = collection.contents[track.id]
        lacking = {
            network.name: folder for network, folder in folders.items() if not array_path(folder, content).is_file()
        }
        if lacking:
            jobs[content] = {"path": track.path, "content": content, "folders": lacking}
    return list(jobs.values())


def _prepare(networks: Sequence[Network], layers: str, home: Home) -> dict[str, dict[str, str]]:
    """Freeze the networks that are not frozen yet, choose their engines, and describe them for the workers, by name."""
    stored = taps.find_stored(layers)
    names = {network.name: joint_store.name_network(network, layers, home.graphs) for network in networks}
    graphs = {network: joint_store.find_graph(name, home.store) for network, name in names.items()}
    lacking = {network: str(path) for network, path in graphs.items() if not path.is_file()}
    if lacking:
        with tempfile.TemporaryDirectory() as scratch:
            job = Path(scratch) / "networks.json"
            known = [network.published for network in networks if network.published and network.name in lacking]
            published = {"published": [dataclasses.asdict(one) for one in known]} if known else {}
            write_json(job, {"graphs": str(home.graphs), "layers": stored, "networks": lacking, **published})
            run_zone("essentia_ldl.nets.tapped_graphs", str(job))
    patch = list(networks[0].front_end.patch_shape)  # that of all
    choices = {network: joint_store.find_choice(name, home.store) for network, name in names.items()}
    jobs = [
        {"path": str(graphs[network]), "input_name": INPUT, "node": NODE, "patch": patch, "choice": str(path)}
        for network, path in choices.items()
        if not path.is_file()
    ]
    for job, result in run_jobs("essentia_ldl.sound.joint:choose_engine", jobs, "engines", 1, progress=False):
        if isinstance(result, Failure):
            raise StoreError(result.reason)
        write_json(Path(job["choice"]), result)
    return {
        network: {
            "graph": str(graphs[network]),
            "input_name": INPUT,
            "node": NODE,
            "engine": joint_store.find_engine(name, home.store),
            "shared": joint_store.is_shared(name, home.store),
        }
        for network, name in names.items()
    }


def _run(
    jobs: Sequence[dict[str, Any]],
    networks: dict[str, dict[str, str]],
    home: Home,
    grid: tuple[FrontEnd, int],
    n_jobs: int | None,
) -> None:
    """Run networks on files; `grid` is what they read, and the frames from one patch to the next."""
    (front_end, hop_frames), n_workers = grid, count_workers(n_jobs)
    told = {
        "store": str(home.store),
        "front_end": dataclasses.asdict(front_end),
        "hop_frames": hop_frames,
        "n_threads": max(1, count_workers() // n_workers),
    }
    full = [
        {
            "path": job["path"],
            "content": job["content"],
            "networks": [{**networks[name], "folder": str(folder)} for name, folder in job["folders"].items()],
            **told,
        }
        for job in jobs
    ]
    for _, result in run_jobs("essentia_ldl.sound.joint:compute_track", full, "features", n_jobs):
        if isinstance(result, Failure):
            raise StoreError(result.reason)
