"""Replay what Keras computed through Essentia. In: a run's export folder; out: verify.json, or `GraphError`.

Two proofs. Golden patches: every node of every exported graph answers under its name with the numbers that Keras
computed; so it does to the few golden answers that travel with it. Audio: the file itself, read the way any Essentia
pipeline reads it (MonoLoader and the algorithm of the card, with its defaults), gives the predictions of the patches,
or of the embeddings, that training used.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import essentia.standard as es
import numpy as np

from essentia_ldl import frontends
from essentia_ldl.arrays import read_array, read_arrays
from essentia_ldl.errors import EssentiaLdlError, GraphError, Reason, explain, find_full_disk
from essentia_ldl.features.samples import to_int16
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import digest_file, read_json, write_json
from essentia_ldl.models.algorithms import of_algorithm
from essentia_ldl.models.answers import read_answers
from essentia_ldl.models.card import GraphCard, find_front_end
from essentia_ldl.models.differences import choose_limit, measure_difference
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.plan import ExtractorPlan, read_plan
from essentia_ldl.sound.audio import readable_audio
from essentia_ldl.sound.cqt import compute_bins
from essentia_ldl.sound.extractors import Embedder, stack_tokens
from essentia_ldl.sound.graph import load_graph, run_graph
from essentia_ldl.sound.mel import compute_bands
from essentia_ldl.sound.sampled import replay_samples
from essentia_ldl.sound.waves import cut_signal, stream_file
from essentia_ldl.zones import fail_step

REMEDY = "Export again."
UNNAMED = ("model/Softmax", "model/Sigmoid")  # answers that a pipeline of classifiers gets without naming a node


def verify_run(run: Path) -> dict[str, Any]:
    """Verify every graph in a run's export folder.

    Parameters
    ----------
    run : Path
        Folder with plan.json and export/.

    Returns
    -------
    dict
        Largest difference of every node, by graph; written to export/verify.json.

    Raises
    ------
    GraphError
        When a node differs from Keras by more than 1e-5 (probabilities and entropies, absolute; 1e-4 of a classifier
        on several networks; 16 units in the last place times the logits where these are above 20) or 1e-4 (logits and
        embeddings, relative), sampled nodes do not answer as `sampled` says,
        or a graph cannot be loaded.
    """
    plan = read_plan(run)
    exported = run / "export"
    goldens = sorted(exported.glob("*.golden.npz"))
    if not goldens:
        raise GraphError(explain("export", "golden patches", "none", exported, REMEDY))
    for graph in sorted(exported.glob("*.pb")):
        if graph.with_suffix(".golden.npz") not in goldens:
            raise GraphError(explain("export", "golden patches of every graph", "none", graph, REMEDY))
    report: dict[str, Any] = {"golden": {}, "audio": {}}
    for golden in goldens:
        stem = golden.name.removesuffix(".golden.npz")
        report["golden"][stem] = replay_graph(exported / f"{stem}.pb")
        arrays = read_arrays(golden, "golden", REMEDY)
        if "sampled_nodes" in arrays:
            exact = [str(node) for node in arrays["nodes"]]
            found = replay_samples(exported / f"{stem}.pb", str(arrays["input"]), exact, arrays)
            report.setdefault("samples", {})[stem] = found
    stems = plan.stems
    if plan.extractor is not None:
        head = exported / f"{stems['head']}.pb"
        for audio in plan.places.audio:
            stored = read_array(array_path(plan.store / plan.extractor.folder, audio.content), "embeddings")
            report["audio"][audio.path] = replay_extractor(audio.path, stored, plan.extractor, head)
        write_json(exported / "verify.json", report)
        return report
    for audio in plan.places.audio:
        stored = Store(plan.store).read(audio.content, plan.front_end)
        if plan.front_end.kind == "waveform":
            full = exported / f"{stems['full']}.pb"
            report["audio"][audio.path] = replay_signal(audio.path, stored, plan.front_end, full)
            continue
        report["audio"][audio.path] = replay_audio(
            audio.path,
            stored,
            plan.front_end,
            exported / f"{stems['full']}.pb",
            exported / f"{stems['head']}.pb" if stems.get("head") else None,
            plan.graphs,
        )
    write_json(exported / "verify.json", report)
    return report


def replay_graph(graph: Path) -> dict[str, float]:
    """Run a graph on its golden patches and on the answers that travel with it, as `replay_golden` does.

    Parameters
    ----------
    graph : Path
        The .pb; its golden patches are beside it.

    Returns
    -------
    dict[str, float]
        Largest difference of either by node.

    Raises
    ------
    GraphError, StoreError
        As `replay_golden` and `replay_answers`.
    """
    found = replay_golden(graph, graph.with_name(f"{graph.stem}.golden.npz"))
    for node, difference in replay_answers(graph).items():
        found[node] = max(found.get(node, 0.0), difference)
    return found


def replay_golden(graph: Path, golden: Path) -> dict[str, float]:
    """Run golden patches through a graph and compare every node with Keras.

    Parameters
    ----------
    graph : Path
        The .pb.
    golden : Path
        The .npz that the exporter wrote: nodes, patches_<i>, and each node's values as ``<node with __ for />_<i>``.

    Returns
    -------
    dict[str, float]
        Largest difference by node: absolute for probabilities, relative for the others.
    """
    card = GraphCard(read_json(graph.with_suffix(".json")))
    worst: dict[str, float] = {}
    arrays = read_arrays(golden, "golden", REMEDY)
    nodes = [str(node) for node in arrays.get("nodes", ())]
    network = load_graph(graph, card.input_name, nodes)
    index = 0
    while f"patches_{index}" in arrays:
        patches = arrays[f"patches_{index}"].astype(np.float32)
        answers = run_graph(network, graph, card.input_name, patches, nodes)
        known = {node: arrays.get(f"{node.replace('/', '__')}_{index}") for node in nodes}
        limit = choose_limit(card, known)
        for node in nodes:
            expected = known[node]
            if expected is None:
                raise GraphError(explain("golden", f"values of {node}", "none", golden, REMEDY))
            difference = measure_difference(expected, answers[node], node, graph.name, limit)
            worst[node] = max(worst.get(node, 0.0), difference)
        index += 1
    if not worst:
        raise GraphError(explain("golden", "patches and nodes to compare", "none", golden, REMEDY))
    return worst


def replay_answers(graph: Path) -> dict[str, float]:
    """Run the golden answers that travel with a graph as `replay_golden` does; a graph without them has no difference.

    Raises
    ------
    StoreError
        When they are damaged, or of another graph.
    """
    answers = read_answers(graph, digest_file(graph))
    if answers is None:  # of a run that an earlier version exported
        return {}
    card, nodes = GraphCard(read_json(graph.with_suffix(".json"))), list(answers.values)
    limit = choose_limit(card, answers.values)
    found = run_graph(load_graph(graph, card.input_name, nodes), graph, card.input_name, answers.inputs, nodes)
    return {
        node: measure_difference(values, found[node], node, graph.name, limit)
        for node, values in answers.values.items()
    }


def replay_audio(
    path: str, bands: np.ndarray, front_end: FrontEnd, full: Path, head: Path | None, graphs: Path
) -> dict[str, float]:
    """Compare the patches that training used with a plain Essentia pipeline on the same file.

    Parameters
    ----------
    path : str
        Audio file.
    bands : np.ndarray [shape=(n_frames, n_bands), float32]
        What the store holds for it.
    front_end : FrontEnd
        Its numbers.
    full, head : Path
        The exported graphs; head may be None.
    graphs : Path
        Where the head's extractor is.

    Returns
    -------
    dict[str, float]
        Largest absolute difference of the probabilities: ours against the pipeline, and head against full graph.
    """
    patches = _cut(bands, front_end)
    card = GraphCard(read_json(full.with_suffix(".json")))
    node = find_answer(card)
    network = load_graph(full, card.input_name, [node])
    ours = np.concatenate(
        [
            run_graph(network, full, card.input_name, patches[start : start + 8], [node])[node]
            for start in range(0, len(patches), 8)
        ]
    )
    with readable_audio(path) as readable:
        signal = es.MonoLoader(
            filename=readable, sampleRate=front_end.sample_rate_hz, resampleQuality=front_end.resample_quality
        )()
    if front_end.predict_algorithm == frontends.GENERAL:  # always a full graph alone: there are no weights to freeze
        compute = compute_bins if front_end.kind == "cqt" else compute_bands
        patches = _cut(compute(signal, front_end), front_end)
        parts = [run_graph(network, full, card.input_name, patch[None], [node])[node] for patch in patches]
        return {"audio to full graph": measure_difference(ours, np.concatenate(parts), node, full.name)}
    predict = getattr(es, front_end.predict_algorithm)
    named = {"output": node} if node not in UNNAMED else {}
    theirs = np.array(predict(graphFilename=str(full), **named)(signal))
    found = {"audio to full graph": measure_difference(ours, theirs, node, full.name)}
    if head is not None:
        head_card = GraphCard(read_json(head.with_suffix(".json")))
        extractor = graphs / f"{head_card.embedding_model['model_name']}.pb"
        embedding_node = GraphCard(read_json(extractor.with_suffix(".json"))).output("embeddings")
        embeddings = predict(graphFilename=str(extractor), output=embedding_node)(signal)
        answers = es.TensorflowPredict2D(graphFilename=str(head), output=head_card.output("predictions"))(embeddings)
        found["audio to head"] = measure_difference(ours, np.array(answers), node, head.name)
    return found


def replay_signal(path: str, samples: np.ndarray, front_end: FrontEnd, full: Path) -> dict[str, float]:
    """Compare what training heard, and what `predict` runs, with a plain Essentia pipeline on the same file.

    Parameters
    ----------
    path : str
        Audio file.
    samples : np.ndarray [shape=(n_samples, 1), int16]
        What the store holds for it.
    front_end : FrontEnd
        Of kind "waveform".
    full : Path
        The exported graph.

    Returns
    -------
    dict[str, float]
        Largest differences: of the samples, in steps of int16, and of the probabilities of the graph on our patches
        and in the chain of its card.

    Raises
    ------
    GraphError
        When a sample is not MonoLoader's, rounded, or a probability differs by more than 1e-5.
    """
    card = GraphCard(read_json(full.with_suffix(".json")))
    node = find_answer(card)
    with readable_audio(path) as readable:
        signal = es.MonoLoader(
            filename=readable, sampleRate=front_end.sample_rate_hz, resampleQuality=front_end.resample_quality
        )()
        theirs = stream_file(readable, str(full), card.input_name, node, front_end)
    expected = to_int16(signal)
    steps = np.abs(expected.astype(np.int32) - samples).max() if expected.shape == samples.shape else np.inf
    if steps > 1:
        rule = "MonoLoader's samples, rounded to int16"
        raise GraphError(explain("stored audio", rule, f"{steps} steps off", path, "Delete the store, and run again."))
    network = load_graph(full, card.input_name, [node])
    parts = [run_graph(network, full, card.input_name, some, [node])[node] for some in cut_signal(signal, front_end)]
    difference = measure_difference(np.concatenate(parts), theirs, node, full.name)
    return {"steps of int16": float(steps), "audio to full graph": difference}


def replay_extractor(path: str, stored: np.ndarray, extractor: ExtractorPlan, head: Path) -> dict[str, float]:
    """Compare the embeddings that training used with a plain Essentia pipeline on the same file.

    Parameters
    ----------
    path : str
        Audio file.
    stored : np.ndarray [shape=(n_patches, d), float32]
        What the store holds for it.
    extractor : ExtractorPlan
        Of the plan.
    head : Path
        The exported graph.

    Returns
    -------
    dict[str, float]
        Largest differences: of the embeddings, relative to the largest value, and of the head's probabilities.
    """
    card, original = GraphCard(read_json(head.with_suffix(".json"))), Path(extractor.graph)
    extractor_card = GraphCard(read_json(original.with_suffix(".json")))
    front_end = find_front_end(extractor_card, original.stem)
    with readable_audio(path) as readable:
        signal = es.MonoLoader(
            filename=readable, sampleRate=front_end.sample_rate_hz, resampleQuality=front_end.resample_quality
        )()
    if front_end.predict_algorithm == frontends.GENERAL:
        embeddings = Embedder(str(original), extractor_card.input_name, extractor.node, front_end)(signal)
    else:
        predict = getattr(es, front_end.predict_algorithm)
        numbers = {"input": extractor_card.input_name, "output": extractor.node}
        if front_end.patch_frames != of_algorithm(front_end.predict_algorithm, head.name).patch_frames:
            numbers |= {"patchSize": front_end.patch_frames, "patchHopSize": front_end.patch_hop_frames}
        answers = predict(graphFilename=str(original), **numbers)(signal)
        embeddings = stack_tokens(np.asarray(answers, dtype=np.float32), original.stem)
    found = {"audio to embeddings": measure_difference(stored, embeddings, extractor.node, original.name)}
    node = card.output("predictions")
    network = load_graph(head, card.input_name, [node])
    ours = run_graph(network, head, card.input_name, stored, [node])[node]
    theirs = es.TensorflowPredict2D(graphFilename=str(head), output=node)(embeddings)
    found["audio to head"] = measure_difference(ours, np.array(theirs), node, head.name)
    return found


def find_answer(card: GraphCard) -> str:
    """Return the node that audio is verified at: predictions, or the embeddings of what has none."""
    return card.output("predictions") or str(card.output("embeddings"))


def _cut(bands: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Cut bands (n_frames, n_bands) into patches (n_patches, patch_frames, n_bands)."""
    starts = range(0, len(bands) - front_end.patch_frames + 1, front_end.patch_hop_frames)
    return np.stack([bands[start : start + front_end.patch_frames] for start in starts])


def main(arguments: list[str]) -> int:
    """Verify run folders, or graphs by their golden answers; print one line each, and return the exit status."""
    return end_verification(arguments, lambda path: verify_graph(path) if path.suffix == ".pb" else verify_run(path))


def verify_graph(graph: Path) -> dict[str, Any]:
    """Verify one graph by its golden answers; return largest differences as `verify_run` does."""
    return {"golden": {graph.stem: replay_answers(graph)}}


def end_verification(arguments: list[str], verify: Callable[[Path], dict[str, Any]]) -> int:
    """Do what `main` does by a function that verifies a run."""
    for run in arguments:
        try:
            report = verify(Path(run))
        except EssentiaLdlError as error:
            return fail_step(error)
        except (RuntimeError, ValueError, OSError) as error:
            why = GraphError(f"verification: {Reason(error)} ({run}). Run `essentia-ldl doctor`.")
            return fail_step(find_full_disk(error) or why)
        worst = max(value for nodes in report["golden"].values() for value in nodes.values())
        n_graphs = len(report["golden"])
        print(f"verified in Essentia: {n_graphs} graph{'s' * (n_graphs > 1)}, largest difference {worst:.1e}")
    return 0
