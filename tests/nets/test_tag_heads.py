"""The tags as a head of MusiCNN's embedding: the numbers of the tagger, and built again when the tagger is another."""

from __future__ import annotations

import json

import numpy as np
import pytest

from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import TAG_HEADS
from essentia_ldl.nets import base_graphs as base_graphs_module
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.tag_heads import build_tag_heads, is_built
from essentia_ldl.tags import TAGS


@pytest.fixture(scope="module")
def graphs(wheel, tmp_path_factory):
    """The base graphs of random weights, and the heads."""
    folder = tmp_path_factory.mktemp("base")
    base_graphs_module.build_base_graphs(folder, wheel)
    assert build_tag_heads(folder) == ["msd-msd-musicnn-1", "mtt-mtt-musicnn-1"]
    return folder


def run(path, name, feeds):
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(path.read_bytes()), name="")
        with tf.compat.v1.Session(graph=graph) as session:
            return session.run(name, feeds)


@pytest.mark.parametrize("dataset", ["msd", "mtt"])
def test_the_head_on_the_embedding_is_the_tagger(graphs, dataset):
    patches = np.random.default_rng(0).uniform(0, 5, (3, 187, 96)).astype(np.float32)
    names = ["model/dense/BiasAdd:0", "model/Sigmoid:0"]
    embedding, expected = run(graphs / f"{dataset}-musicnn-1.pb", names, {"model/Placeholder:0": patches})
    path = graphs / f"{TAG_HEADS[dataset]}.pb"
    found = run(path, "PartitionedCall:0", {"serving_default_model_Placeholder:0": embedding})
    np.testing.assert_allclose(found, expected, atol=1e-6)
    card = GraphCard(json.loads(path.with_suffix(".json").read_text()))
    assert card.classes == TAGS[dataset]
    assert (card.input_name, card.output("predictions")) == ("serving_default_model_Placeholder", "PartitionedCall")
    assert card.embedding_model["model_name"] == f"{dataset}-musicnn-1"


def test_built_once_and_again_of_another_tagger(graphs):
    assert build_tag_heads(graphs) == []
    path = graphs / "msd-musicnn-1.pb"
    whole = path.read_bytes()
    path.write_bytes(whole + b"\x12\x00")
    assert not is_built(graphs, "msd")
    path.write_bytes(whole)
    (graphs / "mtt-mtt-musicnn-1.pb").write_bytes(b"damaged")
    assert build_tag_heads(graphs) == ["mtt-mtt-musicnn-1"]
