"""Calibration on plain arrays: the mathematics of the calibration, and scikit-learn's contract."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.estimators.scalers import TemperatureScaler, VectorScaler
from essentia_ldl.scores import calibration
from essentia_ldl.scores.logits import PatchLogits

# scikit-learn draws features and labels of any number of columns and classes; these are no logits of those labels
NO_LOGITS = "its features are not one logit per class"
CANNOT_PASS = dict.fromkeys(
    [
        "check_dtype_object",
        "check_estimators_dtypes",
        "check_estimators_fit_returns_self",
        "check_estimators_nan_inf",
        "check_estimators_overwrite_params",
        "check_estimators_pickle",
        "check_n_features_in_after_fitting",
        "check_pipeline_consistency",
        "check_positive_only_tag_during_fit",
        "check_readonly_memmap_input",
        "check_transformer_data_not_an_array",
        "check_transformer_general",
        "check_transformer_preserve_dtypes",
    ],
    NO_LOGITS,
)


@pytest.fixture(scope="module")
def data():
    """Logits of three classes that are three times too sure, and labels of which one class is said too often."""
    random = np.random.default_rng(1)
    targets = random.integers(0, 3, 400)
    return 3 * (random.normal(size=(400, 3)) + 1.5 * np.eye(3)[targets]) + [2.0, 0, 0], np.array(list("abc"))[targets]


@pytest.mark.parametrize(("kind", "scaler"), [("temperature", TemperatureScaler()), ("vector", VectorScaler())])
def test_it_is_the_calibration_of_tracks_of_one_patch(data, kind, scaler):
    logits, y = data
    ones = np.ones(len(y), dtype=np.int64)
    targets = np.searchsorted(["a", "b", "c"], y)
    sample = PatchLogits(tuple(map(str, range(len(y)))), targets, ("a", "b", "c"), logits, ones)
    found = calibration.fit(sample, kind)
    scaler.fit(logits, y)
    assert scaler.calibration_ == found
    assert np.array_equal(scaler.predict_proba(logits), calibration.apply(found, logits, ones))
    assert np.array_equal(scaler.transform(logits), scaler.predict_proba(logits))
    assert scaler.predict(logits).tolist() == scaler.classes_[scaler.predict_proba(logits).argmax(axis=1)].tolist()


def test_a_temperature_keeps_the_class_and_a_vector_may_not(data):
    logits, y = data
    said = np.array(list("abc"))[logits.argmax(axis=1)]
    temperature = TemperatureScaler().fit(logits, y)
    assert temperature.predict(logits).tolist() == said.tolist()
    assert temperature.temperature_ > 1.5
    vector = VectorScaler().fit(logits, y)
    assert vector.bias_[0] < min(vector.bias_[1:])
    assert (vector.predict(logits) != said).any()


def test_logarithms_of_probabilities_are_logits(data):
    logits, y = data
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    scaler = TemperatureScaler()
    assert scaler.fit(np.log(p), y).predict_proba(np.log(p)) == pytest.approx(
        scaler.fit(logits, y).predict_proba(logits), abs=1e-6
    )


def test_few_tracks_are_a_reason_and_no_error(data):
    logits, y = data
    scaler = TemperatureScaler().fit(logits[:12], y[:12])
    assert scaler.temperature_ == 1
    assert "12 tracks are too few" in scaler.reason_


@pytest.mark.parametrize("scaler", [TemperatureScaler(), VectorScaler()])
def test_bad_logits_are_errors_of_ours(data, scaler):
    logits, y = data
    with pytest.raises(DataError, match=r"one column of logits per class, 3; got '2 feature\(s\)'"):
        scaler.fit(logits[:, :2], y)
    with pytest.raises(ValueError, match="NaN"):
        scaler.fit(np.where(logits > 5, np.nan, logits), y)
    with pytest.raises(DataError, match="inconsistent"):
        scaler.fit(logits, y[:7])
    with pytest.raises(DataError, match="expecting 3 features"):
        scaler.fit(logits, y).predict_proba(logits[:, :2])
    again = pickle.loads(pickle.dumps(scaler.fit(logits, y)))
    assert np.array_equal(again.predict_proba(logits), scaler.predict_proba(logits))


@pytest.mark.parametrize("scaler", [TemperatureScaler(), VectorScaler()])
def test_scikit_learn_accepts_it(check, scaler):
    check(scaler, CANNOT_PASS)
