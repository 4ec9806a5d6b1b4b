"""SampleCNN and its kin: the counts of the papers, blocks that follow from the length, and what narrow ones learn."""

from __future__ import annotations

import dataclasses
import functools

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


def test_count_of_one_second(count_trained):
    """A block of 256 channels less: a convolution with its offsets, and scale and offset of its normalisation."""
    assert count_trained("samplecnn-1s") == 1_869_874 - (3 * 256 * 256 + 256 + 2 * 256)


@pytest.mark.parametrize(
    ("n_blocks", "n_replaced", "channels"),
    [
        (9, 0, [128] * 2 + [256] * 6 + [512]),
        (8, 0, [128] * 2 + [256] * 5 + [512]),
        (5, 4, [256] * 4 + [512]),
        (3, 0, [128, 128, 256]),
        (1, 0, [256]),
    ],
)
def test_channels_double_at_the_third_and_the_last_block(n_blocks, n_replaced, channels):
    """The first two rows are the paper's models of 59 049 and 22 050 samples; a longer convolution replaces blocks."""
    assert samplecnn.list_channels(n_blocks, 128, n_replaced) == channels


@pytest.mark.parametrize(
    ("n_samples", "n_blocks"), [(59_049, 9), (3**10 - 3, 8), (22_050, 8), (3**7, 6)], ids=["mtt", "less", "1 s", "3^7"]
)
def test_blocks_follow_from_the_length(n_samples, n_blocks):
    """Table 1 has nine blocks for 59 049 samples and eight for 22 050."""
    model = samplecnn.build(dataclasses.replace(samplecnn.FRONT_END, patch_frames=n_samples), width=2)
    pools = [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling1D)]
    assert len(pools) == n_blocks
    assert 1 <= pools[-1].output.shape[1] < 3, "a further block would leave nothing"


@functools.cache
def body_of(name: str) -> keras.Model:
    """A network of full size up to its embedding, to be read only."""
    module = load_backbone(name)
    return module.build(module.FRONT_END)


@pytest.mark.parametrize("name", FAMILY)
def test_every_network_of_the_family(name):
    """Embedding, depths and name of the node are what the row promises; the rest is that of its family."""
    module, model = load_backbone(name), body_of(name)
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
    heard, seen = (body_of(f"samplecnn{kind}-{window}-{hop}") for kind in ("", "-mel"))
    twin = load_backbone(f"samplecnn-mel-{window}-{hop}")
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


@pytest.mark.parametrize(("name", "read"), [("samplecnn-se", "pooled"), ("samplecnn-rese2", "conv_2_norm")])
def test_what_is_squeezed(name, read):
    """An SE block squeezes what it has pooled, a ReSE block what it adds to its shortcut, as the authors' code does."""
    module = load_backbone(name)
    model = module.build(dataclasses.replace(module.FRONT_END, patch_frames=SHORT), width=4)
    for number in (1, 4):
        assert model.get_layer(f"block_{number}_squeeze").input is model.get_layer(f"block_{number}_{read}").output


def test_the_last_three_blocks_are_aggregated():
    module = load_backbone("samplecnn-multi")
    model = module.build(dataclasses.replace(module.FRONT_END, patch_frames=SHORT), width=4)
    assert [tensor.shape[-1] for tensor in model.get_layer("pool").input] == [8, 8, 16]
    samples = np.random.default_rng(0).uniform(-1, 1, (2, SHORT)).astype(np.float32)
    block, pooled = keras.Model(model.input, [model.get_layer(n).output for n in ("block_5", "pool")])(samples)
    np.testing.assert_array_equal(np.asarray(pooled)[:, 8:16], np.asarray(block).max(axis=1))


def test_the_original_learns_by_heart(overfit):
    assert overfit("samplecnn", patch_frames=3**6, width=8, n_steps=30) < 0.1


@pytest.mark.parametrize(
    ("name", "n_samples"),
    [
        pytest.param("samplecnn-se", 3**5, marks=pytest.mark.slow),  # a part of rese2
        ("samplecnn-81-81", 3**6),
        ("samplecnn-rese2", 3**5),
        ("samplecnn-rnn4", 3**6),
    ],
)
def test_its_kin_learn_by_heart(name, n_samples, overfit):
    assert overfit(name, patch_frames=n_samples, width=8, n_steps=40) < 0.1


def test_a_twin_learns_by_heart(overfit):
    assert overfit("samplecnn-mel-243-81", patch_frames=9, width=8, n_steps=40) < 0.1
