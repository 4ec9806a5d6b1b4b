"""Layers of pretrained networks as features: against numpy on the layers themselves."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import frontends, taps
from essentia_ldl.errors import WeightsError
from essentia_ldl.files import digest_file
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.export.freeze import freeze_model
from essentia_ldl.nets.export.nodes import PLACEHOLDER, Node
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.tapped import EMBEDDING, build_tapped, list_own, measure_own, tap_layers, tap_own

PATCHES = np.random.default_rng(0).uniform(0, 4, (2, 187, 96)).astype(np.float32)


def pool(values: np.ndarray, pooling: str) -> np.ndarray:
    axes = tuple(range(1, values.ndim - 1))
    return {"mean": np.mean, "max": np.max}[pooling](values.astype(np.float64), axis=axes) if pooling else values


@pytest.mark.parametrize(
    "network", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("mtt-musicnn", "msd-vgg")), "mtt-vgg"]
)
def test_every_layer_is_pooled_and_in_its_place(network, random_graphs):
    backbone, dataset = taps.get_network(network)
    tagger = load_tagger(random_graphs, backbone, dataset)
    listed = taps.list_taps(backbone, "all")
    names = list(dict.fromkeys(tap.layer for tap in listed))
    outputs = keras.Model(tagger.input, [tagger.get_layer(name).output for name in names])(PATCHES, training=False)
    by_name = dict(zip(names, [output.numpy() for output in outputs], strict=True))
    found = tap_layers(tagger, backbone, "all", "body")(PATCHES, training=False).numpy()
    expected = np.concatenate([pool(by_name[tap.layer], tap.pooling) for tap in listed], axis=1)
    assert found.shape == (2, taps.count_columns(network, "all"))
    assert np.max(np.abs(found - expected)) < 1e-5 * np.max(np.abs(expected))


@pytest.mark.slow
def test_networks_side_by_side_answer_as_each_alone(random_graphs):
    networks = ("mtt-vgg", "msd-musicnn")
    joint = build_tapped(random_graphs, networks, "deep")
    assert joint.layers[-1].name == EMBEDDING
    assert joint.input_shape == (None, 187, 96)
    alone = [build_tapped(random_graphs, [name], "deep")(PATCHES, training=False).numpy() for name in networks]
    found = joint(PATCHES, training=False).numpy()
    np.testing.assert_allclose(found, np.concatenate(alone, axis=1), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "networks"),
    [
        ("embedding", ("msd-musicnn", "mtt-musicnn")),
        ("15", ("msd-musicnn", "mtt-musicnn")),
        ("15", ("msd-musicnn",)),
    ],
)
def test_a_choice_of_layers_is_its_columns_of_all(layers, networks, random_graphs):
    everything = build_tapped(random_graphs, networks, "all")(PATCHES, training=False).numpy()
    chosen = build_tapped(random_graphs, networks, layers)
    assert chosen.layers[-1].name == EMBEDDING
    columns = taps.slice_joint(networks, layers, "all")
    np.testing.assert_allclose(chosen(PATCHES).numpy(), everything[:, columns], rtol=1e-5, atol=1e-5)
    assert chosen(PATCHES[:, :64]).shape == (2, len(columns))  # no VGG: any number of frames


def test_a_network_of_another_size_is_refused(random_graphs, monkeypatch):
    changed = (taps.Tap("embedding", "", 201),)
    monkeypatch.setattr(taps, "TAPS", {**taps.TAPS, "musicnn": (changed, ())})
    with pytest.raises(WeightsError, match="layer embedding: expected 201 numbers; got 200"):
        build_tapped(random_graphs, ["msd-musicnn"], "deep")


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["embedding", "deep"])
def test_an_extractor_stands_beside_the_others_with_its_embedding(layers, random_graphs, write_published, tmp_path):
    (tmp_path / "mtt-vgg-1.weights.h5").symlink_to(random_graphs / "mtt-vgg-1.weights.h5")
    extractor = taps.place_extractor(write_published(tmp_path, "net-1"))
    joint = build_tapped(tmp_path, ("mtt-vgg", extractor), layers)
    assert joint.layers[-1].name == EMBEDDING
    found = joint(PATCHES, training=False).numpy()
    assert found.shape == (2, taps.count_features(("mtt-vgg", extractor), layers))
    alone = build_tapped(tmp_path, (extractor,), layers)
    assert alone.layers[-1].name == EMBEDDING
    np.testing.assert_allclose(found[:, -12:], alone(PATCHES).numpy(), rtol=1e-6)
    other = build_tapped(tmp_path, ["mtt-vgg"], layers)(PATCHES, training=False).numpy()
    np.testing.assert_allclose(found[:, :-12], other, rtol=1e-5, atol=1e-5)


# Of each family of networks that hear samples, narrow, and for shorter patches than its own.
WAVES = {
    "samplecnn-rnn4": {"patch_frames": 3**7, "width": 4},
    "harmoniccnn": {"patch_frames": 8192, "width": 4},
    "framecnn": {"patch_frames": 48000, "width": 4},
    "pons-wave": {"patch_frames": 24000, "width": 1},
}


@pytest.mark.parametrize(
    ("name", "n_layers"),
    [
        pytest.param("samplecnn-rnn4", 4, marks=pytest.mark.slow),
        pytest.param("harmoniccnn", 5, marks=pytest.mark.slow),
        ("framecnn", 4),
        ("pons-wave", 5),
    ],
)
def test_layers_of_networks_that_hear_samples_are_averaged_over_their_positions(name, n_layers):
    keras.utils.set_random_seed(0)
    module, (n_samples, width) = load_backbone(name), WAVES[name].values()
    model = module.build(dataclasses.replace(module.FRONT_END, patch_frames=n_samples), width=width)
    own = list_own(name, module)
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (2, n_samples)).astype(np.float32)
    found = tap_own(model, own, "layers")(samples, training=False)[1].numpy()
    outputs = keras.Model(model.input, [model.get_layer(tap.layer).output for tap in own])(samples, training=False)
    expected = [pool(one.numpy(), "mean" if one.ndim > 2 else "") for one in outputs]
    assert [part.shape[1] for part in expected] == measure_own(model, own)
    assert len(expected) == n_layers
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-5)


def test_a_trained_network_that_hears_samples_is_read_by_its_layers(tmp_path):
    keras.utils.set_random_seed(0)
    module, front_end = load_backbone("framecnn"), frontends.of_network("framecnn")
    model, own = module.build(width=4), list_own("framecnn", module)
    sizes = measure_own(model, own)
    node = Node(taps.LAYERS_NODE, "layers", "concatenation")
    graph = freeze_model(tap_own(model, own, "layers"), [node], front_end.patch_shape)
    path = tmp_path / "own-1.pb"
    path.write_bytes(graph.SerializeToString(deterministic=True))
    known = tuple(zip([tap.layer for tap in own], sizes, strict=True))
    told = ("own-1", sum(sizes), digest_file(path), PLACEHOLDER, taps.LAYERS_NODE, "", "mine", known, "framecnn")
    network = taps.place_extractor(taps.Published(*told))
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (2, *front_end.patch_shape)).astype(np.float32)
    whole = tap_own(model, own, "layers")(samples, training=False)[1].numpy()
    found = build_tapped(tmp_path, [network], "24")
    assert found.input_shape == (None, *front_end.patch_shape)
    columns = np.r_[sizes[0] : sum(sizes[:2]), sum(sizes[:3]) : sum(sizes)]
    np.testing.assert_allclose(found(samples, training=False).numpy(), whole[:, columns], rtol=1e-4, atol=1e-5)
