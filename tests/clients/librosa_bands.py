"""A frozen graph in TensorFlow without Essentia: librosa loads the audio and computes the mel bands of MusiCNN.

The frames are Essentia's: the first is centred on the first sample, and the Hann window is symmetric, where librosa's
own is periodic. Only whole patches are run, as Essentia does by default.
"""

import json
import sys

import librosa
import numpy as np
import scipy.signal
import tensorflow as tf

RATE, FRAME, HOP, BANDS = 16000, 512, 256, 96
PATCH, PATCH_HOP = 187, 93


def load(path):
    return librosa.load(path, sr=RATE, mono=True)[0]


def compute_bands(audio):
    window = scipy.signal.get_window("hann", FRAME, fftbins=False)
    frames = {"n_fft": FRAME, "hop_length": HOP, "window": window, "center": True, "pad_mode": "constant"}
    mel = {"n_mels": BANDS, "fmin": 0, "fmax": RATE / 2, "htk": False, "norm": "slaney"}
    power = librosa.feature.melspectrogram(y=audio, sr=RATE, power=2, **frames, **mel)
    return np.log10(1 + 10000 * power).T.astype(np.float32)


def open_graph(path, output):
    graph_def = tf.compat.v1.GraphDef()
    with open(path, "rb") as file:
        graph_def.ParseFromString(file.read())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    session = tf.compat.v1.Session(graph=graph)
    return lambda patches: session.run(f"{output}:0", {"model/Placeholder:0": patches})


def predict(model, path):
    bands = compute_bands(load(path))
    return model(np.stack([bands[start : start + PATCH] for start in range(0, len(bands) - PATCH + 1, PATCH_HOP)]))


if __name__ == "__main__":
    folder, path = sys.argv[1:]
    rows = predict(open_graph(f"{folder}/mood_sad-musicnn-msd-2.pb", "model/Sigmoid"), path)
    print(json.dumps({"mean": rows.mean(axis=0).tolist(), "patches": len(rows)}))
