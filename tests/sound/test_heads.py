"""Heads in both engines: the same numbers, and the same error for embeddings of another size."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.scores.uncertainty import ENTROPIES, node_name
from essentia_ldl.sound.heads import CompiledHead, Head

STEM = "mood_sad-msd-musicnn.pb"
ENGINES = (Head, CompiledHead)


def draw(n_rows: int, n_columns: int = 200) -> np.ndarray:
    return np.random.default_rng(4).normal(size=(n_rows, n_columns)).astype(np.float32)


@pytest.mark.parametrize("n_rows", [1, 64, 130])
def test_both_engines_agree(exported_run, load_request, n_rows):
    request = load_request(exported_run / "export" / STEM)
    found, expected = (kind(request).classify(draw(n_rows)) for kind in (CompiledHead, Head))
    assert found.shape == expected.shape == (n_rows, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ENGINES)
def test_another_size_is_refused_and_the_next_is_answered(exported_run, load_request, kind):
    head = kind(load_request(exported_run / "export" / STEM))
    with pytest.raises(GraphError, match="an extractor with mood sad's embedding size"):
        head.classify(draw(3, 128))
    assert head.classify(draw(3)).shape == (3, 2)
    assert head.measure_spread(draw(3)) == {}


@pytest.mark.parametrize("kind", ENGINES)
def test_a_node_that_is_missing_is_refused_at_once(exported_run, load_request, kind):
    with pytest.raises(GraphError, match="expected a frozen graph with the nodes of its card"):
        kind(load_request(exported_run / "export" / STEM), ["model/Nothing"])


def test_entropies_of_samples_agree_but_for_chance(sampled_run, load_request):
    request, nodes = load_request(sampled_run / "export" / STEM), [node_name(name) for name in ENTROPIES]
    embeddings, found = draw(64), []
    for kind in ENGINES:
        head = kind(request, nodes)
        runs = [head.measure_spread(embeddings) for _ in range(8)]
        assert all(run[node].shape == (64, 1) for run in runs for node in nodes)
        found.append(np.array([[run[node].mean() for node in nodes] for run in runs]))
        assert len({run[nodes[-1]].tobytes() for run in runs}) == 8, "other samples in every run"
    error = np.sqrt((found[0].var(axis=0, ddof=1) + found[1].var(axis=0, ddof=1)) / 8)
    assert np.all(np.abs(found[0].mean(axis=0) - found[1].mean(axis=0)) < 6 * error + 1e-6)
