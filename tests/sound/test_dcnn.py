"""The DCNN's front-end, mel bands in decibels: against Essentia and formulas, and one whole run."""

from __future__ import annotations

import json

import essentia
import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.errors import AudioError, GraphError
from essentia_ldl.frontends import DCNN, MFCC_FRAMES_13, MFCC_FRAMES_25, MUSICNN, RESNET
from essentia_ldl.models.folder import read_model
from essentia_ldl.predict.ask import segment_times
from essentia_ldl.sound.features import extract_features
from essentia_ldl.sound.mel import compute_bands
from essentia_ldl.sound.predict import Predictor
from essentia_ldl.sound.request import Request
from essentia_ldl.sound.verify import verify_run

CLASSES = ("Folk", "Rock")


def run_pipeline(signal: np.ndarray) -> np.ndarray:
    """Bands as an Essentia pipeline makes them that knows nothing of this package, every number written out."""
    window = es.Windowing(type="hann", size=2048, normalized=False)
    spectrum = es.Spectrum(size=2048)
    bands = es.MelBands(
        inputSize=1025,
        sampleRate=44100,
        numberBands=128,
        lowFrequencyBound=0,
        highFrequencyBound=22050,
        warpingFormula="slaneyMel",
        weighting="linear",
        normalize="unit_tri",
        type="power",
    )
    frames = es.FrameGenerator(signal, frameSize=2048, hopSize=1024)
    return 10 * np.log10(np.maximum(np.array([bands(spectrum(window(frame))) for frame in frames]), 1e-10))


def compute_reference(signal: np.ndarray) -> np.ndarray:
    """The same by numpy in float64: frames around every 1024th sample, triangles of area 1 on Slaney's mel scale."""
    mels = np.linspace(0, 15 + 27 * np.log(22.05) / np.log(6.4), 130)
    corners_hz = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    bins_hz = np.arange(1025) * 44100 / 2048
    low, centre, high = (corners_hz[i : i + 128, np.newaxis] for i in range(3))
    triangles = np.clip(np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)), 0, None)
    filters = triangles * 2 / (high - low)
    padded = np.pad(signal, (1024, 4096))
    n_frames = int(np.ceil(len(signal) / 1024)) + 1  # Essentia's last frame is the one whose centre is past the end
    frames = np.stack([padded[1024 * i : 1024 * i + 2048] for i in range(n_frames)])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2047)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    return 10 * np.log10(np.maximum(power @ filters.T, 1e-10))


@pytest.mark.parametrize(("rate_hz", "n_channels"), [(44100, 1), (44100, 2), (48000, 2)])
def test_bands_for_training_are_those_of_a_pipeline(rate_hz, n_channels, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(5, rate_hz, n_channels=n_channels), rate_hz)
    found = extract_features(str(path), (DCNN,))[0]["dcnn"]
    signal = es.MonoLoader(filename=str(path), sampleRate=44100, resampleQuality=4)()
    expected = run_pipeline(signal)
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(compute_bands(signal, DCNN), expected, atol=1e-4, rtol=0)
    assert expected.std() > 5


def test_bands_are_those_of_the_formulas(make_signal):
    signal = make_signal(4, seed=3).astype(np.float32)
    found, expected = compute_bands(signal, DCNN), compute_reference(signal)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert expected.min() < -50 < 20 < expected.max()


