"""A frozen graph as ONNX: names and a free batch axis, and what cannot be converted."""

from __future__ import annotations

import json

import numpy as np
import onnx.reference
import pytest

from essentia_ldl.errors import GraphError
from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import write_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.nets.classifier import build_head
from essentia_ldl.nets.export.exchange import OPSET, convert_graph, main
from essentia_ldl.nets.export.freeze import GraphDef, build_evaluator, freeze_model
from essentia_ldl.nets.export.nodes import head_nodes
from essentia_ldl.nets.runtime import keras, tf

CARD = {
    "name": "mood sad",
    "type": "multi-class classifier",
    "classes": ["non_sad", "sad"],
    "schema": {
        "inputs": [{"name": "model/Placeholder"}],
        "outputs": [{"name": "model/Softmax", "output_purpose": "predictions", "shape": [2]}],
    },
    "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredict2D"},
}


@pytest.fixture
def graph(tmp_path):
    """A head with random weights, its card and its golden answers."""
    keras.utils.set_random_seed(1)
    model, path = build_head(20, 2), tmp_path / "head.pb"
    path.write_bytes(freeze_model(model, head_nodes()).SerializeToString(deterministic=True))
    path.with_suffix(".json").write_text(json.dumps(CARD))
    evaluate = build_evaluator(model, head_nodes())
    write_answers(path, digest_file(path), "model/Placeholder", (20,), (-2.0, 2.0), evaluate)
    return path


def test_inputs_and_outputs_have_the_names_of_the_nodes(graph, tmp_path):
    target = tmp_path / "head.onnx"
    assert main([str(graph), str(target)]) == 0
    model = onnx.load(target)
    assert [one.version for one in model.opset_import if one.domain == ""] == [OPSET]
    assert [info.name for info in model.graph.input] == ["model/Placeholder"]
    assert [info.name for info in model.graph.output] == [
        *("model/Softmax", "model/Sigmoid", "model/dense_1/BiasAdd", "model/dense/BiasAdd")
    ]
    shapes = [[dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]]
    assert shapes == [["batch", 20]]
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told == {"classes": "non_sad, sad", "name": "mood sad"}


def test_the_numbers_are_those_of_the_graph(graph, tmp_path):
    target = tmp_path / "head.onnx"
    main([str(graph), str(target)])
    rows = np.random.default_rng(0).normal(size=(5, 20)).astype(np.float32)
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(GraphDef.FromString(graph.read_bytes()), name="")
        with tf.compat.v1.Session(graph=imported) as session:
            expected = session.run("model/Softmax:0", {"model/Placeholder:0": rows})
    [found] = onnx.reference.ReferenceEvaluator(str(target)).run(["model/Softmax"], {"model/Placeholder": rows})
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_operation_that_onnx_does_not_know_is_one_sentence():
    with tf.Graph().as_default() as scope:
        x = tf.compat.v1.placeholder(tf.float32, [None, 4], name="model/Placeholder")
        tf.identity(tf.raw_ops.Betainc(a=x, b=x, x=x), name="model/Softmax")
    with pytest.raises(GraphError, match=r"ONNX: expected operations that it knows; got .*Betainc"):
        convert_graph(scope.as_graph_def(), GraphCard(CARD), ["model/Softmax"])


def test_without_the_libraries_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tf2onnx", None)
    with pytest.raises(GraphError, match=r"pip install 'essentia-ldl\[onnx\]'"):
        convert_graph(GraphDef(), GraphCard(CARD), [])
