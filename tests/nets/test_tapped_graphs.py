"""Frozen graphs for features in the store: what they answer, and how the entry point ends."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.features.joint import INPUT, NODE
from essentia_ldl.files import write_json
from essentia_ldl.nets.export.nodes import FEATURES, PLACEHOLDER
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.tapped import build_tapped
from essentia_ldl.nets.tapped_graphs import main


@pytest.mark.slow
@pytest.mark.parametrize("second", ["msd-vgg", "msd-musicnn"])
def test_graphs_answer_what_keras_answers(tmp_path, random_graphs, second):
    paths = {name: tmp_path / "graphs" / f"{name}.pb" for name in ("mtt-vgg", second)}
    job = {"graphs": str(random_graphs), "layers": "deep", "networks": {name: str(p) for name, p in paths.items()}}
    write_json(tmp_path / "job.json", job)
    assert main([str(tmp_path / "job.json")]) == 0
    bands = np.random.default_rng(0).uniform(0, 4, (187 + 2 * 93, 96)).astype(np.float32)
    patches = np.stack([bands[start : start + 187] for start in (0, 93, 186)])
    for name, path in paths.items():
        expected = build_tapped(random_graphs, [name], "deep")(patches, training=False).numpy()
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(tf.compat.v1.GraphDef.FromString(path.read_bytes()), name="")
            with tf.compat.v1.Session(graph=graph) as session:
                found = session.run(f"{NODE}:0", {f"{INPUT}:0": patches})
        assert np.max(np.abs(found - expected)) < 1e-5 * np.max(np.abs(expected)), name


def test_the_plain_zone_knows_the_nodes():
    assert (INPUT, NODE) == (PLACEHOLDER, FEATURES)


def test_what_cannot_be_done_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere.json")]) == 1
    networks = {"msd-vgg": str(tmp_path / "x.pb")}
    write_json(tmp_path / "job.json", {"graphs": str(tmp_path), "layers": "deep", "networks": networks})
    assert main([str(tmp_path / "job.json")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("error: file: expected readable json")
    assert second.startswith("error: pretrained weights: expected an existing file")


def test_an_extractor_becomes_a_graph_of_the_same_nodes(tmp_path, write_published, capsys):
    published, path = write_published(tmp_path), tmp_path / "store" / "net-1.pb"
    job = {"graphs": str(tmp_path), "layers": "deep", "networks": {"net-1": str(path)}}
    write_json(tmp_path / "job.json", {**job, "published": [dataclasses.asdict(published)]})
    assert main([str(tmp_path / "job.json")]) == 0
    patches = np.random.default_rng(0).uniform(0, 4, (3, 187, 96)).astype(np.float32)
    asked = {tmp_path / "net-1.pb": (published.node, published.input_name), path: (NODE, INPUT)}
    answers = []
    for file, (node, source) in asked.items():
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(tf.compat.v1.GraphDef.FromString(file.read_bytes()), name="")
            with tf.compat.v1.Session(graph=graph) as session:
                answers.append(session.run(f"{node}:0", {f"{source}:0": patches}))
    assert np.array_equal(*answers)
    write_published(tmp_path, size=9)  # after the job was written
    assert main([str(tmp_path / "job.json")]) == 1
    assert capsys.readouterr().err.startswith("error: extractor: expected the bytes that this run read")
