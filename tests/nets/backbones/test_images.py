"""CNNs made for images, on mel bands: the counts that Keras publishes, less two channels of the first kernel."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.nets.backbones import images, load_backbone
from essentia_ldl.nets.layers import FixedBatchNormalization
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.trained_weights import read_weights, write_weights


@pytest.fixture(scope="module")
def small() -> keras.Model:
    return images.build(frozen_statistics=True, alpha=0.35)


def test_every_row_has_a_network():
    rows = {name for name, row in frontends.NETWORKS.items() if row.family == "images"}
    assert rows == set(images.VARIANTS) == set(frontends.IMAGE_NETWORKS) == set(images.APPLICATIONS) - {"images"}


@pytest.mark.slow
def test_count_of_vgg16():
    """14 714 688 without the top for three channels (https://keras.io/api/applications/vgg)."""
    module = load_backbone("vgg16")
    model = module.build(module.FRONT_END)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 14_714_688 - 2 * 9 * 64
    assert model.output_shape == (None, module.EMBEDDING_SIZE)


@pytest.mark.slow
def test_bands_are_one_channel(small):
    assert small.get_layer("image").output.shape == (None, 187, 96, 1)
    assert small.layers[-1].name == "embedding"


@pytest.mark.slow
def test_statistics_can_be_kept(small):
    norms = [layer for layer in small.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) > 10
    assert all(isinstance(layer, FixedBatchNormalization) for layer in norms)


@pytest.mark.slow
def test_it_squeezes_and_excites(small):
    """MobileNetV3 has such blocks: a product of two layers, one of which has one value per channel."""
    gates = [
        layer
        for layer in small.layers
        if isinstance(layer, keras.layers.Multiply) and any(tensor.shape[1:3] == (1, 1) for tensor in layer.input)
    ]
    assert len(gates) >= 5


def test_statistics_follow_a_small_collection():
    model = images.build(alpha=0.35)
    found = {layer.momentum for layer in model.layers if type(layer) is keras.layers.BatchNormalization}
    assert found == {images.BATCH_NORM_MOMENTUM}


def test_it_learns_by_heart(overfit):
    assert overfit("images", patch_frames=32, n_bands=32, alpha=0.35, n_steps=60) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", images.APPLICATIONS)
def test_weights_are_found_again_whatever_was_built_before(name, tmp_path):
    """Keras numbers layers without a name of their own, through all models of a process."""
    first, second = (load_backbone(name).build() for _ in range(2))
    write_weights(tmp_path / "weights.npz", first)
    read_weights(tmp_path / "weights.npz", second)
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one, other)
