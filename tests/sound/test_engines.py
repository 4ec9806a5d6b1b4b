"""What runs patches: nodes that are wanted, a patch of silence, and passes that graphs share."""

from __future__ import annotations

import dataclasses
import gc

import numpy as np
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.frontends import EFFNET, MUSICNN
from essentia_ldl.sound.compiled import CompiledNetwork
from essentia_ldl.sound.decoder import Decoder
from essentia_ldl.sound.engines import (
    CompiledGraph,
    PatchGraph,
    SignalGraph,
    connect_graphs,
    find_stored_bands,
    open_graph,
)
from essentia_ldl.sound.shared import SharedNetwork

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


# --- OpenVINO --------------------------------------------------------------------------------------------------------


def open_both(graphs, name: str, front_end=MUSICNN) -> list[PatchGraph | CompiledGraph]:
    both = [open_graph(str(graphs / f"{name}.pb"), INPUT, front_end, precision) for precision in (None, "f32")]
    for one in both:
        one.want(NODES)
    return both


def check_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for node, values in expected.items():
        assert found[node].shape == values.shape
        np.testing.assert_allclose(found[node], values, atol=1e-5 * max(1.0, np.abs(values).max(initial=0)), rtol=0)


def test_a_precision_asks_for_openvino_where_patches_are_read():
    assert isinstance(open_graph("none.pb", "x", MUSICNN, "bf16"), CompiledGraph)
    assert isinstance(open_graph("none.pb", "x", EFFNET, "f32"), SignalGraph)


@pytest.mark.parametrize("hop", [93, 187, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["msd-vgg-1", "msd-musicnn-1"])
def test_both_engines_give_the_same_rows_in_one_pass(graphs, song, name, hop):
    both = open_both(graphs, name, dataclasses.replace(MUSICNN, patch_hop_frames=hop))
    expected, found = run_pass(song, both)
    check_equal(found, expected)
    assert len(found[NODES[1]]) == (627 - 187) // hop + 1


def test_both_engines_give_the_same_row_for_a_short_file(graphs, make_signal, write_wav, tmp_path):
    for seconds in (0.3, 1, 2.9):
        path = write_wav(tmp_path / "short.wav", make_signal(seconds))
        both = open_both(graphs, "msd-vgg-1")
        for last_patch in ("discard", "repeat"):
            expected, found = run_pass(path, both, last_patch)
            assert len(expected[NODES[1]]) == (last_patch == "repeat")
            if len(expected[NODES[1]]):
                check_equal(found, expected)
            else:
                assert len(found[NODES[1]]) == 0


@pytest.mark.parametrize(
    "hop", [93, pytest.param(187, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.slow)]
)
def test_a_shared_front_end_gives_the_rows_of_the_whole_graph(graphs, song, make_signal, write_wav, tmp_path, hop):
    front_end = dataclasses.replace(MUSICNN, patch_hop_frames=hop)
    path = str(graphs / "msd-musicnn-1.pb")
    shared, whole = (open_graph(path, INPUT, front_end, "f32", shared) for shared in (True, False))
    for one in (shared, whole):
        one.want(NODES)
    expected, found = run_pass(song, [whole, shared])
    check_equal(found, expected)
    assert isinstance(shared._network, SharedNetwork) == (hop <= 187)
    short = write_wav(tmp_path / "short.wav", make_signal(2))
    for last_patch in ("discard", "repeat"):
        expected, found = run_pass(short, [whole, shared], last_patch)
        check_equal(found, expected)


@pytest.mark.parametrize(("name", "precision"), [("msd-vgg-1", "f32"), ("msd-musicnn-1", "bf16")])
def test_what_cannot_be_shared_runs_whole(graphs, name, precision):
    graph = open_graph(str(graphs / f"{name}.pb"), INPUT, MUSICNN, precision, True)
    graph.want(NODES)
    graph.try_silence()
    assert isinstance(graph._network, CompiledNetwork)


def test_a_compiled_graph_refuses_a_node_that_is_missing(graphs):
    graph = open_graph(str(graphs / "msd-vgg-1.pb"), INPUT, MUSICNN, "f32")
    graph.want(NODES)
    assert {node: rows.shape for node, rows in graph.try_silence().items()} == dict.fromkeys(NODES, (1, 50))
    graph.want(["model/Nothing"])
    with pytest.raises(GraphError, match="model/Nothing"):
        graph.try_silence()


def test_bands_in_a_folder_are_those_in_the_pool(graphs, song, tmp_path):
    streaming, compiled = open_both(graphs, "msd-vgg-1")
    [expected] = run_pass(song, [compiled])
    decoder = Decoder((16000,), lambda source: connect_graphs(source, [streaming, compiled], "discard", tmp_path))
    for _ in range(2):  # the second run, as from another sampling rate, goes to the end of the same file
        pool, _ = decoder.decode(str(song))
    del decoder
    gc.collect()
    stored = find_stored_bands(pool, [streaming, compiled], tmp_path)
    assert [len(bands) for bands in stored.values()] == [627]
    found = compiled.collect({**pool, **stored}, "discard")
    for node in NODES:
        np.testing.assert_array_equal(found[node], expected[node])
    check_equal(streaming.collect(pool, "discard"), expected)


@pytest.mark.slow
def test_memory_of_openvino_does_not_grow_with_the_number_of_files(
    graphs, make_signal, write_wav, tmp_path, measure_growth
):
    paths = [write_wav(tmp_path / f"{i}.wav", make_signal(seconds, seed=i)) for i, seconds in enumerate((4, 6, 1, 3))]
    script = (
        "import json, sys\n"
        "from essentia_ldl.models.card import GraphCard\n"
        "from essentia_ldl.sound.choice import Chooser\n"
        "from essentia_ldl.sound.predict import Predictor\n"
        "from essentia_ldl.sound.request import Request\n"
        "graph = sys.argv[1]\n"
        "card = GraphCard(json.load(open(graph.replace('.pb', '.json'))))\n"
        "predictor, found = Predictor([Request('msd', graph, card)], chooser=Chooser('openvino')), []\n"
        "for i in range(210):\n"
        "    predictor.predict(sys.argv[2 + i % (len(sys.argv) - 2)])\n"
        "    found += [rss()] if i in (49, 129, 209) else []\n"
        "print(json.dumps(found))\n"
    )
    grown = measure_growth(script, str(graphs / "msd-vgg-1.pb"), *map(str, paths))
    assert grown < 80 * 25, "kB of 80 files"
