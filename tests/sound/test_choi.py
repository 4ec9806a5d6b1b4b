"""The front-end of Choi's CNN, mel bands in decibels at 12 kHz: against Essentia, and a clip of 29 s."""

from __future__ import annotations

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.errors import AudioError
from essentia_ldl.frontends import CHOI
from essentia_ldl.sound.features import extract_features
from essentia_ldl.sound.mel import compute_bands


def run_pipeline(signal: np.ndarray) -> np.ndarray:
    """Bands as an Essentia pipeline makes them that knows nothing of this package, every number written out."""
    window = es.Windowing(type="hann", size=512, normalized=False)
    spectrum = es.Spectrum(size=512)
    bands = es.MelBands(
        inputSize=257,
        sampleRate=12000,
        numberBands=96,
        lowFrequencyBound=0,
        highFrequencyBound=6000,
        warpingFormula="slaneyMel",
        weighting="linear",
        normalize="unit_tri",
        type="power",
    )
    frames = es.FrameGenerator(signal, frameSize=512, hopSize=256)
    return 10 * np.log10(np.maximum(np.array([bands(spectrum(window(frame))) for frame in frames]), 1e-10))


def test_bands_for_training_are_those_of_a_pipeline(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(29, 44100), 44100)
    found = extract_features(str(path), (CHOI,))[0]["choi"]
    signal = es.MonoLoader(filename=str(path), sampleRate=12000, resampleQuality=4)()
    expected = run_pipeline(signal)
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(compute_bands(signal, CHOI), expected, atol=1e-4, rtol=0)
    assert len(found) >= CHOI.patch_frames, "29 s are a patch"
    assert np.all(found.std(axis=0) > 0.5), "no band is without a bin"


def test_a_clip_of_28_s_is_no_patch(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(28, 12000), 12000)
    with pytest.raises(AudioError, match=r"at least 28\.99 s, one patch of choi"):
        extract_features(str(path), (CHOI,))
