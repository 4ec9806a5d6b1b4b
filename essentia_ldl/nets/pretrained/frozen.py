"""The weights of a frozen graph that the user has, as Keras weights.

In: a frozen GraphDef, such as Essentia's ``audioset-vggish-3.pb``. Out: the network's size and its weights. Nothing is
matched by the names of weights, which differ between releases: the graph is walked back from its embedding to its
Placeholder, and the operations on that way must be those of the network, one by one, with shapes that fit. What was
read is then proved: Keras and the graph must answer alike on a random patch.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from essentia_ldl.errors import WeightsError, explain
from essentia_ldl.nets.runtime import keras, tf

GraphDef = tf.compat.v1.GraphDef
NodeDef = tf.compat.v1.NodeDef
PASSES = ("Identity", "StopGradient", "Reshape", "Squeeze", "ExpandDims", "PlaceholderWithDefault")
BIASES = ("BiasAdd", "Add", "AddV2")
TOLERANCE = 1e-4  # of the largest value
EMBEDDING_NODE = "model/vggish/embeddings"
REMEDY = "Put the published file there again, or use --extractor, which runs any graph as it is."


class Layer(NamedTuple):
    """One layer of a chain: "conv" or "dense" with kernel and bias, or "pool"; and whether a ReLU follows."""

    kind: str
    node: str
    kernel: np.ndarray | None = None
    bias: np.ndarray | None = None
    relu: bool = False


class Chain(NamedTuple):
    """A network that is one chain: its Placeholder's name, its layers in the order of the data."""

    placeholder: str
    layers: tuple[Layer, ...]


def read_graph(path: Path) -> GraphDef:
    """Read a frozen graph; raise `WeightsError` when the file is none."""
    graph = GraphDef()
    try:
        graph.ParseFromString(Path(path).read_bytes())
    except Exception as error:  # protobuf's DecodeError has no public name that is stable
        raise WeightsError(explain("graph", "a frozen graph", error, path, REMEDY)) from None
    if not graph.node:
        raise WeightsError(explain("graph", "a frozen graph", "no nodes", path, REMEDY))
    return graph


def read_chain(graph: GraphDef, output: str, where: object) -> Chain:
    """Walk a graph back from a node to its Placeholder.

    Parameters
    ----------
    graph : tf.compat.v1.GraphDef
        Frozen.
    output : str
        The node to begin at.
    where : object
        The file, for messages.

    Returns
    -------
    Chain
        In the order of the data.

    Raises
    ------
    WeightsError
        When the node is missing, or the way holds anything but convolutions of stride 1 and "SAME" padding, poolings of
        2 x 2, dense layers, biases and ReLUs.
    """
    nodes = {node.name: node for node in graph.node}
    if output not in nodes:
        raise WeightsError(explain("graph", f"a node {output}", f"{len(nodes)} others", where, REMEDY))
    layers: list[Layer] = []
    node, relu, bias = nodes[output], False, None
    while node.op != "Placeholder":
        before = _source(node, nodes, where)
        if node.op == "Relu" and not relu and bias is None:
            relu = True
        elif node.op in BIASES and bias is None:
            bias = _read_constant(node.input[1], nodes, where).reshape(-1)
        elif node.op in ("Conv2D", "MatMul") and bias is not None:
            _check_operation(node, where)
            kind = "conv" if node.op == "Conv2D" else "dense"
            layers.append(Layer(kind, node.name, _read_constant(node.input[1], nodes, where), bias, relu))
            relu, bias = False, None
        elif node.op == "MaxPool" and not relu and bias is None:
            _check_operation(node, where)
            layers.append(Layer("pool", node.name))
        elif node.op not in PASSES or relu or bias is not None:
            rule = "a chain of convolution, bias, ReLU, pooling and dense layers"
            raise WeightsError(explain("graph", rule, f"{node.name} ({node.op})", where, REMEDY))
        node = before
    return Chain(node.name, tuple(reversed(layers)))


