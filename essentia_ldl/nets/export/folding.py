"""Make a frozen graph cheaper without changing what it computes: pool first, then ReLU and batch normalisation.

In: a frozen GraphDef. Out: the same graph in which every ``convolution, bias, ReLU, batch normalisation, maximum``
has its maximum right behind the bias. ReLU and a positive scale keep the order of numbers, so the maximum of the
results is the result of the maximum, bit for bit, on a fraction of the numbers. A channel of negative scale needs the
minimum, which is the maximum of the negative: its filter and bias change sign, and the pooled value changes it back.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.nets.runtime import tf

GraphDef = tf.compat.v1.GraphDef
NodeDef = tf.compat.v1.NodeDef
CHAIN = (("offset", "AddV2"), ("product", "Mul"), ("relu", "Relu"), ("biased", "BiasAdd"), ("conv", "Conv2D"))


def pool_first(graph: GraphDef) -> GraphDef:
    """Move every maximum over a normalised convolution to just behind the convolution's bias.

    Parameters
    ----------
    graph : tf.compat.v1.GraphDef
        Frozen; not changed.

    Returns
    -------
    tf.compat.v1.GraphDef
        The same nodes under the same names, except for the constants of filters that changed sign. Nodes that only the
        old constants needed are left over.
    """
    result = GraphDef()
    result.CopyFrom(graph)
    nodes = {node.name: node for node in result.node}
    consumers: dict[str, list[str]] = {}
    for node in result.node:
        for name in node.input:
            consumers.setdefault(_bare(name), []).append(node.name)
    chains = [chain for node in list(result.node) if (chain := _find_chain(node, nodes, consumers)) is not None]
    if chains:
        wanted = {name for chain in chains for name in (chain["kernel"], chain["bias"], chain["scale"])}
        values = _evaluate(graph, sorted(wanted))
        for chain in chains:
            _move(result, nodes, consumers, chain, values)
    return result


def _find_chain(pool: NodeDef, nodes: dict[str, NodeDef], consumers: dict[str, list[str]]) -> dict[str, str] | None:
    """Walk back from a MaxPool; None when it is not what follows a normalised convolution that nobody else reads."""
    if pool.op != "MaxPool":
        return None
    chain = {"pool": pool.name}
    current = pool
    for role, op in CHAIN:
        before = nodes.get(_bare(current.input[0]))
        if before is None or before.op != op or consumers[before.name] != [current.name]:
            return None
        chain[role] = before.name
        current = before
    chain["scale"] = _bare(nodes[chain["product"]].input[1])
    chain["bias"] = _bare(nodes[chain["biased"]].input[1])
    chain["kernel"] = _bare(nodes[chain["conv"]].input[1])
    return chain


def _evaluate(graph: GraphDef, names: list[str]) -> dict[str, np.ndarray]:
    """Compute nodes that depend on constants alone."""
    copy = GraphDef()
    copy.CopyFrom(graph)  # importing writes default attributes into what it is given
    with tf.Graph().as_default() as scope:
        tf.import_graph_def(copy, name="")
        with tf.compat.v1.Session(graph=scope) as session:
            return dict(zip(names, session.run([f"{name}:0" for name in names]), strict=True))


def _move(
    graph: GraphDef,
    nodes: dict[str, NodeDef],
    consumers: dict[str, list[str]],
    chain: dict[str, str],
    values: dict[str, np.ndarray],
) -> None:
    pool, relu, offset = nodes[chain["pool"]], nodes[chain["relu"]], nodes[chain["offset"]]
    sign = np.where(values[chain["scale"]].reshape(-1) < 0, -1, 1).astype(np.float32)
    pooled = pool.name
    if (sign < 0).any():
        kernel = _add_constant(graph, f"{chain['conv']}/signed", values[chain["kernel"]] * sign)
        bias = _add_constant(graph, f"{chain['biased']}/signed", values[chain["bias"]] * sign)
        nodes[chain["conv"]].input[1] = kernel
        nodes[chain["biased"]].input[1] = bias
        back = graph.node.add(name=f"{pool.name}/signed_back", op="Mul")
        back.input.extend([pool.name, _add_constant(graph, f"{pool.name}/sign", sign)])
        back.attr["T"].type = tf.float32.as_datatype_enum
        pooled = back.name
    pool.input[0] = chain["biased"]
    relu.input[0] = pooled
    for name in consumers[pool.name]:
        reader = nodes[name]
        for index, source in enumerate(reader.input):
            if _bare(source) == pool.name:
                reader.input[index] = offset.name


def _add_constant(graph: GraphDef, name: str, value: np.ndarray) -> str:
    node = graph.node.add(name=name, op="Const")
    node.attr["dtype"].type = tf.float32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value.astype(np.float32)))
    return name


def _bare(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]
