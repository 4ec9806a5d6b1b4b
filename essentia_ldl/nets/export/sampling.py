"""Uncertainty inside a graph: samples of a network, and the entropies that they have.

In: a model patches or embeddings -> logits with dropout layers, or several models (members of an ensemble). Out: the
same model with more outputs, of float32 and rank 2: the mean of the samples' probabilities and, in nats, their
predictive entropy H(mean), expected entropy mean(H) and mutual information, the difference of both, which is what the
samples disagree about. Calibration is inside every sample, before the mean.

Monte-Carlo dropout keeps dropout active when the network is used. Keras cannot freeze a layer in training mode, because
its random state is a variable; so every dropout is replaced by `SampledDropout` on TensorFlow's own stateful
RandomUniform, which TensorFlow 1.15 and 2.5 know and no optimiser may fold. Batch normalisation stays in inference
mode. All samples are rows of one batch: what comes before the first dropout is computed once.

References
----------
Gal and Ghahramani, "Dropout as a Bayesian approximation", ICML 2016. Lakshminarayanan, Pritzel and Blundell, "Simple
and scalable predictive uncertainty estimation using deep ensembles", NIPS 2017. Depeweg et al., "Decomposition of
uncertainty in Bayesian deep learning", ICML 2018, section 3 (entropies).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from essentia_ldl.choices import HEAD, TOP
from essentia_ldl.errors import GraphError, explain
from essentia_ldl.nets.classifier import DROPOUTS, split_model
from essentia_ldl.nets.export.nodes import Node
from essentia_ldl.nets.networks import find_frozen
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.plan import Plan
from essentia_ldl.scores.calibration import Calibration
from essentia_ldl.scores.uncertainty import EXPECTED, MEAN, MUTUAL, NAMES, PREDICTIVE, measure, node_name

N_RUNS = 64  # of the graph, and of its reference, in verification
N_GOLDEN = 4  # patches there
TINY = 1e-30  # added to a probability before its logarithm: 0 log 0 is 0

OPS = {MEAN: "Mean", PREDICTIVE: "Entropy", EXPECTED: "Entropy", MUTUAL: "Mutual information"}
TEXTS = {
    MEAN: "mean of the probabilities of {what}",
    PREDICTIVE: "entropy in nats of the mean probabilities of {what}",
    EXPECTED: "mean in nats of the entropies of {what}",
    MUTUAL: "predictive minus expected entropy in nats: what {what} disagree about",
}


@dataclasses.dataclass(frozen=True)
class DropoutSamples:
    """What is sampled of a network.

    Parameters
    ----------
    dropouts : tuple[str, ...]
        Names of the dropout layers that stay active, from `find_dropouts`.
    n_samples : int
        Samples of every run of the graph.
    calibration : Calibration
        What stands between the logits and the softmax of every sample.
    """

    dropouts: tuple[str, ...]
    n_samples: int
    calibration: Calibration


class SampledDropout(keras.layers.Layer):
    """Dropout that is always active, with new random numbers at every run of a graph.

    Parameters
    ----------
    rate : float
        Share of the inputs that become 0; the others grow by 1 / (1 - rate).
    """

    def __init__(self, rate: float, **settings: object) -> None:
        super().__init__(**settings)
        self.rate = rate

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Drop inputs of any shape."""
        # Both seeds 0 mean seeds that differ from process to process; the operation goes on from there.
        noise = tf.raw_ops.RandomUniform(shape=tf.shape(inputs), dtype=tf.float32, seed=0, seed2=0)
        return inputs * tf.cast(noise >= self.rate, tf.float32) * (1.0 / (1.0 - self.rate))


