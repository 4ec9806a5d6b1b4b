"""From a Keras model to a frozen GraphDef that any TensorFlow since 1.15 or 2.5 reads, and its check.

In: a Keras model and the nodes it must answer under. Out: a GraphDef with one Placeholder that anything reads, weights
as constants, the official node names, no function library, no device, and no attribute that equals its default (newer
TensorFlow writes attributes that older ones do not know; those that are left at their default need not be written).

References
----------
Essentia's reader of graphs, `src/algorithms/machinelearning/tensorflowpredict.cpp` in
https://github.com/MTG/essentia: it believes an output's static rank and casts the buffer to float32 unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from essentia_ldl.errors import GraphError, explain
from essentia_ldl.nets.export.folding import pool_first
from essentia_ldl.nets.export.nodes import PLACEHOLDER, TRAINING, Node
from essentia_ldl.nets.export.oplists import VERSIONS, read_ops
from essentia_ldl.nets.runtime import convert_variables_to_constants_v2, keras, op_def_pb2, tf

GraphDef = tf.compat.v1.GraphDef
REQUIRED_VERSION = "2.5.0"
REMEDY = "Build the network from layers that TensorFlow 2.5 knows."


def build_evaluator(
    model: keras.Model, nodes: Sequence[Node]
) -> Callable[[np.ndarray | tf.Tensor], dict[str, tf.Tensor]]:
    """Make the function that computes every node of a model in inference mode.

    Parameters
    ----------
    model : keras.Model
        Has every layer that the nodes name.
    nodes : Sequence[Node]
        The nodes.

    Returns
    -------
    Callable
        From patches or embeddings (batch, ...) float32 to node name -> value (batch, n) float32; a node that repeats
        another is the same tensor.
    """
    layers = list(dict.fromkeys(node.layer for node in nodes))
    inner = keras.Model(model.input, [model.get_layer(name).output for name in layers], name="network")
    activations = {"": lambda value: value, "softmax": tf.nn.softmax, "sigmoid": tf.nn.sigmoid, "relu": tf.nn.relu}

    def evaluate(inputs: np.ndarray | tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = keras.tree.flatten(inner(inputs, training=False))  # a list of one comes back as its element
        values = dict(zip(layers, outputs, strict=True))
        results = {
            node.name: activations[node.activation](_calibrate(node, values[node.layer]))
            for node in nodes
            if not node.alias_of
        }
        return {node.name: results[node.alias_of or node.name] for node in nodes}

    return evaluate


def _calibrate(node: Node, value: tf.Tensor) -> tf.Tensor:
    """Scale and shift what an activation reads; no operation is added where there is nothing to do."""
    if node.scale:
        value = tf.multiply(value, tf.constant(node.scale, tf.float32), name="calibration/scale")
    if node.bias:
        value = tf.add(value, tf.constant(node.bias, tf.float32), name="calibration/bias")
    return value


def freeze_model(
    model: keras.Model, nodes: Sequence[Node], input_shape: tuple[int, ...] | None = None, *, training: bool = False
) -> GraphDef:
    """Freeze a model under official node names.

    Parameters
    ----------
    model : keras.Model
        Patches or embeddings -> logits.
    nodes : Sequence[Node]
        What the graph must answer under.
    input_shape : tuple[int, ...] or None
        What the Placeholder says of its shape, without the batch; None is the model's own. The operations do not
        depend on it: a model with a free time axis says 187 frames, as Essentia's do, and accepts others.
    training : bool
        Whether there is `TRAINING` too, as in Essentia's MusiCNN: some clients name it, whose graph would not run
        without it.

    Returns
    -------
    tf.compat.v1.GraphDef
        Checked by `check_graph`.

    Raises
    ------
    GraphError
        When the graph cannot be frozen or does not pass the check.
    """

    evaluate = build_evaluator(model, nodes)
    own = [node.name for node in nodes if not node.alias_of]

    @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.float32)], autograph=False)
    def forward(inputs: tf.Tensor) -> list[tf.Tensor]:
        values = evaluate(inputs)
        return [tf.identity(values[name]) for name in own]

    frozen = convert_variables_to_constants_v2(forward.get_concrete_function(), lower_control_flow=True)
    graph = GraphDef()
    graph.CopyFrom(frozen.graph.as_graph_def())
    ends = {name: tensor.name for name, tensor in zip(own, frozen.outputs, strict=True)}
    _rename(graph, ends, frozen.inputs[0].op.name)
    for node in nodes:
        if node.alias_of:
            alias = graph.node.add(name=node.name, op="Identity", input=[node.alias_of])
            alias.attr["T"].type = tf.float32.as_datatype_enum
    for node in graph.node:
        if node.op == "Placeholder":
            sizes = [-1, *(input_shape or [size or -1 for size in model.input_shape[1:]])]
            shape = node.attr["shape"].shape
            shape.Clear()
            for size in sizes:
                shape.dim.add(size=size)
    graph = _clean(pool_first(graph), [node.name for node in nodes])
    if training:
        switch = graph.node.add(name=TRAINING, op="Placeholder")
        switch.attr["dtype"].type = tf.bool.as_datatype_enum
        switch.attr["shape"].shape.CopyFrom(tf.TensorShape([]).as_proto())
    check_graph(graph, [node.name for node in nodes])
    return graph


def check_graph(graph: GraphDef, outputs: Sequence[str]) -> None:
    """Check that Essentia can run a graph and reads its outputs right.

    Parameters
    ----------
    graph : tf.compat.v1.GraphDef
        The graph.
    outputs : Sequence[str]
        Its official nodes.

    Raises
    ------
    GraphError
        When there is a Placeholder too many or too few, a function library is left, an operation or attribute is not
        one of TensorFlow 2.5.0, an output is missing, is not float32 of rank 2, or has a fixed batch.
    """
    if len(graph.library.function):
        names = [function.signature.name for function in graph.library.function]
        raise GraphError(explain("graph", "no function library", names, "check_graph", REMEDY))
    placeholders = [node.name for node in graph.node if node.op == "Placeholder" and not _is_switch(node, graph)]
    if placeholders != [PLACEHOLDER]:
        raise GraphError(explain("graph", f"one Placeholder, {PLACEHOLDER}", placeholders, "check_graph", REMEDY))
    problems = find_unknown(graph, REQUIRED_VERSION)
    if problems:
        raise GraphError(
            explain("graph", f"operations of TensorFlow {REQUIRED_VERSION}", problems[0], "check_graph", REMEDY)
        )
    imported = _import(graph)
    for name in outputs:
        try:
            tensor = imported.get_tensor_by_name(f"{name}:0")
        except (KeyError, ValueError):
            raise GraphError(explain("graph", f"a node {name}", "no such node", "check_graph", REMEDY)) from None
        found = (tensor.dtype.name, tensor.shape.rank)
        if found != ("float32", 2):
            raise GraphError(explain(name, "float32 of static rank 2", found, "check_graph", REMEDY))
        if tensor.shape[0] is not None:
            raise GraphError(explain(name, "a free batch axis", tensor.shape[0], "check_graph", REMEDY))


def _is_switch(node: tf.compat.v1.NodeDef, graph: GraphDef) -> bool:
    """Tell whether a node is the switch of training that nothing reads."""
    read = {source.lstrip("^").partition(":")[0] for other in graph.node for source in other.input}
    is_bool = node.attr["dtype"].type == tf.bool.as_datatype_enum
    return node.name == TRAINING and is_bool and not node.attr["shape"].shape.dim and TRAINING not in read


def find_unknown(graph: GraphDef, version: str) -> list[str]:
    """List what a TensorFlow version does not know in a graph.

    Parameters
    ----------
    graph : tf.compat.v1.GraphDef
        The graph.
    version : str
        One of `oplists.VERSIONS`.

    Returns
    -------
    list[str]
        One sentence per operation, attribute or type; empty when the version can run the graph.
    """
    ops = read_ops(version)
    problems = []
    for node in graph.node:
        if node.op not in ops:
            problems.append(f"{node.name} is a {node.op}")
            continue
        known = {attr.name: attr for attr in ops[node.op].attr}
        problems += [f"{node.name} ({node.op}) has {name}" for name in sorted(node.attr) if name not in known]
        for name, attr in known.items():
            if name not in node.attr:
                if not attr.HasField("default_value"):
                    problems.append(f"{node.name} ({node.op}) lacks {name}")
            elif attr.HasField("allowed_values") and not _is_allowed(node.attr[name], attr.allowed_values):
                problems.append(f"{node.name} ({node.op}) has {name} of a type that is not allowed")
    return problems


def list_versions(graph: GraphDef) -> list[str]:
    """List the TensorFlow versions, of `oplists.VERSIONS`, that know all of a graph."""
    return [version for version in VERSIONS if not find_unknown(graph, version)]


def _is_allowed(value: tf.compat.v1.AttrValue, allowed: tf.compat.v1.AttrValue) -> bool:
    if value.WhichOneof("value") == "type":
        return value.type in allowed.list.type
    if value.WhichOneof("value") == "s":
        return value.s in allowed.list.s
    return True


def _rename(graph: GraphDef, ends: dict[str, str], placeholder: str) -> None:
    """Give the operations that make the outputs, and the Placeholder, their official names."""
    nodes = {node.name: node for node in graph.node}
    names = {placeholder: PLACEHOLDER}
    for official, tensor in ends.items():
        node = nodes[tensor.split(":")[0]]
        while node.op == "Identity":
            node = nodes[node.input[0].split(":")[0]]
        if node.name in names:
            raise GraphError(
                explain("node", "one official name", [names[node.name], official], node.name, "Name another layer.")
            )
        names[node.name] = official
    clash = sorted(set(names.values()) & (set(nodes) - set(names)))
    if clash:
        raise GraphError(explain("node names", "free official names", clash, "export", "Rename the layer."))
    for node in graph.node:
        # Keras numbers the scope of a model by what was built before; the graph must not depend on it.
        names.setdefault(node.name, re.sub(r"^network_\d+/", "network/", node.name))
    for node in graph.node:
        node.name = names[node.name]
        for index, source in enumerate(node.input):
            mark, stem = ("^", source[1:]) if source.startswith("^") else ("", source)
            stem, colon, port = stem.partition(":")
            node.input[index] = mark + names[stem] + colon + port


def _clean(graph: GraphDef, outputs: list[str]) -> GraphDef:
    """Keep what the outputs need, without control inputs, defaults, private attributes, devices and functions."""
    nodes = {node.name: node for node in graph.node}
    needed: set[str] = set()
    stack = [*outputs, PLACEHOLDER]
    while stack:
        name = stack.pop()
        if name not in needed:
            needed.add(name)
            stack += [source.split(":")[0] for source in nodes[name].input if not source.startswith("^")]
    kept = GraphDef()
    kept.versions.CopyFrom(graph.versions)
    definitions = _read_definitions(graph)
    for node in graph.node:
        if node.name not in needed:
            continue
        copy = kept.node.add()
        copy.CopyFrom(node)
        copy.ClearField("device")
        copy.ClearField("experimental_debug_info")
        del copy.input[:]
        copy.input.extend(source for source in node.input if not source.startswith("^"))
        defaults = {
            attr.name: attr.default_value for attr in definitions[node.op].attr if attr.HasField("default_value")
        }
        for name in list(copy.attr):
            if name.startswith("_") or (name in defaults and copy.attr[name] == defaults[name]):
                del copy.attr[name]
    return kept


def _read_definitions(graph: GraphDef) -> dict[str, op_def_pb2.OpDef]:
    """Ask the running TensorFlow for the definition, with defaults, of every operation of a graph."""
    return {operation.type: operation.op_def for operation in _import(graph).get_operations()}


def _import(graph: GraphDef) -> tf.Graph:
    copy = GraphDef()
    copy.CopyFrom(graph)  # import_graph_def writes defaults into what it is given
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(copy, name="")
    return imported
