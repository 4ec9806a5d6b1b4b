"""Ensembles: several networks of one kind as one graph with a shared input.

In: the plan of an ensemble, whose `weights.npz` holds the weights of every member under its number. Out: a model whose
official predictions are the mean of the members' probabilities, and whose members are the samples of `sampling`.
Heads share the frozen network below them, so that five cost little more than one. A calibration is inside every member,
before the mean, and is one for all of them.

References
----------
Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty estimation using deep ensembles",
NIPS 2017, section 2.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from essentia_ldl.arrays import opened_arrays
from essentia_ldl.nets.export import sampling
from essentia_ldl.nets.export.nodes import SOFTMAX, Node
from essentia_ldl.nets.networks import build_model
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import Plan
from essentia_ldl.scores.calibration import Calibration, identity
from essentia_ldl.scores.uncertainty import MEAN


def read_members(plan: Plan) -> list[keras.Model]:
    """Build the members of an ensemble with their weights.

    Returns
    -------
    list[keras.Model]
        Inputs -> logits, in the order of `Plan.members`.

    Raises
    ------
    StoreError
        When weights.npz is missing, damaged, or of other networks.
    """
    members, path = [build_model(plan, pretrained=False) for _ in plan.members], plan.folder / WEIGHTS
    with opened_arrays(path, "weights", "Make the ensemble again.", "those of the plan's members") as arrays:
        for number, model in enumerate(members):
            own = {f"{number}/{weight.path}": weight for weight in model.weights}
            if {name for name in arrays if name.startswith(f"{number}/")} != set(own):
                raise KeyError(f"other variables of member {number}")
            for name, weight in own.items():
                weight.assign(arrays[name])
    return members


def combine(members: Sequence[keras.Model], calibration: Calibration, body: keras.Model | None = None) -> keras.Model:
    """Put members on one input.

    Parameters
    ----------
    members : sequence of keras.Model
        Inputs -> logits (batch, n_classes), all of the same shapes.
    calibration : Calibration
        What stands between the logits and the softmax of every member.
    body : keras.Model or None
        A frozen network below all members, computed once.

    Returns
    -------
    keras.Model
        With a layer of each of `uncertainty.NAMES`, and "logits": the logarithm of the mean of the members'
        probabilities before calibration, whose softmax is that mean.
    """
    start = keras.Input(members[0].input_shape[1:], name="inputs") if body is None else body.input
    inputs = start if body is None else body.output
    # Nested: members name their layers alike.
    rows = [
        keras.Model(member.input, member.output, name=f"member_{number}")(inputs)
        for number, member in enumerate(members)
    ]
    stacked = keras.layers.Lambda(lambda values: tf.stack(values, axis=1), name="members")(rows)
    raw = sampling.softmax_of(stacked, identity(calibration.classes), "raw_probabilities")
    logits = keras.layers.Lambda(lambda p: tf.math.log(tf.reduce_mean(p, axis=1) + sampling.TINY), name="logits")(raw)
    measured = sampling.measure_samples(sampling.softmax_of(stacked, calibration, "member_probabilities"))
    return keras.Model(start, [logits, *measured.values()], name="network")


def list_nodes(nodes: Sequence[Node], n_members: int, *, shared_body: bool = False) -> tuple[Node, ...]:
    """Turn the nodes of a single network into those of an ensemble.

    Predictions are the mean of the members' probabilities. Hidden layers, and embeddings where members do not share
    their body, are each member's own, so that there is no node of them.
    """
    found = []
    for node in nodes:
        if node.activation == "softmax":
            text = f"mean of the probabilities of {n_members} members"
            node = dataclasses.replace(node, layer=MEAN, op="Mean", activation="", description=text)
        elif node.alias_of:
            node = dataclasses.replace(node, layer=MEAN)
        elif node.layer == "logits":
            text = "logarithm of the members' mean probabilities before calibration"
            node = dataclasses.replace(node, op="Log", description=text)
        elif node.layer == "hidden" or (node.layer == "embedding" and not shared_body):
            continue
        found.append(node)
    for node in sampling.list_nodes(f"{n_members} members", sampled=False):
        same = {"op": "Identity", "alias_of": SOFTMAX} if node.layer == MEAN else {}
        found.append(dataclasses.replace(node, **same))
    return tuple(found)
