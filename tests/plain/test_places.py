"""Whatever an artefact says, nothing is read or written outside the folders that the user named.

Every file that Python opens, lists, makes, moves or removes is looked at while the product reads artefacts in which one
text after the other is a hostile name. A folder beside the user's holds what such names would lead to.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import EssentiaLdlError
from essentia_ldl.features.beside import find_networks
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, digest_file, write_json
from essentia_ldl.models.answers import read_answers, write_answers
from essentia_ldl.models.folder import choose_models, find_extractor, list_models
from essentia_ldl.models.promotion import promote
from essentia_ldl.predict.journal import list_parts
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import LabelTable
from essentia_ldl.report.results import read_results
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.calibrate import calibrate_run, read_run
from essentia_ldl.runs.plan import (
    ExtractorPlan,
    NetworkPlan,
    Places,
    Plan,
    PlannedAudio,
    PlannedTrack,
    TrainingPlan,
    read_plan,
    write_plan,
)
from essentia_ldl.runs.predictions import Predictions, read_predictions, write_predictions
from essentia_ldl.runs.targets import read_targets, write_table

EVENTS = {"open", "os.listdir", "os.scandir", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink"}
EVENTS |= {"os.truncate", "os.chmod", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree", "glob.glob"}
_SEEN: list[str] = []
_LISTENING = False
CLASSES = ("non_sad", "sad")


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _LISTENING and event in EVENTS:
        _SEEN.extend(os.fsdecode(path) for path in arguments[:2] if isinstance(path, str | bytes | os.PathLike))


@pytest.fixture(scope="module", autouse=True)
def _hook() -> None:
    sys.addaudithook(_hear)  # it cannot be taken away again, and does nothing outside `watching`


@contextlib.contextmanager
def watching(outside: Path) -> Iterator[None]:
    """Fail when a path that Python is given lies in a folder."""
    global _LISTENING
    _SEEN.clear()
    _LISTENING = True
    try:
        yield
    finally:
        _LISTENING = False
    beyond = sorted({path for path in _SEEN if Path(os.path.realpath(path)).is_relative_to(outside)})
    assert beyond == []


@pytest.fixture
def outside(tmp_path) -> Path:
    """What hostile names lead to: something to read under every suffix, and a place to write to."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for suffix in ("", ".pb", ".json", ".npz", ".npy", ".answers.npz", ".csv", ".toml", ".weights.h5"):
        (folder / f"secret{suffix}").write_text("{}")
    return folder


def list_names(outside: Path) -> list[str]:
    path = str(outside / "secret")
    up = "../outside/secret"
    return [path, up, f"../{up}", f"../../{up}", f"a/../{up}", "..\\outside\\secret", "C:secret", "secret\0", "..", "/"]


def list_leaves(value: Any, way: tuple = ()) -> Iterator[tuple]:
    """Yield the way to every text of json, and to names of keys."""
    if isinstance(value, str):
        yield way
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from list_leaves(below, (*way, key))


def put(value: Any, way: tuple, text: str) -> Any:
    changed = copy.deepcopy(value)
    place = changed
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = text
    return changed


def attack(
    path: Path, use: Callable[[], object], outside: Path, spared: tuple[str, ...] = (), n_names: int = 10
) -> int:
    """Put hostile names into every text of a json file, and use the file; errors of ours are what it may end with."""
    whole = json.loads(path.read_text("utf-8"))
    before = {file.name: file.read_bytes() for file in outside.iterdir()}
    tried = 0
    for way in list_leaves(whole):
        if way[0] in spared:
            continue
        for name in list_names(outside)[:n_names]:
            path.write_text(json.dumps(put(whole, way, name)), "utf-8")
            with watching(outside), contextlib.suppress(EssentiaLdlError):
                use()
            tried += 1
    write_json(path, whole)
    use()  # as it was it is used
    assert {file.name: file.read_bytes() for file in outside.iterdir()} == before
    return tried


def write_model(folder: Path, stem: str, **inference: Any) -> Path:
    graph = folder / f"{stem}.pb"
    folder.mkdir(parents=True, exist_ok=True)
    graph.write_bytes(stem.encode())
    schema = {
        "inputs": [{"name": "model/Placeholder", "type": "float", "shape": [187, 96]}],
        "outputs": [
            {"name": "model/Softmax", "shape": [2], "output_purpose": "predictions"},
            {"name": "model/dense/BiasAdd", "shape": [200], "output_purpose": "embeddings"},
        ],
    }
    extra = {"sha256": digest_file(graph), "run": "r", "front_end": "musicnn", "backbones": ["msd-musicnn"]}
    extra["extractor"] = {"name": "msd-musicnn-1", "link": "msd-musicnn-1.pb"}
    fields = {
        "name": "mood sad",
        "type": "multi-class classifier",
        "link": f"models/{stem}.pb",
        "classes": list(CLASSES),
        "schema": schema,
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN", **inference},
        "essentia_ldl": extra,
    }
    write_json(graph.with_suffix(".json"), fields)
    return graph


