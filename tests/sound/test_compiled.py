"""A graph in OpenVINO: the numbers of Essentia, from published graphs too, and one sentence for what does not run."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from essentia_ldl.errors import DataError, GraphError
from essentia_ldl.sound import compiled
from essentia_ldl.sound.compiled import CompiledNetwork, count_threads, open_core, read_width, require_precision
from essentia_ldl.sound.graph import load_graph, run_graph
from essentia_ldl.sound.shared import open_shared

INPUT, NODES = "model/Placeholder", ["model/Sigmoid", "model/dense/BiasAdd", "model/dense_1/BiasAdd"]
NETWORKS = ("msd-musicnn-1", "msd-vgg-1")


@pytest.fixture
def _fresh_core():
    open_core.cache_clear()
    yield
    open_core.cache_clear()


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 3, shape).astype(np.float32)


def field(number: int, value: bytes) -> bytes:
    """Write a field of a protocol buffer that holds bytes."""
    return bytes([number << 3 | 2, len(value)]) + value


def describe_placeholder(name: str) -> bytes:
    """Write a GraphDef of one placeholder, a bool of unknown rank; appended to another one, its node is added."""
    kinds = {b"dtype": bytes([6 << 3, 10]), b"shape": field(7, bytes([3 << 3, 1]))}
    attributes = b"".join(field(5, field(1, key) + field(2, value)) for key, value in kinds.items())
    return field(1, field(1, name.encode()) + field(2, b"Placeholder") + attributes)


@pytest.mark.parametrize("name", [pytest.param(NETWORKS[0], marks=pytest.mark.slow), NETWORKS[1]])
def test_every_node_has_essentias_numbers(graphs, name):
    graph, nodes = graphs / f"{name}.pb", NODES if "musicnn" in name else NODES[:1]
    patches = draw(5, 187, 96)
    expected = run_graph(load_graph(graph, INPUT, nodes), graph, INPUT, patches, nodes)
    for n_rows in (1, 2, 4, 8):
        found = CompiledNetwork(graph, INPUT, nodes, n_rows).run(patches)
        assert list(found) == nodes
        for node in nodes:
            assert found[node].dtype == np.float32
            limit = 1e-5 * max(1.0, np.abs(expected[node]).max())
            np.testing.assert_allclose(found[node], expected[node], atol=limit, rtol=0)


@pytest.mark.parametrize(("n_workers", "bound"), [(1, True), (2, False)])
def test_threads_are_bound_to_cores_where_one_process_has_them_all(graphs, monkeypatch, n_workers, bound):
    """Two processes of one thread would both be bound to the first core."""
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    monkeypatch.setattr(compiled, "count_workers", lambda: n_workers)
    model = compiled.read_cut_model(graphs / "msd-musicnn-1.pb", INPUT, NODES[:1])
    request = compiled.compile_model(model, "msd-musicnn-1")
    assert request.get_compiled_model().get_property("ENABLE_CPU_PINNING") is bound


def test_a_graph_with_a_left_over_placeholder_of_unknown_rank_is_cut(graphs, tmp_path):
    plain, published = graphs / "msd-vgg-1.pb", tmp_path / "published.pb"
    published.write_bytes(plain.read_bytes() + describe_placeholder("model/Placeholder_2"))
    assert "Placeholder_2" in str(open_core().read_model(published).get_parameters())
    patches = draw(2, 187, 96)
    found = CompiledNetwork(published, INPUT, NODES[:1], 2).run(patches)[NODES[0]]
    np.testing.assert_array_equal(found, CompiledNetwork(plain, INPUT, NODES[:1], 2).run(patches)[NODES[0]])
    network = load_graph(published, INPUT, NODES[:1])
    expected = run_graph(network, published, INPUT, patches, NODES[:1])[NODES[0]]
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_nodes_that_are_one_tensor_both_answer(exported_run):
    """Two outputs of one tensor would end the process."""
    graph, nodes = exported_run / "export" / "mood_sad-musicnn-msd.pb", ["model/Sigmoid", "model/Softmax"]
    patches = draw(3, 187, 96)
    whole = CompiledNetwork(graph, INPUT, [*nodes, "model/dense/BiasAdd"], 2).run(patches)
    assert list(whole) == [*nodes, "model/dense/BiasAdd"]
    np.testing.assert_array_equal(whole[nodes[0]], whole[nodes[1]])
    np.testing.assert_allclose(whole[nodes[0]].sum(axis=1), 1, atol=1e-6)
    assert whole["model/dense/BiasAdd"].shape == (3, 200)
    shared = open_shared(graph, INPUT, nodes, (187, 96)).run(patches)
    np.testing.assert_array_equal(shared[nodes[0]], shared[nodes[1]])
    np.testing.assert_allclose(shared[nodes[0]], whole[nodes[0]], atol=1e-5)


def test_what_cannot_run_is_said_in_one_sentence(graphs, tmp_path):
    graph = graphs / "msd-vgg-1.pb"
    with pytest.raises(GraphError, match="no node model/Nothing"):
        CompiledNetwork(graph, INPUT, ["model/Nothing"], 2)
    with pytest.raises(GraphError, match="no node model/Other"):
        CompiledNetwork(graph, "model/Other", NODES[:1], 2)
    (tmp_path / "broken.pb").write_bytes(b"no graph")
    for path in (tmp_path / "broken.pb", tmp_path / "missing.pb"):
        with pytest.raises(GraphError, match="expected one that OpenVINO runs"):
            CompiledNetwork(path, INPUT, NODES[:1], 2)
    network = CompiledNetwork(graph, INPUT, NODES[:1], 2)
    with pytest.raises(GraphError, match="expected one that OpenVINO runs"):
        network.run(draw(2, 187, 64))
    assert network.run(draw(1, 187, 96))[NODES[0]].shape == (1, 50)


def test_the_width_of_a_head(exported_run, graphs):
    assert read_width(exported_run / "export" / "mood_sad-msd-musicnn.pb", INPUT) == 200
    with pytest.raises(GraphError, match=r"expected an input \(n, d\)"):
        read_width(graphs / "msd-vgg-1.pb", INPUT)


@pytest.mark.usefixtures("_fresh_core")
def test_a_package_that_is_missing_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert not compiled.is_installed()
    with pytest.raises(GraphError, match=r"got 'not installed'.*pip install 'essentia-ldl\[fast\]'") as caught:
        open_core()
    assert "\n" not in str(caught.value)


def test_a_precision_that_the_processor_lacks_is_refused(monkeypatch):
    class Core:
        abilities: tuple[str, ...] = ("FP32",)

        def get_property(self, device, name):
            return self.abilities

    core = Core()
    monkeypatch.setattr(compiled, "open_core", lambda: core)
    require_precision("f32")
    with pytest.raises(DataError, match="one that this processor has; got 'bf16'"):
        require_precision("bf16")
    core.abilities = ("FP32", "BF16")
    require_precision("bf16")


def test_f32_is_told_and_never_left_to_openvino(graphs):
    network = CompiledNetwork(graphs / "msd-vgg-1.pb", INPUT, NODES[:1], 2)
    told = network._request.get_compiled_model().get_property("INFERENCE_PRECISION_HINT")
    assert "float" in str(told) or "f32" in str(told)


@pytest.mark.parametrize(("told", "expected"), [("3", 3), ("0", None), ("x", None), ("", None)])
def test_threads_are_those_of_the_environment_or_the_cores(monkeypatch, told, expected):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", told)
    assert count_threads() == (expected or compiled.count_workers())


def test_importing_the_engines_does_not_import_openvino(run_python):
    """Essentia's start must not get slower."""
    code = "import sys, essentia_ldl.sound.predict; print('openvino' in sys.modules)"
    done = run_python("-c", code, ESSENTIA_LDL_LEAN="1")
    assert (done.returncode, done.stdout.split()[-1]) == (0, "False"), done.stderr
