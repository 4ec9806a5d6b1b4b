"""The DCNN of artist group factors: its table, its counts, its standardisation, its graph."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from essentia_ldl.features.store import Store
from essentia_ldl.frontends import DCNN
from essentia_ldl.nets.backbones import dcnn
from essentia_ldl.nets.classifier import DenseLayers, build_network
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.export.freeze import check_graph, find_unknown, freeze_model
from essentia_ldl.nets.export.nodes import classifier_nodes
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.training import updates
from essentia_ldl.nets.training.train import train
from essentia_ldl.runs.plan import read_plan

# Table 2 of the paper, without its input and output: layer, output as bands x frames x channels.
TABLE = [
    ("Conv 5", (128, 43, 16)),
    ("MaxPooling 2 x 1", (64, 43, 16)),
    ("ELU", (64, 43, 16)),
    ("Conv 3", (64, 43, 32)),
    ("BN", (64, 43, 32)),
    ("MaxPooling 2 x 2", (32, 21, 32)),
    ("ELU", (32, 21, 32)),
    ("Dropout 0.1", (32, 21, 32)),
    ("Conv 3", (32, 21, 64)),
    ("MaxPooling 2 x 2", (16, 10, 64)),
    ("ELU", (16, 10, 64)),
    ("Conv 3", (16, 10, 64)),
    ("BN", (16, 10, 64)),
    ("MaxPooling 2 x 2", (8, 5, 64)),
    ("ELU", (8, 5, 64)),
    ("Dropout 0.1", (8, 5, 64)),
    ("Conv 3", (8, 5, 128)),
    ("MaxPooling 2 x 2", (4, 2, 128)),
    ("ELU", (4, 2, 128)),
    ("Conv 3", (4, 2, 256)),
    ("ELU", (4, 2, 256)),
    ("Conv 1", (4, 2, 256)),
    ("BN", (4, 2, 256)),
    ("ELU", (4, 2, 256)),
    ("GlobalAveragePooling", (256,)),
    ("BN", (256,)),
    ("Dense", (256,)),
    ("BN", (256,)),
    ("ELU", (256,)),
    ("Dropout 0.5", (256,)),
]


def count(variables) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


def whole(n_classes: int = 16, **size) -> keras.Model:
    return build_network(dcnn, n_classes, DenseLayers(0), fine_tune="none", size=size)


def describe(layer: keras.layers.Layer) -> str:
    kl = keras.layers
    if isinstance(layer, kl.Conv2D):
        return f"Conv {layer.kernel_size[0]}"
    if isinstance(layer, kl.MaxPooling2D):
        return f"MaxPooling {layer.pool_size[1]} x {layer.pool_size[0]}"
    if isinstance(layer, kl.Dropout):
        return f"Dropout {layer.rate}"
    short = {"BatchNormalization": "BN", "GlobalAveragePooling2D": "GlobalAveragePooling"}
    return short.get(type(layer).__name__, type(layer).__name__)


def test_the_table_is_the_papers():
    """ELU comes after a pooling here, which changes nothing."""
    model = whole()
    body = keras.Model(model.input, [layer.output for layer in model.layers[1:-1]])
    outputs = body(np.zeros((1, 43, 128), np.float32))
    rows = []
    for layer, output in zip(model.layers[1:-1], outputs, strict=True):
        shape = output.shape[1:]
        rows.append((describe(layer), (shape[1], shape[0], shape[2]) if len(shape) == 3 else tuple(shape)))
    assert rows[0] == ("FixedBatchNormalization", (43, 128))
    assert rows[1] == ("Reshape", (128, 43, 1))
    assert rows[2:] == TABLE


@pytest.mark.parametrize(("n_outputs", "expected"), [(16, 566_928), (40, 573_096)])
def test_parameters_by_hand(n_outputs, expected):
    convolutions = (
        (5 * 5 * 1 + 1) * 16
        + (3 * 3 * 16 + 1) * 32
        + (3 * 3 * 32 + 1) * 64
        + (3 * 3 * 64 + 1) * 64
        + (3 * 3 * 64 + 1) * 128
        + (3 * 3 * 128 + 1) * 256
        + (1 * 1 * 256 + 1) * 256
    )
    assert convolutions == 495_296
    norms = 2 * (32 + 64 + 256 + 256 + 256)
    assert norms == 1_728
    by_hand = convolutions + norms + (256 + 1) * 256 + (256 + 1) * n_outputs
    model = whole(n_outputs)
    assert by_hand == expected == count(model.trainable_weights) == dcnn.count_parameters(1.0, n_outputs)
    assert count(model.non_trainable_weights) == 1_728 + 2 * 128
    # the authors' code, without batch normalisation after convolution 7
    assert by_hand - 2 * 256 == {16: 566_416, 40: 572_584}[n_outputs]


def test_elu_after_the_pooling_is_elu_before_it():
    x = np.random.default_rng(0).normal(0, 3, (2, 8, 8, 4)).astype(np.float32)
    pool = keras.layers.MaxPooling2D((2, 2))
    np.testing.assert_array_equal(tf.nn.elu(pool(x)), pool(tf.nn.elu(x)))


def test_kernels_and_poolings_are_frames_by_bands():
    """The first pooling halves the bands and leaves time alone."""
    body = dcnn.build()
    end = keras.Model(body.input, body.get_layer("conv_1_elu").output)
    patches = np.random.default_rng(0).normal(size=(1, 43, 128)).astype(np.float32)
    changed = patches.copy()
    changed[0, 20, 60] += 5
    frames, bands = np.nonzero(np.abs(end(changed) - end(patches)).max(axis=(0, 3)) > 1e-6)
    assert (frames.min(), frames.max()) == (18, 22)
    assert (bands.min(), bands.max()) == (29, 31)


@pytest.mark.parametrize("n_frames", [16, 43, 64, 130])
def test_any_number_of_frames_from_sixteen_on(n_frames):
    model = dcnn.build(factor=0.25)
    patches = np.random.default_rng(0).normal(size=(2, n_frames, 128)).astype(np.float32)
    found = model(patches, training=False).numpy()
    assert found.shape == (2, 64)
    assert np.all(np.isfinite(found))


@pytest.mark.parametrize("n_networks", [2, 3, 4, 5])
@pytest.mark.parametrize("n_outputs", [16, 40])
def test_a_wide_network_has_as_many_parameters_as_several(n_networks, n_outputs):
    size = dcnn.widen(n_networks, n_outputs)
    model = whole(n_outputs, **size)
    found = count(model.trainable_weights)
    assert found == dcnn.count_parameters(size["factor"], n_outputs)
    assert found == pytest.approx(n_networks * count(whole(n_outputs).trainable_weights), rel=0.01)
    assert model.get_layer("logits").input.shape[-1] == round(256 * size["factor"]) > 256 * math.sqrt(n_networks) * 0.98


# --- runs -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_standardisation_is_that_of_all_frames_of_the_training_tracks(narrow, make_dcnn):
    run = make_dcnn(roles=("train", "valid"), training={"epochs": 1})
    train(run, say=lambda _: None)
    plan = read_plan(run)
    store = Store(plan.store)
    frames = np.concatenate([store.read(plan.tracks[row].content, DCNN) for row in plan.rows("train")])
    frames = frames.astype(np.float64)
    with np.load(run / "weights.npz") as weights:
        mean, variance = weights["input_standardize/moving_mean"], weights["input_standardize/moving_variance"]
    np.testing.assert_allclose(mean, frames.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(variance, frames.var(axis=0), rtol=1e-6)
    model = build_model(plan, pretrained=False)
    layer = model.get_layer("input_standardize")
    layer.set_weights([mean, variance])
    np.testing.assert_allclose(
        layer(frames[None].astype(np.float32), training=True)[0],
        (frames - frames.mean(axis=0)) / frames.std(axis=0),
        atol=1e-4,
    )


@pytest.mark.slow
def test_a_band_that_never_changes_is_not_blown_up(narrow, make_dcnn, tmp_path):
    run = make_dcnn(training={"epochs": 1})
    plan = read_plan(run)
    store = Store(plan.store)
    for track in plan.tracks:
        bands = np.array(store.read(track.content, DCNN))
        bands[:, 127] = -100.0
        bands[:, 126] = -100.0 + 0.01 * np.arange(len(bands)) / len(bands)
        store.write(track.content, DCNN, bands)
    train(run, say=lambda _: None)
    with np.load(run / "weights.npz") as weights:
        np.testing.assert_array_equal(weights["input_standardize/moving_variance"][126:], 1.0)
        assert np.all(weights["input_standardize/moving_variance"][:126] > 1.0)


@pytest.mark.slow
def test_training_learns_and_the_graph_is_keras(narrow, make_dcnn):
    run = make_dcnn(roles=("train", "train", "valid"), n_tracks=18, training={"epochs": 15})
    history = train(run, say=lambda _: None)
    assert history["epochs"][-1]["train_loss"] < 0.5 * math.log(2)
    with np.load(run / "predictions.npz") as arrays:
        assert np.all(arrays["probabilities"].argmax(axis=1) == (arrays["labels"] == "sad"))
        # 60 frames and as many more as the track's number: starts 0, 21, ... of 43
        assert arrays["n_patches"].tolist() == [(60 + i - 43) // 21 + 1 for i in range(18)]
    [path] = export(run)
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    names = ["model/Softmax", "model/Sigmoid", "model/dense_1/BiasAdd", "model/dense/Elu", "model/layers"]
    check_graph(graph, names)
    by_name = {node.name: node.op for node in graph.node}
    assert [by_name[name] for name in names] == ["Softmax", "Identity", "BiasAdd", "Elu", "ConcatV2"]
    with tf.Graph().as_default() as scope:
        for node in graph.node:
            if node.op == "Placeholder":
                assert [dim.size for dim in node.attr["shape"].shape.dim] == [-1, 43, 128]
                node.attr["shape"].shape.dim[1].size = -1  # Essentia does not look at it, this session does
        tf.import_graph_def(graph, name="")
        with np.load(path.with_name(f"{path.stem}.golden.npz")) as golden, tf.compat.v1.Session(graph=scope) as session:
            assert {str(name) for name in golden["nodes"]} == set(names)
            assert golden["patches_2"].shape[1:] == (64, 128)
            for index in range(3):
                values = session.run(
                    [f"{name}:0" for name in names], {"model/Placeholder:0": golden[f"patches_{index}"]}
                )
                for name, value in zip(names, values, strict=True):
                    expected = golden[f"{name.replace('/', '__')}_{index}"]
                    np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_frozen_graph_of_the_papers_network_is_one_of_tensorflow_2_5():
    model = whole()
    graph = freeze_model(model, classifier_nodes(dcnn, 0), (43, 128))
    assert find_unknown(graph, "2.5.0") == []
    assert {node.op for node in graph.node} & {"FusedBatchNormV3", "Elu", "MaxPool", "Conv2D"} >= {"Elu", "Conv2D"}


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_bits(narrow, make_dcnn, monkeypatch):
    expected = train(make_dcnn("whole", training={"epochs": 4}))
    run = make_dcnn("cut", training={"epochs": 4})
    real = updates.Run.train_epoch

    def train_epoch(self, epoch):
        if epoch >= 2:
            raise KeyboardInterrupt
        return real(self, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(updates.Run, "train_epoch", train_epoch)
        with pytest.raises(KeyboardInterrupt):
            train(run, checkpoint_every_s=0)
    said = []
    assert train(run, say=said.append) == expected
    assert said == ["mood sad: goes on after epoch 2 of 4"]
    with np.load(run / "weights.npz") as found, np.load(run.parent / "whole" / "weights.npz") as wanted:
        for name in wanted.files:
            assert found[name].tobytes() == wanted[name].tobytes(), name


@pytest.mark.slow
def test_without_predictions_none_are_written(narrow, make_dcnn):
    run = make_dcnn(predictions=False, training={"epochs": 1})
    train(run)
    assert (run / "weights.npz").is_file()
    assert json.loads((run / "history.json").read_text())["best_epoch"] == 1
    assert not (run / "predictions.npz").exists()
