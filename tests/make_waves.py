"""Narrow networks of the families that hear waveforms, and of the benchmark's: `python tests/make_waves.py FOLDER`.

In: nothing. Out: per network ``<name>.pb``, and ``<name>.npz`` with inputs and what Keras answers to them. Patches are
shorter than the networks' own, so that a second of TensorFlow makes them all.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np

from essentia_ldl.models.answers import find_range
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import DenseLayers, build_network
from essentia_ldl.nets.export.freeze import build_evaluator, freeze_model
from essentia_ldl.nets.export.nodes import classifier_nodes
from essentia_ldl.nets.runtime import keras

NETWORKS = {
    "samplecnn-rese2": {"patch_frames": 3**7, "width": 4},
    "samplecnn-rnn4": {"patch_frames": 3**7, "width": 4},
    "harmoniccnn": {"patch_frames": 8192, "width": 4},
    "pons-wave": {"patch_frames": 24000, "width": 1},
    "images": {"patch_frames": 48, "alpha": 0.35},
    "attention": {"patch_frames": 64, "width": 4},
    "crnn": {"patch_frames": 192, "width": 4},
    "fcn": {"patch_frames": 1280, "width": 2},
    "shortchunk": {"patch_frames": 128, "width": 2},
    "shortchunk-res": {"patch_frames": 128, "width": 2},
}


def write(folder: Path, name: str, patch_frames: int, **size: object) -> None:
    """Write one network."""
    keras.utils.set_random_seed(0)
    original = load_backbone(name)
    module = type(original)(original.__name__)
    front_end = dataclasses.replace(original.FRONT_END, patch_frames=patch_frames)
    vars(module).update({**vars(original), "FRONT_END": front_end})
    model, nodes = build_network(module, 2, DenseLayers(0), fine_tune="none", size=size), classifier_nodes(module, 0)
    low, high = find_range(front_end)
    inputs = np.random.default_rng(0).uniform(low, high, (3, *front_end.patch_shape)).astype(np.float32)
    if front_end.compression == "decibel":  # without statistics, values of -100 go up through all layers
        norm = model.get_layer(original.INPUT_NORM)
        norm.moving_mean.assign([inputs.mean()])
        norm.moving_variance.assign([inputs.var()])
    graph = freeze_model(model, nodes, front_end.patch_shape)
    (folder / f"{name}.pb").write_bytes(graph.SerializeToString(deterministic=True))
    answers = {node: value.numpy() for node, value in build_evaluator(model, nodes)(inputs).items()}
    np.savez(folder / f"{name}.npz", inputs=inputs, nodes=np.array(list(answers)), **answers)


def main(arguments: list[str]) -> int:
    """Write all of them into a folder."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in NETWORKS.items():
        write(folder, name, **size)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
