"""Gradient ascent: on filters that are sines it ends in their frequencies; lengths of waveforms, and seeds."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.nets.backbones import framecnn, load_backbone, samplecnn
from essentia_ldl.nets.looking import ascent
from essentia_ldl.nets.looking.ascent import choose_filters, look_at_layer, shorten
from essentia_ldl.nets.looking.spectra import FRAME
from essentia_ldl.nets.runtime import keras, tf

RATE = 16000
SINES_HZ = (2400.0, 640.0, 5200.0)


def make_sines(n_samples: int = 128) -> np.ndarray:
    window = np.hanning(n_samples)
    return np.stack([window * np.sin(2 * np.pi * hz * np.arange(n_samples) / RATE) for hz in SINES_HZ], axis=1)


def build_sines(activation: str | None = None, gains: tuple[float, ...] | None = None) -> keras.Model:
    """Build a network whose first filters are sines, and whose second layer picks one of them each, in reverse."""
    kl = keras.layers
    samples = keras.Input((8000,), name="samples")
    x = kl.Reshape((-1, 1), name="expand")(samples)
    x = kl.Conv1D(3, 128, strides=4, activation=activation, name="stem")(x)
    if gains is not None:
        x = kl.BatchNormalization(name="stem_norm")(x)
    x = kl.MaxPooling1D(4, name="pool")(kl.ReLU(name="stem_relu")(x))
    x = kl.Conv1D(3, 1, name="deep")(x)
    model = keras.Model(samples, kl.GlobalAveragePooling1D(name="mean")(x))
    model.get_layer("stem").set_weights([make_sines()[:, np.newaxis].astype(np.float32), np.zeros(3, np.float32)])
    model.get_layer("deep").set_weights([np.eye(3, dtype=np.float32)[np.newaxis, :, ::-1], np.zeros(3, np.float32)])
    if gains is not None:
        norm = model.get_layer("stem_norm")
        norm.gamma.assign(gains)
    return model


@pytest.mark.parametrize(
    ("layer", "numbers", "settings"),
    [
        ("stem", [1, 0, 2], {}),
        ("stem", [1, 0, 2], {"activation": "relu"}),
        ("stem", [1, 0, 2], {"gains": (1.0, -1.0, 1.0)}),  # turned round by the normalisation: the same frequency
        ("deep", [1, 2, 0], {}),  # sees the first layer in reverse
    ],
    ids=["linear", "rectified", "normalised", "deep"],
)
def test_waveforms_find_the_frequencies_of_filters_that_are_sines(layer, numbers, settings):
    found = look_at_layer(build_sines(**settings), layer, RATE, seed=0)
    assert found.numbers.tolist() == numbers
    np.testing.assert_allclose(found.peaks_hz, sorted(SINES_HZ), atol=3 * RATE / FRAME)
    assert (found.layer, found.n_filters, found.n_samples) == (layer, 3, FRAME)


def test_a_seed_gives_the_same_spectra_again_whatever_the_batches(monkeypatch):
    first = look_at_layer(build_sines(), "deep", RATE, seed=3)
    monkeypatch.setattr(ascent, "BATCH_SAMPLES", FRAME)  # one at a time
    again = look_at_layer(build_sines(), "deep", RATE, seed=3)
    np.testing.assert_allclose(again.spectra, first.spectra, atol=1e-4)
    other = look_at_layer(build_sines(), "deep", RATE, seed=4)
    assert np.abs(other.spectra - first.spectra).max() > 1e-3


def test_a_waveform_has_the_loudness_of_the_training_and_no_mean():
    """Whatever the loudness, a bounded step ends on it: the network of sines does not change its spectra."""
    model = build_sines()
    climb = ascent._make_step(shorten(model, "stem"), 0.05)
    waveforms = ascent._bound(tf.random.stateless_normal((3, FRAME), [0, 0]), 0.05)
    for _ in range(3):
        waveforms = climb(waveforms, tf.constant([0, 1, 2]))
    np.testing.assert_allclose(np.sqrt(np.mean(waveforms.numpy() ** 2, axis=1)), 0.05, rtol=1e-3)
    np.testing.assert_allclose(waveforms.numpy().mean(axis=1), 0.0, atol=1e-5)


def test_no_sample_is_beyond_full_scale():
    bounded = ascent._bound(tf.constant([[50.0, *[0.0] * 99], [0.0] * 100]), 0.5).numpy()
    assert bounded.max() == 1.0
    assert not bounded[1].any()  # silence stays silent


@pytest.mark.parametrize(("layer", "n_samples"), [("stem", 729), ("block_5_conv", 729), ("last_block_conv", 19683)])
def test_a_waveform_is_as_short_as_the_layer_allows(layer, n_samples):
    """Behind the stem and k poolings of three, a step is 3 ** (k + 1) samples; below the last block there are eight."""
    model = samplecnn.build(width=2)
    short = shorten(model, layer)
    assert short.input_shape == (None, n_samples)
    assert short.output_shape[-1] == model.get_layer(layer).output.shape[-1]


def test_the_part_of_a_network_says_what_the_network_says_there():
    model = framecnn.build(width=1)
    short = shorten(model, "conv_1")  # its kernels are rectified: the part stops before that
    n_samples = short.input_shape[1]
    samples = np.random.default_rng(0).normal(0, 0.1, (2, 48000)).astype(np.float32)
    whole = keras.Model(model.input, model.get_layer("conv_1").output)(samples).numpy()
    part = short(samples[:, :n_samples]).numpy()
    assert part.min() < 0
    np.testing.assert_allclose(np.maximum(part, 0), whole[:, : part.shape[1]], atol=1e-5)


def test_of_layers_that_need_long_waveforms_some_filters_are_shown():
    assert choose_filters(128, FRAME).tolist() == list(range(128))
    chosen = choose_filters(512, 59049)
    assert len(chosen) == ascent.MOST_SAMPLES // 59049
    assert np.ptp(np.diff(chosen)) <= 1
    assert chosen[0] == 0
    assert choose_filters(5, 2 * ascent.MOST_SAMPLES).tolist() == [0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer", "n_samples"),
    [
        ("samplecnn-rese2", "block_3_conv_2", 729),
        ("samplecnn-1s-se", "block_4_conv", 729),
        ("samplecnn-729-243", "block_1_conv", 729),
        ("harmoniccnn", "block_2_2", 729),
        ("pons-wave", "wave_3", 729),
    ],
)
def test_networks_of_every_kind_can_be_climbed(name, layer, n_samples, monkeypatch):
    monkeypatch.setattr(ascent, "N_STEPS", 2)
    module = load_backbone(name)
    model = module.build(module.FRONT_END, width=2)
    found = look_at_layer(model, layer, module.FRONT_END.sample_rate_hz, seed=0)
    assert found.n_samples == n_samples
    assert len(found.spectra) == found.n_filters == model.get_layer(layer).output.shape[-1]
    assert (found.spectra.max(axis=1) == 1.0).all()
