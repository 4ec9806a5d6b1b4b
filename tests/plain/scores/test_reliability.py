"""Reliability: bins, temperatures, classes, and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.scores import metrics, reliability
from essentia_ldl.scores.bootstrap import find_interval, resample_sums
from essentia_ldl.scores.calibration import apply, identity
from essentia_ldl.scores.logits import PatchLogits
from essentia_ldl.scores.reliability import (
    compare_temperatures,
    expect_ece,
    measure,
    score_calibration,
    split_by_class,
)

CLASSES = ("a", "b", "c")


def draw(n_tracks=300, seed=0, sharpness=1.0):
    """Draw tracks whose classes follow the probabilities that they would have at sharpness 1."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (n_tracks, 3))
    shares = apply(identity(CLASSES), logits, np.ones(n_tracks, int))
    targets = (generator.random(n_tracks)[:, None] > shares.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return targets, apply(identity(CLASSES), sharpness * logits, np.ones(n_tracks, int))


def test_bins_of_known_tracks():
    targets = np.array([0, 1, 0, 0])
    probabilities = np.array([[0.85, 0.15], [0.85, 0.15], [0.65, 0.35], [0.61, 0.39]])
    found = measure(targets, probabilities)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 0, 2, 0, 2, 0]
    assert found.confidence[[6, 8]].tolist() == pytest.approx([0.63, 0.85])
    assert found.accuracy[[6, 8]].tolist() == [1, 0.5]
    assert np.isnan(found.accuracy[0])
    assert found.n_tracks == 4
    assert found.as_dict()["accuracy"] == [None] * 6 + [1.0, None, 0.5, None]


@pytest.mark.parametrize("n_bins", [10, 15])
def test_a_diagram_has_the_error_of_the_metric(n_bins):
    targets, probabilities = draw()
    assert measure(targets, probabilities, n_bins).ece == pytest.approx(
        metrics.score_ece(targets, probabilities, n_bins)
    )


def test_temperatures_move_tracks_to_lower_confidence():
    generator = np.random.default_rng(0)
    sample = PatchLogits(
        tuple(f"t{i}" for i in range(50)),
        np.arange(50) % 3,
        CLASSES,
        generator.normal(0, 3, (150, 3)),
        np.full(50, 3),
    )
    one, *others = compare_temperatures(sample, [1, 1.25, 1.5, 1.75])
    assert [r.name for r in others] == ["T = 1.25", "T = 1.5", "T = 1.75"]
    golden = measure(sample.targets, apply(identity(CLASSES), sample.patch_logits, sample.n_patches))
    np.testing.assert_array_equal(one.counts, golden.counts)
    means = [np.nansum(r.confidence * r.counts) / r.n_tracks for r in (one, *others)]
    assert means == sorted(means, reverse=True)
    for value in (0, -1, float("nan")):
        with pytest.raises(DataError, match="temperature: expected a number larger than 0"):
            compare_temperatures(sample, [value])


@pytest.mark.parametrize("by", ["predicted", "true"])
def test_classes_share_the_tracks(by):
    targets, probabilities = draw()
    parts, whole = split_by_class(targets, probabilities, CLASSES, by=by), measure(targets, probabilities)
    np.testing.assert_array_equal(sum(part.counts for part in parts), whole.counts)
    hits = sum(np.nan_to_num(part.accuracy) * part.counts for part in parts)
    np.testing.assert_allclose(hits, np.nan_to_num(whole.accuracy) * whole.counts)
    sizes = np.bincount(targets if by == "true" else probabilities.argmax(axis=1), minlength=3)
    assert [part.n_tracks for part in parts] == sizes.tolist()
    assert [part.name for part in parts] == list(CLASSES)
    if by == "true":  # accuracy of a class's own tracks is its recall
        shares = [np.nansum(part.accuracy * part.counts) / part.n_tracks for part in parts]
        np.testing.assert_allclose(shares, metrics.score_recall(targets, probabilities))
    one_hot = split_by_class(np.eye(3)[targets], probabilities, CLASSES, by=by)
    assert [part.counts.tolist() for part in one_hot] == [part.counts.tolist() for part in parts]


