"""The base graphs: built once, under official names, and built again when they are damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest

from essentia_ldl import discover
from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import name_answers, read_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.nets import base_graphs as base_graphs_module
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import tf
from essentia_ldl.runs.plan import BACKBONES
from essentia_ldl.tags import TAGS

BASE = base_graphs_module.list_base_graphs()


@pytest.fixture(scope="module")
def base_graphs(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    assert all(base_graphs_module.build_base_graphs(folder, wheel).values())
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
    tagger = load_tagger(base_graphs, backbone_name, dataset)
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

    monkeypatch.setattr(base_graphs_module, "fetch_wheel", refuse)
    assert not any(base_graphs_module.build_base_graphs(base_graphs).values())


def test_damaged_graph_is_built_again(base_graphs, wheel):
    path = base_graphs / "mtt-vgg-1.pb"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    built = base_graphs_module.build_base_graphs(base_graphs, wheel)
    assert [stem for stem, now in built.items() if now] == ["mtt-vgg-1"]
    assert path.read_bytes() == whole, "the same weights give the same bytes"
    assert not list(base_graphs.glob(".*")), "no temporary file is left"


@pytest.mark.parametrize("stem", sorted(BASE))
def test_base_graphs_have_golden_answers_of_every_node(base_graphs, stem):
    graph = base_graphs / f"{stem}.pb"
    answers = read_answers(graph, digest_file(graph))
    card = GraphCard(json.loads(graph.with_suffix(".json").read_text()))
    assert set(answers.values) == {output["name"] for output in card.fields["schema"]["outputs"]}
    assert answers.inputs.shape[1:] == (187, 96)
    logits = load_tagger(base_graphs, *BASE[stem])(answers.inputs, training=False)
    np.testing.assert_array_equal(answers.values["model/Sigmoid"], tf.sigmoid(logits))


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PK")])
def test_answers_that_are_missing_or_damaged_are_written_again_without_the_wheel(base_graphs, monkeypatch, damage):
    path = name_answers(base_graphs / "mtt-vgg-1.pb")
    whole = path.read_bytes()
    damage(path)
    monkeypatch.setattr(base_graphs_module, "fetch_wheel", lambda *_: pytest.fail("nothing is missing"))
    assert not any(base_graphs_module.build_base_graphs(base_graphs).values())
    assert path.read_bytes() == whole


def test_command_line_reports_an_error(tmp_path, capsys):
    assert base_graphs_module.main([str(tmp_path), "--wheel", str(tmp_path / "nowhere.whl")]) == 1
    out = capsys.readouterr()
    assert out.err.startswith("error: wheel")
    assert "Traceback" not in out.err
