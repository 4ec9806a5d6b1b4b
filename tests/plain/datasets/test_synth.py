"""The synthesiser of the demo: artists, styles and sub-styles can be heard."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.datasets import _styles, _synth


def describe_signal(signal) -> np.ndarray:
    """Mean and deviation of log band energies: a quick stand-in for MFCC."""
    frames = signal.reshape(-1, 2100)[::2]
    power = np.abs(np.fft.rfft(frames * np.hanning(2100))) ** 2
    edges = np.unique(np.geomspace(2, 524, 31).astype(int))
    bands = np.log10(np.add.reduceat(power, edges[:-1], axis=1) + 1e-6)
    return np.concatenate([bands.mean(0), bands.std(0)])


def test_artists_differ_in_sound():
    style = _styles.KNOWN_STYLES["happy"]
    spectra = []
    for seed in range(4):
        artist = _synth.build_artist("x", np.random.default_rng(seed))
        signal = _synth.render_track(style, artist, np.random.default_rng(9), 20.0)
        power = np.abs(np.fft.rfft(signal.reshape(-1, 2100))).mean(axis=0)
        spectra.append(np.log(power[1:400] + 1e-9))
    for i in range(4):
        for j in range(i):
            assert np.abs(spectra[i] - spectra[j]).mean() > 0.1


@pytest.mark.slow
def test_styles_sound_as_they_are_named():
    def render(name: str) -> tuple[float, float]:
        artist = _synth.build_artist("x", np.random.default_rng(0))
        signal = _synth.render_track(_styles.read_styles([name])[0], artist, np.random.default_rng(1), 20.0)
        power = np.abs(np.fft.rfft(signal)) ** 2
        centroid_hz = (power * np.fft.rfftfreq(signal.size, 1 / 44100)).sum() / power.sum()
        return float(np.sqrt(np.mean(signal**2))), float(centroid_hz)

    for soft, loud in (("sad", "happy"), ("sad", "non_sad"), ("relaxed", "aggressive"), ("acoustic", "electronic")):
        assert all(low < high for low, high in zip(render(soft), render(loud), strict=True))


@pytest.mark.slow
def test_substyles_of_a_class_can_be_heard():
    """A nearest mean of band energies tells four sub-styles of one class apart, on artists that it has not heard."""
    styles = _styles.spread_substyles(_styles.read_styles(["a"])[0], 4, np.random.default_rng(0))
    sounds = []
    for k, style in enumerate(styles):
        for i in range(24):
            rng = np.random.default_rng([0, k, i])
            sounds.append(describe_signal(_synth.render_track(style, _synth.build_artist("x", rng), rng, 4.0)))
    features = (np.array(sounds) - np.mean(sounds, axis=0)) / np.std(sounds, axis=0)
    features = features.reshape(4, 24, -1)
    means, tested = features[:, :12].mean(axis=1), features[:, 12:].reshape(48, -1)
    found = np.linalg.norm(tested[:, None] - means[None], axis=-1).argmin(axis=1)
    assert np.mean(found == np.repeat(np.arange(4), 12)) > 0.6  # chance: 0.25; measured: 0.81
