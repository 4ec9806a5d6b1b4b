"""The golden answers that travel with a graph: a few inputs, and what the network answered when the graph was made.

In: ``<name>.answers.npz`` beside ``<name>.pb``; out: `GoldenAnswers`. With them any engine shows on any machine that it
runs the graph as it was meant, also where Essentia's TensorFlow is not installed. The inputs are drawn from a seed, in
the range of bands or embeddings, so that nothing of the music travels, and kept as one of `N_LEVELS` levels, so that
the file stays small (some 9 kB per patch of MusiCNN). The file names the bytes of the graph that it belongs to; one of
other bytes is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from essentia_ldl.arrays import opened_arrays
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.files import digest_file, replacing
from essentia_ldl.records import FrontEnd

SUFFIX = ".answers.npz"
GAINS = (0.5, 0.25, 0.125)  # of the inputs: as loud as noise can be, it drives probabilities to 0 and 1
N_ROWS = len(GAINS)  # a whole batch of patches, and the rest of one
N_LEVELS = 16
SEED = 20261129
RANGES = {
    "": (0.0, 6.0),
    "decibel": (-100.0, 30.0),
    "log-10": (0.0, 2.0),
}  # of mel bands, by compression: random patches fill it
FULL_SCALE = (-1.0, 1.0)  # of a waveform
MAX_BYTES = 2**24  # of a file that is read at all
REMEDY = "Copy it there again, or delete it."


@dataclasses.dataclass(frozen=True)
class GoldenAnswers:
    """Inputs, and what a graph answers to them.

    Parameters
    ----------
    graph_sha256 : str
        Of the .pb.
    input_name : str
        Its input node.
    inputs : np.ndarray [shape=(n, ...), float32]
        Patches (n, n_frames, n_bands) or embeddings (n, d).
    values : Mapping[str, np.ndarray]
        (n, size) float32 by node; nodes that are sampled have no one answer and are left out.

    Raises
    ------
    StoreError
        When there is no input or no node, rows do not fit the inputs, or numbers are not finite.
    """

    graph_sha256: str
    input_name: str
    inputs: np.ndarray
    values: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        for name, rows in {"inputs": self.inputs, **self.values}.items():
            fits = rows.dtype == np.float32 and rows.ndim >= 2 and len(rows) == len(self.inputs) > 0 and rows.size
            if not (fits and np.all(np.isfinite(rows))):
                rule = "finite float32 numbers, one row per input"
                raise StoreError(explain("golden answers", rule, f"{rows.dtype} {rows.shape}", name, REMEDY))
        if not self.values:
            raise StoreError(explain("golden answers", "at least one node", "none", self.input_name, REMEDY))


def find_range(front_end: FrontEnd) -> tuple[float, float]:
    """Return the smallest and the largest number that random patches of a front-end hold."""
    return FULL_SCALE if front_end.kind == "waveform" else RANGES[front_end.compression]


def name_answers(graph: Path | str) -> Path:
    """Return where the golden answers of a graph are, whether they are there or not."""
    return Path(graph).with_suffix(SUFFIX)


def write_answers(
    graph: Path,
    graph_sha256: str,
    input_name: str,
    shape: tuple[int, ...],
    limits: tuple[float, float],
    evaluate: Callable[[np.ndarray], Mapping[str, Any]],
) -> Path:
    """Draw inputs, let the network answer, and write both beside its graph.

    Parameters
    ----------
    graph : Path
        The .pb, which need not be there yet.
    graph_sha256, input_name : str
        Of the graph.
    shape : tuple[int, ...]
        Of one input.
    limits : tuple[float, float]
        Smallest and largest number that an input may be; each input gets a share of it, one of `GAINS`.
    evaluate : callable
        From inputs to (n, size) by node.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StoreError
        When the network does not answer with finite numbers, or the file cannot be written.
    """
    levels = np.random.default_rng(SEED).integers(0, N_LEVELS, (N_ROWS, *shape), np.uint8)
    gains = np.array(GAINS, np.float32)
    low, step = limits[0] * gains, (limits[1] - limits[0]) / (N_LEVELS - 1) * gains
    inputs = _scale(levels, low, step)
    answers = GoldenAnswers(
        graph_sha256,
        input_name,
        inputs,
        {node: np.asarray(rows, dtype=np.float32) for node, rows in evaluate(inputs).items()},
    )
    path = name_answers(graph)
    with replacing(path) as file:
        np.savez_compressed(
            file,
            graph_sha256=np.array(graph_sha256),
            input=np.array(input_name),
            nodes=np.array(list(answers.values)),
            levels=levels,
            low=low,
            step=step,
            **{f"answers_{i}": rows for i, rows in enumerate(answers.values.values())},
        )
    return path


def rewrite_answers(source: Path, target: Path, told: GoldenAnswers) -> None:
    """Write the golden answers of one graph beside another that answers the same.

    Parameters
    ----------
    source, target : Path
        The two .pb; that of the source has golden answers.
    told : GoldenAnswers
        Those of the source, with digest, input and nodes of the target.

    Raises
    ------
    StoreError
        When a file is damaged, or cannot be written.
    """
    with opened_arrays(name_answers(source), "golden answers", REMEDY, "a whole file") as arrays:
        kept = {name: arrays[name] for name in ("levels", "low", "step")}
    with replacing(name_answers(target)) as file:
        np.savez_compressed(
            file,
            graph_sha256=np.array(told.graph_sha256),
            input=np.array(told.input_name),
            nodes=np.array(list(told.values)),
            **kept,
            **{f"answers_{i}": rows for i, rows in enumerate(told.values.values())},
        )


def read_answers(graph: Path | str, graph_sha256: str) -> GoldenAnswers | None:
    """Read the golden answers beside a graph.

    Parameters
    ----------
    graph : Path or str
        The .pb.
    graph_sha256 : str
        Of its bytes.

    Returns
    -------
    GoldenAnswers or None
        None where there are none.

    Raises
    ------
    StoreError
        When the file is damaged, or belongs to a graph of other bytes.
    """
    path = name_answers(graph)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(explain("golden answers", "a readable file", error, path, REMEDY)) from None
    if size > MAX_BYTES:
        raise StoreError(explain("golden answers", f"at most {MAX_BYTES} bytes", size, path, REMEDY))
    with opened_arrays(path, "golden answers", REMEDY, "a whole file") as arrays:
        values = {node: arrays[f"answers_{i}"] for i, node in enumerate(map(str, arrays["nodes"]))}
        inputs = _scale(arrays["levels"], arrays["low"], arrays["step"])
        told = str(arrays["graph_sha256"]), str(arrays["input"])
    try:
        found = GoldenAnswers(*told, inputs, values)
    except StoreError as error:
        raise StoreError(f"{error} The file is {path}.") from None
    if found.graph_sha256 != graph_sha256:
        rule = "those of the graph beside them"
        raise StoreError(explain("golden answers", rule, "those of other bytes", path, REMEDY))
    return found


def require_answers(graph: Path) -> GoldenAnswers:
    """Read the golden answers beside a graph, which must be there; raises `StoreError` as `read_answers`."""
    answers = read_answers(graph, digest_file(graph))
    if answers is None:
        remedy = "Export the model again."
        raise StoreError(explain("golden answers", "those of the graph, to check it by", "none", graph, remedy))
    return answers


def _scale(levels: np.ndarray, low: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return the numbers that levels stand for, in two float32 operations that give the same bits everywhere."""
    rows = (len(levels),) + (1,) * (levels.ndim - 1)
    return levels.astype(np.float32) * step.astype(np.float32).reshape(rows) + low.astype(np.float32).reshape(rows)
