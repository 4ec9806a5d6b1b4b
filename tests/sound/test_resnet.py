"""The ResNet's front-end, which no algorithm of Essentia makes: against Essentia and formulas, and one whole run."""

from __future__ import annotations

import json

import essentia
import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.errors import AudioError, GraphError
from essentia_ldl.frontends import MUSICNN, RESNET
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
        numberBands=96,
        lowFrequencyBound=0,
        highFrequencyBound=22050,
        warpingFormula="slaneyMel",
        weighting="linear",
        normalize="unit_tri",
        type="power",
    )
    frames = es.FrameGenerator(signal, frameSize=2048, hopSize=710)
    return np.log10(1 + 10000 * np.array([bands(spectrum(window(frame))) for frame in frames]))


def compute_reference(signal: np.ndarray) -> np.ndarray:
    """The same by numpy in float64: frames around every 710th sample, triangles of area 1 on Slaney's mel scale."""
    mels = np.linspace(0, 15 + 27 * np.log(22.05) / np.log(6.4), 98)
    corners_hz = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    bins_hz = np.arange(1025) * 44100 / 2048
    low, centre, high = (corners_hz[i : i + 96, np.newaxis] for i in range(3))
    triangles = np.clip(np.minimum((bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)), 0, None)
    filters = triangles * 2 / (high - low)
    padded = np.pad(signal, (1024, 4096))
    n_frames = int(np.ceil(len(signal) / 710)) + 1  # Essentia's last frame is the one whose centre is past the end
    frames = np.stack([padded[710 * i : 710 * i + 2048] for i in range(n_frames)])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2047)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    return np.log10(1 + 10000 * power @ filters.T)


@pytest.mark.parametrize(("rate_hz", "n_channels"), [(44100, 1), (44100, 2), (48000, 2)])
def test_bands_for_training_are_those_of_a_pipeline(rate_hz, n_channels, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(5, rate_hz, n_channels=n_channels), rate_hz)
    found = extract_features(str(path), (RESNET,))[0]["resnet"]
    signal = es.MonoLoader(filename=str(path), sampleRate=44100, resampleQuality=4)()
    expected = run_pipeline(signal)
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(compute_bands(signal, RESNET), expected, atol=1e-5, rtol=0)
    assert expected.std() > 0.1


def test_bands_are_those_of_the_formulas(make_signal):
    signal = make_signal(4, seed=3).astype(np.float32)
    found, expected = compute_bands(signal, RESNET), compute_reference(signal)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize(("n_samples", "n_frames"), [(131_350, 186), (131_351, 187)])
def test_number_of_frames(n_samples, n_frames, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(4)[:n_samples])
    assert extract_features(str(path), (RESNET,))[0]["resnet"].shape == (n_frames, 96)
    assert RESNET.patch_samples == 131_350


def test_a_second_less_than_a_patch_is_told(make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "a.wav", make_signal(2))
    with pytest.raises(AudioError, match=r"at least 2\.98 s, one patch of resnet; got '2\.00 s'"):
        extract_features(str(path), (RESNET,))


def test_two_front_ends_share_a_decoding(song):
    together, _ = extract_features(str(song), (RESNET, MUSICNN))
    for front_end in (RESNET, MUSICNN):
        alone = extract_features(str(song), (front_end,))[0][front_end.name]
        np.testing.assert_array_equal(together[front_end.name], alone)


# --- one run --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(resnet_run):
    return read_model(resnet_run / "export" / "genre-resnet-scratch.pb")


def test_it_is_verified(resnet_run):
    report = verify_run(resnet_run)
    [nodes] = report["golden"].values()
    assert {"model/Softmax", "model/dense/BiasAdd", "model/global_average_pooling/Mean"} <= set(nodes)
    for found in report["audio"].values():
        assert found["audio to full graph"] <= 1e-5


def test_bands_of_another_file_are_refused(resnet_run, tmp_path):
    plan = json.loads((resnet_run / "plan.json").read_text())
    first, second = plan["audio"]
    first["content"], second["content"] = second["content"], first["content"]
    other = tmp_path / "run"
    other.mkdir()
    (other / "export").symlink_to(resnet_run / "export")
    (other / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(GraphError, match="model/Softmax: expected"):
        verify_run(other)


def test_the_card_says_how_to_run_it(model):
    """With nothing but the card, Essentia makes what training used."""
    card = model.card
    assert card.fields["inference"] == {"sample_rate": 44100, "algorithm": "TensorflowPredict"}
    assert card.fields["schema"]["inputs"][0]["shape"] == [186, 96]
    told = card.extra["analysis"]
    assert told["compression"] == "log10(1 + 10000 x)"
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 0.1, 50_000).astype(np.float32)
    window, spectrum = es.Windowing(**told["Windowing"]), es.Spectrum(**told["Spectrum"])
    bands = es.MelBands(**told["MelBands"])
    frames = es.FrameGenerator(signal, **told["FrameCutter"])
    found = np.log10(1 + 10000 * np.array([bands(spectrum(window(frame))) for frame in frames]))
    np.testing.assert_allclose(found, run_pipeline(signal), atol=1e-6)
    assert (card.extra["patch_frames"], card.extra["patch_hop_frames"]) == (186, 62)


def test_it_predicts_what_a_pipeline_of_essentia_predicts(model, song):
    [found] = Predictor([Request(model.name, model.graph, model.card)]).predict(str(song))
    bands = run_pipeline(es.MonoLoader(filename=str(song), sampleRate=44100, resampleQuality=4)())
    starts = range(0, len(bands) - 186 + 1, 62)
    pool = essentia.Pool()
    pool.set("model/Placeholder", np.stack([bands[i : i + 186] for i in starts])[:, np.newaxis].astype(np.float32))
    network = es.TensorflowPredict(
        graphFilename=model.graph, inputs=["model/Placeholder"], outputs=["model/Softmax"], squeeze=True
    )
    expected = network(pool)["model/Softmax"].reshape(len(starts), -1)
    assert found.classes == CLASSES
    np.testing.assert_allclose(found.segments, expected, atol=1e-5, rtol=0)
    assert found.segments.std(axis=0).max() > 1e-3
    assert np.ravel(segment_times(model, 2)) == pytest.approx([0, 2.9946, 0.9982, 3.9927], abs=1e-4)


def test_a_short_track_is_padded(model, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "short.wav", make_signal(2, seed=9))
    [found] = Predictor([Request(model.name, model.graph, model.card)]).predict(str(path))
    assert len(found.segments) == 1
    assert "one patch of 2.98 s" in found.notes[0]
