"""OpenL3: the mel of its published usage against formulas in numpy, and a head on a graph of the same interface."""

from __future__ import annotations

import json
from pathlib import Path

import essentia
import essentia.standard as es
import numpy as np
import pytest

from essentia_ldl.errors import CardError
from essentia_ldl.features.extractors import describe_extractor
from essentia_ldl.frontends import OPENL3
from essentia_ldl.models.folder import find_extractor, read_model
from essentia_ldl.predict.ask import segment_times
from essentia_ldl.sound import mel
from essentia_ldl.sound.extractors import Embedder, embed_file
from essentia_ldl.sound.predict import Predictor
from essentia_ldl.sound.request import Request
from essentia_ldl.sound.verify import verify_run

NAME = "openl3-music-mel128-emb512-3"
CLASSES = ("non_sad", "sad")


@pytest.fixture(scope="module")
def folder(extractor_graphs) -> Path:
    """graphs/ with a graph of OpenL3's interface."""
    return extractor_graphs


# --- the mel, from formulas -----------------------------------------------------------------------------------------


def build_slaney_filters(rate_hz: int, n_fft: int, n_bands: int) -> np.ndarray:
    """Triangles of area 1 on Slaney's mel scale from 0 to half the rate; (n_bands, n_fft // 2 + 1) float64.

    The scale of the Auditory Toolbox (M. Slaney, 1998): 66 2/3 Hz a mel up to 1 kHz, then 27 mel a factor of 6.4.
    """
    top_mel = 15 + 27 * np.log(rate_hz / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top_mel, n_bands + 2)
    corners_hz = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    bins_hz = np.arange(n_fft // 2 + 1) * rate_hz / n_fft
    filters = np.zeros((n_bands, len(bins_hz)))
    for band, (low, centre, high) in enumerate(zip(corners_hz, corners_hz[1:], corners_hz[2:], strict=False)):
        rising, falling = (bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)
        filters[band] = np.clip(np.minimum(rising, falling), 0, None) * 2 / (high - low)
    return filters


def compute_reference(signal: np.ndarray, n_patches: int, periodic: bool = False) -> np.ndarray:
    """Patches (n_patches, 199, 128) by numpy in float64: windows around every second, frames around every 242nd."""
    padded = np.concatenate([np.zeros(24000), signal, np.zeros(48000)])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / (2048 if periodic else 2047))
    filters, patches = build_slaney_filters(48000, 2048, 128), []
    for second in range(n_patches):
        window = np.pad(padded[second * 48000 : (second + 1) * 48000], 1024)
        frames = np.stack([window[242 * i : 242 * i + 2048] for i in range(199)])
        bands = np.abs(np.fft.rfft(frames * hann, axis=1)) @ filters.T
        decibels = 10 * np.log10(np.maximum(bands, 1e-10))
        patches.append(np.maximum(decibels - decibels.max(), -80))
    return np.stack(patches)


@pytest.fixture(scope="module")
def signal(make_signal) -> np.ndarray:
    return make_signal(5.2, 48000, seed=4).astype(np.float32)


def test_patches_are_those_of_the_formulas(signal):
    found = mel.compute_patches(signal, OPENL3)
    expected = compute_reference(signal, 6)
    assert (found.shape, found.dtype) == ((6, 199, 128), np.float32)
    np.testing.assert_allclose(found, expected, atol=0.02)  # decibels; float32 near -80
    assert np.abs(found - expected).mean() < 1e-3
    assert (found.max(axis=(1, 2)) == 0).all()
    assert found.min() == -80
    assert found.std() > 5


def test_a_periodic_window_would_be_something_else(signal):
    """What the openl3 package's window changes shows in a comparison this close: the one above tells them apart."""
    differences = np.abs(mel.compute_patches(signal, OPENL3) - compute_reference(signal, 6, periodic=True))
    assert differences.max() > 0.05


def test_the_filters_are_essentias():
    """Magnitudes of a single bin fall into the bands that the formulas say, with area 1."""
    chain = es.MelBands(**mel.describe_chain(OPENL3)["MelBands"])
    filters = build_slaney_filters(48000, 2048, 128)
    for n in (3, 40, 200, 1000):
        spectrum = np.zeros(1025, np.float32)
        spectrum[n] = 1
        np.testing.assert_allclose(chain(spectrum), filters[:, n], atol=1e-6)


@pytest.mark.parametrize(
    ("seconds", "n_patches"), [(1e-4, 1), (0.5, 1), (0.51, 2), (1.0, 2), (3.5, 4), (3.51, 5), (4.0, 5)]
)
def test_number_of_patches(seconds, n_patches, signal):
    patches = mel.compute_patches(signal[: round(seconds * 48000)], OPENL3)
    assert patches.shape == (n_patches, 199, 128)


def test_the_first_patch_begins_with_silence_and_loudness_is_forgotten(signal):
    patches = mel.compute_patches(signal, OPENL3)
    assert (patches[0, :94] == -80).all()
    assert (patches[0, 110:] > -80).any()
    np.testing.assert_allclose(mel.compute_patches(signal * np.float32(0.25), OPENL3), patches, atol=0.02)
    assert (mel.compute_patches(np.zeros(48000, np.float32), OPENL3) == 0).all()


