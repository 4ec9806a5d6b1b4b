"""A published extractor of the user's as a Keras model: its own operations, none of them rebuilt.

In: a frozen graph of graphs/, and what a run knows of it. Out: patches -> embeddings. Of the graph only what lies
between its input and its embeddings is taken, so that left-over placeholders and outputs do not matter; its nodes keep
their names under a prefix wherever the model is frozen again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import taps
from essentia_ldl.errors import GraphError, Reason, explain
from essentia_ldl.files import digest_file
from essentia_ldl.nets.pretrained.frozen import read_graph
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.taps import Published

GraphDef = tf.compat.v1.GraphDef
REMEDY = "Take another extractor, or train a head on this one with --extractor."


class FrozenGraph(keras.layers.Layer):
    """The operations of a frozen graph, from one input to one output.

    Parameters
    ----------
    graph : GraphDef
        With the input as its only placeholder.
    published : Published
        Its input, its output, and the size of that.
    columns : np.ndarray [shape=(n,), int]
        Of the output, what is taken.
    **settings
        Of every layer, such as its name, which is the prefix of the nodes.
    """

    def __init__(self, graph: GraphDef, published: Published, columns: np.ndarray, **settings: Any) -> None:
        super().__init__(trainable=False, **settings)
        self._bytes, self._published, self._columns = graph.SerializeToString(), published, columns
        self._run = tf.function(self._import, autograph=False)

    def call(self, patches: tf.Tensor) -> tf.Tensor:
        """Return embeddings (n, n_columns) of patches (n, n_frames, n_bands)."""
        # A graph in the making takes the nodes as they are, which needs no function.
        return self._run(patches) if tf.executing_eagerly() else self._import(patches)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return (n, n_columns)."""
        return shape[0], len(self._columns)

    def _import(self, patches: tf.Tensor) -> tf.Tensor:
        found = import_nodes(self._bytes, self._published, patches, self.name)
        is_whole = len(self._columns) == self._published.size
        return found if is_whole else tf.gather(found, self._columns.astype(np.int32), axis=1)


def import_nodes(data: bytes, published: Published, patches: tf.Tensor, prefix: str) -> tf.Tensor:
    """Put the nodes of a graph into the one that is being made; return the embeddings of `patches`."""
    graph = GraphDef.FromString(data)  # a copy: importing writes default attributes into what it is given
    (found,) = tf.graph_util.import_graph_def(
        graph, {_port(published.input_name): patches}, [_port(published.node)], name=prefix
    )
    return found


def load_published(graphs: Path, published: Published, columns: np.ndarray | None = None) -> keras.Model:
    """Load a published extractor.

    Parameters
    ----------
    graphs : Path
        Folder with its graph.
    published : Published
        What the run knows of it.
    columns : np.ndarray [shape=(n,), int] or None
        Of its output, what is taken, see `taps.slice_layers`; None is all of it.

    Returns
    -------
    keras.Model
        Patches (n, n_frames, n_bands) float32 -> embeddings (n, n_columns) float32; nothing in it trains.

    Raises
    ------
    WeightsError
        When the file is no frozen graph.
    GraphError
        When it is missing or has other bytes than before, cannot be imported, needs another input, or its answers are
        not rows of the size that its card says.
    """
    path, name = Path(graphs) / f"{published.name}.pb", published.name
    found = digest_file(path) if path.is_file() else "nothing there"
    if found != published.sha256:
        rule = f"the bytes that this run read, sha256 {published.sha256[:16]}"
        remedy = "Put that file there again, or run train again with the new one."
        raise GraphError(explain("extractor", rule, found[:16], path, remedy))
    graph, patch = cut_graph(read_graph(path), published), taps.place_extractor(published).front_end.patch_shape
    columns = np.arange(published.size) if columns is None else columns
    with tf.Graph().as_default():
        patches = tf.compat.v1.placeholder(tf.float32, (None, *patch))
        try:
            answer = import_nodes(graph.SerializeToString(), published, patches, "proof")
        except (ValueError, KeyError, tf.errors.OpError) as error:
            reason = Reason(str(error).split("\n")[0])
            raise GraphError(explain("extractor", "a graph that TensorFlow reads", reason, name, REMEDY)) from None
    shape = None if answer.shape.rank is None else tuple(answer.shape)
    if answer.dtype != tf.float32 or shape != (None, published.size):
        rule = f"float32 (any number of patches, {published.size}), as its card says"
        remedy = "Correct the shape in the card, or take another extractor."
        raise GraphError(explain(published.node, rule, (answer.dtype.name, shape), name, remedy))
    inputs = keras.Input(patch, name="patches")
    prefix = name_prefix(name)
    return keras.Model(inputs, FrozenGraph(graph, published, columns, name="graph")(inputs), name=prefix)


def cut_graph(graph: GraphDef, published: Published) -> GraphDef:
    """Keep what lies between the input of a graph and its embeddings; raise `GraphError` when that needs more."""
    wanted = published.node.partition(":")[0]
    known = {node.name for node in graph.node}
    for node in (published.input_name.partition(":")[0], wanted):
        if node not in known:
            raise GraphError(explain("extractor", f"a node {node}", "none of that name", published.name, REMEDY))
    cut = tf.compat.v1.graph_util.extract_sub_graph(graph, [wanted])
    found = [node.name for node in cut.node if node.op.startswith("Placeholder")]
    if found != [published.input_name.partition(":")[0]]:
        rule = f"embeddings that need the input {published.input_name} and nothing else"
        raise GraphError(explain("extractor", rule, found, published.name, REMEDY))
    return cut


def name_prefix(name: str) -> str:
    """Make a name of a file one of a scope in a graph; two names never make the same.

    Examples
    --------
    >>> name_prefix("discogs-net-1"), name_prefix("my net")
    ('extractor_discogs_net_1', 'extractor_my_20_net')
    """
    plain = (c if c.isascii() and c.isalnum() else "_" if c == "-" else f"_{ord(c):x}_" for c in name)
    return "extractor_" + "".join(plain)


def _port(node: str) -> str:
    return node if ":" in node else f"{node}:0"
