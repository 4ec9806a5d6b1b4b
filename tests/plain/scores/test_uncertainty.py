"""Entropies of opinions against closed forms, and labels that are withheld."""

from __future__ import annotations

import math

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.records import Prediction
from essentia_ldl.scores.uncertainty import (
    choose_label,
    describe_prediction,
    entropy,
    is_distribution,
    measure,
    node_name,
)


def predict(probabilities, **found):
    segments = np.array([probabilities], dtype=np.float32)
    return Prediction("a.mp3", "m", ("a", "b"), segments.mean(axis=0), segments, 3.0, (), found)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_entropy_of_nothing_known_is_the_logarithm_of_the_classes(n_classes):
    assert entropy(np.full(n_classes, 1 / n_classes)) == pytest.approx(math.log(n_classes))


def test_entropy_of_certainty_is_zero_and_not_minus_zero():
    value = entropy(np.array([[0.0, 1.0, 0.0]]))
    assert value.tolist() == [0.0]
    assert not np.signbit(value[0])


def test_entropy_of_a_coin_is_its_closed_form():
    p = 0.3
    expected = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert entropy(np.array([p, 1 - p])) == pytest.approx(expected, abs=1e-12)


def test_opinions_that_agree_share_no_information():
    found = measure(np.tile([[0.2, 0.8]], (1, 5, 1)).reshape(1, 5, 2))
    assert found["mutual_information"].item() == pytest.approx(0, abs=1e-12)
    assert found["predictive_entropy"].item() == pytest.approx(found["expected_entropy"].item())


def test_opinions_that_are_sure_of_different_classes_disagree_about_all():
    found = measure(np.array([[[1.0, 0.0], [0.0, 1.0]]]))
    assert found["expected_entropy"].item() == 0
    assert found["mutual_information"].item() == pytest.approx(math.log(2))
    assert found["mean_probabilities"].tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("seed", range(5))
def test_information_is_never_negative_and_the_parts_add_up(seed):
    random = np.random.default_rng(seed)
    found = measure(random.dirichlet(np.full(4, 0.3), size=(20, 7)))
    assert np.all(found["mutual_information"] >= 0)
    total = found["expected_entropy"] + found["mutual_information"]
    np.testing.assert_allclose(total, found["predictive_entropy"], atol=1e-12)
    assert np.all(found["predictive_entropy"] <= math.log(4) + 1e-12)
    assert found["mean_probabilities"].shape == (20, 4)


@pytest.mark.parametrize("shape", [(3, 2), (0, 3, 2), (3, 0, 2), (1, 2, 3, 4)])
def test_another_rank_is_refused(shape):
    with pytest.raises(DataError, match=r"expected shape \(n, n_samples, n_classes\)"):
        measure(np.zeros(shape))


def test_logits_are_refused():
    with pytest.raises(DataError, match="expected rows that sum to 1"):
        measure(np.array([[[3.0, -1.0]]]))


def test_a_track_is_described_with_what_the_graph_said():
    found = describe_prediction(predict([0.5, 0.5], mutual_information=0.25))
    assert found["entropy"] == pytest.approx(math.log(2))
    assert found["mutual_information"] == 0.25
    assert found["expected_entropy"] is None


def test_tags_have_no_entropy():
    assert not is_distribution(np.array([0.9, 0.8]))
    assert describe_prediction(predict([0.9, 0.8]))["entropy"] is None


@pytest.mark.parametrize(("threshold", "label"), [(0.0, "b"), (0.75, "b"), (0.7501, "uncertain"), (1.0, "uncertain")])
def test_a_label_is_withheld_below_a_confidence(threshold, label):
    assert choose_label(predict([0.25, 0.75]), threshold) == label


def test_nodes_are_named_below_the_model():
    assert node_name("mutual_information") == "model/uncertainty/mutual_information"
