"""Proof of a graph's sampled outputs in Essentia, where only many runs together have an answer.

In: a graph with dropout samples, and what the nets zone drew for its patches with Keras's own dropout. Out: how far
their means are apart, in standard errors, or `GraphError`.

Two means of 64 runs each differ by more than 6 standard errors about once in a billion times; a wrong rate, a wrong
scale or a mask that is not drawn anew differs by far more. The deviations must agree as well, because the mean does not
tell how many samples there are. What is not sampled must be the same in every run, bit for bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import GraphError, explain
from essentia_ldl.sound.graph import load_graph, run_graph

STANDARD_ERRORS = 6.0
SMALLEST = 1e-5  # differences that nobody looks at, as of probabilities that are exact
SPREADS = (0.5, 2.0)  # of the deviations, ours by theirs
REMEDY = "Do not use this graph."


def replay_samples(graph: Path, input_name: str, exact: list[str], arrays: Any) -> dict[str, float]:
    """Run a graph many times and compare its sampled nodes with the reference.

    Parameters
    ----------
    graph : Path
        The .pb.
    input_name : str
        Its input node.
    exact : list[str]
        Nodes that must not change from run to run.
    arrays : Mapping[str, np.ndarray]
        The golden file: sampled_patches, sampled_nodes, sampled_runs, and mean and std of each node.

    Returns
    -------
    dict[str, float]
        Largest difference of the means by node, in standard errors.

    Raises
    ------
    GraphError
        When a sampled node is the same in two runs, another one is not, or a mean or a deviation does not fit.
    """
    patches = arrays["sampled_patches"].astype(np.float32)
    nodes, n_runs = [str(node) for node in arrays["sampled_nodes"]], int(arrays["sampled_runs"])
    network = load_graph(graph, input_name, [*exact, *nodes])
    runs = [run_graph(network, graph, input_name, patches, [*exact, *nodes]) for _ in range(n_runs)]
    for node in exact:
        if any(run[node].tobytes() != runs[0][node].tobytes() for run in runs):
            raise GraphError(explain(node, "the same in every run", "other values", graph.name, REMEDY))
    found = {}
    for node in nodes:
        key = node.replace("/", "__")
        values = np.stack([run[node] for run in runs]).astype(np.float64)
        found[node] = compare_runs(values, arrays[f"{key}__mean"], arrays[f"{key}__std"], n_runs, node, graph.name)
    return found


def compare_runs(
    values: np.ndarray, mean: np.ndarray, std: np.ndarray, n_reference: int, node: str, where: str
) -> float:
    """Compare runs of a sampled node with mean and deviation of reference runs.

    Parameters
    ----------
    values : np.ndarray [shape=(n_runs, n, size), float64]
        What the graph answered.
    mean, std : np.ndarray [shape=(n, size), float64]
        Of `n_reference` reference runs.
    n_reference : int
        How many.
    node, where : str
        For messages.

    Returns
    -------
    float
        Largest difference of the means in standard errors.

    Raises
    ------
    GraphError
        When all runs are equal though the reference's are not, or means or deviations do not fit.
    """
    if values.shape[1:] != mean.shape:
        raise GraphError(explain(node, f"shape {mean.shape}", values.shape[1:], where, REMEDY))
    if not np.all(np.isfinite(values)):
        raise GraphError(explain(node, "finite numbers", "NaN or infinite", where, REMEDY))
    own = values.std(axis=0, ddof=1)
    if std.max() > SMALLEST and len({run.tobytes() for run in values}) == 1:
        raise GraphError(explain(node, "other values in every run", "the same", where, REMEDY))
    error = np.sqrt(own**2 / len(values) + std**2 / n_reference)
    distance = np.abs(values.mean(axis=0) - mean)
    standardised = float(np.max(np.where(distance > SMALLEST, distance / np.maximum(error, 1e-12), 0.0)))
    if standardised > STANDARD_ERRORS:
        rule = f"the mean of the reference, to {STANDARD_ERRORS:.0f} standard errors"
        raise GraphError(explain(node, rule, round(standardised, 1), where, REMEDY))
    if std.mean() > SMALLEST and not SPREADS[0] <= own.mean() / std.mean() <= SPREADS[1]:
        rule = f"{SPREADS[0]} to {SPREADS[1]} times the deviation of the reference"
        raise GraphError(explain(node, rule, round(float(own.mean() / std.mean()), 2), where, REMEDY))
    return standardised
