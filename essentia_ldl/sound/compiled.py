"""A frozen graph compiled by OpenVINO, which reads the .pb itself. In: a .pb and an array; out: values by node.

The graph is cut to the nodes that are wanted, so that a published one works that still has placeholders of its
training. The last batch is filled up to a power of two, because each new number of rows costs time and memory of its
own. The shape of the input stays as it is in the file all the same: reshaped to a fixed number of
rows, MusiCNN was seen to answer other probabilities (by up to .15), without a word. The precision is always told:
OpenVINO's own choice is bf16 where the processor has it.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, GraphError, Reason, explain
from essentia_ldl.parallel import count_workers

PACKAGE = "openvino"


def is_installed() -> bool:
    """Tell whether OpenVINO can be imported; does not import it."""
    try:
        return importlib.util.find_spec(PACKAGE) is not None
    except ValueError:  # a module without a spec, or None in sys.modules
        return False


@functools.cache
def open_core() -> Any:
    """Import OpenVINO and open it, once per process: 0.3 s.

    Raises
    ------
    GraphError
        When it is not installed, or does not load.
    """
    try:
        import openvino
    except ImportError as error:
        reason = "not installed" if not is_installed() else Reason(error)
        remedy = "Run `pip install 'essentia-ldl[fast]'`, or take another engine."
        raise GraphError(explain("engine", "an OpenVINO that loads", reason, "openvino", remedy)) from None
    return openvino.Core()


def require_precision(precision: str) -> None:
    """Raise `DataError` when this processor does not have a precision, and OpenVINO would silently take f32."""
    if precision == "bf16" and "BF16" not in open_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        rule, remedy = "one that this processor has", "Leave --precision out."
        raise DataError(explain("precision", rule, precision, "openvino", remedy))


class CompiledNetwork:
    """A graph ready to run in OpenVINO.

    Parameters
    ----------
    graph : Path or str
        The .pb.
    input_name : str
        Its input node.
    nodes : sequence of str
        Nodes to answer with.
    n_rows : int
        Of a batch; a power of two.
    precision : str
        "f32" or "bf16".

    Raises
    ------
    GraphError
        When OpenVINO cannot read or compile it, or it has no such node.
    """

    def __init__(
        self, graph: Path | str, input_name: str, nodes: Sequence[str], n_rows: int, precision: str = "f32"
    ) -> None:
        self._graph, self._nodes, self._n_rows = str(graph), list(nodes), n_rows
        model = read_cut_model(graph, input_name, nodes)
        self._places = place_outputs(model, nodes)
        self._request = compile_model(model, self._graph, precision)

    def run(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Run rows, as many as there are.

        Parameters
        ----------
        values : np.ndarray [shape=(n, ...), float32]
            Patches or embeddings.

        Returns
        -------
        dict[str, np.ndarray]
            (n, size) float32 by node.

        Raises
        ------
        GraphError
            When it cannot run on them.
        """
        starts = range(0, len(values), self._n_rows)
        parts = [self._run_batch(values[start : start + self._n_rows]) for start in starts]
        return {node: np.concatenate([part[i] for part in parts]) for i, node in enumerate(self._nodes)}

    def _run_batch(self, values: np.ndarray) -> list[np.ndarray]:
        n_rows, batch = len(values), fill_rows(values)
        try:
            self._request.infer([batch], share_inputs=True)
        except (RuntimeError, ValueError) as error:
            raise refuse_run(self._graph, error) from None
        outputs = [self._request.get_output_tensor(place).data for place in self._places]
        return [np.array(output, dtype=np.float32).reshape(len(batch), -1)[:n_rows] for output in outputs]


def fill_rows(values: np.ndarray) -> np.ndarray:
    """Add rows of zeros up to a power of two; (n, ...) float32."""
    n_rows, batch = len(values), np.ascontiguousarray(values, dtype=np.float32)
    n_more = 2 ** (n_rows - 1).bit_length() - n_rows
    return np.concatenate([batch, np.zeros((n_more, *batch.shape[1:]), np.float32)]) if n_more else batch


