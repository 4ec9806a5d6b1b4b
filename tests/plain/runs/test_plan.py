"""The plan of a run: it reads back as it was written, and refuses what is damaged or leads out of its folder."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from essentia_ldl import frontends, taps
from essentia_ldl.errors import StoreError, TrainingError, UnknownNameError
from essentia_ldl.files import read_json, write_json
from essentia_ldl.runs import plan_parts
from essentia_ldl.runs.folder import is_planned
from essentia_ldl.runs.kinds import KINDS
from essentia_ldl.runs.plan import ExtractorPlan, LearnedTargets, Plan, TaskPlan, read_plan, write_plan

EXTRACTOR = ExtractorPlan("effnet-1", "/e.pb", "TensorflowPredictEffnetDiscogs", "", "12", "out", 5, "f-1", 128, 64, 4)


def change(plan, **values):
    """Write a plan, and change keys of its plan.json."""
    write_plan(plan)
    write_json(plan.folder / "plan.json", {**read_json(plan.folder / "plan.json"), **values})


def test_a_plan_reads_back_as_it_was(plan):
    write_plan(plan)
    assert read_plan(plan.folder) == plan
    told = read_json(plan.folder / "plan.json")
    assert (told["run"], told["front_end"], told["split"]) == ("run", "musicnn", {"grouped": True})


def test_a_plan_over_an_extractor_has_its_patches(plan):
    front_end = dataclasses.replace(frontends.get("effnet"), patch_frames=128, patch_hop_frames=64, resample_quality=4)
    head = dataclasses.replace(plan, extractor=EXTRACTOR, front_end=front_end)
    write_plan(head)
    assert read_plan(plan.folder) == head
    assert head.patch_hop_frames == 64
    assert dataclasses.replace(plan, evaluation_hop_frames=7).patch_hop_frames == 7


def test_a_classifier_on_features_and_its_networks_read_back(plan):
    folder = plan.folder.resolve()
    learned = LearnedTargets("separate", ("g", "m"), "none", None)
    networks = (folder / "features" / "g", folder / "features" / "m")
    classifier = dataclasses.replace(plan, features=networks, learned=learned)
    write_plan(classifier)
    assert read_json(plan.folder / "plan.json")["features"] == ["features/g", "features/m"]
    assert read_plan(plan.folder) == classifier
    tasks = (TaskPlan("g", plan.classes, "mae"), TaskPlan("m", ("m1", "m2", "m3"), "kl", "none"))
    shared = dataclasses.replace(plan, tasks=tasks, predictions=False)
    write_plan(shared)
    assert read_plan(plan.folder) == shared


def test_a_plan_of_an_old_run_is_read(plan):
    """Runs made before a key existed do not have it, and what was learned was called transfer."""
    write_plan(plan)
    told = read_json(plan.folder / "plan.json")
    later = ("calibration", "samples", "members", "tasks", "learned", "paths", "artists", "split", "predictions")
    old = {key: value for key, value in told.items() if key not in later}
    old |= {"features": ["features/g"], "transfer": {"networks": "wide", "targets": ["g"]}}
    write_json(plan.folder / "plan.json", old)
    found = read_plan(plan.folder)
    assert (found.calibration, found.samples, found.grouped, found.places.paths) == ("none", 0, False, {})
    assert found.learned == LearnedTargets("wide", ("g",))


@pytest.mark.parametrize("text", ["null", "[]", "3", '"plan"', "[" * 200_000, "1" * 5000, "", "{"])
def test_a_file_that_is_no_object_is_one_sentence(plan, text):
    plan.folder.mkdir()
    (plan.folder / "plan.json").write_text(text)
    with pytest.raises(StoreError, match=r"^file: expected .* \(.*plan\.json\)\. Delete it and run again\.$"):
        read_plan(plan.folder)


@pytest.mark.parametrize("key", ["task", "classes", "front_end", "network", "training", "tracks", "store"])
@pytest.mark.parametrize("value", [None, 3, "gone"])
def test_a_key_that_is_missing_or_of_another_type_is_one_sentence(plan, key, value):
    change(plan, **{key: value})
    if value == "gone":
        told = read_json(plan.folder / "plan.json")
        del told[key]
        write_json(plan.folder / "plan.json", told)
    with pytest.raises((TrainingError, UnknownNameError)) as caught:
        read_plan(plan.folder)
    assert "\n" not in str(caught.value)


NETWORK, TRAINING = {"backbone": "musicnn", "pretrained": "msd"}, {"epochs": 3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"calibration": "platt"}, "calibration: expected temperature, vector, none; got 'platt'"),
        ({"classes": ["sad"]}, "classes: expected two or more"),
        ({"front_end": "vggish"}, "front_end: expected musicnn; got 'vggish'"),
        ({"features": ["features/g"], "network": {"backbone": "musicnn", "fine_tune": "none"}}, "head, over features"),
        ({"training": {"epoch": 3}}, "unexpected keyword"),
        ({"training": {"epochs": 3, "mixed_precision": True}}, "mixed_precision: expected false unless one whole"),
        ({"augment": {"mixup": 0.2}}, "augment: expected nothing unless layers of a network with one target train"),
        (
            {"tasks": [{"name": "g", "classes": ["a", "b"]}], "network": {**NETWORK, "fine_tune": "top"}},
            "fine_tune: expected all or none, with several targets; got 'top'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(plan, changes, message):
    change(plan, **changes)
    with pytest.raises(TrainingError, match=message):
        read_plan(plan.folder)


TRACK = {"id": "t0", "content": "0", "role": "train", "label": "sad"}
AUDIO = {"path": "/a.wav", "content": "0"}


@pytest.mark.parametrize(
    ("changes", "what", "rule"),
    [
        ({"classes": [1, 2]}, "classes", "a list of texts"),
        ({"classes": [["a"], ["b"]]}, "classes", "a list of texts"),
        ({"classes": "ab"}, "classes", "a list of texts"),
        ({"classes": {"a": 1, "b": 2}}, "classes", "a list of texts"),
        ({"members": [1]}, "members", "a list of texts"),
        ({"members": "ab"}, "members", "a list of texts"),
        ({"features": "ab"}, "features", "a list of folders"),
        ({"features": [3]}, "features", "a list of folders"),
        ({"task": ["a"]}, "task", "text"),
        ({"name": None}, "name", "text"),
        ({"description": 3}, "description", "text"),
        ({"labels_source": None}, "labels_source", "text"),
        ({"calibration": ["none"]}, "calibration", "text"),
        ({"seed": "0"}, "seed", "a whole number"),
        ({"seed": 1.5}, "seed", "a whole number"),
        ({"samples": True}, "samples", "a whole number"),
        ({"export": "yes"}, "export", "true or false"),
        ({"predictions": 1}, "predictions", "true or false"),
        ({"max_hours": "2"}, "max_hours", "a number, or none"),
        ({"evaluation_hop_frames": 1.5}, "evaluation_hop_frames", "a whole number, or none"),
        ({"stems": {"full": 3}}, "stems", "an object of texts"),
        ({"card": []}, "card", "an object"),
        ({"network": [3]}, "network", "an object"),
        ({"network": {**NETWORK, "backbone": ["musicnn"]}}, "backbone", "text"),
        ({"network": {**NETWORK, "fine_tune": ["head"]}}, "fine_tune", "text"),
        ({"network": {**NETWORK, "pretrained": 3}}, "pretrained", "text, or none"),
        ({"network": {**NETWORK, "hidden": "x"}}, "hidden", "a whole number"),
        ({"network": {**NETWORK, "hidden": True}}, "hidden", "a whole number"),
        ({"network": {**NETWORK, "hidden": None}}, "hidden", "a whole number"),
        ({"network": {**NETWORK, "dropout": "0.5"}}, "dropout", "a number"),
        ({"network": {**NETWORK, "standardize": 1}}, "standardize", "true or false"),
        ({"network": {**NETWORK, "activation": {}}}, "activation", "text"),
        ({"network": {**NETWORK, "n_networks": 2.5}}, "n_networks", "a whole number"),
        ({"training": 3}, "training", "an object"),
        ({"training": {"epochs": "3"}}, "epochs", "a whole number"),
        ({"training": {**TRAINING, "batch_size": [32]}}, "batch_size", "a whole number"),
        ({"training": {**TRAINING, "learning_rate": "x"}}, "learning_rate", "a number"),
        ({"training": {**TRAINING, "l2": None}}, "l2", "a number"),
        ({"training": {**TRAINING, "patience": {}}}, "patience", "a whole number"),
        ({"training": {**TRAINING, "loss": 1}}, "loss", "text"),
        ({"training": {**TRAINING, "halvings": ["a"]}}, "halvings", "a list of whole numbers, or none"),
        ({"training": {**TRAINING, "halvings": 5}}, "halvings", "a list of whole numbers, or none"),
        ({"tracks": ["t0"]}, "tracks", "an object"),
        ({"tracks": [{**TRACK, "id": 3}]}, "id", "text"),
        ({"tracks": [{**TRACK, "label": ["a"]}]}, "label", "text"),
        ({"tracks": [{**TRACK, "role": ["train"]}]}, "role", "text"),
        ({"tracks": [{**TRACK, "content": None}]}, "content", "text"),
        ({"tasks": [3]}, "tasks", "an object"),
        ({"tasks": [{"name": "g", "classes": [1]}]}, "classes", "a list of texts"),
        ({"tasks": [{"name": "g", "classes": ["a"], "loss": 3}]}, "loss", "text"),
        ({"audio": ["/a.wav"]}, "audio", "an object"),
        ({"audio": [{**AUDIO, "path": 3}]}, "path", "text"),
        ({"paths": ["/a.wav"]}, "paths", "an object of texts"),
        ({"paths": {"t0": 3}}, "paths", "an object of texts"),
        ({"artists": {"x": 5}}, "artists", "an object of texts"),
        ({"artists": {"x": None}}, "artists", "an object of texts"),
        ({"learned": [3]}, "learned", "an object"),
        ({"learned": {"networks": 3}}, "networks", "text, or none"),
        ({"learned": {"targets": [3]}}, "targets", "a list of texts"),
        ({"extractor": {**dataclasses.asdict(EXTRACTOR), "size": "5"}}, "size", "a whole number"),
        ({"extractor": {**dataclasses.asdict(EXTRACTOR), "node": 5}}, "node", "text"),
    ],
)
def test_a_value_of_another_kind_is_one_sentence_with_the_file(plan, changes, what, rule):
    change(plan, **changes)
    with pytest.raises(TrainingError) as caught:
        read_plan(plan.folder)
    message, path = str(caught.value), (plan.folder / "plan.json").resolve()
    assert message.startswith(f"{what}: expected {rule}; got ")
    assert message.endswith(f" ({path}). Start the run again with essentia-ldl train.")
    assert not is_planned(plan.folder), "so that it is written again"


def test_every_kind_of_field_is_checked_or_a_record():
    """A field with an annotation that nobody checks would be read as it is."""
    records = {"Path", "FrontEnd", "NetworkPlan", "TrainingPlan", "Places", "ExtractorPlan", "LearnedTargets"}
    records.add("AugmentPlan")
    lists = {f"tuple[{name}, ...]" for name in ("PlannedTrack", "PlannedAudio", "TaskPlan", "Path", "taps.Published")}
    parts = [kind for kind in vars(plan_parts).values() if getattr(kind, "__module__", "") == plan_parts.__name__]
    for kind in (Plan, taps.Published, *parts):
        for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
            annotation = str(field.type).removesuffix(" | None")
            assert annotation in {*KINDS, *records, *lists}, f"{kind.__name__}.{field.name}"


def test_nothing_to_train_on_and_an_unknown_network_are_told(plan):
    with pytest.raises(TrainingError, match="tracks: expected at least one to train on; got 0"):
        dataclasses.replace(plan, tracks=plan.tracks[2:])
    change(plan, network={"backbone": "musicn", "pretrained": "msd"})
    with pytest.raises(UnknownNameError, match="Did you mean 'musicnn'"):
        read_plan(plan.folder)


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "..", ".", "", "a\\b", "a\0b"])
def test_names_do_not_lead_out_of_their_folder(plan, name):
    """Case C16: names in plan.json."""
    track = {"id": "t0", "content": name, "role": "train", "label": "sad"}
    extractor = dataclasses.asdict(EXTRACTOR)
    for changes in (
        {"stems": {"full": name, "head": None}},
        {"network": {"backbone": "musicnn", "pretrained": name}},
        {"tasks": [{"name": name, "classes": ["a", "b"]}]},
        {"tracks": [track]},
        {"audio": [{"path": "/a.wav", "content": name}]},
        {"extractor": {**extractor, "folder": name}},
        {"extractor": {**extractor, "name": name}},
    ):
        change(plan, **changes)
        with pytest.raises(TrainingError, match="expected a plain name without folders"):
            read_plan(plan.folder)


@pytest.mark.parametrize("name", ["../other", "../../networks/g", "/etc"])
def test_networks_outside_the_run_are_refused(plan, name):
    """Case C16: folders in plan.json."""
    change(plan, features=[name])
    with pytest.raises(StoreError, match=r"features: expected a folder of the run .*run; got "):
        read_plan(plan.folder)


def test_a_cell_reads_networks_of_its_own_run(plan):
    run = plan.folder.parent / "agf-1"
    write_json(run / "run.json", {})
    network = (run / "artist-0" / "networks" / "g").resolve()
    cell = dataclasses.replace(plan, folder=(run / "artist-0" / "cells" / "separate-g").resolve(), features=(network,))
    write_plan(cell)
    assert json.loads((cell.folder / "plan.json").read_text())["features"] == ["../../networks/g"]
    assert read_plan(cell.folder).features == (network,)


def test_the_loss_and_the_weights_follow_labels(plan):
    assert plan.loss == "cross_entropy"
    assert dataclasses.replace(plan, labels_source="sa").loss == "mae"
    assert plan.weights.tolist() == [1, 1, 1, 1]
    training = dataclasses.replace(plan.training, class_weights="balanced")
    tracks = tuple(dataclasses.replace(track, role="train") for track in plan.tracks[:3])
    weighed = dataclasses.replace(plan, training=training, tracks=tracks)
    np.testing.assert_allclose(weighed.weights, [0.75, 1.5, 0.75])
