"""Thirty-two clips that a narrow network learns by heart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import DenseLayers, build_network
from essentia_ldl.nets.runtime import keras, tf

N_CLIPS = 32


def learn(
    name: str, *, patch_frames: int = 0, n_bands: int = 0, n_steps: int = 40, rate: float = 1e-2, **size: object
) -> float:
    """Train a network on noise with labels drawn at random; return its loss on that noise, by that of chance.

    Parameters
    ----------
    name : str
        A row of `frontends.NETWORKS`.
    patch_frames : int
        Frames or samples of a patch, fewer than the network's own; 0 for its own.
    n_bands : int
        Of a patch; 0 for the network's own.
    n_steps : int
        Steps over all clips.
    rate : float
        Of Adam.
    **size : object
        Keyword arguments of the backbone's `build`.
    """
    keras.utils.set_random_seed(0)
    module = load_backbone(name)
    front_end = module.FRONT_END
    changes = {"patch_frames": patch_frames, "n_bands": n_bands}
    front_end = dataclasses.replace(front_end, **{key: value for key, value in changes.items() if value})
    varied = type(module)(module.__name__)
    vars(varied).update({**vars(module), "FRONT_END": front_end})
    model = build_network(varied, 2, DenseLayers(0), fine_tune="none", size=size)
    random = np.random.default_rng(1)
    x = tf.constant(random.uniform(-1, 1, (N_CLIPS, *front_end.patch_shape)).astype(np.float32))
    y = tf.constant(np.eye(2, dtype=np.float32)[random.integers(0, 2, N_CLIPS)])
    variables = [variable.value for variable in model.trainable_variables]
    sizes = [int(np.prod(variable.shape)) for variable in variables]
    whole = keras.Variable(np.concatenate([variable.numpy().ravel() for variable in variables]))
    optimizer = keras.optimizers.Adam(rate)  # of all numbers as one: most of the time of a short training is tracing
    optimizer.build([whole])

    @tf.function(autograph=False)
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, model(x, training=True)))
        gradients = tape.gradient(cost, variables)
        optimizer.apply([tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], axis=0)], [whole])
        for variable, part in zip(variables, tf.split(whole.value, sizes), strict=True):
            variable.assign(tf.reshape(part, variable.shape))
        return cost

    for _ in range(n_steps):
        step()
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, model(x, training=False)))
    return float(loss) / np.log(2)


@pytest.fixture(scope="session")
def overfit() -> Callable[..., float]:
    """Return `learn`."""
    return learn


def count(variables: list[keras.Variable]) -> int:
    """Count numbers."""
    return sum(int(np.prod(variable.shape)) for variable in variables)


@pytest.fixture(scope="session")
def count_trained() -> Callable[..., int]:
    """Return what counts the trainable numbers of a row of `frontends.NETWORKS` with 50 outputs."""

    def count_with_50(name: str) -> int:
        module = load_backbone(name)
        return count(build_network(module, 50, DenseLayers(0), fine_tune="none").trainable_variables)

    return count_with_50
