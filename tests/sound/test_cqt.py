"""The constant-Q transform: against closed forms, and streamed against standard mode."""

from __future__ import annotations

import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.errors import AudioError
from essentia_ldl.frontends import CQT
from essentia_ldl.models.folder import read_model
from essentia_ldl.sound.cqt import compute_bins, describe_chain
from essentia_ldl.sound.features import extract_features
from essentia_ldl.sound.graph import load_graph, run_graph
from essentia_ldl.sound.predict import Predictor
from essentia_ldl.sound.request import Request
from essentia_ldl.sound.verify import verify_run

PER_OCTAVE = 12
LOWEST_HZ = 440.0 * 2 ** (-45 / 12)  # C1, 45 semitones below the concert pitch
CENTRES_HZ = LOWEST_HZ * 2 ** (np.arange(96) / PER_OCTAVE)


def sine(frequency_hz: float, amplitude: float = 1.0, duration_s: float = 2.0) -> np.ndarray:
    n_samples = round(duration_s * CQT.sample_rate_hz)
    return (amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(n_samples) / CQT.sample_rate_hz)).astype(np.float32)


@pytest.fixture(scope="module")
def responses() -> np.ndarray:
    """What a sine at the centre of every bin makes, in a frame within it: (96 sines, 96 bins) decibels."""
    spectrum = es.SpectrumCQ(**describe_chain(CQT)["SpectrumCQ"])
    frames = [sine(centre, duration_s=1.0)[: CQT.frame_samples] for centre in CENTRES_HZ]
    return 20 * np.log10(np.maximum([spectrum(frame) for frame in frames], 1e-5))


def test_a_sine_peaks_in_the_bin_of_its_frequency(responses):
    assert np.array_equal(responses.argmax(axis=1), np.arange(96))


def test_a_sine_of_a_note_two_bins_away_is_not_heard(responses):
    """Q is 1 / (2^(1/12) - 1), so that the first zero of a Hann window is near two bins from its middle."""
    distance = np.abs(np.arange(96)[:, None] - np.arange(96))
    below = np.diag(responses)[:, None] - responses
    assert below[distance == 1].min() > 4
    assert below[distance >= 3].min() > 28


def test_the_response_is_proportional_to_the_length_of_the_kernel(responses):
    """6.02 dB per octave, which the network takes away."""
    expected = -20 * np.log10(CENTRES_HZ / CENTRES_HZ[0])
    np.testing.assert_allclose(np.diag(responses) - responses[0, 0], expected, atol=0.1)


def test_half_the_amplitude_is_6_decibels_less():
    loud, quiet = (compute_bins(sine(440.0, amplitude), CQT)[10:20, 45] for amplitude in (0.8, 0.4))
    np.testing.assert_allclose(loud - quiet, 20 * np.log10(2), atol=1e-3)


def test_silence_is_the_floor_and_the_same_every_time():
    found = compute_bins(np.zeros(CQT.sample_rate_hz, np.float32), CQT)
    assert found.shape[1] == 96
    np.testing.assert_allclose(found, -100, atol=1e-4)


def test_features_for_training_are_those_of_a_pipeline(make_signal, write_wav, tmp_path):
    """The chain with every number written out, on the samples of MonoLoader."""
    path = write_wav(tmp_path / "a.wav", make_signal(15, 44100), 44100)
    found = extract_features(str(path), (CQT,))[0]["cqt"]
    signal = es.MonoLoader(filename=str(path), sampleRate=22050, resampleQuality=4)()
    cutter = es.FrameCutter(frameSize=16384, hopSize=1024)
    transform = es.SpectrumCQ(
        numberBins=96, binsPerOctave=12, minFrequency=LOWEST_HZ, sampleRate=22050, zeroPhase=False
    )
    expected = []
    while (frame := cutter(signal)).size:
        expected.append(10 * np.log10(np.maximum(transform(frame) ** 2, 1e-10)))
    assert (found.shape, found.dtype) == ((len(expected), 96), np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-3, rtol=0)
    np.testing.assert_allclose(compute_bins(signal, CQT), expected, atol=1e-3, rtol=0)
    assert len(found) >= CQT.patch_frames, "15 s are a patch"


def test_a_clip_of_14_s_is_no_patch(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(14, 22050), 22050)
    with pytest.raises(AudioError, match=r"at least 14\.91 s, one patch of cqt"):
        extract_features(str(path), (CQT,))


def test_a_signal_without_a_sample_has_no_frame():
    assert compute_bins(np.zeros(0, np.float32), CQT).shape == (0, 96)


def test_a_trained_network_predicts_what_a_pipeline_of_its_card_predicts(cqt_run, make_signal, write_wav):
    """With nothing but the card, Essentia makes what training used."""
    for found in verify_run(cqt_run)["audio"].values():
        assert found["audio to full graph"] <= 1e-5
    model = read_model(cqt_run / "export" / "genre-cqtcnn-scratch.pb")
    card, told = model.card, model.card.extra["analysis"]
    assert card.fields["inference"] == {"sample_rate": 22050, "algorithm": "TensorflowPredict"}
    assert card.fields["schema"]["inputs"][0]["shape"] == [322, 96]
    assert told["compression"] == "10 log10(max(x^2, 1e-10))"
    path = write_wav(cqt_run / "song.wav", make_signal(24, 44100, 3), 44100)
    [found] = Predictor([Request(model.name, str(model.graph), card)]).predict(str(path))
    signal = es.MonoLoader(filename=str(path), sampleRate=22050, resampleQuality=4)()
    transform = es.SpectrumCQ(**told["SpectrumCQ"])
    bins = np.array([transform(frame) for frame in es.FrameGenerator(signal, **told["FrameCutter"])])
    decibels = (10 * np.log10(np.maximum(bins**2, 1e-10))).astype(np.float32)
    patches = np.stack([decibels[start : start + 322] for start in (0, 161)])
    nodes = ["model/Softmax"]
    expected = run_graph(load_graph(model.graph, card.input_name, nodes), model.graph, card.input_name, patches, nodes)
    np.testing.assert_allclose(found.segments, expected["model/Softmax"], atol=1e-5)
    short = write_wav(cqt_run / "short.wav", make_signal(6, 44100, 4), 44100)
    [found] = Predictor([Request(model.name, str(model.graph), card)]).predict(str(short))
    assert len(found.segments) == 1
    assert "repeated to one patch" in found.notes[0]
