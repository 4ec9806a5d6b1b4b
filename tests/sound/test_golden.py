"""The golden file: the script that made it still makes it, and the package gives the same numbers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.frontends import MFCC, MUSICNN
from essentia_ldl.sound.features import extract_features
from essentia_ldl.sound.predict import Predictor

FOLDER = Path(__file__).resolve().parents[1] / "golden"
TOLERANCES = {"bands": 1e-4, "mfcc": 1e-2, "segments": 1e-4, "embeddings": 1e-3}  # MFCC are some hundreds


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_golden", FOLDER / "make_golden.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def signal_path(script, tmp_path_factory) -> Path:
    return script.write_signal(tmp_path_factory.mktemp("golden") / "golden.wav")


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "golden.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def assert_close(found: np.ndarray, expected: np.ndarray, name: str) -> None:
    assert found.shape == expected.shape, name
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=TOLERANCES.get(name.split("_")[0], 0), err_msg=name)


def test_file_is_small():
    assert (FOLDER / "golden.npz").stat().st_size < 100_000


@pytest.mark.slow
def test_script_makes_the_file(script, signal_path, graphs, golden):
    values = script.compute(signal_path, graphs)
    assert values.keys() == golden.keys()
    for name, expected in golden.items():
        assert_close(values[name], expected, name)


def test_features(script, signal_path, golden):
    features, duration_s = extract_features(str(signal_path), (MUSICNN, MFCC))
    bands, mfcc = features["musicnn"], features["mfcc"]
    assert (len(bands), len(mfcc)) == (golden["n_frames"], golden["n_mfcc"])
    assert duration_s == pytest.approx(script.DURATION_S, abs=0.11)
    assert_close(bands[list(script.FRAMES)], golden["bands"], "bands")
    assert_close(bands.mean(axis=0), golden["bands_mean"], "bands_mean")
    assert_close(bands.std(axis=0), golden["bands_std"], "bands_std")
    assert_close(mfcc[[max(0, frame - 30) for frame in script.FRAMES]], golden["mfcc"], "mfcc")
    assert_close(mfcc.mean(axis=0), golden["mfcc_mean"], "mfcc_mean")
    assert_close(mfcc.std(axis=0), golden["mfcc_std"], "mfcc_std")


def test_prediction(signal_path, golden, load_request):
    [prediction] = Predictor([load_request("msd-musicnn-1")]).predict(str(signal_path))
    assert_close(prediction.segments, golden["segments"], "segments")
    assert_close(prediction.probabilities, golden["segments"].mean(axis=0), "segments_mean")
    assert golden["segments"].max() > 0.1
