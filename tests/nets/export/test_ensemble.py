"""Ensembles: the mean of their members, in one graph."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.files import read_json
from essentia_ldl.nets.classifier import DenseLayers, build_head
from essentia_ldl.nets.export import ensemble
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.export.freeze import freeze_model
from essentia_ldl.nets.export.nodes import head_nodes
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.trained_weights import read_weights
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.scores.calibration import Calibration, identity
from essentia_ldl.scores.uncertainty import NAMES, measure, node_name
from essentia_ldl.train.members import Member, assemble, join_plans

CLASSES = ("a", "b", "c")


HALF = Calibration("temperature", CLASSES, (0.5,) * 3, (0.0,) * 3)


VECTOR = Calibration("vector", CLASSES, (0.5, 1.0, 2.0), (0.1, 0.2, -0.3))


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)


def run_graph(graph, names, values, n_runs=1):
    copy = tf.compat.v1.GraphDef()
    copy.CopyFrom(graph)
    for number, node in enumerate(node for node in copy.node if node.op == "RandomUniform"):
        # Trainings of this process forbid random operations without a seed.
        node.attr["seed"].i, node.attr["seed2"].i = 1, number + 1
    with tf.Graph().as_default() as scope:
        tf.import_graph_def(copy, name="")
        with tf.compat.v1.Session(graph=scope) as session:
            fetched = [f"{name}:0" for name in names]
            return [session.run(fetched, {"model/Placeholder:0": values}) for _ in range(n_runs)]


def softmax(values):
    values = np.exp(values - values.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


@pytest.fixture
def members():
    keras.utils.set_random_seed(5)
    return [build_head(12, 3, DenseLayers(16)) for _ in range(4)]


@pytest.mark.parametrize("calibration", [identity(CLASSES), HALF, VECTOR], ids=["none", "temperature", "vector"])
def test_an_ensemble_is_the_mean_of_its_members(members, inputs, calibration):
    nodes = ensemble.list_nodes(head_nodes(), 4)
    graph = freeze_model(ensemble.combine(members, calibration), nodes)
    names = [node.name for node in nodes]
    ((values),) = run_graph(graph, names, inputs)
    found = dict(zip(names, values, strict=True))
    logits = np.stack([member(inputs).numpy() for member in members], axis=1).astype(np.float64)
    expected = measure(softmax(logits * np.array(calibration.scale) + np.array(calibration.bias)))
    for name in NAMES:
        np.testing.assert_allclose(found[node_name(name)], expected[name], atol=2e-6, err_msg=name)
    assert found["model/Softmax"].tobytes() == found["model/Sigmoid"].tobytes()
    np.testing.assert_allclose(found["model/Softmax"], expected["mean_probabilities"], atol=1e-6)
    raw = softmax(found["model/dense_1/BiasAdd"].astype(np.float64))
    np.testing.assert_allclose(raw, softmax(logits).mean(axis=1), atol=1e-6)


def test_members_share_the_body_below_them(members):
    body = keras.Model(x := keras.Input((7,)), keras.layers.Dense(12, name="embedding")(x))
    graph = freeze_model(ensemble.combine(members, HALF, body), ensemble.list_nodes(head_nodes(), 4))
    assert sum(node.op == "MatMul" for node in graph.node) == 1 + 4 * 2


def test_equal_members_disagree_about_nothing(members, inputs):
    model = ensemble.combine([members[0]] * 3, HALF)
    names = [node_name("mutual_information"), node_name("predictive_entropy")]
    graph = freeze_model(model, ensemble.list_nodes(head_nodes(), 3))
    ((information, entropy),) = run_graph(graph, names, inputs)
    np.testing.assert_allclose(information, 0, atol=1e-6)
    assert entropy.min() > 0.01


def write_ensemble(make_run, name, **changes):
    """Train two members and write their ensemble as the plain zone does."""
    folders = [make_run(f"{name}-{n}", n_tracks=6, n_frames=190, seed=n, export=False, **changes) for n in range(2)]
    for folder in folders:
        train(folder)
        (folder / "labels.json").write_text("{}")
    run, members = folders[0].parent / name, [Member(f"seed {n}", folder) for n, folder in enumerate(folders)]
    assemble(join_plans(run, members), members)
    return folders, run


@pytest.mark.slow
def test_an_assembled_run_exports_what_its_predictions_say(make_run):
    folders, run = write_ensemble(make_run, "both", training={"epochs": 2})
    head, full = sorted(export(run))
    card = read_json(head.with_suffix(".json"))
    assert card["essentia_ldl"]["uncertainty"]["members"] == ["seed 0", "seed 1"]
    with np.load(head.with_name(f"{head.stem}.golden.npz")) as golden, np.load(run / "predictions.npz") as told:
        patches, answers = golden["patches_0"], golden["model__Softmax_0"]
        expected = []
        for folder in folders:
            model = build_model(read_plan(folder), pretrained=False)
            read_weights(folder / "weights.npz", model)
            expected.append(softmax(model(patches).numpy()))
        np.testing.assert_allclose(answers, np.mean(expected, axis=0), atol=1e-6)
        first = int(told["n_patches"][0]) // 2
        np.testing.assert_allclose(told["probabilities"][0], answers[:first].mean(axis=0), atol=1e-6)
    outputs = {output["name"]: output for output in read_json(full.with_suffix(".json"))["schema"]["outputs"]}
    assert "model/dense/BiasAdd" in outputs  # embeddings of the shared network
    assert outputs["model/Softmax"]["op"] == "Mean"


@pytest.mark.slow
def test_whole_networks_make_an_ensemble_too(make_run):
    changes = {"network": {"backbone": "vgg", "fine_tune": "all"}, "training": {"epochs": 1, "batch_size": 2}}
    _, run = write_ensemble(make_run, "whole", stems={"full": "mood_sad-vgg-msd", "head": None}, **changes)
    (full,) = export(run)
    names = [output["name"] for output in read_json(full.with_suffix(".json"))["schema"]["outputs"]]
    assert names[:3] == ["model/Softmax", "model/Sigmoid", "model/dense_1/BiasAdd"]
    assert "model/flatten/Reshape" not in names  # each member has its own


@pytest.mark.slow
def test_weights_of_other_members_are_refused(make_run):
    _, run = write_ensemble(make_run, "broken", training={"epochs": 1})
    with np.load(run / "weights.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files if not name.startswith("1/")}
    np.savez(run / "weights.npz", **kept)
    with pytest.raises(StoreError, match="expected those of the plan's members"):
        ensemble.read_members(read_plan(run))
