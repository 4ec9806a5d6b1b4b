"""Layers of pretrained networks as features: against numpy on the layers themselves."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl import taps
from essentia_ldl.errors import WeightsError
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.tapped import EMBEDDING, build_tapped, tap_layers

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
