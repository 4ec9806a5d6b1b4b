"""A frozen graph as ONNX: ``python -m essentia_ldl.nets.export.exchange IN.pb OUT.onnx``, with the extra ``onnx``.

In: a graph with its card and its golden answers. Out: the same network for run-times that read ONNX, with inputs and
outputs under the names of the graph's nodes; nodes that are sampled are left out. Whoever asked for it proves it. Exit
status 0; 1 after an error, with one line on stderr.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from essentia_ldl.errors import GraphError, Reason, explain
from essentia_ldl.files import replacing
from essentia_ldl.models.answers import require_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import read_model
from essentia_ldl.nets.export.freeze import GraphDef
from essentia_ldl.zones import end_step, follow_parent

OPSET = 17
IR_VERSION = 9  # what run-times of 2023 and later read
BATCH = "batch"


def convert_graph(graph: GraphDef, card: GraphCard, nodes: list[str]) -> Any:
    """Convert a graph.

    Parameters
    ----------
    graph : tf.compat.v1.GraphDef
        Frozen.
    card : GraphCard
        Names its input; classes and name go into the model's own data.
    nodes : list[str]
        The outputs.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    GraphError
        When the libraries are not installed, or the graph has operations that ONNX does not know.
    """
    try:
        import onnx
        import tf2onnx
    except ImportError:
        remedy = "Run `pip install 'essentia-ldl[onnx]'`."
        raise GraphError(explain("ONNX", "the libraries onnx and tf2onnx", "none", card.name, remedy)) from None
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it cannot do, the check below says
    try:
        model, _ = tf2onnx.convert.from_graph_def(
            graph, input_names=[f"{card.input_name}:0"], output_names=[f"{node}:0" for node in nodes], opset=OPSET
        )
        onnx.checker.check_model(model)
    except Exception as error:  # the converter raises whatever it meets
        reason = Reason(str(error).splitlines()[0] if str(error) else type(error).__name__)
        remedy = "Use the .pb: not every recurrent network can be converted."
        raise GraphError(explain("ONNX", "operations that it knows", reason, card.name, remedy)) from None
    _rename(model, [card.input_name, *nodes])
    model.ir_version = IR_VERSION
    for key, value in (("classes", ", ".join(card.classes)), ("name", card.name)):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    return model


def _rename(model: Any, names: list[str]) -> None:
    """Call inputs and outputs as the nodes of the graph are called, and the free axis what it is."""
    known = {f"{name}:0": name for name in names}
    for node in model.graph.node:
        for values in (node.input, node.output):
            for index, value in enumerate(values):
                values[index] = known.get(value, value)
    for info in (*model.graph.input, *model.graph.output):
        info.name = known.get(info.name, info.name)
        shape = info.type.tensor_type.shape
        if len(shape.dim) and not shape.dim[0].HasField("dim_value"):
            shape.dim[0].dim_param = BATCH


def write_onnx(source: Path, target: Path) -> None:
    """Write a graph as ONNX; raises as `convert_graph`, and `StoreError` where answers or the folder cannot be used."""
    model = read_model(source)
    nodes = list(require_answers(source).values)
    converted = convert_graph(GraphDef.FromString(source.read_bytes()), model.card, nodes)
    with replacing(target) as file:
        file.write(converted.SerializeToString(deterministic=True))


def main(arguments: list[str]) -> int:
    """Write one graph from the command line; return the exit status."""
    source, target = map(Path, arguments)
    return end_step(lambda: write_onnx(source, target))


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1:]))
