"""16 bits in training: the policy of a machine, scales of float16, and what leaves computes in 32."""

from __future__ import annotations

import json

import numpy as np
import pytest

from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.trained_weights import read_weights
from essentia_ldl.nets.training import train as training
from essentia_ldl.nets.training.precision import choose_policy, guard, match_scales, scale_cost, use_policy
from essentia_ldl.runs.plan import read_plan


@pytest.mark.parametrize(("n_cards", "wanted"), [(0, "mixed_bfloat16"), (1, "mixed_float16"), (2, "mixed_float16")])
def test_the_policy_is_that_of_the_machine(make_dcnn, monkeypatch, n_cards, wanted):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [None] * n_cards if kind == "GPU" else [])
    assert choose_policy(read_plan(make_dcnn("a"))) == "float32"
    assert choose_policy(read_plan(make_dcnn("b", training={"mixed_precision": True}))) == wanted


def test_a_policy_ends_with_its_block():
    with use_policy("mixed_float16"):
        assert keras.layers.Dense(1).compute_dtype == "float16"
    assert keras.layers.Dense(1).compute_dtype == "float32"


def build(policy: str) -> keras.Model:
    with use_policy(policy):
        inputs = keras.Input((3,))
        return keras.Model(inputs, keras.layers.Dense(2)(inputs))


def test_float16_alone_is_scaled():
    adam = keras.optimizers.Adam()
    for policy in ("float32", "mixed_bfloat16"):
        assert guard(adam, build(policy)) is adam
    assert scale_cost(tf.constant(3.0), [adam]).numpy() == 3
    gradients = [[tf.constant(1.0)], [tf.constant(2.0)]]
    assert match_scales(gradients, [adam, adam]) == gradients


def test_a_step_of_scaled_losses_is_that_of_plain_ones_and_one_that_overflows_is_left_out():
    """Of two groups, whose scales differ: what an optimiser takes off is what was put on."""
    model = build("mixed_float16")
    kernel, bias = model.trainable_variables
    optimizers = [guard(keras.optimizers.SGD(0.5), model) for _ in range(2)]
    for optimizer, variable in zip(optimizers, (kernel, bias), strict=True):
        optimizer.build([variable])
    optimizers[1].dynamic_scale.assign(2.0**10)
    before = kernel.numpy(), bias.numpy()

    def step(factor: float) -> None:
        with tf.GradientTape() as tape:
            cost = scale_cost(factor * (tf.reduce_sum(kernel.value) + 3 * tf.reduce_sum(bias.value)), optimizers)
        parts = [[gradient] for gradient in tape.gradient(cost, [kernel.value, bias.value])]
        for optimizer, variable, part in zip(optimizers, (kernel, bias), match_scales(parts, optimizers), strict=True):
            optimizer.apply(part, [variable])

    step(1.0)
    np.testing.assert_allclose(kernel.numpy(), before[0] - 0.5, rtol=1e-6)
    np.testing.assert_allclose(bias.numpy(), before[1] - 1.5, rtol=1e-6)
    after, scale = kernel.numpy(), float(optimizers[0].dynamic_scale.numpy())
    step(np.inf)
    assert np.array_equal(kernel.numpy(), after)
    assert float(optimizers[0].dynamic_scale.numpy()) == scale / 2


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_what_leaves_computes_in_32_bits(narrow, make_dcnn, monkeypatch, policy):
    """Predictions, and the graph, are what a network of float32 makes of the weights."""
    monkeypatch.setattr(training, "choose_policy", lambda plan: policy)
    run = make_dcnn(n_tracks=8, training={"epochs": 20, "mixed_precision": True})  # the first ones find the scale
    history = training.train(run, say=lambda _: None)["epochs"]
    assert history[-1]["train_loss"] < 0.8 * history[0]["train_loss"]
    plan = read_plan(run)
    model = build_model(plan, pretrained=False)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    read_weights(run / "weights.npz", model)
    patches = np.concatenate([BandSource(plan).grid(row) for row in range(8)])
    with np.load(run / "weights.npz") as weights, np.load(run / "predictions.npz") as found:
        assert {weights[name].dtype for name in weights.files} == {np.dtype(np.float32)}
        np.testing.assert_allclose(found["patch_logits"], model(patches, training=False), atol=1e-5)
    [path] = export(run)
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    kinds = {node.attr[key].type for node in graph.node for key in ("T", "dtype", "DstT") if key in node.attr}
    assert not kinds & {tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum}
    with tf.Graph().as_default() as scope, tf.compat.v1.Session(graph=scope) as session:
        tf.import_graph_def(graph, name="")
        said = session.run("model/Softmax:0", {"model/Placeholder:0": patches})
    np.testing.assert_allclose(said, tf.nn.softmax(model(patches, training=False)), atol=1e-5)
    assert json.loads(path.with_suffix(".json").read_text())["essentia_ldl"]["mixed_precision"] is True
