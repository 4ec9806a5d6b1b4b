"""Write a MusiCNN in the form of Essentia's published graphs: `make_published.py WEIGHTS.h5 TARGET.pb`.

The weights are the released ones; the nodes are those of the published file: bands last, batch normalisation behind
ReLU and before the maximum, temporal filters over the first axis, a second placeholder that nothing reads. No
published graph is needed, and none is here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from essentia_ldl.nets.backbones import musicnn
from essentia_ldl.nets.classifier import build_tagger
from essentia_ldl.nets.layers import BATCH_NORM_EPSILON
from essentia_ldl.nets.runtime import keras, tf


def build_published(model: keras.Model) -> tf.compat.v1.GraphDef:
    """Make the published form of a tagger, from its layers' weights."""
    v1 = tf.compat.v1
    weights = {layer.name: [np.array(value) for value in layer.get_weights()] for layer in model.layers}

    def normalise(x: tf.Tensor, name: str) -> tf.Tensor:
        gamma, beta, mean, variance = weights[name]
        if len(x.shape) == 4:
            settings = {"epsilon": BATCH_NORM_EPSILON, "is_training": False}
            return v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, **settings)[0]
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, BATCH_NORM_EPSILON)

    def convolve(x: tf.Tensor, name: str, kernel: np.ndarray, padding: str) -> tf.Tensor:
        y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, padding), weights[name][1]))
        return normalise(y, f"{name}_norm")

    with tf.Graph().as_default() as graph, tf.name_scope("model"):
        patches = v1.placeholder(tf.float32, [None, 187, 96], "Placeholder")
        v1.placeholder(tf.bool, None, "Placeholder_1")
        x = normalise(tf.expand_dims(patches, 3), "input_norm")
        padded = tf.pad(x, [[0, 0], [3, 3], [0, 0], [0, 0]])
        branches = []
        for name in musicnn.TIMBRAL_BANDS:
            y = convolve(padded, name, weights[name][0], "VALID")
            branches.append(tf.squeeze(tf.nn.max_pool2d(y, [1, y.shape[2]], [1, y.shape[2]], "VALID"), [2]))
        for name in musicnn.TEMPORAL_FRAMES:
            y = convolve(x, name, weights[name][0].transpose(1, 0, 2, 3), "SAME")
            branches.append(tf.squeeze(tf.nn.max_pool2d(y, [1, y.shape[2]], [1, y.shape[2]], "VALID"), [2]))
        front = tf.concat(branches, 2)
        middle, y = [], tf.expand_dims(front, 3)
        for number in (1, 2, 3):
            name = f"midend_{number}"
            kernel = weights[name][0][:, :, np.newaxis]  # (frames, channels, 1, filters)
            z = convolve(tf.pad(y, [[0, 0], [3, 3], [0, 0], [0, 0]]), name, kernel, "VALID")
            z = tf.transpose(z, [0, 1, 3, 2])
            y = z if number == 1 else z + y
            middle.append(tf.squeeze(y, [3]))
        features = tf.concat([front, *middle], 2)
        pairs = tf.stack([tf.reduce_max(features, 1), tf.reduce_mean(features, 1)], 2)
        pooled = normalise(tf.reshape(pairs, [-1, 2 * features.shape[2]]), "pool_norm")
        dense = tf.nn.bias_add(
            tf.matmul(pooled, weights["embedding"][0]), weights["embedding"][1], name="dense/BiasAdd"
        )
        z = normalise(tf.nn.relu(dense), "tail_norm")
        logits = tf.nn.bias_add(tf.matmul(z, weights["tags"][0]), weights["tags"][1], name="dense_1/BiasAdd")
        tf.sigmoid(logits, name="Sigmoid")
    return graph.as_graph_def()


def main() -> None:
    """Write the file that the command line asks for."""
    model = build_tagger(musicnn)
    model.load_weights(sys.argv[1])
    Path(sys.argv[2]).write_bytes(build_published(model).SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
