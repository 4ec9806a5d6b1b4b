"""Training in numbers of 16 bits, where a recipe wants it: layers compute in them, weights and losses keep 32.

In: a plan. Out: the policy that layers are built under, and what keeps small gradients of float16 from becoming zeros:
the loss is multiplied by a scale that its optimiser divides gradients by, that it halves where one is not finite, which
leaves the step out, and doubles now and then (P. Micikevicius et al., "Mixed precision training", ICLR 2018, section
3.2). Weights are float32 whatever the policy, so a network of float32 with the same weights is what leaves.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.plan import Plan

PLAIN, ON_GPU, ON_CPU = "float32", "mixed_float16", "mixed_bfloat16"


def choose_policy(plan: Plan) -> str:
    """Name the Keras policy of a training: float16 on a graphics card, bfloat16 elsewhere, float32 unless asked."""
    if not plan.training.mixed_precision:
        return PLAIN
    return ON_GPU if tf.config.list_logical_devices("GPU") else ON_CPU


@contextlib.contextmanager
def use_policy(name: str) -> Iterator[None]:
    """Build layers under a policy for a while."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def guard(optimizer: keras.Optimizer, model: keras.Model) -> keras.Optimizer:
    """Return an optimiser that scales the loss where a model computes in float16, and others as they are."""
    is_small = any(layer.compute_dtype == "float16" for layer in model.layers)
    return keras.optimizers.LossScaleOptimizer(optimizer) if is_small else optimizer


def scale_cost(cost: tf.Tensor, optimizers: Sequence[keras.Optimizer]) -> tf.Tensor:
    """Multiply a cost by the scale of the first optimiser, where it has one."""
    first = optimizers[0]
    return first.scale_loss(cost) if isinstance(first, keras.optimizers.LossScaleOptimizer) else cost


def match_scales(
    gradients: Sequence[Sequence[tf.Tensor]], optimizers: Sequence[keras.Optimizer]
) -> list[list[tf.Tensor]]:
    """Turn gradients of a cost that `scale_cost` scaled into what every optimiser expects: those of its own scale.

    Parameters
    ----------
    gradients : sequence of sequence of tf.Tensor
        By optimiser.
    optimizers : sequence of keras.Optimizer
        All with a scale, or none.

    Returns
    -------
    list[list[tf.Tensor]]
        Where devices share a batch, not finite on any of them unless finite on all: they leave out a step together.
    """
    if not isinstance(optimizers[0], keras.optimizers.LossScaleOptimizer):
        return [list(group) for group in gradients]
    factors = [optimizer.dynamic_scale / optimizers[0].dynamic_scale for optimizer in optimizers]
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync > 1:
        finite = tf.stack([tf.reduce_all(tf.math.is_finite(one)) for group in gradients for one in group])
        n_bad = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_sum(tf.cast(~finite, tf.float32)))
        factors = [tf.where(n_bad > 0, float("nan"), factor) for factor in factors]
    return [[one * factor for one in group] for group, factor in zip(gradients, factors, strict=True)]
