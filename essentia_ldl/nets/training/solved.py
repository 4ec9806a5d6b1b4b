"""A head that was solved before: its numbers become the weights of the network, without an epoch.

In: the solution.npz of a run folder. Out: weights of a head of one dense layer, or of two where the plan has hidden
units, which answers the same; and a history with one entry, so that whoever reads the history of a training can read
this one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from essentia_ldl.choices import SOLVED
from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.nets.classifier import KERNEL
from essentia_ldl.nets.inputs.sources import iterate_grid
from essentia_ldl.nets.networks import count_embedding
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.training.updates import Run, check_loss
from essentia_ldl.runs.plan import Plan
from essentia_ldl.runs.solution import RadialSolution, Solution, read_solution


def pair_linear(
    kernel: np.ndarray, bias: np.ndarray, n_hidden: int = 100
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Write a linear layer as two dense layers with a ReLU between them.

    Two units per class hold the logit and its negative; after the ReLU one of them is 0, and their difference is the
    logit. The other units are 0.

    Parameters
    ----------
    kernel : np.ndarray [shape=(d, n_classes)]
        Of the linear layer.
    bias : np.ndarray [shape=(n_classes,)]
        Of the linear layer.
    n_hidden : int
        Units of the first layer; 2 n_classes at least.

    Returns
    -------
    first_kernel, first_bias, second_kernel, second_bias : np.ndarray
        Shapes (d, n_hidden), (n_hidden,), (n_hidden, n_classes) and (n_classes,).

    Raises
    ------
    TrainingError
        When there are too few units.
    """
    d, n_classes = np.shape(kernel)
    if n_hidden < 2 * n_classes:
        rule = f"{2 * n_classes} for {n_classes} classes, or 0"
        raise TrainingError(explain("hidden", rule, n_hidden, "a solved head", "Set network.hidden to 0."))
    first_kernel, first_bias = np.zeros((d, n_hidden)), np.zeros(n_hidden)
    second_kernel = np.zeros((n_hidden, n_classes))
    for sign, columns in ((1, slice(0, n_classes)), (-1, slice(n_classes, 2 * n_classes))):
        first_kernel[:, columns], first_bias[columns] = sign * kernel, sign * bias
        second_kernel[columns] = sign * np.eye(n_classes)
    return first_kernel, first_bias, second_kernel, np.zeros(n_classes)


def read_fitting(plan: Plan) -> Solution | RadialSolution:
    """Read the solution of a head, and see that it is one of the network that is planned.

    Parameters
    ----------
    plan : Plan
        With `fine_tune` "head".

    Returns
    -------
    Solution or RadialSolution

    Raises
    ------
    TrainingError
        When the plan's network is no solved head, or reads something else than was solved.
    StoreError
        When solution.npz is missing or damaged.
    """
    network = plan.network
    for name, rule, value in (
        ("fine_tune", "head", network.fine_tune),
        ("standardize", False, network.standardize),
        ("activation", "relu", network.activation if network.hidden else "relu"),
    ):
        if value != rule:
            raise TrainingError(explain(name, f"{rule}, with a solved head", value, plan.folder, "Plan the run again."))
    solution = read_solution(plan.folder, plan.kind)
    found, expected = (solution.n_features, solution.n_classes), (count_embedding(plan), len(plan.classes))
    if found != expected:
        rule = f"{expected[0]} features and {expected[1]} classes"
        raise TrainingError(explain("solution", rule, found, plan.folder, "Solve the head again."))
    n_vectors = solution.n_vectors if isinstance(solution, RadialSolution) else 0
    if n_vectors != network.n_vectors:
        rule, remedy = str(network.n_vectors), "Solve the head again."
        raise TrainingError(explain("support vectors", rule, n_vectors, plan.folder, remedy))
    return solution


def set_solution(plan: Plan, model: keras.Model) -> None:
    """Give a head, as `networks.build_model` makes it, the weights of its solution; raises as `read_fitting`."""
    network = plan.network
    solution = read_fitting(plan)
    if isinstance(solution, RadialSolution):
        shift, factor, vectors = solution.fold()
        model.get_layer(KERNEL).set_weights([shift, factor, vectors.T, np.square(vectors).sum(axis=1)])
        model.get_layer("logits").set_weights([solution.dual, solution.bias])
        return
    kernel, bias = solution.fold()
    if not network.hidden:
        model.get_layer("logits").set_weights([kernel, bias])
        return
    weights = pair_linear(kernel, bias, network.hidden)
    model.get_layer("hidden").set_weights(list(weights[:2]))
    model.get_layer("logits").set_weights(list(weights[2:]))


def describe_solution(run: Run) -> dict[str, Any]:
    """Return the history of a solved head: one entry, whose losses are those of the whole patch grid."""
    rows = run.train_rows
    logits = np.concatenate([run.infer(batch).numpy() for batch in iterate_grid(run.source, rows)])
    counts = run.source.n_patches[rows]
    losses = run.loss(np.repeat(run.targets[0][rows], counts, axis=0), logits)
    loss = check_loss(float(tf.reduce_mean(np.repeat(run.weights[rows], counts) * losses)), 0)
    valid_loss, accuracy = run.validate() if run.valid_rows.size else (None, None)
    entry = {"train_loss": loss, "valid_loss": valid_loss, "valid_accuracy": accuracy, "learning_rate": 0.0}
    return {
        "loss": run.plan.loss,
        "valid_cost": "none",
        "best_epoch": 1,
        "stopped": SOLVED,
        "epochs": [{"epoch": 1, **entry}],
    }