def fit_chain(chain: Chain, backbone: ModuleType, where: object) -> dict[str, object]:
    """Check that a chain is a network, and return the size it has.

    Parameters
    ----------
    chain : Chain
        From `read_chain`.
    backbone : ModuleType
        With `GRAPH_LAYERS`.
    where : object
        The file, for messages.

    Returns
    -------
    dict[str, object]
        Keyword arguments of the backbone's `build`.

    Raises
    ------
    WeightsError
        When a layer is missing, left over, of another kind, of a shape that does not fit, or lacks its ReLU.
    """
    kinds = [{"p": "pool", "c": "conv", "f": "dense"}[name[0]] for name in backbone.GRAPH_LAYERS]
    found = [layer.kind for layer in chain.layers]
    if found != kinds:
        raise WeightsError(explain("graph", f"the layers {' '.join(kinds)}", " ".join(found), where, REMEDY))
    n_frames, n_bands, n_values = backbone.FRONT_END.patch_frames, backbone.FRONT_END.n_bands, 1
    weighted = [layer for layer in chain.layers if layer.kind != "pool"]
    for layer in chain.layers:
        if layer.kind == "pool":
            n_frames, n_bands = -(-n_frames // 2), -(-n_bands // 2)
            continue
        if layer.kind == "dense" and n_frames:
            n_values, n_frames = n_frames * n_bands * n_values, 0
        n_units = layer.kernel.shape[-1]
        shape = (3, 3, n_values, n_units) if layer.kind == "conv" else (n_values, n_units)
        if layer.kernel.shape != shape or layer.bias.shape != (n_units,):
            got = (layer.kernel.shape, layer.bias.shape)
            raise WeightsError(explain(layer.node, f"weights {shape} and {(n_units,)}", got, where, REMEDY))
        n_values = n_units
        if layer is not weighted[-1] and not layer.relu:
            raise WeightsError(explain(layer.node, "a ReLU behind it", "none", where, REMEDY))
    sizes = [layer.kernel.shape[-1] for layer in weighted]
    n_convolutions = kinds.count("conv")
    return {
        "n_filters": tuple(sizes[:n_convolutions]),
        "n_units": tuple(sizes[n_convolutions:-1]),
        "n_embedding": sizes[-1],
        "rectified": weighted[-1].relu,
    }


def read_size(path: Path, backbone: ModuleType) -> dict[str, object]:
    """Return the size of the network in a file, as keyword arguments of `build`; raises as `load_body`."""
    return fit_chain(read_chain(read_graph(path), EMBEDDING_NODE, path), backbone, path)


def load_body(path: Path, backbone: ModuleType) -> keras.Model:
    """Build a network with the weights of a frozen graph.

    Parameters
    ----------
    path : Path
        The .pb; its embedding is the node ``model/vggish/embeddings``.
    backbone : ModuleType
        With `GRAPH_LAYERS`.

    Returns
    -------
    keras.Model
        Patches -> embedding, equal to the graph's node.

    Raises
    ------
    WeightsError
        When the file is no frozen graph, holds another network, or answers otherwise than what was read from it.
    """
    graph = read_graph(path)
    chain = read_chain(graph, EMBEDDING_NODE, path)
    model = backbone.build(backbone.FRONT_END, **fit_chain(chain, backbone, path))
    names = [name for name in backbone.GRAPH_LAYERS if name != "pool"]
    weighted = [layer for layer in chain.layers if layer.kind != "pool"]
    for name, layer in zip(names, weighted, strict=True):
        model.get_layer(name).set_weights([layer.kernel, layer.bias])
    _prove(graph, chain, model, path)
    return model


def _source(node: NodeDef, nodes: dict[str, NodeDef], where: object) -> NodeDef:
    """Return the node that a node's data come from."""
    inputs = [name for name in node.input if not name.startswith("^")]
    name = inputs[0].partition(":")[0] if inputs else ""
    if name not in nodes:
        rule = "a chain that begins at a Placeholder"
        raise WeightsError(explain("graph", rule, f"{node.name} ({node.op})", where, REMEDY))
    return nodes[name]


def _read_constant(name: str, nodes: dict[str, NodeDef], where: object) -> np.ndarray:
    node = nodes.get(name.partition(":")[0])
    while node is not None and node.op in PASSES:  # a shape that changes on the way is checked by who takes it
        node = nodes.get(node.input[0].partition(":")[0])
    if node is None or node.op != "Const":
        found = name if node is None else f"{node.name} ({node.op})"
        raise WeightsError(explain("graph", "weights as constants (a frozen graph)", found, where, REMEDY))
    value = tf.make_ndarray(node.attr["value"].tensor)
    if value.dtype != np.float32 or not np.all(np.isfinite(value)):
        raise WeightsError(explain(node.name, "finite float32", value.dtype.name, where, REMEDY))
    return value


def _check_operation(node: NodeDef, where: object) -> None:
    """Refuse what the Keras layers would compute otherwise."""
    wanted = {
        "Conv2D": {"strides": [1, 1, 1, 1], "padding": b"SAME", "data_format": b"NHWC", "dilations": [1, 1, 1, 1]},
        "MaxPool": {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": b"SAME", "data_format": b"NHWC"},
        "MatMul": {"transpose_a": False, "transpose_b": False},
    }[node.op]
    for name, value in wanted.items():
        if name not in node.attr:  # the default, which is the wanted one wherever there is one
            continue
        attribute = node.attr[name]
        found = {list: list(attribute.list.i), bytes: attribute.s, bool: attribute.b}[type(value)]
        if found != value:
            raise WeightsError(explain(node.name, f"{name} {value}", found, where, REMEDY))


def _prove(graph: GraphDef, chain: Chain, model: keras.Model, path: Path) -> None:
    patch = np.random.default_rng(0).uniform(-4.0, 4.0, (2, *model.input_shape[1:])).astype(np.float32)
    with tf.Graph().as_default() as scope:
        tf.import_graph_def(graph, name="")
        with tf.compat.v1.Session(graph=scope) as session:
            try:
                theirs = session.run(f"{EMBEDDING_NODE}:0", {f"{chain.placeholder}:0": patch})
            except (tf.errors.OpError, ValueError) as error:
                raise WeightsError(explain("graph", "one that runs", error, path, REMEDY)) from None
    ours = model(patch, training=False).numpy()
    theirs = theirs.reshape(ours.shape) if theirs.size == ours.size else theirs
    if theirs.shape != ours.shape:
        raise WeightsError(explain(EMBEDDING_NODE, f"shape {ours.shape}", theirs.shape, path, REMEDY))
    difference = float(np.max(np.abs(ours - theirs))) / max(float(np.max(np.abs(theirs))), 1e-12)
    if not difference <= TOLERANCE:
        raise WeightsError(explain(EMBEDDING_NODE, f"what Keras computes, to {TOLERANCE}", difference, path, REMEDY))
