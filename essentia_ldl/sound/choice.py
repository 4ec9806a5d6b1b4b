"""Which engine runs a graph: OpenVINO where it agrees with Essentia on this machine and is no slower, else Essentia.

In: what the user asks for, and what was found before; out: an answer per graph, and what was found now. OpenVINO has to
give the golden answers that travel with a graph. Where there are none, or not of every node that is wanted, patches (or
embeddings) are drawn from a seed and go through both engines. Either happens once per graph and machine; the process
that asked keeps the findings. A front end that patches share is compared with the whole graph in the same way. Nodes
that are sampled have no one answer: means and deviations of runs are compared, as in verification. Where Essentia has
no TensorFlow, OpenVINO is the only engine, and "auto" asks for golden answers.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, EssentiaLdlError, GraphError, Reason, StoreError, explain
from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import GoldenAnswers, name_answers, read_answers
from essentia_ldl.sound.compiled import CompiledNetwork, is_installed, open_core, read_width, require_precision
from essentia_ldl.sound.graph import BATCH, BATCH_PATCHES, has_tensorflow, load_graph, require_tensorflow, run_graph
from essentia_ldl.sound.sampled import compare_runs
from essentia_ldl.sound.shared import SharedNetwork, open_shared

TOLERANCE = 1e-5  # absolute up to 1, relative above
N_ROWS = 5  # whole batches of patches, and the rest of one
SLOWEST = 1.2  # times Essentia's time: on some processors without AVX-512 MusiCNN takes twice as long
N_TIMED = 3
N_RUNS = 16  # of each engine, for sampled nodes
FORM = "products"  # of what is compared: findings about another form do not count

Run = Callable[[np.ndarray], dict[str, np.ndarray]]


class Chooser:
    """The choice for every graph of a job.

    Parameters
    ----------
    engine : str
        "auto", "essentia" or "openvino".
    precision : str
        Of OpenVINO: "f32", or "bf16", which "auto" takes for a wish for OpenVINO.
    remembered : Mapping[str, Mapping]
        Findings of earlier processes on this machine.

    Raises
    ------
    GraphError
        When OpenVINO is asked for and not installed.
    DataError
        When the precision is not to be had.
    """

    def __init__(
        self,
        engine: str = "essentia",
        precision: str = "f32",
        remembered: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        if precision != "f32" and engine == "essentia":
            rule, remedy = "f32 in Essentia", "Take --engine openvino, or leave --precision out."
            raise DataError(explain("precision", rule, precision, "essentia", remedy))
        if precision != "f32":
            engine = "openvino"
        if engine == "openvino":
            open_core()
            require_precision(precision)
        self.engine, self.precision = engine, precision
        self.found: dict[str, dict[str, Any]] = {}
        self.shared: set[str] = set()  # graphs whose patches may share their front end
        self.warnings: list[str] = []
        self.ran_essentia = False
        self._remembered = dict(remembered or {})

    def choose(self, graph: str, input_name: str, nodes: Sequence[str], patch: tuple[int, ...] | None = None) -> bool:
        """Tell whether OpenVINO runs a graph.

        Parameters
        ----------
        graph, input_name : str
            The .pb and its input node.
        nodes : sequence of str
            All nodes that are wanted.
        patch : tuple[int, ...] or None
            Shape of a patch; None for a head.
        """
        if self.engine == "essentia" or (self.engine == "auto" and not is_installed()):
            require_tensorflow(graph)
            return False
        finding = self._find(graph, input_name, sorted(nodes), patch)
        if self.engine == "openvino" and not finding["agrees"]:
            self.warnings.append(f"{finding['graph']} runs in OpenVINO, unproved: {finding['reason']}.")
        if self.engine == "auto" and not finding["agrees"] and not has_tensorflow():
            rule = "OpenVINO, proved by golden answers beside the graph, where Essentia has no TensorFlow"
            remedy = "Export it again, copy its .answers.npz too, or take --engine openvino."
            raise GraphError(explain("engine", rule, Reason(finding["reason"]), graph, remedy))
        if finding.get("shared") and self.precision == "f32":
            self.shared.add(graph)
        return self.engine == "openvino" or (finding["agrees"] and finding.get("time_ratio", 0.0) <= SLOWEST)

    def leave(self, graph: str) -> None:
        """Note that a graph stays with Essentia, because only its own algorithm feeds it."""
        require_tensorflow(graph)
        if self.engine == "openvino":
            self.warnings.append(f"{Path(graph).stem} runs in Essentia: only its own algorithm feeds it.")

    def _find(self, graph: str, input_name: str, nodes: list[str], patch: tuple[int, ...] | None) -> dict[str, Any]:
        beside = name_answers(graph)
        try:
            digest = digest_file(graph)
            proof = [digest_file(beside)] if beside.is_file() else []
        except OSError as error:
            return {"graph": Path(graph).stem, "agrees": False, "reason": str(error)}
        key = hashlib.sha256("\n".join([FORM, digest, input_name, *nodes, str(patch), *proof]).encode()).hexdigest()[
            :16
        ]
        if key not in self._remembered:
            answers, reason = None, "it has no golden answers"
            try:
                answers = read_answers(graph, digest)
            except StoreError as error:
                reason = str(error)
                self.warnings.append(reason)
            if answers is not None and not _covers(answers, input_name, nodes, patch):
                answers, reason = None, "its golden answers are not of all that is wanted"
            if answers is None and not has_tensorflow():  # not remembered: there is nothing that was found
                return {"graph": Path(graph).stem, "agrees": False, "reason": reason}
            finding = self._compare(graph, input_name, nodes, patch, answers)
            self._remembered[key] = self.found[key] = {"graph": Path(graph).stem, **finding}
        return self._remembered[key]

    def _compare(
        self,
        graph: str,
        input_name: str,
        nodes: list[str],
        patch: tuple[int, ...] | None,
        answers: GoldenAnswers | None,
    ) -> dict[str, Any]:
        """Compare OpenVINO with golden answers, or with Essentia; and where Essentia can run the graph, their times."""
        by = "essentia" if answers is None else "answers"
        other = "Essentia" if answers is None else "its golden answers"
        try:
            compiled = CompiledNetwork(graph, input_name, nodes, BATCH if patch is None else BATCH_PATCHES)
            found: dict[str, Any] = {"by": by}
            if answers is not None:
                known = list(answers.values)  # of all nodes, because probabilities may be near 0 and 1
                whole = CompiledNetwork(graph, input_name, known, BATCH if patch is None else BATCH_PATCHES)
                runs = ((compiled.run, nodes), (whole.run, known))
                found["difference"] = max(compare_answers(run, answers, some, Path(graph).stem) for run, some in runs)
            shared = None if patch is None else _open_shared(graph, input_name, nodes, patch, compiled.run)
            found["shared"] = shared is not None
            if answers is None or has_tensorflow():
                self.ran_essentia = True
                run_essentia = _open_essentia(graph, input_name, nodes)
                rows = draw_rows(patch or (read_width(graph, input_name),))
                if answers is None:
                    found["difference"] = compare_engines(compiled.run, run_essentia, rows, Path(graph).stem)
                found["time_ratio"] = compare_times((shared or compiled).run, run_essentia, rows)
        except EssentiaLdlError as error:
            return {"agrees": False, "by": by, "reason": str(error)}
        if found["difference"] <= TOLERANCE:
            return {"agrees": True, **found}
        reason = f"it differs from {other} by {found['difference']:.1g}"
        return {"agrees": False, "by": by, "reason": reason, "difference": found["difference"]}


def _open_essentia(graph: str, input_name: str, nodes: list[str]) -> Run:
    """Load a graph in Essentia; it runs `N_ROWS` rows as two whole batches of patches and the rest of one."""
    network = load_graph(graph, input_name, nodes)

    def run(rows: np.ndarray) -> dict[str, np.ndarray]:
        parts = [run_graph(network, graph, input_name, some, nodes) for some in np.split(rows, [2, 4])]
        return {node: np.concatenate([part[node] for part in parts]) for node in nodes}

    return run


def _covers(answers: GoldenAnswers, input_name: str, nodes: list[str], patch: tuple[int, ...] | None) -> bool:
    fits = answers.inputs.ndim == 2 if patch is None else answers.inputs.shape[1:] == tuple(patch)
    return fits and answers.input_name == input_name and set(nodes) <= set(answers.values)


def compare_answers(run: Run, answers: GoldenAnswers, nodes: Sequence[str], where: str) -> float:
    """Compare an engine with golden answers.

    Parameters
    ----------
    run : callable
        Gets rows and returns (n, size) by node.
    answers : GoldenAnswers
        Of all the nodes.
    nodes : sequence of str
        Those that are wanted.
    where : str
        For messages.

    Returns
    -------
    float
        The largest difference: absolute up to 1, relative to the largest value above.

    Raises
    ------
    GraphError
        When shapes differ or values are not finite.
    """
    found = run(answers.inputs)
    return max(_measure(found[node], answers.values[node], node, where) for node in nodes)


def _open_shared(
    graph: str, input_name: str, nodes: list[str], patch: tuple[int, ...], run_whole: Run
) -> SharedNetwork | None:
    """Open a graph with a shared front end; None when there is none, or it does not agree with the whole graph."""
    shared = open_shared(graph, input_name, nodes, patch) if len(patch) == 2 else None
    return shared if shared is not None and compare_shared(shared, run_whole, patch) <= TOLERANCE else None


def compare_shared(shared: SharedNetwork, run_whole: Run, patch: tuple[int, int]) -> float:
    """Compare a shared front end with the whole graph, on patches that overlap by half.

    Parameters
    ----------
    shared : SharedNetwork
        Of a graph.
    run_whole : callable
        Gets patches and returns (n, size) by node.
    patch : tuple[int, int]
        Frames and bands of a patch.

    Returns
    -------
    float
        The largest difference, as `compare_engines` measures it; of sampled nodes too, which are never shared.
    """
    n_frames, n_bands = patch
    hop = n_frames // 2
    frames = draw_rows(patch).reshape(-1, n_bands)[: n_frames + (N_ROWS - 1) * hop]
    patches = np.stack([frames[i * hop : i * hop + n_frames] for i in range(N_ROWS)])
    expected, found = run_whole(patches), shared.run_frames(frames, hop)
    worst = [
        float(np.abs(found[node] - values).max() / max(1.0, float(np.abs(values).max())))
        for node, values in expected.items()
    ]
    return float(np.max(worst))  # NaN stays NaN


def draw_rows(shape: tuple[int, ...]) -> np.ndarray:
    """Draw patches or embeddings, in the range of bands, from a fixed seed; (N_ROWS, *shape) float32."""
    return np.random.default_rng(20261129).uniform(-1, 3, (N_ROWS, *shape)).astype(np.float32)


def compare_times(ours: Run, theirs: Run, rows: np.ndarray) -> float:
    """Return the time of `ours` by that of `theirs`: the best of alternating runs, which have warmed up before."""
    best = [math.inf, math.inf]
    for _ in range(N_TIMED):
        for i, run in enumerate((ours, theirs)):
            start = time.perf_counter()
            run(rows)
            best[i] = min(best[i], time.perf_counter() - start)
    return best[0] / best[1]


def compare_engines(ours: Run, theirs: Run, rows: np.ndarray, where: str) -> float:
    """Compare two engines on the same rows.

    Parameters
    ----------
    ours, theirs : callable
        Get rows and return (n, size) by node; `theirs` is the reference.
    rows : np.ndarray [shape=(n, ...), float32]
        Patches or embeddings.
    where : str
        For messages.

    Returns
    -------
    float
        The largest difference of the nodes that are not sampled: absolute up to 1, relative to the largest value above.

    Raises
    ------
    GraphError
        When a sampled node does not fit, or values are not finite.
    """
    expected, again, found = theirs(rows), theirs(rows), ours(rows)
    worst, sampled = 0.0, []
    for node, values in expected.items():
        difference = _measure(found[node], values, node, where)
        if not np.array_equal(values, again[node]):
            sampled.append(node)
            continue
        worst = max(worst, difference)
    if sampled:
        runs = [[engine(rows) for _ in range(N_RUNS)] for engine in (ours, theirs)]
        for node in sampled:
            own, reference = (np.stack([run[node] for run in some]).astype(np.float64) for some in runs)
            compare_runs(own, reference.mean(axis=0), reference.std(axis=0, ddof=1), N_RUNS, node, where)
    return worst


def _measure(found: np.ndarray, expected: np.ndarray, node: str, where: str) -> float:
    if not (np.all(np.isfinite(expected)) and np.all(np.isfinite(found))):
        raise GraphError(explain(node, "finite numbers", "NaN or infinite", where, "Run it in Essentia."))
    if found.shape != expected.shape:
        raise GraphError(explain(node, f"shape {expected.shape}", found.shape, where, "Run it in Essentia."))
    return float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max())))