def test_silence_is_the_floor_in_every_run(make_signal, write_wav, tmp_path):
    """Essentia puts noise in the place of silent frames, another one each time: it stays under the floor."""
    signal = np.concatenate([make_signal(1), np.zeros(2 * 44100)])
    path = write_wav(tmp_path / "a.wav", signal)
    first, second = (extract_features(str(path), (DCNN,))[0]["dcnn"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[46:], np.float32(-100))
    assert first[:43].max() > 0


@pytest.mark.parametrize(("n_samples", "n_frames"), [(43_008, 43), (43_009, 44), (44_100, 45)])
def test_number_of_frames(n_samples, n_frames, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(2)[:n_samples])
    assert extract_features(str(path), (DCNN,))[0]["dcnn"].shape == (n_frames, 128)
    assert DCNN.patch_samples == 43_008


def test_less_than_a_patch_is_told(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(2)[:41_984])
    with pytest.raises(AudioError, match=r"at least 0\.98 s, one patch of dcnn; got '0\.95 s' \(.*a\.wav\)"):
        extract_features(str(path), (DCNN,))


def test_all_front_ends_share_a_decoding(song):
    wanted = (DCNN, MFCC_FRAMES_25, RESNET, MUSICNN, MFCC_FRAMES_13)
    together, _ = extract_features(str(song), wanted)
    for front_end in wanted:
        alone = extract_features(str(song), (front_end,))[0][front_end.name]
        np.testing.assert_array_equal(together[front_end.name], alone)


# --- one run --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(dcnn_run):
    return read_model(dcnn_run / "export" / "genre-dcnn-scratch.pb")


def test_it_is_verified(dcnn_run):
    report = verify_run(dcnn_run)
    [nodes] = report["golden"].values()
    assert {"model/Softmax", "model/dense_1/BiasAdd"} <= set(nodes)
    for found in report["audio"].values():
        assert found["audio to full graph"] <= 1e-5


def test_bands_of_another_file_are_refused(dcnn_run, tmp_path):
    plan = json.loads((dcnn_run / "plan.json").read_text())
    first, second = plan["audio"]
    first["content"], second["content"] = second["content"], first["content"]
    other = tmp_path / "run"
    other.mkdir()
    (other / "export").symlink_to(dcnn_run / "export")
    (other / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(GraphError, match="model/Softmax: expected"):
        verify_run(other)


def test_the_card_says_how_to_run_it(model):
    """With nothing but the card, Essentia makes what training used."""
    card = model.card
    assert card.fields["inference"] == {"sample_rate": 44100, "algorithm": "TensorflowPredict"}
    assert card.fields["schema"]["inputs"][0]["shape"] == [43, 128]
    told = card.extra["analysis"]
    assert told["compression"] == "10 log10(max(x, 1e-10))"
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 0.1, 50_000).astype(np.float32)
    window, spectrum = es.Windowing(**told["Windowing"]), es.Spectrum(**told["Spectrum"])
    bands = es.MelBands(**told["MelBands"])
    frames = es.FrameGenerator(signal, **told["FrameCutter"])
    found = 10 * np.log10(np.maximum(np.array([bands(spectrum(window(frame))) for frame in frames]), 1e-10))
    np.testing.assert_allclose(found, run_pipeline(signal), atol=1e-5)
    assert (card.extra["front_end"], card.extra["resample_quality"]) == ("dcnn", 4)
    assert (card.extra["patch_frames"], card.extra["patch_hop_frames"]) == (43, 21)


def test_it_predicts_what_a_pipeline_of_essentia_predicts(model, song):
    [found] = Predictor([Request(model.name, model.graph, model.card)]).predict(str(song))
    bands = run_pipeline(es.MonoLoader(filename=str(song), sampleRate=44100, resampleQuality=4)())
    starts = range(0, len(bands) - 43 + 1, 21)
    pool = essentia.Pool()
    pool.set("model/Placeholder", np.stack([bands[i : i + 43] for i in starts])[:, np.newaxis].astype(np.float32))
    network = es.TensorflowPredict(
        graphFilename=model.graph, inputs=["model/Placeholder"], outputs=["model/Softmax"], squeeze=True
    )
    expected = network(pool)["model/Softmax"].reshape(len(starts), -1)
    assert found.classes == CLASSES
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)
    assert found.segments.std(axis=0).max() > 1e-3
    assert np.ravel(segment_times(model, 2)) == pytest.approx([0, 0.99846, 0.48762, 1.48608], abs=1e-4)


def test_a_short_track_is_padded(model, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "short.wav", make_signal(0.6, seed=9))
    [found] = Predictor([Request(model.name, model.graph, model.card)]).predict(str(path))
    assert len(found.segments) == 1
    assert "one patch of 0.98 s" in found.notes[0]
