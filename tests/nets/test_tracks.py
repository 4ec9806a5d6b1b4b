"""A stretch of a track read at once: the features of its patches."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.frontends import MUSICNN
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.tapped import tap_layers
from essentia_ldl.nets.tracks import BLOCK, OUTPUT, read_stretch, spread_kernel


@pytest.mark.parametrize("n_frames", [1, 15, 16, 17, 33, 128])
def test_a_filter_over_blocks_gives_every_frame(n_frames):
    random = np.random.default_rng(n_frames)
    kernel, n_out = random.normal(size=(n_frames, 3)), 3 * BLOCK
    spread = spread_kernel(kernel)
    signal = random.normal(size=n_out + len(spread) * BLOCK)
    expected = np.stack([signal[t : t + n_frames] @ kernel for t in range(n_out)])
    blocks = signal.reshape(-1, BLOCK)
    found = [np.einsum("mc,mcr->r", blocks[q : q + len(spread)], spread) for q in range(n_out // BLOCK)]
    np.testing.assert_allclose(np.concatenate(found).reshape(n_out, 3), expected, atol=1e-5)


def clone(model: keras.Model) -> keras.Model:
    """Make a model of its own for each test: its layers are called again."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


@pytest.fixture(scope="module")
def patches_model(random_graphs):
    tagger = load_tagger(random_graphs, "musicnn", "mtt")
    random = np.random.default_rng(0)
    for layer in tagger.layers:  # channels of either sign
        if layer.name.startswith(("temporal", "timbral")) and layer.name.endswith("_norm"):
            layer.gamma.assign(
                random.choice([-1.0, 1.0], layer.gamma.shape) * random.uniform(0.5, 2, layer.gamma.shape)
            )
    return tap_layers(tagger, "musicnn", "all", "patches")


@pytest.mark.parametrize(("n_patches", "n_over"), [(1, 0), (3, 0), (3, 92)])
def test_the_patches_of_a_stretch_have_the_same_features(patches_model, n_patches, n_over):
    bands = np.random.default_rng(1).uniform(0, 4, (187 + 93 * (n_patches - 1) + n_over, 96)).astype(np.float32)
    patches = np.stack([bands[93 * i : 93 * i + 187] for i in range(n_patches)])
    expected = patches_model(patches, training=False).numpy()
    model = read_stretch(clone(patches_model), MUSICNN)
    assert model.layers[-1].name == OUTPUT
    found = model(bands[np.newaxis], training=False).numpy()
    assert found.shape == expected.shape
    assert np.max(np.abs(found - expected)) < 1e-5 * np.max(np.abs(expected))