# --- embeddings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["TensorflowPredict", "N/A"])
def test_an_openl3_is_known_by_its_name_whatever_its_card_says(algorithm, folder, tmp_path):
    fields = json.loads((folder / f"{NAME}.json").read_text())
    fields["inference"]["algorithm"] = algorithm
    for name in (NAME, "openl3-env-mel128-emb6144-3"):
        (tmp_path / f"{name}.pb").write_bytes((folder / f"{NAME}.pb").read_bytes())
        (tmp_path / f"{name}.json").write_text(json.dumps(fields))
        extractor = describe_extractor(read_model(tmp_path / f"{name}.pb"))
        assert (extractor.front_end, extractor.algorithm) == (OPENL3, "TensorflowPredict")
        assert (extractor.input_name, extractor.node) == ("melspectrogram", "embeddings")


def test_other_bands_and_unknown_graphs_are_refused(folder, tmp_path):
    fields = json.loads((folder / f"{NAME}.json").read_text())
    for name, message in (
        ("openl3-music-mel256-emb512-3", r"OpenL3 with 128 mel bands; got 'openl3-music-mel256-emb512-3'.*mel128 in"),
        ("mine", r"inference\.algorithm: expected one of .*; got 'TensorflowPredict' \(mine\)"),
    ):
        (tmp_path / f"{name}.pb").write_bytes(b"graph")
        (tmp_path / f"{name}.json").write_text(json.dumps(fields))
        with pytest.raises(CardError, match=message):
            describe_extractor(read_model(tmp_path / f"{name}.pb"))


def test_embeddings_are_those_of_the_published_usage(folder, song):
    extractor = describe_extractor(read_model(folder / f"{NAME}.pb"))
    embedder = Embedder(extractor.graph, extractor.input_name, extractor.node, extractor.front_end)
    found, duration_s = embed_file(str(song), embedder)
    signal = es.MonoLoader(filename=str(song), sampleRate=48000)()  # quality 1, its default
    patches = compute_reference(signal, len(found)).astype(np.float32)
    pool = essentia.Pool()
    pool.set("melspectrogram", np.ascontiguousarray(patches.transpose(0, 2, 1)[..., np.newaxis]))
    network = es.TensorflowPredict(
        graphFilename=extractor.graph, inputs=["melspectrogram"], outputs=["embeddings"], squeeze=False
    )
    expected = network(pool)["embeddings"].reshape(len(found), -1)
    assert found.shape == (11, 512)
    assert duration_s == pytest.approx(10, abs=0.11)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())
    assert np.abs(found - expected.mean(axis=0)).max() > 0.05 * np.abs(expected).max()
    assert embedder(np.zeros(0, np.float32)).shape == (0, 0)
    assert embedder(signal[:100], "repeat").shape == (1, 512)


# --- a head on it ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(openl3_run) -> Path:
    """A run folder with an exported MLP on the extractor."""
    return openl3_run


@pytest.fixture(scope="module")
def request_of_head(run, folder) -> Request:
    model = read_model(run / "export" / "mood_sad-openl3-music-mel128-emb512.pb")
    extractor = find_extractor(model, folder)
    return Request(model.name, model.graph, model.card, Request(extractor.name, extractor.graph, extractor.card))


def test_a_head_is_verified(run):
    report = verify_run(run)
    for found in report["audio"].values():
        assert set(found) == {"audio to embeddings", "audio to head"}
        assert max(found.values()) <= 1e-5


def test_a_head_predicts_with_the_times_of_its_windows(request_of_head, run, song):
    card = request_of_head.card
    assert card.fields["inference"]["embedding_model"]["model_name"] == NAME
    assert card.fields["inference"]["sample_rate"] == 48000
    assert card.extra["resample_quality"] == 1
    [found] = Predictor([request_of_head]).predict(str(song))
    assert (found.segments.shape, found.notes) == ((11, 2), ())
    np.testing.assert_allclose(found.segments.sum(axis=1), 1, atol=1e-5)
    model = read_model(request_of_head.graph)
    assert segment_times(model, 3) == [(0.0, 0.5), (0.5, 1.5), (1.5, 2.5)]


@pytest.mark.slow
def test_the_hop_can_be_that_of_the_openl3_package(request_of_head, song):
    """20 frames are 0.1008 s: the hop of the openl3 package, as near as frames allow."""
    [found] = Predictor([request_of_head], patch_hop_frames=20).predict(str(song))
    assert len(found.segments) in (99, 100, 101)
    model = read_model(request_of_head.graph)
    assert segment_times(model, 11, 20)[10] == pytest.approx((0.5083, 1.5083), abs=1e-3)


def test_a_very_short_track_needs_no_padding(request_of_head, make_signal, write_wav, tmp_path):
    path = write_wav(tmp_path / "short.wav", make_signal(0.3, seed=2))
    [found] = Predictor([request_of_head]).predict(str(path))
    assert (len(found.segments), found.notes) == (1, ())
