"""A frozen graph in TensorFlow 2 itself, without Essentia: patches come from a file of numbers."""

import json
import sys

import numpy as np
import tensorflow as tf

folder, path = sys.argv[1:]
patches = np.load(path)
graph_def = tf.compat.v1.GraphDef()
with open(f"{folder}/mood_sad-musicnn-msd-2.pb", "rb") as file:
    graph_def.ParseFromString(file.read())
with tf.Graph().as_default() as graph:
    tf.import_graph_def(graph_def, name="")
    with tf.compat.v1.Session(graph=graph) as session:
        rows = session.run("model/Sigmoid:0", {"model/Placeholder:0": patches})
print(json.dumps({"mean": rows.mean(axis=0).tolist()}))