def compile_model(model: Any, graph: str, precision: str = "f32") -> Any:
    """Compile a model and return what runs it.

    Parameters
    ----------
    model : openvino.Model
        Of a graph.
    graph : str
        The .pb, for messages.
    precision : str
        "f32" or "bf16".

    Returns
    -------
    openvino.InferRequest

    Raises
    ------
    GraphError
        When OpenVINO cannot compile it.
    """
    n_threads = count_threads()
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": n_threads,
        "NUM_STREAMS": 1,
        # threads that are bound to cores take the first ones, and so would those of every other process
        "ENABLE_CPU_PINNING": n_threads >= count_workers(),
    }
    try:
        return open_core().compile_model(model, "CPU", settings).create_infer_request()
    except RuntimeError as error:
        raise refuse_run(graph, error) from None


def read_cut_model(graph: Path | str, input_name: str, nodes: Sequence[str]) -> Any:
    """Read a .pb and cut it; see `cut_model`, and `GraphError` when OpenVINO cannot read it."""
    try:
        return cut_model(open_core().read_model(str(graph)), input_name, nodes, str(graph))
    except RuntimeError as error:
        raise refuse_run(str(graph), error) from None


def cut_model(model: Any, input_name: str, nodes: Sequence[str], where: str) -> Any:
    """Cut a model to one input and some nodes.

    Parameters
    ----------
    model : openvino.Model
        As it was read.
    input_name : str
        The input that stays.
    nodes : sequence of str
        TensorFlow's names, with or without ``:k``.
    where : str
        For the message.

    Returns
    -------
    openvino.Model
        With one output per tensor, in the order of the nodes: two outputs of one tensor, such as a node and its
        Identity, end OpenVINO 2026.4.1 with a segmentation fault.

    Raises
    ------
    GraphError
        When there is no such node.
    """
    import openvino

    outputs = {name: out for op in model.get_ordered_ops() for out in op.outputs() for name in out.get_names()}
    inputs = [p for p in model.get_parameters() if _tensor_name(input_name) in p.output(0).get_names()]
    missing = [node for node in nodes if _tensor_name(node) not in outputs]
    if missing or not inputs:
        rule, remedy = "a frozen graph with the nodes of its card", "Export or copy it again."
        name = (missing or [input_name])[0]
        raise GraphError(explain("graph", rule, f"no node {name} in OpenVINO", where, remedy))
    different = {(out.get_node().get_name(), out.get_index()): out for out in (outputs[_tensor_name(n)] for n in nodes)}
    return openvino.Model(list(different.values()), inputs)


def place_outputs(model: Any, nodes: Sequence[str]) -> list[int]:
    """Return which output of a model from `cut_model` each node is; nodes that are equal share one."""
    names = [output.get_names() for output in model.outputs]
    return [next(i for i, known in enumerate(names) if _tensor_name(node) in known) for node in nodes]


def read_width(graph: Path | str, input_name: str) -> int:
    """Return how many numbers a head reads.

    Raises
    ------
    GraphError
        When its input is not (n, d).
    """
    try:
        model = open_core().read_model(str(graph))
    except RuntimeError as error:
        raise refuse_run(str(graph), error) from None
    shapes = [p.partial_shape for p in model.get_parameters() if _tensor_name(input_name) in p.output(0).get_names()]
    if len(shapes) != 1 or shapes[0].rank.is_dynamic or len(shapes[0]) != 2 or shapes[0][1].is_dynamic:
        rule, remedy = "an input (n, d)", "Run it with --engine essentia."
        raise GraphError(explain("head", rule, ", ".join(map(str, shapes)) or "none", graph, remedy))
    return shapes[0][1].get_length()


def count_threads() -> int:
    """Return the threads of a network: as the environment says for TensorFlow, else one per core."""
    told = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    return int(told) if told.isdigit() and int(told) > 0 else count_workers()


def _tensor_name(node: str) -> str:
    return node if ":" in node else f"{node}:0"


def refuse_run(graph: str, error: Exception) -> GraphError:
    """Make the error of a graph that OpenVINO does not run."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = Reason(lines[-1] if lines else error)
    remedy = "Run it with --engine essentia."
    if isinstance(error, MemoryError) or "bad_alloc" in reason:
        rule, remedy = "memory enough to run it", "Close other programs, or use fewer --jobs."
        return GraphError(explain("graph", rule, reason, graph, remedy))
    return GraphError(explain("graph", "one that OpenVINO runs", reason, graph, remedy))
