"""Mel bands that no algorithm of Essentia makes alone: streamed and in standard mode, and their compressions."""

from __future__ import annotations

import essentia.standard as es
import essentia.streaming as ess
import numpy as np
import pytest

from essentia_ldl.frontends import ARTISTS, DCNN, DECIBEL_FLOOR, DECIBEL_RANGE, OPENL3, RESNET
from essentia_ldl.sound import mel
from essentia_ldl.sound.decoder import Decoder


@pytest.mark.parametrize("front_end", [ARTISTS, DCNN, RESNET], ids=lambda front_end: front_end.name)
def test_streamed_bands_are_those_of_standard_mode(front_end, song):
    """Two ways to the same numbers: one is what training reads, the other what `verify` compares it with."""
    rate_hz = front_end.sample_rate_hz

    def connect(source):
        cutter = source.keep(ess.FrameCutter(frameSize=front_end.frame_samples, hopSize=front_end.hop_samples))
        source.signals[rate_hz] >> cutter.signal
        mel.connect_mel(source, cutter.frame, front_end) >> (source.pool, "bands")
        source.signals[rate_hz] >> (source.pool, "signal")

    pool, _ = Decoder((rate_hz,), connect).decode(str(song))
    expected = mel.compute_bands(pool["signal"], front_end)
    assert pool["bands"].shape == expected.shape
    assert expected.shape[1] == front_end.n_bands
    np.testing.assert_allclose(pool["bands"], expected, atol=1e-4)
    assert expected.std() > 0.1


@pytest.mark.parametrize("front_end", [ARTISTS, DCNN, RESNET, OPENL3], ids=lambda front_end: front_end.name)
def test_the_chain_is_told_by_the_front_end(front_end):
    told = mel.describe_chain(front_end)
    assert list(told) == ["Windowing", "Spectrum", "MelBands"]
    assert told["Windowing"]["size"] == told["Spectrum"]["size"] == front_end.frame_samples
    assert told["MelBands"]["numberBands"] == front_end.n_bands
    assert dict(front_end.input_parameters).items() <= told["MelBands"].items()
    bands = mel.MelChain(front_end)([np.ones(front_end.frame_samples, np.float32)] * 2)
    assert (bands.shape, bands.dtype) == ((2, front_end.n_bands), np.float32)


def test_lin2db_stops_at_the_floor():
    """The streamed compression is Essentia's operator, that of `compute_bands` is numpy's: one floor."""
    power = np.array([0, 1e-30, 9.9e-11, 1e-10, 1.1e-10, 1e-5, 1, 1000], np.float32)
    expected = 10 * np.log10(np.maximum(power, np.float32(DECIBEL_FLOOR)))
    np.testing.assert_allclose(es.UnaryOperator(type="lin2db")(power), expected, atol=1e-5)
    assert expected[0] == expected[2] == pytest.approx(-100)
    assert expected[4] > -100


def test_decibels_are_told_below_the_loudest_and_forget_loudness():
    bands = np.random.default_rng(0).exponential(size=(20, 8)).astype(np.float32) + np.float32(1e-3)
    bands[3] = 0
    found = mel.compress_decibels(bands)
    assert (found.max(), found.min(), found.dtype) == (0, -DECIBEL_RANGE, np.float32)
    np.testing.assert_allclose(mel.compress_decibels(bands * np.float32(100)), found, atol=1e-4)
