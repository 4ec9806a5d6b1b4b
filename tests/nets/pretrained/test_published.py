"""A published extractor as a Keras model: it answers as its file does; what cannot be used is told in a sentence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.errors import GraphError, WeightsError
from essentia_ldl.files import digest_file
from essentia_ldl.nets.export.freeze import freeze_model, list_versions
from essentia_ldl.nets.export.nodes import PLACEHOLDER, Node
from essentia_ldl.nets.export.oplists import VERSIONS
from essentia_ldl.nets.pretrained.published import load_published, name_prefix
from essentia_ldl.nets.runtime import keras, tf

GraphDef = tf.compat.v1.GraphDef
PATCHES = np.random.default_rng(0).uniform(0, 4, (3, 187, 96)).astype(np.float32)


def run_graph(graph: GraphDef, node: str, source: str) -> np.ndarray:
    with tf.Graph().as_default() as scope:
        tf.import_graph_def(GraphDef.FromString(graph.SerializeToString()), name="")  # which writes defaults into it
        with tf.compat.v1.Session(graph=scope) as session:
            return session.run(f"{node}:0", {f"{source}:0": PATCHES})


@pytest.fixture(scope="module")
def model(write_published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graphs")
    published = write_published(folder)
    graph = GraphDef.FromString((folder / "net-1.pb").read_bytes())
    return load_published(folder, published), run_graph(graph, published.node, published.input_name)


def test_it_answers_as_the_file_does(model):
    loaded, expected = model
    assert loaded.input_shape == (None, 187, 96)
    assert loaded.output_shape == (None, 12)
    assert not loaded.weights
    assert np.array_equal(loaded(PATCHES, training=False).numpy(), expected)
    assert np.array_equal(loaded.predict(PATCHES, verbose=0, batch_size=2), expected)


def test_frozen_again_its_nodes_stand_under_its_name_and_alone(model):
    loaded, expected = model
    inputs = keras.Input((187, 96))
    outer = keras.Model(inputs, keras.layers.Identity(name="embedding")(loaded(inputs)))
    graph = freeze_model(outer, [Node("model/features", "embedding", "concatenation", "embeddings")])
    assert np.array_equal(run_graph(graph, "model/features", PLACEHOLDER), expected)
    inside = [node.name for node in graph.node if "/extractor_net_1" in node.name]
    assert any(name.endswith("/net/project/MatMul") for name in inside)
    assert not [name for name in inside if name.endswith(("tags", "training", "melspectrogram"))]
    assert [node.name for node in graph.node if node.op == "Placeholder"] == [PLACEHOLDER]
    assert list_versions(graph) == list(VERSIONS)


def test_names_of_files_are_names_of_scopes():
    names = ["net-1", "net_1", "net 1", "net.1", "1", "ne\u00e9t"]
    prefixes = [name_prefix(name) for name in names]
    assert len(set(prefixes)) == len(names)
    for prefix in prefixes:
        assert prefix.replace("_", "a").isalnum()
        assert prefix.isascii()


def test_other_bytes_than_the_run_read_are_refused(write_published, tmp_path):
    before = write_published(tmp_path)
    write_published(tmp_path, size=9)
    with pytest.raises(GraphError, match="extractor: expected the bytes that this run read, sha256 "):
        load_published(tmp_path, before)
    (tmp_path / "net-1.pb").unlink()
    with pytest.raises(GraphError, match="got 'nothing there'"):
        load_published(tmp_path, before)


@pytest.mark.parametrize(
    ("changes", "known", "message"),
    [
        ({}, {"size": 13}, r"embeddings: expected float32 \(any number of patches, 13\), as its card says; got"),
        ({"rows": 64}, {}, r"embeddings: expected float32 \(any number of patches, 12\).* got .*64"),
        (
            {"second": True},
            {},
            "expected embeddings that need the input net/melspectrogram and nothing else; got",
        ),
        ({}, {"node": "net/nowhere"}, "extractor: expected a node net/nowhere; got 'none of that name'"),
        ({}, {"input_name": "model/Placeholder"}, "extractor: expected a node model/Placeholder"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(write_published, tmp_path, changes, known, message):
    published = dataclasses.replace(write_published(tmp_path, **changes), **known)
    with pytest.raises(GraphError, match=message) as caught:
        load_published(tmp_path, published)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_graph(write_published, tmp_path):
    (tmp_path / "net-1.pb").write_bytes(b"no graph at all")
    published = write_published(tmp_path, "net-2")
    broken = dataclasses.replace(published, name="net-1", sha256=digest_file(tmp_path / "net-1.pb"))
    with pytest.raises(WeightsError, match="graph: expected a frozen graph"):
        load_published(tmp_path, broken)
