"""ONNX beside a graph: proved by the golden answers, or not written. The converter of the other zone is played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from essentia_ldl.errors import GraphError, StoreError
from essentia_ldl.files import digest_file
from essentia_ldl.install import exchange
from essentia_ldl.install.exchange import export_onnx, prove
from essentia_ldl.models.answers import name_answers, require_answers, write_answers

WEIGHTS = np.array([[1.0, -1.0], [0.5, 0.0], [0.0, 2.0], [-1.0, 1.0]], np.float32)


def write_network(path: Path, weights: np.ndarray = WEIGHTS) -> None:
    """Write a softmax of a product with weights."""
    helper = onnx.helper
    nodes = [
        helper.make_node("MatMul", ["model/Placeholder", "w"], ["model/dense/BiasAdd"]),
        helper.make_node("Softmax", ["model/dense/BiasAdd"], ["model/Softmax"], axis=-1),
    ]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", size])
        for name, size in (("model/Placeholder", 4), ("model/Softmax", 2), ("model/dense/BiasAdd", 2))
    ]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], [onnx.numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())


def answer(inputs: np.ndarray) -> dict[str, np.ndarray]:
    logits = inputs @ WEIGHTS
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return {"model/Softmax": exponents / exponents.sum(axis=1, keepdims=True), "model/dense/BiasAdd": logits}


@pytest.fixture
def model(make_model, monkeypatch):
    """A model whose golden answers are those of the network above, which the converter writes."""
    found = make_model("m-1")
    path = Path(found.graph)
    write_answers(path, digest_file(path), "model/Placeholder", (4,), (0.0, 1.0), answer)
    monkeypatch.setattr(exchange, "run_zone", lambda module, source, target: write_network(Path(target)))
    return found


def test_what_onnxruntime_answers_is_what_the_graph_does(model, graphs, tmp_path):
    said = []
    [done] = export_onnx(["m-1"], str(tmp_path / "out"), graphs, said.append)
    assert done.path == str(tmp_path / "out" / "m-1.onnx")
    assert done.difference < 1e-6
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["m-1.onnx"]
    assert said[0].startswith(f"m-1 -> {done.path} (largest difference in onnxruntime ")
    [beside] = export_onnx(["m-1"], None, graphs, said.append)
    assert beside.path == str(graphs / "m-1.onnx")


@pytest.mark.parametrize(("scale", "shift", "node"), [(1.5, 0.0, "model/Softmax"), (1.0, 0.001, "model/dense/BiasAdd")])
def test_another_network_is_refused_and_nothing_is_left(model, graphs, tmp_path, monkeypatch, scale, shift, node):
    other = (WEIGHTS * [[1, scale]] + shift).astype(np.float32)
    monkeypatch.setattr(exchange, "run_zone", lambda module, source, target: write_network(Path(target), other))
    with pytest.raises(
        GraphError, match=rf"{node}: expected what the graph answers, to (1e-05|0.0001); got .*m-1\.onnx"
    ):
        export_onnx(["m-1"], str(tmp_path / "out"), graphs, print)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_onnxruntime_does_not_run_is_one_sentence(model, tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no network")
    with pytest.raises(GraphError, match=r"ONNX: expected one that onnxruntime runs; got .*x\.onnx"):
        prove(tmp_path / "x.onnx", Path(model.graph))


def test_a_model_without_golden_answers_and_a_folder_that_is_a_file_are_told(model, graphs, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="folder: expected one that can be written to"):
        export_onnx(["m-1"], str(tmp_path / "file"), graphs, print)
    name_answers(model.graph).unlink()
    with pytest.raises(StoreError, match="golden answers: expected those of the graph"):
        export_onnx(["m-1"], None, graphs, print)
    with pytest.raises(StoreError, match="Export the model again"):
        require_answers(Path(model.graph))


def test_without_the_library_the_extra_is_named(model, graphs, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(GraphError, match=r"pip install 'essentia-ldl\[onnx\]'"):
        export_onnx(["m-1"], None, graphs, print)