def test_a_card_leads_nowhere(tmp_path, outside):
    """Case C16: every text of a card."""
    graphs = tmp_path / "home" / "graphs"
    write_model(graphs, "msd-musicnn-1")
    needs = {"algorithm": "TensorflowPredictMusiCNN", "model_name": "msd-musicnn-1", "link": "x/msd-musicnn-1.pb"}
    head = write_model(graphs, "head-1", algorithm="TensorflowPredict2D", embedding_model=needs)

    def use() -> None:
        models, _ = list_models(graphs)
        choose_models(graphs)
        for model in models:
            find_extractor(model, graphs)
            read_answers(model.graph, "0" * 64)
        list_parts([model for model in models if model.name == "head-1"], graphs)

    assert attack(head.with_suffix(".json"), use, outside) > 100


def test_a_card_in_a_run_is_promoted_into_graphs_and_nowhere_else(tmp_path, outside):
    """Case C16: what a run exports, and the number that it claims."""
    run, graphs = tmp_path / "home" / "runs" / "r" / "export", tmp_path / "home" / "graphs"
    card = write_model(run, "mood_sad-musicnn-msd").with_suffix(".json")

    def use() -> None:
        promote(run, ["mood_sad-musicnn-msd"], graphs)

    attack(card, use, outside, n_names=2)  # each one that is no fault is a model more
    for claim in ({"version": "1"}, {"versions": "1"}, {"versions": {"mood_sad-musicnn-msd": "1"}}):
        write_json(run / "promoted.json", claim)
        attack(run / "promoted.json", use, outside, n_names=2)


@pytest.fixture
def plan(tmp_path) -> Plan:
    """A head over an extractor, with a network below it, of which every optional part of a plan is there."""
    home = tmp_path / "home"
    roles = ("train", "train", "valid", "test")
    tracks = tuple(PlannedTrack(f"t{n}", f"{n}" * 64, role, CLASSES[n % 2]) for n, role in enumerate(roles))
    numbers = (frontends.MUSICNN.patch_frames, frontends.MUSICNN.patch_hop_frames, 4)
    extractor = ExtractorPlan("e-1", "/graphs/e-1.pb", "A", "e-1.pb", "0" * 64, "node", 4, "extractor-e-1", *numbers)
    made = Plan(
        folder=home / "runs" / "mood-sad-1",
        task="mood-sad",
        name="mood sad",
        description="sad or not",
        classes=CLASSES,
        front_end=frontends.MUSICNN,
        network=NetworkPlan("musicnn", pretrained="msd"),
        training=TrainingPlan(epochs=3),
        tracks=tracks,
        places=Places(home / "store", home / "graphs", (PlannedAudio("/a.wav", "0" * 64),), {"t0": "/a.wav"}, {}),
        stems={"full": None, "head": "mood_sad-musicnn-msd"},
        extractor=extractor,
    )
    made.folder.mkdir(parents=True)
    write_plan(made)
    rows = np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]
    write_table(LabelTable(tuple(track.id for track in tracks), CLASSES, rows), made.folder / "labels.csv")
    write_json(made.folder / "labels.json", {"source": "none"})
    write_json(made.folder / "history.json", {"best_epoch": 1, "epochs": [{"epoch": 1, "learning_rate": 0.1}]})
    np.savez(made.folder / "weights.npz", kernel=np.zeros(3))
    facts = {"ids": [t.id for t in tracks], "roles": list(roles), "labels": [t.label for t in tracks]}
    arrays = {name: np.array(values) for name, values in {**facts, "classes": CLASSES}.items()}
    logits = np.log(np.full((4, 2), 0.5, np.float32))
    write_predictions(
        made.folder,
        Predictions(**arrays, probabilities=np.exp(logits), patch_logits=logits, n_patches=np.ones(4, np.int64)),
    )
    write_json(made.folder / "scores.json", {"classes": list(CLASSES), "valid": {}, "n_tracks": 4})
    write_json(made.folder / "run.json", {"fingerprint": "f", "state": "done", "models": ["mood_sad-musicnn-msd-1"]})
    return made


