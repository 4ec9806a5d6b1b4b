"""Calibration of tags and numbers: what it is fitted to, what it leaves alone, and the file that keeps it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.scores import kind_calibration as module
from essentia_ldl.scores.kind_calibration import INTERVAL, PLATT, fit_interval, fit_platt, make_identity


def draw_tags(n_tracks=400, factor=3.0, offset=1.0, seed=0):
    """Logits that are `factor` too large and `offset` too high; two patches a track that say the same."""
    random = np.random.default_rng(seed)
    true = random.normal(0, 2, (n_tracks, 2))
    targets = (random.random((n_tracks, 2)) < 1 / (1 + np.exp(-true))).astype(float)
    logits = np.stack([factor * true[:, 0] + offset, true[:, 1]], axis=1)
    return targets, np.repeat(logits, 2, axis=0), np.full(n_tracks, 2)


def test_each_tag_gets_back_the_factor_and_offset_that_it_lacks():
    targets, logits, counts = draw_tags()
    found = fit_platt(targets, logits, counts, ("loud", "rock"), model="m", fitted_on="validation tracks")
    assert found.scale[0] == pytest.approx(1 / 3, rel=0.3)
    assert found.bias[0] == pytest.approx(-1 / 3, abs=0.3)
    assert found.scale[1] == pytest.approx(1, rel=0.3)
    assert found.nll_after < found.nll_before
    assert (found.n_tracks, found.model, found.reason, found.name) == (400, "m", "", "each tag calibrated")
    assert "from 400 validation tracks" in found.describe()


def test_a_tag_with_few_tracks_keeps_its_logits():
    targets, logits, counts = draw_tags(60)
    targets[:, 1] = 0
    targets[:3, 1] = 1
    found = fit_platt(targets, logits, counts, ("loud", "rare"))
    assert (found.scale[1], found.bias[1]) == (1.0, 0.0)
    assert found.scale[0] != 1
    assert found.reason == "too few tracks to calibrate rare"


def test_probabilities_are_means_of_patches():
    logits = np.array([[2.0], [-1.0], [0.5]])
    expected = [[(1 / (1 + np.exp(-2)) + 1 / (1 + np.exp(1))) / 2], [1 / (1 + np.exp(-0.5))]]
    np.testing.assert_allclose(module.answer_tags(logits, np.array([2, 1])), expected)
    calibration = dataclasses.replace(make_identity(PLATT, ("a",)), scale=(0.5,), bias=(1.0,))
    np.testing.assert_allclose(module.answer_tags(logits[2:], np.array([1]), calibration), 1 / (1 + np.exp(-1.25)))
    np.testing.assert_allclose(module.answer_numbers(logits, np.array([2, 1])), [[0.5], [0.5]])


def test_an_interval_holds_its_share_of_other_tracks():
    random = np.random.default_rng(0)
    residuals = random.standard_t(3, (2000, 1))  # no normal distribution is assumed
    found = fit_interval(residuals[:200], np.zeros((200, 1)), ("valence",))
    covered = np.mean(np.abs(residuals[200:]) <= found.half_widths[0])
    assert 0.87 < covered < 0.95
    assert found.name == "intervals of 90%"
    assert found.describe().startswith("intervals of 90%: valence +- ")


def test_too_few_tracks_have_no_interval():
    found = fit_interval(np.zeros((8, 1)), np.ones((8, 1)), ("valence",))
    assert found.half_widths == ()
    assert found.reason == "8 tracks are too few for intervals of 90%"
    assert np.isnan(found.limits).all()
    assert fit_interval(np.zeros((9, 1)), np.ones((9, 1)), ("valence",)).half_widths == (1.0,)
    assert make_identity(PLATT, ("a", "b")).limits.tolist() == [0.5, 0.5]


def test_a_card_has_thresholds_or_half_widths_by_name():
    tags = dataclasses.replace(make_identity(PLATT, ("a", "b")), thresholds=(0.3, 0.6)).describe_for_card()
    assert tags["thresholds"] == {"a": 0.3, "b": 0.6}
    numbers = dataclasses.replace(make_identity(INTERVAL, ("x",)), half_widths=(2.0,)).describe_for_card()
    assert (numbers["half_widths"], numbers["level"]) == ({"x": 2.0}, 0.9)


def test_the_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "calibration.json"
    found = fit_platt(*draw_tags(60), ("a", "b"), model="weights")
    module.write_kind_calibration(path, found)
    assert module.read_kind_calibration(path, "weights") == found
    with pytest.raises(DataError, match="expected the one of the weights other"):
        module.read_kind_calibration(path, "other")
    path.write_text(json.dumps({**json.loads(path.read_text()), "scale": [1.0]}))
    with pytest.raises(DataError, match="calibration scale: expected 2 finite numbers"):
        module.read_kind_calibration(path)
    path.write_text("{}")
    with pytest.raises(DataError, match="expected bias, classes"):
        module.read_kind_calibration(path)
    with pytest.raises(StoreError, match="expected a file; got 'no file'"):
        module.read_kind_calibration(tmp_path / "none.json")
