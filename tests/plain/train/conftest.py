"""What the tests of the training share: an extraction that computes nothing, and networks that are trained."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import taps
from essentia_ldl.collection.read import Collection
from essentia_ldl.features.beside import find_networks
from essentia_ldl.features.joint import joint_folders
from essentia_ldl.features.store import array_path
from essentia_ldl.files import Home
from essentia_ldl.models.folder import weights_file
from essentia_ldl.records import Failure, Track
from essentia_ldl.train import prepare as prepare_module
from essentia_ldl.train.members import Member

CLASSES = ["non_sad", "sad"]
ROLES = ["train", "train", "valid", "valid", "test", "test"]
EXTRACTOR = {
    **{"name": "e", "graph": "e.pb", "algorithm": "a", "link": "", "sha256": "1", "node": "n", "size": 3},
    **{"folder": "f", "patch_frames": 187, "patch_hop_frames": 93, "resample_quality": 4},
}
NETWORK = {"backbone": "musicnn", "pretrained": "msd", "fine_tune": "head", "hidden": 4}


def _write_extractor(graphs: Path, name: str, size: int = 6, data: bytes = b"graph") -> None:
    """Write bytes for a graph, and a card in the form of Essentia's that calls them an extractor for MusiCNN."""
    outputs = [{"name": "y", "shape": [size], "output_purpose": "embeddings"}]
    card = {"name": name, "type": "feature extractor", "link": f"https://example.org/{name}.pb", "license": "CC0"}
    card |= {"schema": {"inputs": [{"name": "x", "shape": [187, 96]}], "outputs": outputs}}
    card |= {"inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"}}
    (graphs / f"{name}.pb").write_bytes(data)
    (graphs / f"{name}.json").write_text(json.dumps(card))


@pytest.fixture(scope="session")
def write_extractor():
    """The function (graphs, name, size, data) that puts an extractor into a folder."""
    return _write_extractor


def _write_collection(folder: Path, networks, n_tracks=24, artist=lambda n: f"artist {n // 2}") -> Collection:
    """Write joint features of a folder that tell two classes apart; an extractor has 6 numbers per embedding."""
    home = Home(folder / "home")
    home.graphs.mkdir(parents=True, exist_ok=True)
    for backbone, dataset in taps.NETWORKS.values():
        weights_file(home.graphs, backbone, dataset).write_bytes(f"{backbone} {dataset}".encode())
    for name in set(networks) - set(taps.NETWORKS):
        _write_extractor(home.graphs, name)
    tracks = [Track(f"t{n}", f"/{n}.mp3", CLASSES[n % 2], artist=artist(n)) for n in range(n_tracks)]
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    for quality in (4, 1):
        for network, place in joint_folders(find_networks(networks, home.graphs), "deep", home, quality).items():
            for n, track in enumerate(tracks):
                random = np.random.default_rng([n, len(network.name)])
                values = random.normal(size=(2 + n % 3, taps.count_columns(network, "deep"))) + 0.6 * (n % 2)
                values += 0.05 * np.random.default_rng([n, quality]).normal(size=values.shape[1])
                path = array_path(place, contents[track.id])
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, values.astype(np.float32))
    return Collection(tuple(tracks), contents, dict.fromkeys(contents, 20.0), (), home)


@pytest.fixture(scope="session")
def write_collection():
    """The function (folder, networks, n_tracks, artist), for fixtures that several tests read."""
    return _write_collection


@pytest.fixture
def collection_with_features(tmp_path):
    """A function (networks, n_tracks, artist) -> Collection whose joint features tell its two classes apart.

    What is none of the pretrained networks becomes an extractor in graphs/, with 6 numbers per embedding.
    """
    return functools.partial(_write_collection, tmp_path)


@pytest.fixture
def write_member(tmp_path):
    """A function (name, seed, **changes of the plan) -> Member with six tracks of 1 to 3 patches."""

    def write(name, seed=0, roles=ROLES, ids=None, counts=(1, 2, 3, 1, 2, 3), classes=CLASSES, **changes):
        folder, random = tmp_path / "runs" / name, np.random.default_rng(seed)
        folder.mkdir(parents=True)
        ids = ids or [f"t{n}" for n in range(len(roles))]
        labels = [classes[n % 2] for n in range(len(ids))]
        tracks = [
            {"id": i, "content": f"{i}-content", "role": role, "label": label}
            for i, role, label in zip(ids, roles, labels, strict=True)
        ]
        plan = {
            "run": name,
            "task": "mood-sad",
            "name": "mood sad",
            "description": "",
            "front_end": "musicnn",
            "training": {"epochs": 1},
            **{"store": "store", "graphs": "graphs"},
            "classes": classes,
            "network": NETWORK,
            "calibration": "temperature",
            "samples": 30,
            "export": False,
            "stems": {"full": "mood_sad-musicnn-msd", "head": "mood_sad-msd-musicnn"},
            "tracks": tracks,
            "artists": {i: f"artist of {i}" for i in ids},
            "paths": {i: f"/music/{i}" for i in ids},
            **changes,
        }
        (folder / "plan.json").write_text(json.dumps(plan))
        rows = [",".join(["id", *classes])]
        rows += [
            f"{i},{float(label == classes[0])},{float(label == classes[1])}"
            for i, label in zip(ids, labels, strict=True)
        ]
        (folder / "labels.csv").write_text("\n".join(rows) + "\n")
        (folder / "labels.json").write_text("{}")
        (folder / "history.json").write_text(json.dumps({"best_epoch": seed}))
        np.savez(folder / "weights.npz", **{"logits/kernel": random.normal(size=(4, 2))})
        logits = random.normal(size=(sum(counts), 2)).astype(np.float32)
        np.savez(
            folder / "predictions.npz",
            ids=np.array(ids),
            roles=np.array(roles),
            labels=np.array(labels),
            classes=np.array(classes),
            probabilities=np.zeros((len(ids), 2), np.float32),
            patch_logits=logits,
            n_patches=np.array(counts),
        )
        return Member(name, folder)

    return write


@pytest.fixture
def extracted(monkeypatch):
    """Replace the extraction; gives the front-ends that were asked for, and the paths that fail."""
    state = {"front_ends": [], "failing": ()}

    def extract(tracks, home, front_ends, n_jobs=None, say=None):
        state["front_ends"].append([front_end.name for front_end in front_ends])
        kept = tuple(track for track in tracks if track.id not in state["failing"])
        contents = {track.id: hashlib.sha256(Path(track.path).read_bytes()).hexdigest() for track in kept}
        durations_s = {track.id: 30.0 - int(Path(track.path).read_text()) for track in kept}
        failures = tuple(Failure(t.path, "features", f"{t.id} is bad.") for t in tracks if t.id in state["failing"])
        return Collection(kept, contents, durations_s, failures, home)

    monkeypatch.setattr(prepare_module, "extract", extract)
    return state