def test_a_plan_leads_nowhere(plan, outside, tmp_path):
    """Case C16: every text of plan.json; store, graphs and audio are where the user said that they are."""

    def use() -> None:
        found = read_plan(plan.folder)
        read_targets(found)
        runs.is_planned(plan.folder)
        found.store.joinpath(found.extractor.folder)
        assert {Path(stem).name for stem in found.stems.values() if stem} <= set(found.stems.values())
        with contextlib.suppress(EssentiaLdlError):
            read_results(plan.folder, Home(tmp_path / "home"))

    assert attack(plan.folder / "plan.json", use, outside, ("store", "graphs", "audio", "paths")) > 200


@pytest.mark.parametrize("name", ["run.json", "scores.json", "history.json", "labels.json", "calibration.json"])
def test_other_files_of_a_run_lead_nowhere(plan, outside, tmp_path, name):
    """Case C16: scores, states and histories."""
    home = Home(tmp_path / "home")
    calibrate_run(plan.folder, "none")

    def use() -> None:
        with contextlib.suppress(EssentiaLdlError):
            read_results(plan.folder, home)
        runs.find_run(home.runs, "mood-sad", "f")
        runs.take_run("mood-sad", "f", home, False, lambda line: None)
        read_run(plan.folder)

    attack(plan.folder / name, use, outside)


def test_stems_of_predictions_lead_nowhere(plan, outside):
    """Case C16: ids and classes of predictions.npz."""
    found = read_predictions(plan.folder)
    for name in list_names(outside):
        ids = np.array([name, *found.ids[1:]])
        classes = np.array(["non_sad", name.replace("\0", "0")])
        labels = np.where(found.labels == "sad", classes[1], "non_sad")
        write_predictions(plan.folder, dataclasses.replace(found, ids=ids, classes=classes, labels=labels))
        with watching(outside), contextlib.suppress(EssentiaLdlError):
            read_predictions(plan.folder)
            calibrate_run(plan.folder, "none")


def test_golden_answers_lead_nowhere(tmp_path, outside):
    """Case C16: names of nodes, of the input, and the digest of the graph."""
    graph = write_model(tmp_path / "home" / "graphs", "a-1")
    for name in list_names(outside):
        told = name.replace("\0", "0")
        write_answers(graph, told, told, (4,), (0.0, 1.0), lambda inputs, node=told: {node: np.ones((len(inputs), 2))})
        with watching(outside), contextlib.suppress(EssentiaLdlError):
            read_answers(graph, told)


def test_what_the_store_remembers_leads_nowhere(tmp_path, outside):
    """Case C16: the content of a file is a name in the store."""
    store, audio = Store(tmp_path / "home" / "store"), tmp_path / "a.wav"
    audio.write_bytes(b"audio")
    content = store.remember(str(audio))
    (memory,) = (store.root / "files").rglob("*.json")

    def use() -> None:
        found = store.recall(str(audio))
        if found is not None:
            store.write_info(found, {"duration_s": 1.0})
            store.is_complete(found, [frontends.MUSICNN])
            with contextlib.suppress(EssentiaLdlError):
                store.read(found, frontends.MUSICNN)

    attack(memory, use, outside)
    assert store.recall(str(audio)) == content


def use_recipe(path: Path, graphs: Path) -> None:
    recipe = read_recipe(str(path))
    find_networks(recipe.network.backbones, graphs)
    find_networks(recipe.choice.networks, graphs)


@pytest.mark.parametrize("name", ["../../x", "/x", "a/b", "x\0", "C:x", "..", "a\\b"])
def test_names_in_a_recipe_are_those_of_files_of_ours(tmp_path, outside, name):
    """Case C16: a task becomes the name of a run, a network that of a file in graphs/."""
    path = tmp_path / "r.toml"
    told = json.dumps(name)
    path.write_text(f'task = {told}\nclasses = ["non_sad", "sad"]\n', "utf-8")
    with watching(outside), pytest.raises(EssentiaLdlError):
        read_recipe(str(path))
    for section in (f"[network]\nbackbones = [{told}]\n", f"[choice]\nnetworks = [{told}]\n"):
        path.write_text(f'task = "t"\nclasses = ["non_sad", "sad"]\n{section}', "utf-8")
        with watching(outside), pytest.raises(EssentiaLdlError):
            use_recipe(path, outside.parent / "home")
    path.write_text(f'task = "t"\nclasses = ["non_sad", "sad"]\n[network]\nbackbone = {told}\n', "utf-8")
    with watching(outside), pytest.raises(EssentiaLdlError):
        use_recipe(path, outside.parent / "home")
