"""Write extractors with the interfaces of Essentia's published ones, weights from a seed: `make_extractors.py FOLDER`.

The nets zone's tests import this file; those of the sound zone, which may not load TensorFlow, run it. No published
graph is needed, and none is here: a fixed batch of 64, four axes of tokens and a frozen VGGish are made small.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from essentia_ldl.nets.backbones import vggish
from essentia_ldl.nets.export.freeze import freeze_model
from essentia_ldl.nets.export.nodes import Node
from essentia_ldl.nets.runtime import keras, tf

VGGISH_SIZE = {"n_filters": (4, 4, 8, 8, 8, 8), "n_units": (32, 32)}
VGGISH_NODE = "model/vggish/embeddings"
N_EFFNET, N_MAEST, N_TOKENS = 24, 8, 5
N_OPENL3 = 512
MAEST_FRAMES = 316  # the 5-second network


def describe(name: str, algorithm: str, inputs: list, outputs: list) -> dict:
    """Make a card in the form of Essentia's, without anything of ours."""
    return {
        "name": name,
        "type": "feature extractor",
        "link": f"https://example.org/{name}.pb",
        "version": "1",
        "schema": {"inputs": inputs, "outputs": outputs},
        "inference": {"sample_rate": 16000, "algorithm": algorithm},
    }


def node(name: str, shape: list[int], purpose: str = "") -> dict:
    return {"name": name, "type": "float", "shape": shape, "op": "", "output_purpose": purpose}


def save(folder: Path, graph: tf.compat.v1.GraphDef, card: dict) -> Path:
    path = folder / f"{card['name']}.pb"
    path.write_bytes(graph.SerializeToString(deterministic=True))
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def build_vggish(rectified: bool = False, **size) -> keras.Model:
    """Build a small VGGish whose embeddings have both signs and do not vanish."""
    keras.utils.set_random_seed(11)
    model = vggish.build(rectified=rectified, **{**VGGISH_SIZE, **size})
    random = np.random.default_rng(12)
    for layer in model.layers:
        if layer.weights:
            layer.bias.assign(random.normal(0, 0.1, layer.bias.shape))
    return model


def write_vggish(folder: Path, name: str = "audioset-vggish-3", rectified: bool = False) -> Path:
    """Write a VGGish under the official node names."""
    wanted = (Node(VGGISH_NODE, "embedding", "fully connected", "embeddings"),)
    graph = freeze_model(build_vggish(rectified), wanted, (96, 64))
    inputs = [node("model/Placeholder", [96, 64])]
    return save(
        folder, graph, describe(name, "TensorflowPredictVGGish", inputs, [node(VGGISH_NODE, [128], "embeddings")])
    )


def write_graph(folder: Path, card: dict, shape: list[int | None], build: Callable[[tf.Tensor], None]) -> Path:
    graph = tf.Graph()
    with graph.as_default():
        build(tf.compat.v1.placeholder(tf.float32, shape, name=card["schema"]["inputs"][0]["name"]))
    return save(folder, graph.as_graph_def(), card)


def write_effnet(folder: Path, name: str = "fake-effnet-bs64-1") -> Path:
    """Write a graph that takes batches of 64 patches of 128 frames and no others."""
    weights = np.random.default_rng(1).normal(0, 0.3, (96, N_EFFNET)).astype(np.float32)

    def build(patches: tf.Tensor) -> None:
        embedding = tf.identity(tf.matmul(tf.reduce_mean(patches, axis=1), weights), name="PartitionedCall/embeddings")
        tf.nn.sigmoid(embedding[:, :3], name="PartitionedCall/predictions")

    inputs = [node("serving_default_melspectrogram", [64, 128, 96])]
    outputs = [
        node("PartitionedCall/predictions", [64, 3], "predictions"),
        node("PartitionedCall/embeddings", [64, N_EFFNET], "embeddings"),
    ]
    card = describe(name, "TensorflowPredictEffnetDiscogs", inputs, outputs)
    return write_graph(folder, {**card, "classes": ["a", "b", "c"]}, [64, 128, 96], build)


def write_maest(folder: Path, name: str = "fake-maest-5s-1") -> Path:
    """Write a graph whose layer 7 is (batch, 1, tokens, d): CLS, DIST and three of the signal."""
    weights = np.random.default_rng(2).normal(0, 0.3, (96, N_MAEST)).astype(np.float32)

    def build(patches: tf.Tensor) -> None:
        y = tf.tensordot(patches, weights, 1)
        tokens = tf.stack([tf.reduce_mean(y, 1), tf.reduce_max(y, 1), y[:, 0], y[:, 1], y[:, -1]], axis=1)
        tf.ensure_shape(tokens[:, tf.newaxis], [None, 1, N_TOKENS, N_MAEST], name="PartitionedCall/Identity_7")

    inputs = [node("melspectrogram", [1, MAEST_FRAMES, 96])]
    outputs = [node("PartitionedCall/Identity_7", [1, 1, N_TOKENS, N_MAEST], "embeddings")]
    card = describe(name, "TensorflowPredictMAEST", inputs, outputs)
    return write_graph(folder, card, [None, MAEST_FRAMES, 96], build)


def write_openl3(folder: Path, name: str = "openl3-music-mel128-emb512-3") -> Path:
    """Write a graph that reads (batch, 128 bands, 199 frames, 1) and answers 512 numbers; late frames weigh more."""
    weights = np.random.default_rng(3).normal(0, 0.01, (128, N_OPENL3)).astype(np.float32)
    ramp = np.linspace(0, 2 / 199, 199, dtype=np.float32)

    def build(patches: tf.Tensor) -> None:
        mean = tf.reduce_sum(patches[..., 0] * ramp, axis=2)
        tf.matmul(mean, weights, name="embeddings")

    inputs, outputs = [node("melspectrogram", [128, 199, 1])], [node("embeddings", [N_OPENL3], "embeddings")]
    card = describe(name, "TensorflowPredict", inputs, outputs)
    card["inference"]["sample_rate"] = 48000
    return write_graph(folder, card, [None, 128, 199, 1], build)


def main(arguments: list[str]) -> int:
    """Write all of them into a folder."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for write in (write_vggish, write_effnet, write_maest, write_openl3):
        write(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
