"""How far an answer of a graph may be from what it must be, and how far it is.

In: values of a node, as they must be and as an engine gave them. Out: their difference, or an error where it is above
the tolerance, which depends on what the node answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from essentia_ldl.errors import GraphError, explain
from essentia_ldl.models.card import SERVED_OUTPUT, GraphCard
from essentia_ldl.scores.uncertainty import SCOPE

PROBABILITY_TOLERANCE = 1e-5  # absolute
VALUE_TOLERANCE = 1e-4  # logits and embeddings, relative to the largest value
# Absolute, of a classifier on the features of several networks: two TensorFlows add its thousand products in other
# orders, and logits that are right to VALUE_TOLERANCE make probabilities that differ by more than one network's.
MULTI_TARGET_TOLERANCE = 1e-4
# Absolute, per unit of the largest logit: 16 units in the last place of float32, which sums of some hundred products
# are off by in another order, times the steepest slope of a sigmoid. Machines on layers have logits of 80 on noise.
LOGIT_TOLERANCE = 16 / 4 * float(np.finfo(np.float32).eps)
PROBABILITY_NODES = ("model/Softmax", "model/Sigmoid", SERVED_OUTPUT)


class Judge(NamedTuple):
    """What a message says that values must be, and what to do where they are not."""

    rule: str
    remedy: str


KERAS = Judge("what Keras computed", "Do not use this graph.")


def choose_limit(card: GraphCard, values: Mapping[str, np.ndarray | None]) -> float:
    """Return how far probabilities may be from what they must be, given that by node.

    Parameters
    ----------
    card : GraphCard
        Of the graph, which tells where its logits are.
    values : Mapping[str, np.ndarray or None]
        By node, what Keras computed on the same patches, or the golden answers.

    Returns
    -------
    float
        From `PROBABILITY_TOLERANCE` to `MULTI_TARGET_TOLERANCE`.
    """
    if card.extra.get("transfer"):
        return MULTI_TARGET_TOLERANCE
    names = [one["name"] for one in card.fields["schema"]["outputs"] if one.get("description") == "logits"]
    logits = [values[name] for name in names if values.get(name) is not None]
    largest = max((float(np.abs(one).max(initial=0.0)) for one in logits), default=0.0)
    return float(np.clip(LOGIT_TOLERANCE * largest, PROBABILITY_TOLERANCE, MULTI_TARGET_TOLERANCE))


def measure_difference(
    expected: np.ndarray,
    found: np.ndarray,
    node: str,
    graph: str,
    limit: float = PROBABILITY_TOLERANCE,
    judge: Judge = KERAS,
) -> float:
    """Compare a node's values with what they must be.

    Parameters
    ----------
    expected, found : np.ndarray [shape=(n_patches, n_values), float32]
        What must be, such as what Keras computed, and what another engine computed.
    node, graph : str
        Names, for the message.
    limit : float
        Largest difference of probabilities that is no fault.
    judge : Judge
        For the message.

    Returns
    -------
    float
        Largest absolute difference for probabilities and entropies; relative to the largest expected value for the
        others.

    Raises
    ------
    GraphError
        When the shapes differ, a value is not finite, or the difference is above the tolerance.
    """
    if expected.shape != found.shape:
        raise GraphError(explain(node, f"shape {expected.shape}", found.shape, graph, judge.remedy))
    difference = float(np.max(np.abs(expected - found))) if expected.size else 0.0
    tolerance = limit
    if node not in PROBABILITY_NODES and not node.startswith(SCOPE):  # entropies may all be near 0
        difference /= max(float(np.max(np.abs(expected))), 1e-12)
        tolerance = VALUE_TOLERANCE
    if not difference <= tolerance:  # also true for NaN
        raise GraphError(explain(node, f"{judge.rule}, to {tolerance}", difference, graph, judge.remedy))
    return difference