class Repeat(keras.layers.Layer):
    """Repeat every row of a batch: (batch, ...) becomes (batch * n_samples, ...), samples of a row side by side."""

    def __init__(self, n_samples: int, **settings: object) -> None:
        super().__init__(**settings)
        self.n_samples = n_samples

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Repeat the rows of a tensor of any shape."""
        copies = tf.tile(tf.expand_dims(inputs, 1), [1, self.n_samples] + [1] * (len(inputs.shape) - 1))
        sizes = inputs.shape[1:]
        if sizes.is_fully_defined():
            return tf.reshape(copies, [-1, *sizes])
        return tf.ensure_shape(tf.reshape(copies, tf.concat([[-1], tf.shape(inputs)[1:]], 0)), [None, *sizes])


def find_dropouts(model: keras.Model, within: Sequence[str] | None = None) -> list[str]:
    """Name the dropout layers of a model that drop anything, found by their type.

    Parameters
    ----------
    model : keras.Model
        Functional.
    within : sequence of str or None
        Look at the layers of these names only; None looks at all.

    Raises
    ------
    GraphError
        When one drops whole channels, which samples here do not.
    """
    found = []
    for layer in model.layers:
        kind = isinstance(layer, keras.layers.Dropout)
        if not kind or not layer.rate or (within is not None and layer.name not in within):
            continue
        if type(layer) is not keras.layers.Dropout or layer.noise_shape is not None:
            remedy = "Use keras.layers.Dropout without noise_shape."
            raise GraphError(explain("dropout", "one that drops single numbers", layer.name, "sampling", remedy))
        found.append(layer.name)
    return found


def repeat_logits(
    model: keras.Model,
    dropouts: Sequence[str],
    n_samples: int,
    drop: Callable[[keras.layers.Layer], keras.layers.Layer],
) -> keras.KerasTensor:
    """Continue a model's graph with samples of its output.

    Parameters
    ----------
    model : keras.Model
        Inputs -> logits.
    dropouts : sequence of str
        Dropout layers to replace, at least one; the others stay inactive.
    n_samples : int
        Samples of each row.
    drop : callable
        From a dropout layer of the model to the layer in its place.

    Returns
    -------
    keras.KerasTensor [shape=(batch * n_samples, n_classes), float32]
        On the model's own input; weights are shared with it.
    """
    repeated: set[int] = set()

    def repeat(value: object, name: str) -> object:
        if not isinstance(value, keras.KerasTensor) or id(value) in repeated:
            return value
        return Repeat(n_samples, name=f"repeat_{name}")(value)

    def call(layer: keras.layers.Layer, *inputs: object, **settings: object) -> object:
        flat = keras.tree.flatten(inputs)
        sampled = layer.name in dropouts
        if not sampled and not any(id(value) in repeated for value in flat):
            return layer(*inputs, **settings)
        inputs = keras.tree.map_structure(lambda value: repeat(value, f"before_{layer.name}"), inputs)
        outputs = drop(layer)(*inputs) if sampled else layer(*inputs, **settings)
        keep.extend(keras.tree.flatten(outputs))  # an id means nothing once its tensor is gone
        repeated.update(id(value) for value in keras.tree.flatten(outputs))
        return outputs

    keep: list[object] = []
    missing = sorted(set(dropouts) - set(find_dropouts(model, dropouts)))
    if missing or not dropouts:
        rule, remedy = "at least one dropout layer", "Set network.dropout above 0 and train again."
        raise GraphError(explain("sampling", rule, missing or "none", "model", remedy))
    copy = keras.models.clone_model(
        model, input_tensors=model.input, clone_function=lambda layer: layer, call_function=call
    )
    return keras.tree.flatten(copy.output)[0]


def attach(
    plan: Plan, model: keras.Model, nodes: Sequence[Node], calibration: Calibration
) -> tuple[keras.Model, tuple[Node, ...]]:
    """Add dropout samples to the model of a plan, and their nodes to its own.

    Raises
    ------
    GraphError
        When the network was trained without dropout.
    """
    sampled = sample_dropout(model, _plan_samples(plan, model, calibration))
    return sampled, (*nodes, *list_nodes(f"{plan.samples} dropout samples", sampled=True))


def draw_golden(plan: Plan, model: keras.Model, patches: np.ndarray, calibration: Calibration) -> dict[str, np.ndarray]:
    """Draw what Essentia must find in many runs of the sampled nodes of a plan.

    Parameters
    ----------
    plan : Plan
        Of the run: how many samples, and the seed.
    model : keras.Model
        The trained network, without samples.
    calibration : Calibration
        Of its logits.
    patches : np.ndarray [shape=(n, ...), float32]
        Inputs; the first `N_GOLDEN` are used.

    Returns
    -------
    dict[str, np.ndarray]
        sampled_patches; sampled_nodes, their names; sampled_runs, how many runs; and of every node mean and deviation
        over the runs, ``<node with __ for />__mean`` and ``__std`` (n, size).
    """
    few = np.ascontiguousarray(patches[:N_GOLDEN])
    drawn = draw_reference(model, few, _plan_samples(plan, model, calibration), n_runs=N_RUNS, seed=plan.seed)
    golden = {"sampled_patches": few, "sampled_nodes": np.array([node_name(name) for name in NAMES])}
    golden["sampled_runs"] = np.array(N_RUNS)
    for name, runs in drawn.items():
        key = node_name(name).replace("/", "__")
        golden |= {f"{key}__mean": runs.mean(axis=0), f"{key}__std": runs.std(axis=0, ddof=1)}
    return golden


def _plan_samples(plan: Plan, model: keras.Model, calibration: Calibration) -> DropoutSamples:
    """Sample the dropout layers that were active in training: those below what was trained were not."""
    active = {HEAD: DROPOUTS}.get(plan.network.fine_tune)
    if plan.network.fine_tune == TOP:
        upper = split_model(model, find_frozen(plan.network))[1]
        active = tuple(layer.name for layer in upper.layers)
    dropouts = find_dropouts(model, active)
    return DropoutSamples(tuple(dropouts), plan.samples, calibration)


def sample_dropout(model: keras.Model, samples: DropoutSamples) -> keras.Model:
    """Add the outputs of `NAMES` to a model, from samples of its dropout.

    Parameters
    ----------
    model : keras.Model
        Inputs -> logits.
    samples : DropoutSamples
        Which layers, how many samples, and their calibration.

    Returns
    -------
    keras.Model
        The layers of `model`, and a layer of each of `NAMES`.

    Raises
    ------
    GraphError
        When there is no such dropout.
    """
    n_samples, n_classes = samples.n_samples, int(model.output_shape[-1])
    logits = repeat_logits(model, samples.dropouts, n_samples, _replace)
    rows = keras.layers.Lambda(lambda x: tf.reshape(x, [-1, n_samples, n_classes]), name="samples")(logits)
    outputs = measure_samples(softmax_of(rows, samples.calibration, "sample_probabilities"))
    return keras.Model(model.input, [model.output, *outputs.values()], name="network")


def _replace(layer: keras.layers.Layer) -> keras.layers.Layer:
    return SampledDropout(layer.rate, name=f"sampled_{layer.name}")


def softmax_of(logits: keras.KerasTensor, calibration: Calibration, name: str) -> keras.KerasTensor:
    """Return calibrated probabilities, the classes on the last axis."""
    scale, bias = (np.array(values, dtype=np.float32) for values in (calibration.scale, calibration.bias))
    if calibration.is_identity:
        return keras.layers.Lambda(tf.nn.softmax, name=name)(logits)
    return keras.layers.Lambda(lambda x: tf.nn.softmax(x * scale + bias), name=name)(logits)


def measure_samples(probabilities: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
    """Measure what samples say together.

    Parameters
    ----------
    probabilities : keras.KerasTensor [shape=(batch, n_samples, n_classes), float32]
        Of every sample.

    Returns
    -------
    dict[str, keras.KerasTensor]
        By `NAMES`, each the output of a layer of that name: the mean (batch, n_classes), the others (batch, 1).
    """
    mean = keras.layers.Lambda(lambda p: tf.reduce_mean(p, axis=1), name=MEAN)(probabilities)
    total = keras.layers.Lambda(_entropy, name=PREDICTIVE)(mean)
    expected = keras.layers.Lambda(lambda p: tf.reduce_mean(_entropy(p), axis=1), name=EXPECTED)(probabilities)
    # Rounding must not make information negative.
    mutual = keras.layers.Lambda(lambda both: tf.maximum(both[0] - both[1], 0.0), name=MUTUAL)([total, expected])
    return {MEAN: mean, PREDICTIVE: total, EXPECTED: expected, MUTUAL: mutual}


def _entropy(probabilities: tf.Tensor) -> tf.Tensor:
    """Return the entropy of the last axis in nats, which stays with size 1."""
    return -tf.reduce_sum(probabilities * tf.math.log(probabilities + TINY), axis=-1, keepdims=True)


def list_nodes(what: str, *, sampled: bool) -> tuple[Node, ...]:
    """List the nodes of the outputs of `NAMES`.

    Parameters
    ----------
    what : str
        Whose probabilities they are made of, for the card: "30 dropout samples", "5 members".
    sampled : bool
        True when two runs of the graph differ.
    """
    return tuple(
        Node(node_name(name), name, OPS[name], "", TEXTS[name].format(what=what), sampled=sampled) for name in NAMES
    )


def draw_reference(
    model: keras.Model, inputs: np.ndarray, samples: DropoutSamples, *, n_runs: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Draw what a sampled graph should answer, with Keras's own dropout and numpy's entropies.

    Parameters
    ----------
    model : keras.Model
        Inputs -> logits.
    inputs : np.ndarray [shape=(n, ...), float32]
        Patches or embeddings.
    samples : DropoutSamples
        Which layers, how many samples, and their calibration.
    n_runs : int
        How often the graph is run.
    seed : int
        Of the draws.

    Returns
    -------
    dict[str, np.ndarray [shape=(n_runs, n, size), float64]]
        By `NAMES`.
    """
    random, n_samples = keras.random.SeedGenerator(seed), samples.n_samples

    def draw(layer: keras.layers.Layer) -> keras.layers.Layer:
        rate = layer.rate
        return keras.layers.Lambda(lambda x: keras.random.dropout(x, rate, seed=random))

    logits = keras.Model(model.input, repeat_logits(model, samples.dropouts, n_samples, draw))
    signature = [tf.TensorSpec(model.input_shape, tf.float32)]
    forward = tf.function(lambda x: logits(x, training=False), input_signature=signature, autograph=False)
    scale, bias = np.array(samples.calibration.scale), np.array(samples.calibration.bias)
    runs: list[dict[str, np.ndarray]] = []
    for _ in range(n_runs):
        values = forward(inputs).numpy().astype(np.float64).reshape(len(inputs), n_samples, -1) * scale + bias
        values = np.exp(values - values.max(axis=-1, keepdims=True))
        runs.append(measure(values / values.sum(axis=-1, keepdims=True)))
    return {name: np.stack([run[name] for run in runs]) for name in NAMES}
