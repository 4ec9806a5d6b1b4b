"""How long a network takes here: `python -m essentia_ldl.nets.timing FILE NETWORK:FINE_TUNE[:WIDTH] ...`.

In: names of networks, each with "none", "all", "top" or "head", and a share where layers are narrower. Out: a json file
with the seconds of a training step and of the evaluation of a patch, measured on random numbers: what a step costs
depends neither on the data nor on the weights.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import TOP
from essentia_ldl.files import write_json
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import build_head, build_network, split_model
from essentia_ldl.nets.inputs.embeddings import BATCH_PATCHES
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.zones import end_step, follow_parent

N_CLASSES = 10
N_REPEATS = 3


def measure(
    backbone: str, fine_tune: str, batch_size: int, n_repeats: int = N_REPEATS, width: float = 1.0
) -> dict[str, Any]:
    """Measure a network.

    Parameters
    ----------
    backbone : str
        A row of `frontends.NETWORKS`.
    fine_tune : str
        "none", "all", "top" or "head".
    batch_size : int
        Tracks per step.
    n_repeats : int
        Times each is done; the quickest counts.
    width : float
        Layers so many times as wide; with "none" only, where the network can be made narrower.

    Returns
    -------
    dict
        batch_size; step_s, seconds per training step; patch_s, seconds to evaluate a patch while training; embed_s,
        seconds to compute what the frozen part makes of a patch, once and for all, 0 where nothing is frozen.
    """
    tf.config.experimental.enable_op_determinism()  # as in training, where it costs time
    module = load_backbone(backbone)
    patch = module.FRONT_END.patch_shape
    embed_s = 0.0
    if fine_tune == "head":
        body = module.build(module.FRONT_END)
        embed_s = _time_evaluation(body, patch, n_repeats)
        model, shape = build_head(module.EMBEDDING_SIZE, N_CLASSES), (module.EMBEDDING_SIZE,)
    else:
        size = module.narrow(width) if width != 1 else None
        model = build_network(module, N_CLASSES, fine_tune=fine_tune, size=size)
        shape = patch
        if fine_tune == TOP:  # what its upper layers read is computed once and for all
            body, model = split_model(model, module.FROZEN_UNTIL)
            embed_s = _time_evaluation(body, patch, n_repeats)
            shape = tuple(body.compute_output_shape((1, *patch))[1:])
    step_s = _time_step(model, shape, batch_size, n_repeats)
    patch_s = _time_evaluation(model, shape, n_repeats)
    return {"batch_size": batch_size, "step_s": step_s, "patch_s": patch_s, "embed_s": embed_s}


def _time_step(model: keras.Model, shape: tuple[int, ...], batch_size: int, n_repeats: int) -> float:
    random = np.random.default_rng(0)
    x = random.random((batch_size, *shape), dtype=np.float32)
    t = random.dirichlet(np.ones(N_CLASSES), batch_size).astype(np.float32)
    optimizer, variables = keras.optimizers.Adam(), model.trainable_variables
    optimizer.build(variables)

    @tf.function(autograph=False)
    def step(x: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            cost = tf.reduce_mean(tf.abs(tf.nn.softmax(model(x, training=True)) - t))
        optimizer.apply(tape.gradient(cost, [variable.value for variable in variables]), variables)
        return cost

    return _time(lambda: step(x, t).numpy(), n_repeats)


def _time_evaluation(model: keras.Model, shape: tuple[int, ...], n_repeats: int) -> float:
    patches = np.random.default_rng(1).random((BATCH_PATCHES, *shape), dtype=np.float32)
    infer = tf.function(lambda x: model(x, training=False), autograph=False)
    return _time(lambda: infer(patches).numpy(), n_repeats) / BATCH_PATCHES


def _time(work: Callable[[], Any], n_repeats: int) -> float:
    work()  # traces
    quickest = math.inf
    for _ in range(n_repeats):
        start = time.perf_counter()
        work()
        quickest = min(quickest, time.perf_counter() - start)
    return quickest


def main(arguments: list[str] | None = None) -> int:
    """Measure networks; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m essentia_ldl.nets.timing", description=main.__doc__)
    parser.add_argument("file", type=Path, help="json file to write")
    parser.add_argument("networks", nargs="+", metavar="NETWORK:FINE_TUNE", help="such as vgg:none")
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args(arguments)

    def work() -> None:
        found = {}
        for name in options.networks:
            backbone, fine_tune, *width = name.split(":")
            shares = {"width": float(width[0])} if width else {}
            found[name] = measure(backbone, fine_tune, options.batch_size, **shares)
        write_json(options.file, found)

    return end_step(work)


if __name__ == "__main__":
    follow_parent()
    sys.exit(main())
