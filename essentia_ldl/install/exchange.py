"""The `export` command: models as ONNX beside their .pb, each proved in onnxruntime by its golden answers.

In: models. Out: ``<name>.onnx``; nothing is left of one that answers otherwise than its graph.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.errors import GraphError, Reason, StoreError, explain
from essentia_ldl.models.answers import require_answers
from essentia_ldl.models.differences import Judge, choose_limit, measure_difference
from essentia_ldl.models.folder import find_model, read_model
from essentia_ldl.zones import run_zone

CONVERTER = "essentia_ldl.nets.export.exchange"
GRAPH = Judge("what the graph answers", "Use the .pb.")


@dataclasses.dataclass(frozen=True)
class Exchanged:
    """A model that was written as ONNX.

    Parameters
    ----------
    name : str
        Of the model.
    path : str
        The .onnx.
    difference : float
        Largest one from the golden answers: absolute for probabilities, relative for other values.
    """

    name: str
    path: str
    difference: float


def export_onnx(
    names: Sequence[str], into: str | None, graphs: Path, say: Callable[[str], object]
) -> tuple[Exchanged, ...]:
    """Write models as ONNX.

    Parameters
    ----------
    names : sequence of str
        In graphs/, or .pb files.
    into : str or None
        A folder; None is that of each model.
    graphs : Path
        The folder of models.
    say : callable
        Gets a line for each.

    Raises
    ------
    UnknownNameError, CardError
        When there is no such model.
    GraphError
        When it cannot be converted, the libraries are not installed, or onnxruntime answers otherwise.
    StoreError
        When it has no golden answers, or the folder cannot be written to.
    """
    _import_runtime()
    found = []
    for model in [find_model(name, graphs) for name in names]:
        source = Path(model.graph)
        require_answers(source)
        folder = source.parent if into is None else Path(into)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".part-", dir=folder) as staging:
                written = Path(staging, f"{model.name}.onnx")
                run_zone(CONVERTER, str(source), str(written))
                difference = prove(written, source)
                written.replace(folder / written.name)
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            reason = Reason(error.strerror or error)
            rule = "one that can be written to"
            raise StoreError(explain("folder", rule, reason, folder, "Choose another.")) from None
        found.append(Exchanged(model.name, str(folder / written.name), difference))
        say(f"{model.name} -> {found[-1].path} (largest difference in onnxruntime {difference:.1e})")
    return tuple(found)


def prove(path: Path, source: Path) -> float:
    """Run the golden answers of a graph through its ONNX.

    Parameters
    ----------
    path, source : Path
        The .onnx, and the .pb that it was made of.

    Returns
    -------
    float
        The largest difference.

    Raises
    ------
    GraphError
        When onnxruntime cannot run it, or a node answers otherwise.
    """
    runtime, answers = _import_runtime(), require_answers(source)
    try:
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        values = session.run(list(answers.values), {answers.input_name: answers.inputs})
    except Exception as error:  # onnxruntime raises whatever its C++ raises
        reason = Reason(str(error).splitlines()[0])
        raise GraphError(explain("ONNX", "one that onnxruntime runs", reason, path.name, "Use the .pb.")) from None
    limit = choose_limit(read_model(source).card, answers.values)
    return max(
        measure_difference(expected, found, node, path.name, limit, GRAPH)
        for (node, expected), found in zip(answers.values.items(), values, strict=True)
    )


def _import_runtime() -> Any:
    try:
        import onnxruntime
    except ImportError:
        remedy = "Run `pip install 'essentia-ldl[onnx]'`."
        raise GraphError(explain("ONNX", "the library onnxruntime", "none", "export", remedy)) from None
    return onnxruntime
