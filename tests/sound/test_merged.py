"""Graphs with the same layers below their ends: one graph, the values of each alone, in both engines."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from essentia_ldl.models.card import GraphCard
from essentia_ldl.scores.uncertainty import MUTUAL, node_name
from essentia_ldl.sound.choice import Chooser
from essentia_ldl.sound.compiled import CompiledNetwork, open_core
from essentia_ldl.sound.graph import load_graph, run_graph
from essentia_ldl.sound.merged import merge_graphs
from essentia_ldl.sound.predict import Predictor
from essentia_ldl.sound.request import Request

INPUT, NODES = "model/Placeholder", ["model/Sigmoid", "model/dense/BiasAdd"]

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="graphs are merged in Linux's files in memory")


def change(source, target, shape: tuple[int, int], step: int):
    """Copy a graph with the columns of a matrix moved on."""
    data = source.read_bytes()
    constants = [op.get_data() for op in open_core().read_model(source).get_ordered_ops() if _is_constant(op)]
    [weights] = [value for value in constants if value.shape == shape]
    assert data.count(weights.tobytes()) == 1
    target.write_bytes(data.replace(weights.tobytes(), np.roll(weights, step, 1).tobytes()))
    return str(target)


def _is_constant(op) -> bool:
    return op.get_type_name() == "Constant"


@pytest.fixture(scope="module")
def copies(graphs, tmp_path_factory) -> list[str]:
    """Three models on one network."""
    folder = tmp_path_factory.mktemp("copies")
    return [change(graphs / "msd-musicnn-1.pb", folder / f"m{step}.pb", (200, 50), step) for step in range(3)]


def run_essentia(path: str, nodes: list[str], patches: np.ndarray) -> dict[str, np.ndarray]:
    return run_graph(load_graph(path, INPUT, nodes), path, INPUT, patches, nodes)


def run_openvino(path: str, nodes: list[str], patches: np.ndarray) -> dict[str, np.ndarray]:
    return CompiledNetwork(path, INPUT, nodes, 2).run(patches)


@pytest.mark.parametrize("run", [run_essentia, pytest.param(run_openvino, marks=pytest.mark.slow)])
def test_the_merged_graph_has_the_values_of_each(copies, run):
    [merged] = merge_graphs(dict.fromkeys(copies, NODES), INPUT)
    assert merged.graphs == set(copies)
    names = list(dict.fromkeys(merged.nodes.values()))
    assert len(names) == 4  # three answers, one embedding
    patches = np.random.default_rng(1).uniform(-1, 3, (2, 187, 96)).astype(np.float32)
    found = run(merged.path, names, patches)
    for graph in copies:
        for node, values in run(graph, NODES, patches).items():
            limit = 1e-5 * max(1.0, np.abs(values).max())
            np.testing.assert_allclose(found[merged.nodes[graph, node]], values, atol=limit, rtol=0)
    assert not np.allclose(*(found[merged.nodes[graph, NODES[0]]] for graph in copies[:2]), atol=1e-3)


def test_the_network_is_there_once(copies):
    [merged] = merge_graphs(dict.fromkeys(copies, NODES), INPUT)
    with open(merged.path, "rb") as file:
        size = len(file.read())
    assert size < os.path.getsize(copies[0]) + 3 * 200 * 50 * 4


def test_what_has_little_in_common_stays_apart(graphs, copies, tmp_path):
    other = str(graphs / "mtt-musicnn-1.pb")
    assert merge_graphs(dict.fromkeys([copies[0], other], NODES[:1]), INPUT) == []
    assert merge_graphs({copies[0]: NODES}, INPUT) == []
    [merged] = merge_graphs(dict.fromkeys([copies[0], other, copies[1]], NODES[:1]), INPUT)
    assert merged.graphs == set(copies[:2])
    deep = change(graphs / "msd-musicnn-1.pb", tmp_path / "deep.pb", (1506, 200), 1)
    [merged] = merge_graphs(dict.fromkeys([copies[0], deep], NODES[:1]), INPUT)  # the filters are the same
    patches = np.random.default_rng(1).uniform(-1, 3, (1, 187, 96)).astype(np.float32)
    found = run_openvino(merged.path, [merged.nodes[deep, NODES[0]]], patches)
    expected = run_openvino(deep, NODES[:1], patches)
    np.testing.assert_allclose(*(one[next(iter(one))] for one in (found, expected)), atol=1e-6, rtol=0)


def test_a_graph_that_cannot_be_read_is_left_to_who_loads_it(copies, tmp_path):
    broken, short = tmp_path / "broken.pb", tmp_path / "short.pb"
    broken.write_bytes(b"no graph")
    with open(copies[0], "rb") as file:
        short.write_bytes(file.read()[:-1000])
    some = [str(broken), str(short), str(tmp_path / "missing.pb"), *copies[:2]]
    [merged] = merge_graphs({**dict.fromkeys(some, NODES), copies[2]: ["model/Nothing"]}, INPUT)
    assert merged.graphs == set(copies[:2])


def test_samples_of_two_models_are_drawn_apart(sampled_run, tmp_path):
    source = sampled_run / "export" / "mood_sad-musicnn-msd.pb"
    copy = tmp_path / "copy.pb"
    copy.write_bytes(source.read_bytes())
    wanted = ["model/Softmax", node_name(MUTUAL)]
    [merged] = merge_graphs(dict.fromkeys([str(source), str(copy)], wanted), INPUT)
    assert merged.nodes[str(source), wanted[0]] == merged.nodes[str(copy), wanted[0]]
    assert merged.nodes[str(source), wanted[1]] != merged.nodes[str(copy), wanted[1]]


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["essentia", "openvino"])
def test_models_on_one_network_answer_as_each_alone(graphs, copies, song, engine):
    card = GraphCard(json.loads((graphs / "msd-musicnn-1.json").read_text()))
    requests = [Request(f"m{i}", graph, card) for i, graph in enumerate(copies)]
    chooser = Chooser(engine)
    chooser.choose = lambda *_: engine == "openvino"
    together = Predictor(requests, chooser=chooser)
    assert len(together._graphs) == 1
    for request, found in zip(requests, together.predict(str(song)), strict=True):
        [alone] = Predictor([request], chooser=chooser).predict(str(song))
        assert (found.model, found.classes, found.duration_s) == (alone.model, alone.classes, alone.duration_s)
        np.testing.assert_allclose(found.segments, alone.segments, atol=1e-5, rtol=0)
