"""Which front-end an algorithm of Essentia stands for."""

from __future__ import annotations

import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import CardError
from essentia_ldl.models.algorithms import BY_PREDICTOR, of_algorithm


def test_algorithms_of_a_front_end_alone_tell_it():
    assert of_algorithm("TensorflowPredictMusiCNN", "m-1") is frontends.MUSICNN
    assert of_algorithm("TensorflowPredictVGGish", "m-1", "musicnn") is frontends.VGGISH
    assert frontends.GENERAL not in BY_PREDICTOR


def test_the_algorithm_that_runs_any_graph_asks_for_a_name():
    assert of_algorithm(frontends.GENERAL, "m-1", "samplecnn") is frontends.SAMPLECNN
    with pytest.raises(CardError, match=r"inference\.algorithm: expected one of .*; got 'TensorflowPredict' \(m-1\)"):
        of_algorithm(frontends.GENERAL, "m-1", "musicnn")


def test_cards_of_openl3_are_read_by_the_name_of_their_file():
    assert of_algorithm("", "m-1", stem="openl3-music-mel128-emb512-3") is frontends.OPENL3
    with pytest.raises(CardError, match="expected OpenL3 with 128 mel bands; got 'openl3-env-mel256-emb512-3'"):
        of_algorithm("", "m-1", stem="openl3-env-mel256-emb512-3")