def test_a_class_without_a_track_has_empty_bins():
    (_, empty) = split_by_class(np.array([0]), np.array([[0.9, 0.1]]), ("a", "b"))
    assert empty.n_tracks == 0
    assert np.isnan(empty.ece)


def test_bad_classes_are_told():
    targets, probabilities = draw(10)
    with pytest.raises(DataError, match=r"classes: expected 3 names; got \['a', 'b'\]"):
        split_by_class(targets, probabilities, ("a", "b"))
    with pytest.raises(DataError, match="by: expected predicted or true; got 'label'"):
        split_by_class(targets, probabilities, CLASSES, by="label")


# --- scores with intervals


def test_scores_are_those_of_the_metrics_and_lie_in_their_intervals():
    targets, probabilities = draw()
    scores = score_calibration(targets, probabilities, CLASSES, np.arange(300) // 3, n_resamples=300)
    assert scores["ece"]["value"] == pytest.approx(metrics.score_ece(targets, probabilities))
    assert scores["ece_15"]["value"] == pytest.approx(metrics.score_ece(targets, probabilities, 15))
    by_class = metrics.score_class_ece(targets, probabilities)
    assert scores["classwise_ece"]["value"] == pytest.approx(by_class.mean())
    assert list(scores["class_ece"].values()) == pytest.approx(by_class.tolist())
    assert scores["nll"]["value"] == pytest.approx(metrics.score_nll(targets, probabilities).mean())
    assert scores["brier"]["value"] == pytest.approx(metrics.score_brier(targets, probabilities).mean())
    for name in ("ece", "ece_15", "classwise_ece", "nll", "brier"):
        low, high = scores[name]["interval"]
        assert 0 <= low <= scores[name]["value"] <= high
        assert low < high
    again = score_calibration(targets, probabilities, CLASSES, np.arange(300) // 3, n_resamples=300)
    assert again == scores


def test_one_artist_has_no_interval():
    targets, probabilities = draw(20)
    scores = score_calibration(targets, probabilities, CLASSES, np.zeros(20, int))
    assert scores["ece"]["interval"] is None
    assert scores["nll"]["interval"] is None


def test_intervals_widen_when_tracks_of_an_artist_are_alike():
    targets, probabilities = (np.repeat(values, 4, axis=0) for values in draw(60))
    sizes = []
    for groups in (np.arange(240), np.arange(240) // 4):
        low, high = score_calibration(targets, probabilities, CLASSES, groups, n_resamples=500)["nll"]["interval"]
        sizes.append(high - low)
    assert sizes[1] > 1.5 * sizes[0]


def test_true_confidence_has_the_error_that_chance_makes():
    """The mean error of tracks that follow their own probabilities, over many collections, is `expect_ece`."""
    found = [(metrics.score_ece(*draw(200, seed)), expect_ece(draw(200, seed)[1])) for seed in range(40)]
    measured, expected = np.mean(found, axis=0)
    assert measured == pytest.approx(expected, rel=0.15)
    assert 0.03 < expected < 0.1
    assert expect_ece(draw(5000)[1]) < expected / 3
    sharp = draw(200, sharpness=4.0)
    assert metrics.score_ece(*sharp) > 3 * expect_ece(sharp[1])


@pytest.mark.parametrize(("sharpness", "least", "most_by_percentiles"), [(1.0, 12, 1), (2.5, 26, 30)])
def test_the_interval_of_an_error_holds_the_true_one(sharpness, least, most_by_percentiles):
    """Plain percentiles never hold a small one, because an error grows when tracks are drawn twice."""
    true, held, by_percentiles = metrics.score_ece(*draw(100000, 99, sharpness)), 0, 0
    for seed in range(30):
        cells = metrics.bin_tracks(*draw(200, seed, sharpness))
        drawn = reliability._gaps(resample_sums(cells, np.arange(200), 200))
        limits = reliability._reflect(float(reliability._gaps(cells.sum(axis=0))), drawn)
        held += limits[0] <= true <= limits[1]
        low, high = find_interval(drawn)
        by_percentiles += low <= true <= high
    assert held >= least
    assert by_percentiles <= most_by_percentiles


# --- diagrams
