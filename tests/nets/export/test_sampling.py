"""Dropout samples and members: against numpy, against Keras's own dropout, and as frozen graphs."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.files import read_json
from essentia_ldl.nets.backbones import vgg
from essentia_ldl.nets.classifier import DROPOUTS, DenseLayers, build_head, join
from essentia_ldl.nets.export import sampling
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.export.freeze import build_evaluator, freeze_model, list_versions
from essentia_ldl.nets.export.nodes import calibrate, head_nodes
from essentia_ldl.nets.export.sampling import DropoutSamples
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.scores.calibration import Calibration, identity
from essentia_ldl.scores.uncertainty import NAMES, measure, node_name

CLASSES = ("a", "b", "c")
HALF = Calibration("temperature", CLASSES, (0.5,) * 3, (0.0,) * 3)
VECTOR = Calibration("vector", CLASSES, (0.5, 1.0, 2.0), (0.1, 0.2, -0.3))


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)


def make_head():
    keras.utils.set_random_seed(2)
    return build_head(12, 3, DenseLayers(16, dropout=0.4))


@pytest.fixture(scope="module")
def head():
    return make_head()


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


@functools.cache
def freeze_sampled(calibration, n_samples=30):
    """Freeze a head like `head`, once for all tests."""
    model = sampling.sample_dropout(make_head(), DropoutSamples(DROPOUTS, n_samples, calibration))
    nodes = (*calibrate(head_nodes(), calibration), *sampling.list_nodes("samples", sampled=True))
    return freeze_model(model, nodes)


def softmax(values):
    values = np.exp(values - values.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


def test_dropout_layers_are_found_by_type_and_rate(head):
    assert sampling.find_dropouts(head) == list(DROPOUTS)
    assert sampling.find_dropouts(head, ["hidden_dropout"]) == ["hidden_dropout"]
    assert sampling.find_dropouts(build_head(12, 3)) == []
    assert sampling.find_dropouts(vgg.build()) == [f"dropout_{number}" for number in (1, 2, 3, 4)]


def test_a_linear_head_has_the_dropout_before_its_only_layer():
    assert sampling.find_dropouts(build_head(12, 3, DenseLayers(0, dropout=0.4))) == ["embedding_dropout"]


def test_dropout_of_whole_channels_is_refused():
    x = keras.Input((4, 4))
    model = keras.Model(x, keras.layers.SpatialDropout1D(0.5, name="channels")(x))
    with pytest.raises(GraphError, match="expected one that drops single numbers; got 'channels'"):
        sampling.find_dropouts(model)


def test_a_network_without_dropout_cannot_be_sampled():
    with pytest.raises(GraphError, match="at least one dropout layer"):
        sampling.sample_dropout(build_head(12, 3), DropoutSamples((), 30, identity(CLASSES)))


def test_joining_a_head_keeps_its_dropout(head):
    body = keras.Model(x := keras.Input((7,)), keras.layers.Dense(12, name="embedding")(x))
    joined = join(body, head)
    assert [joined.get_layer(name).rate for name in DROPOUTS] == [0.4, 0.4]


def test_old_runtimes_know_every_operation(head):
    graph = freeze_sampled(HALF)
    assert list_versions(graph) == ["1.15.0", "2.5.0"]
    random = [node for node in graph.node if node.op == "RandomUniform"]
    assert len(random) == 2
    assert not any("seed" in node.attr for node in random)  # the default, 0: other numbers in every process


def test_samples_are_rows_of_one_batch(head):
    graph = freeze_sampled(HALF)
    assert not [node for node in graph.node if node.op in ("While", "If", "Switch", "PartitionedCall")]
    assert sum(node.op == "MatMul" for node in graph.node) == 4  # two layers, once each, and once for all samples


def test_official_nodes_stay_as_they_are_and_sampled_ones_differ(head, inputs):
    names = ["model/Softmax", "model/dense_1/BiasAdd", *map(node_name, NAMES)]
    first, second = run_graph(freeze_sampled(HALF), names, inputs, 2)
    plain = build_evaluator(head, calibrate(head_nodes(), HALF))(inputs)
    np.testing.assert_allclose(first[0], plain["model/Softmax"], atol=1e-6)
    for one, other in zip(first[:2], second[:2], strict=True):
        assert one.tobytes() == other.tobytes()
    for one, other in zip(first[2:], second[2:], strict=True):
        assert one.shape == other.shape
        assert one.tobytes() != other.tobytes()


def test_two_layers_and_two_rows_draw_their_own_masks(head, inputs):
    same = np.repeat(inputs[:1], 2, axis=0)
    ((mean,),) = run_graph(freeze_sampled(HALF), [node_name("mean_probabilities")], same)
    assert mean[0].tolist() != mean[1].tolist()


@pytest.mark.parametrize("calibration", [identity(CLASSES), HALF, VECTOR], ids=["none", "temperature", "vector"])
def test_many_runs_agree_with_numpy(head, inputs, calibration):
    """Means of 60 runs of 30 samples against 20,000 samples that numpy draws: within 5 standard errors."""
    names = [node_name(name) for name in NAMES]
    runs = run_graph(freeze_sampled(calibration), names, inputs, 60)
    random = np.random.default_rng(1)
    weights = {layer.name: layer.get_weights() for layer in head.layers if layer.get_weights()}

    def drop(values):
        return values * (random.random(values.shape) >= 0.4) / 0.6

    hidden = np.maximum(drop(np.repeat(inputs[:, None], 20000, 1)) @ weights["hidden"][0] + weights["hidden"][1], 0)
    logits = drop(hidden) @ weights["logits"][0] + weights["logits"][1]
    samples = softmax(logits * np.array(calibration.scale) + np.array(calibration.bias))
    blocks = [measure(samples[:, start : start + 30]) for start in range(0, 19980, 30)]
    for name, values in zip(NAMES, zip(*runs, strict=True), strict=True):
        found, expected = np.stack(values), np.stack([block[name] for block in blocks])
        error = np.sqrt(found.var(axis=0, ddof=1) / len(found) + expected.var(axis=0, ddof=1) / len(expected))
        assert np.all(np.abs(found.mean(axis=0) - expected.mean(axis=0)) < 5 * error + 1e-6), name


def test_more_samples_vary_less(head, inputs):
    name = [node_name("mean_probabilities")]
    few, many = (np.std(run_graph(freeze_sampled(HALF, n), name, inputs, 30), axis=0).mean() for n in (4, 64))
    assert 2.5 < few / many < 6  # the square root of 16 is 4


def test_the_reference_is_drawn_from_a_seed(head, inputs):
    samples = DropoutSamples(DROPOUTS, 8, HALF)
    first, again, other = (sampling.draw_reference(head, inputs, samples, n_runs=3, seed=seed) for seed in (0, 0, 1))
    for name in NAMES:
        assert first[name].tobytes() == again[name].tobytes()
        assert first[name].tobytes() != other[name].tobytes()
        assert first[name].shape == (3, 5, 3 if name == "mean_probabilities" else 1)


def test_batch_normalisation_stays_in_inference_mode(inputs):
    x = keras.Input((12,))
    y = keras.layers.Dropout(0.5, name="drop")(x)
    norm = keras.layers.BatchNormalization(name="norm")
    model = keras.Model(x, keras.layers.Dense(3, name="logits")(norm(y)))
    norm.moving_mean.assign(np.full(12, 3.0, np.float32))
    before = [variable.numpy() for variable in norm.variables]
    sampled = sampling.sample_dropout(model, DropoutSamples(("drop",), 400, identity(CLASSES)))
    graph, name = freeze_model(sampled, sampling.list_nodes("samples", sampled=True)), node_name("mean_probabilities")
    ((alone,),) = run_graph(graph, [name], inputs[:1])
    ((both,),) = run_graph(graph, [name], inputs[:2])
    np.testing.assert_allclose(alone[0], both[0], atol=0.15)  # statistics of the batch would change it by far more
    for old, variable in zip(before, norm.variables, strict=True):
        assert old.tobytes() == variable.numpy().tobytes()


def test_branches_meet_at_one_number_of_rows(inputs):
    x = keras.Input((12,))
    y = keras.layers.Dropout(0.5, name="drop")(x)
    model = keras.Model(x, keras.layers.Dense(3, name="logits")(keras.layers.Concatenate()([x, y])))
    sampled = sampling.sample_dropout(model, DropoutSamples(("drop",), 6, identity(CLASSES)))
    graph = freeze_model(sampled, sampling.list_nodes("samples", sampled=True))
    ((mean,),) = run_graph(graph, [node_name("mean_probabilities")], inputs)
    assert mean.shape == (5, 3)


@pytest.mark.slow
def test_a_sampled_run_is_exported_with_its_nodes_and_its_reference(make_run, monkeypatch):
    monkeypatch.setattr(sampling, "N_RUNS", 6)  # of a whole network, for speed
    run = make_run("run", n_tracks=6, n_frames=190, network={"dropout": 0.3}, training={"epochs": 1}, samples=10)
    train(run)
    (head, full) = sorted(export(run))
    for path, n_rows in ((head, 4), (full, 4)):
        card = read_json(path.with_suffix(".json"))
        outputs = {output["name"]: output for output in card["schema"]["outputs"]}
        for name in NAMES:
            assert outputs[node_name(name)]["shape"] == [2 if name == "mean_probabilities" else 1]
            assert outputs[node_name(name)]["output_purpose"] == ""
            assert "10 dropout samples" in outputs[node_name(name)]["description"]
        assert card["essentia_ldl"]["uncertainty"] == {"method": "dropout", "samples": 10, "unit": "nats"}
        assert card["schema"]["outputs"][0]["name"] == "model/Softmax"
        with np.load(path.with_name(f"{path.stem}.golden.npz")) as golden:
            assert not any("uncertainty" in str(node) for node in golden["nodes"])
            assert golden["sampled_nodes"].tolist() == [node_name(name) for name in NAMES]
            assert len(golden["model__uncertainty__mean_probabilities__mean"]) <= n_rows
            assert golden["model__uncertainty__mean_probabilities__std"].max() > 0


def test_dropouts_of_frozen_lower_layers_are_not_sampled(make_run):
    network = {"backbone": "vgg", "fine_tune": "top", "dropout": 0.2}
    plan = read_plan(make_run(network=network, samples=4))
    model = build_model(plan, pretrained=False)
    active = sampling._plan_samples(plan, model, identity(plan.classes, "none")).dropouts
    assert active == ("dropout_3", "dropout_4", "tail_dropout", "hidden_dropout")
