"""SampleCNN and its kin: the counts of the papers, blocks that follow from the length, and what narrow ones learn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.nets.backbones import load_backbone, samplecnn
from essentia_ldl.nets.runtime import keras

FAMILY = [name for name, row in frontends.NETWORKS.items() if row.family == "samplecnn"]
SHORT = 3**7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "millions"),
    [("samplecnn-multi", "2.68"), ("samplecnn-se", "2.86"), ("samplecnn-rese1", "3.02"), ("samplecnn-rese2", "5.10")],
)
def test_counts_of_the_comparison(name, millions, count_trained):
    assert f"{count_trained(name) / 1e6:.2f}" == millions


def test_count_of_the_original(count_trained):
    assert count_trained("samplecnn") == 1_869_874


@pytest.mark.parametrize(
    ("n_samples", "n_blocks"), [(59_049, 9), (3**10 - 3, 8), (22_050, 8), (3**7, 6)], ids=["mtt", "less", "1 s", "3^7"]
)
def test_blocks_follow_from_the_length(n_samples, n_blocks):
    """Table 1 has nine blocks for 59 049 samples and eight for 22 050."""
    model = samplecnn.build(dataclasses.replace(samplecnn.FRONT_END, patch_frames=n_samples), width=2)
    pools = [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling1D)]
    assert len(pools) == n_blocks
    assert 1 <= pools[-1].output.shape[1] < 3, "a further block would leave nothing"


@pytest.mark.parametrize("name", FAMILY)
def test_every_network_of_the_family(name):
    """Embedding, depths and name of the node are what the row promises; the rest is that of its family."""
    module = load_backbone(name)
    model = module.build(module.FRONT_END)
    assert module.FRONT_END is frontends.of_network(name)
    assert model.input_shape == (None, *module.FRONT_END.patch_shape)
    assert model.layers[-1].name == "embedding"
    assert model.output_shape == (None, module.EMBEDDING_SIZE)
    names = [layer.name for layer in model.layers]
    places = [names.index(depth) for depth in module.DEPTHS]
    assert places == sorted(places)
    assert module.FROZEN_UNTIL in module.DEPTHS
    assert module.VARIANTS is samplecnn.VARIANTS


@pytest.mark.parametrize(("window", "hop"), frontends.POWERS_OF_3)
def test_a_twin_has_the_blocks_of_the_waveform(window, hop):
    """Bands take the place of the first convolution, and nothing else is otherwise."""
    wave, twin = (load_backbone(f"samplecnn{kind}-{window}-{hop}") for kind in ("", "-mel"))
    heard, seen = wave.build(wave.FRONT_END, width=128), twin.build(twin.FRONT_END, width=128)
    assert heard.get_layer("stem").output.shape[1:] == twin.FRONT_END.patch_shape
    ours, theirs = (
        [(layer.name, layer.output.shape) for layer in model.layers if layer.name.startswith(("block", "last", "fc"))]
        for model in (heard, seen)
    )
    assert len(ours) > 3
    assert ours == theirs


def test_channels_are_scaled_by_a_gate_between_0_and_1():
    """A gate of 0 silences a block; its kernel at 0 and a large negative offset make one."""
    module = load_backbone("samplecnn-se")
    model = module.build(dataclasses.replace(module.FRONT_END, patch_frames=SHORT), width=4)
    gate = model.get_layer("block_2_excite_2")
    gate.set_weights([np.zeros_like(gate.get_weights()[0]), np.full_like(gate.get_weights()[1], -100)])
    samples = np.random.default_rng(0).uniform(-1, 1, (2, SHORT)).astype(np.float32)
    before, after = keras.Model(model.input, [model.get_layer(f"block_{n}").output for n in (1, 2)])(samples)
    assert np.abs(before).max() > 0
    assert np.abs(after).max() < 1e-6


def test_the_last_three_blocks_are_aggregated():
    module = load_backbone("samplecnn-multi")
    model = module.build(dataclasses.replace(module.FRONT_END, patch_frames=SHORT), width=4)
    assert [tensor.shape[-1] for tensor in model.get_layer("pool").input] == [8, 8, 16]
    samples = np.random.default_rng(0).uniform(-1, 1, (2, SHORT)).astype(np.float32)
    block, pooled = keras.Model(model.input, [model.get_layer(n).output for n in ("block_5", "pool")])(samples)
    np.testing.assert_array_equal(np.asarray(pooled)[:, 8:16], np.asarray(block).max(axis=1))


@pytest.mark.slow
def test_the_original_learns_by_heart(overfit):
    assert overfit("samplecnn", patch_frames=SHORT, width=8) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["samplecnn-se", "samplecnn-rese2", "samplecnn-rnn4", "samplecnn-81-81"])
def test_its_kin_learn_by_heart(name, overfit):
    assert overfit(name, patch_frames=SHORT, width=8, n_steps=60) < 0.1


@pytest.mark.slow
def test_a_twin_learns_by_heart(overfit):
    assert overfit("samplecnn-mel-243-81", patch_frames=27, width=8, n_steps=60) < 0.1
