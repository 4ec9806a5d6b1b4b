"""One network on several devices: each batch is split over them, and all of them take the same step.

In: names of devices. Out: what holds a copy of every variable on each, and a step over their shares of a batch. A batch
of n rows goes to d devices in its order, rows n i / d up to n (i + 1) / d to the i-th, so that what a step does is that
of one device but for rounding: losses are divided by the rows of the whole batch, batch normalisation shares its sums,
gradients are added on the first device in the order of the devices. Dropouts alone differ: every device draws the same
masks for its own share. Evaluation stays on the first device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from essentia_ldl.choices import ALL, SCRATCH
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.plan import Plan

Strategy = tf.distribute.MirroredStrategy


def find_devices() -> tuple[str, ...]:
    """Name the graphics cards that TensorFlow sees, where there are several; one needs no name."""
    found = tuple(device.name for device in tf.config.list_logical_devices("GPU"))
    return found if len(found) > 1 else ()


def open_strategy(plan: Plan, devices: Sequence[str]) -> Strategy | None:
    """Return what keeps a network alike on several devices.

    Parameters
    ----------
    plan : Plan
        The run; None is returned unless a whole network trains: a head is too small to gain by it.
    devices : sequence of str
        Such as ("GPU:0", "GPU:1").

    Returns
    -------
    tf.distribute.MirroredStrategy or None
        None with fewer than two devices.
    """
    if len(devices) < 2 or plan.network.fine_tune not in (ALL, SCRATCH):
        return None
    # NCCL may add in another order from run to run
    return Strategy(list(devices), cross_device_ops=tf.distribute.ReductionToOneDevice())


def share_statistics(model: keras.Model) -> None:
    """Let batch normalisation take mean and variance over the shares of all devices."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def spread_step(
    strategy: Strategy,
    update: Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
    signature: Sequence[tf.TensorSpec],
) -> Callable[..., tf.Tensor]:
    """Make a step over whole batches of an update that sees a device's share.

    Parameters
    ----------
    strategy : tf.distribute.MirroredStrategy
        Of the devices.
    update : callable
        From inputs, targets and weights of a share, and the number of rows of the whole batch, to the share's part of
        the loss.
    signature : sequence of tf.TensorSpec
        Of inputs, targets and weights.

    Returns
    -------
    callable
        (inputs, targets, weights) -> mean loss.
    """
    n_devices = strategy.num_replicas_in_sync

    def take_share(*batch: tf.Tensor) -> tf.Tensor:
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        n_rows = tf.shape(batch[0])[0]
        start, end = (n_rows * place // n_devices for place in (number, number + 1))
        return update(*(part[start:end] for part in batch), tf.cast(n_rows, tf.float32))

    @tf.function(input_signature=list(signature), autograph=False)
    def step(*batch: tf.Tensor) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(take_share, args=batch), axis=None)

    return step
