"""The ResNet of the paper on uncertainty: its table, its count, and what is ours inside a block."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.features.store import Store
from essentia_ldl.nets.backbones import resnet
from essentia_ldl.nets.classifier import DenseLayers, build_network
from essentia_ldl.nets.export.export import export
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.training.train import train

CLASSES = ("non_sad", "sad")
TABLE = [  # figure 1: layer, output, kernel or pool, dropout
    ("Conv 2D", 64, (5, 5), None),
    ("ResNet Block", 64, (3, 1), 0.1),
    ("Avg. Pooling", None, (2, 2), None),
    ("ResNet Block", 64, (3, 3), 0.1),
    ("Avg. Pooling", None, (2, 2), None),
    ("ResNet Block", 64, (3, 3), 0.1),
    ("ResNet Block", 128, (3, 1), 0.1),
    ("Avg. Pooling", None, (2, 2), None),
    ("ResNet Block", 256, (1, 1), 0.1),
]


def count(variables) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)


@pytest.fixture(scope="module")
def body():
    return resnet.build()


def read_table(model: keras.Model) -> list[tuple]:
    """Write a model's layers as rows of the paper's table."""
    rows, dropout = [], {layer.name: layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)}
    for layer in model.layers:
        if isinstance(layer, keras.layers.AveragePooling2D):
            rows.append(("Avg. Pooling", None, layer.pool_size, None))
        elif layer.name == "stem":
            rows.append(("Conv 2D", layer.filters, layer.kernel_size, None))
        elif isinstance(layer, keras.layers.Add):
            name = layer.name.removesuffix("_sum")
            first, second = model.get_layer(f"{name}_1"), model.get_layer(f"{name}_2")
            assert (first.filters, first.kernel_size) == (second.filters, second.kernel_size)
            rows.append(("ResNet Block", second.filters, second.kernel_size, dropout[f"{name}_dropout"]))
    return rows


def test_the_table_is_the_papers(body):
    assert read_table(body) == TABLE
    assert isinstance(body.layers[-1], keras.layers.GlobalAveragePooling2D)


def test_the_count_stands_beside_the_papers_420_thousand():
    """390 280 of convolutions and the last layer, 2 432 of batch normalisation: 7 % below the paper's round number."""
    model = build_network(resnet, 8, DenseLayers(0), fine_tune="none")
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    in_norms = count(weight for norm in norms for weight in norm.trainable_weights)
    assert (count(model.trainable_weights) - in_norms, in_norms) == (390_280, 2_432)
    assert count(model.non_trainable_weights) == 2_432
    assert 0.06 < 1 - count(model.trainable_weights) / 420_000 < 0.07


def test_a_block_adds_its_input(body):
    """With the second batch normalisation at 0, a block that keeps its width is the ReLU of its input."""
    model = keras.models.clone_model(body)
    norm = model.get_layer("block_2_2_norm")
    norm.set_weights([np.zeros_like(value) for value in norm.get_weights()])
    patches = np.random.default_rng(0).uniform(0, 4, (2, 64, 96)).astype(np.float32)
    ends = [model.get_layer(name).output for name in ("block_1_pool", "block_2_relu")]
    before, after = keras.Model(model.input, ends)(patches)
    np.testing.assert_allclose(after, np.maximum(before, 0), atol=1e-6)
    assert np.asarray(after).std() > 0


def test_shortcuts_are_where_the_width_changes(body):
    names = [layer.name for layer in body.layers if layer.name.endswith("_shortcut")]
    assert names == ["block_4_shortcut", "block_5_shortcut"]
    assert all(body.get_layer(name).kernel_size == (1, 1) for name in names)


def test_kernels_and_patches_are_frames_by_bands(body):
    """A (3, 1) kernel reaches over frames: another band does not change what it answers."""
    before = body.get_layer("stem_relu").output
    block = keras.Model(before, body.get_layer("block_1_relu").output)
    values = np.random.default_rng(0).uniform(0, 1, (1, 16, 96, 64)).astype(np.float32)
    changed = values.copy()
    changed[0, 8, 8] += 1
    difference = np.abs(block(changed) - block(values)).max(axis=(0, 3)) > 1e-6
    assert {tuple(place) for place in np.argwhere(difference)} == {(frame, 8) for frame in range(6, 11)}


@pytest.mark.slow
def test_a_run_from_scratch_learns_and_is_exported_under_official_names(tmp_path, make_run, monkeypatch):
    """Few steps are enough for the statistics of batch normalisation: what was learnt shows in validation."""
    monkeypatch.setattr(resnet, "CHECKPOINT_SIZES", {None: {"n_filters": 16}})  # a quarter of the width, for speed
    store = Store(tmp_path / "store")
    random = np.random.default_rng(0)
    tracks = [
        {"id": f"t{i}", "content": f"{i}" * 64, "role": "valid" if i > 5 else "train", "label": CLASSES[i % 2]}
        for i in range(8)
    ]
    for number, track in enumerate(tracks):
        bands = random.uniform(0, 2, (190, 96)).astype(np.float32)
        bands[:, :48] += 1.5 * (number % 2)
        store.write(track["content"], resnet.FRONT_END, bands)
    network = {"backbone": "resnet", "pretrained": None, "fine_tune": "none", "hidden": 0}
    run = make_run(
        **{"store": store.root, "front_end": "resnet", "network": network, "tracks": tracks},
        **{"training": {"epochs": 16, "batch_size": 3}, "stems": {"full": "mood_sad-resnet-scratch", "head": None}},
    )
    rows = [f"t{i},{1.0 - i % 2},{float(i % 2)}" for i in range(8)]
    (run / "labels.csv").write_text("\n".join(["id,non_sad,sad", *rows]) + "\n")
    train(run, say=lambda _: None)
    with np.load(run / "predictions.npz") as arrays:
        valid = arrays["roles"] == "valid"
        assert arrays["probabilities"][valid].argmax(axis=1).tolist() == [0, 1]
    [path] = export(run)
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    by_name = {node.name: node for node in graph.node}
    assert [dim.size for dim in by_name["model/Placeholder"].attr["shape"].shape.dim] == [-1, 186, 96]
    assert by_name["model/global_average_pooling/Mean"].op == "Mean"
    assert by_name["model/dense/BiasAdd"].op == "BiasAdd"
    assert "model/dense_1/BiasAdd" not in by_name
    with np.load(path.with_name("mood_sad-resnet-scratch.golden.npz")) as golden:
        assert golden["patches_2"].shape[1:] == (64, 96)  # free in time
