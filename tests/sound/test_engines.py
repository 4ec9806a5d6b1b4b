"""What runs patches: nodes that are wanted, a patch of silence, and passes that graphs share."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.frontends import EFFNET, MUSICNN
from essentia_ldl.sound.decoder import Decoder
from essentia_ldl.sound.engines import PatchGraph, SignalGraph, connect_graphs, open_graph

INPUT, NODES = "model/Placeholder", ["model/dense/BiasAdd", "model/Sigmoid"]


@pytest.fixture
def graph(graphs) -> PatchGraph:
    return open_graph(str(graphs / "msd-vgg-1.pb"), INPUT, MUSICNN)


def run_pass(path, graphs, last_patch="discard") -> list[dict[str, np.ndarray]]:
    pool, _ = Decoder((16000,), lambda source: connect_graphs(source, graphs, last_patch)).decode(str(path))
    return [graph.collect(pool, last_patch) for graph in graphs]


def test_what_a_graph_reads_chooses_what_runs_it(graph):
    assert isinstance(graph, PatchGraph)
    assert isinstance(open_graph("none.pb", "x", EFFNET), SignalGraph)


def test_a_node_is_wanted_once(graph):
    graph.want(NODES)
    graph.want([NODES[1], "another"])
    assert graph.nodes == [*NODES, "another"]


def test_silence_gives_a_row_by_node(graph):
    graph.want(NODES)
    assert {node: rows.shape for node, rows in graph.try_silence().items()} == dict.fromkeys(NODES, (1, 50))
    graph.want(["model/Nothing"])
    with pytest.raises(GraphError, match="model/Nothing"):
        graph.try_silence()


def test_graphs_of_one_front_end_or_of_two_share_a_pass(graph, graphs, song):
    graph.want(NODES)
    same = open_graph(str(graphs / "mtt-vgg-1.pb"), INPUT, MUSICNN)
    other = open_graph(str(graphs / "mtt-musicnn-1.pb"), INPUT, dataclasses.replace(MUSICNN, patch_hop_frames=187))
    same.want(NODES[1:])
    other.want(NODES[1:])
    together = run_pass(song, [graph, same, other])
    assert [len(rows[NODES[1]]) for rows in together] == [5, 5, 3]
    for one, rows in zip((graph, same, other), together, strict=True):
        [alone] = run_pass(song, [one])
        assert alone.keys() == rows.keys()
        for node in rows:
            np.testing.assert_array_equal(rows[node], alone[node])


def test_a_patch_that_is_not_filled_gives_no_row_unless_it_is_repeated(graph, make_signal, write_wav, tmp_path):
    graph.want(NODES[1:])
    path = write_wav(tmp_path / "short.wav", make_signal(1))
    assert len(run_pass(path, [graph])[0][NODES[1]]) == 0
    assert run_pass(path, [graph], "repeat")[0][NODES[1]].shape == (1, 50)
