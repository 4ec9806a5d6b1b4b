"""The second pair of nodes by which programs read heads: `python -m essentia_ldl.nets.export.interfaces IN OUT NODE`.

In: a frozen head with golden answers. Out: the same graph, read as ``serving_default_model_Placeholder`` and answered
as ``PartitionedCall``, with an unconnected ``saver_filename``, as graphs are that TensorFlow makes of a saved model;
its golden answers; and a check of them in TensorFlow itself. Exit status 0; 1 after an error, with one line on stderr.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from essentia_ldl.files import digest_file, replacing
from essentia_ldl.models.answers import require_answers, rewrite_answers
from essentia_ldl.models.card import SERVED_INPUT, SERVED_OUTPUT
from essentia_ldl.models.differences import Judge, measure_difference
from essentia_ldl.nets.export.freeze import GraphDef, check_graph
from essentia_ldl.nets.export.nodes import PLACEHOLDER
from essentia_ldl.nets.runtime import tf
from essentia_ldl.zones import end_step, follow_parent

SAVER = "saver_filename"
GOLDEN = Judge("the golden answers", "Export the model again.")


def serve(graph: GraphDef, output: str) -> GraphDef:
    """Give a head the other pair of nodes.

    Parameters
    ----------
    graph : tf.compat.v1.GraphDef
        With the input `nodes.PLACEHOLDER`.
    output : str
        Its node of predictions, which stays.

    Returns
    -------
    tf.compat.v1.GraphDef

    Raises
    ------
    GraphError
        When it has no such nodes, or another placeholder.
    """
    check_graph(graph, [output])
    served = GraphDef()
    served.CopyFrom(graph)
    for node in served.node:
        if node.name == PLACEHOLDER:
            node.name = SERVED_INPUT
        for index, source in enumerate(node.input):
            if source.partition(":")[0] == PLACEHOLDER:
                node.input[index] = SERVED_INPUT + source[len(PLACEHOLDER) :]
    answer = served.node.add(name=SERVED_OUTPUT, op="Identity", input=[output])
    answer.attr["T"].type = tf.float32.as_datatype_enum
    saver = served.node.add(name=SAVER, op="Const")
    saver.attr["dtype"].type = tf.string.as_datatype_enum
    saver.attr["value"].tensor.CopyFrom(tf.make_tensor_proto("", tf.string))
    return served


def write_served(source: Path, target: Path, output: str) -> None:
    """Write a graph with the other pair of nodes, and its golden answers.

    Parameters
    ----------
    source, target : Path
        The .pb that is there, and the one to write.
    output : str
        Node of the predictions.

    Raises
    ------
    GraphError
        When the graph does not fit, or TensorFlow answers otherwise than the golden answers say.
    StoreError
        When there are no golden answers, or a file cannot be written.
    """
    answers = require_answers(source)
    served = serve(GraphDef.FromString(source.read_bytes()), output)
    with replacing(target) as file:
        file.write(served.SerializeToString(deterministic=True))
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(GraphDef.FromString(target.read_bytes()), name="")
        with tf.compat.v1.Session(graph=imported) as session:
            found = session.run(f"{SERVED_OUTPUT}:0", {f"{SERVED_INPUT}:0": answers.inputs})
    measure_difference(answers.values[output], found, SERVED_OUTPUT, str(source), judge=GOLDEN)
    values = {SERVED_OUTPUT: answers.values[output], **answers.values}
    told = dataclasses.replace(answers, graph_sha256=digest_file(target), input_name=SERVED_INPUT, values=values)
    rewrite_answers(source, target, told)


def main(arguments: list[str]) -> int:
    """Write one graph from the command line; return the exit status."""
    source, target, output = arguments
    return end_step(lambda: write_served(Path(source), Path(target), output))


if __name__ == "__main__":
    follow_parent()
    sys.exit(main(sys.argv[1:]))
