"""From a trained run to frozen graphs with their cards, and golden values to verify them with.

In: a run folder with `plan.json`, `weights.npz` and, where the plan asks for one, the `calibration.json` of these
weights, which goes between the logits and the softmax; the logits under their official node stay as they are. Out, in
`<run>/export/`, for the full graph and, when the network was frozen, for the head alone: ``<stem>.pb``,
``<stem>.json``, ``<stem>.answers.npz`` and ``<stem>.golden.npz``. Stems have no version: whoever promotes a graph adds
one, and rewrites the card's `cards.VERSIONED_FIELDS`.

``<stem>.answers.npz``, a few golden answers, travels with the graph (see `models.answers`). ``<stem>.golden.npz`` stays
in the run and holds what Keras answers:

- ``graph`` : str, the file name ``<stem>.pb``; ``input`` : str, the input node; ``nodes`` : (n_nodes,) str;
- ``patches_<i>`` : inputs, float32. Full graph: 0 is random (n, *patch_shape); 1 is cut from the first tracks
  of the run; 2, when the network takes any number of frames, is random with 64 frames. Head: 0 is (n, d) embeddings of
  the first tracks of the run;
- ``<node>_<i>`` : answers (n, size), float32, with every "/" of the node's name written as "__", for every node and i;
- of a graph with dropout samples, what `sampling.draw_golden` gives: inputs, and means and deviations of many runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.files import replacing, write_json
from essentia_ldl.models.answers import find_range, write_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import join
from essentia_ldl.nets.export import cards, ensemble, nodes, sampling
from essentia_ldl.nets.export.freeze import build_evaluator, freeze_model, list_versions
from essentia_ldl.nets.inputs.below_head import Body, Known, open_body
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.networks import build_model, has_free_time
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.tapped import list_own, measure_own, tap_own
from essentia_ldl.nets.trained_weights import read_weights
from essentia_ldl.runs.calibrate import digest_weights
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.plan import Plan, read_plan
from essentia_ldl.runs.space import SpacePlan
from essentia_ldl.scores import calibration as calibration_module
from essentia_ldl.scores.calibration import Calibration
from essentia_ldl.scores.calibration_file import read_calibration
from essentia_ldl.scores.kind_calibration import KindCalibration, read_kind_calibration
from essentia_ldl.taps import Tap

GOLDEN_TRACKS = 2
GOLDEN_PATCHES = 4
GOLDEN_SEED = 0
REAL_TIME_FRAMES = 64  # patch of Essentia's real-time examples


def export(folder: Path, *, extractors: Known | None = None) -> list[Path]:
    """Export a trained run.

    Parameters
    ----------
    folder : Path
        The run folder.
    extractors : dict or None
        Frozen networks that this process has opened before, added to.

    Returns
    -------
    list[Path]
        The .pb files written.

    Raises
    ------
    GraphError
        When a graph would not run in Essentia.
    CardError
        When a card would not be valid.
    StoreError, WeightsError
        When an input is missing or broken, or the disk is full.
    DataError
        When the calibration is that of other weights or classes.
    """
    plan = read_plan(folder)
    calibration = _read_calibration(plan)
    if plan.members:
        return _export_ensemble(plan, calibration, {} if extractors is None else extractors)
    model = build_model(plan, pretrained=False)
    read_weights(plan.folder / WEIGHTS, model)
    written = []
    if plan.network.fine_tune == "head":
        extractor = open_body(plan, {} if extractors is None else extractors)
        if plan.stems.get("head"):
            inputs = [_load_embeddings(plan, extractor)]
            written.append(_write(plan, "head", model, nodes.head_nodes(plan.network.hidden), inputs, calibration))
        if plan.extractor is not None:
            return written  # the network below the head is not ours
        model = join(extractor.model, model)
    wanted = _list_nodes(plan)
    if own := _list_own(plan):
        model, wanted = tap_own(model, own, nodes.OWN), (*wanted, nodes.layers_node())
    written.append(_write(plan, "full", model, wanted, _gather_patches(plan), calibration))
    return written


def _list_own(plan: Plan) -> tuple[Tap, ...]:
    """List the layers that a graph offers to other tasks: those of one network on bands that was trained as a whole."""
    if plan.network.fine_tune == "head" or plan.samples or plan.tasks or plan.front_end.kind != "mel":
        return ()
    return list_own(plan.network.backbone, load_backbone(plan.network.backbone))


def _list_nodes(plan: Plan) -> tuple[nodes.Node, ...]:
    """List the nodes of a full graph."""
    network = plan.network
    if network.backbones:
        return nodes.joint_nodes(network.hidden, len(network.backbones), network.layers)
    if plan.features:
        return nodes.features_nodes(network.hidden)
    return nodes.classifier_nodes(load_backbone(network.backbone), network.hidden)


def _export_ensemble(plan: Plan, calibration: Calibration, extractors: Known) -> list[Path]:
    """Export the members of an ensemble as one graph; heads share the frozen network below them."""
    members, hidden = ensemble.read_members(plan), plan.network.hidden
    written, body = [], None
    if plan.network.fine_tune == "head":
        extractor = open_body(plan, extractors)
        if plan.stems.get("head"):
            model = ensemble.combine(members, calibration)
            wanted = ensemble.list_nodes(nodes.head_nodes(hidden), len(members))
            written.append(_write(plan, "head", model, wanted, [_load_embeddings(plan, extractor)], calibration))
        if plan.extractor is not None:
            return written
        body = extractor.model
    model = ensemble.combine(members, calibration, body)
    wanted = ensemble.list_nodes(_list_nodes(plan), len(members), shared_body=body is not None)
    written.append(_write(plan, "full", model, wanted, _gather_patches(plan), calibration))
    return written


def _load_embeddings(plan: Plan, body: Body) -> np.ndarray:
    embeddings = body.load([track.content for track in plan.tracks[:GOLDEN_TRACKS]])
    return np.concatenate([e[:GOLDEN_PATCHES] for e in embeddings])


def _gather_patches(plan: Plan) -> list[np.ndarray]:
    shape = plan.front_end.patch_shape
    inputs = [draw_patches(plan, shape), cut_grids(plan)]
    if has_free_time(plan):
        inputs.append(draw_patches(plan, (REAL_TIME_FRAMES, *shape[1:])))
    return inputs


def _read_calibration(plan: Plan) -> Calibration | KindCalibration:
    if plan.kind != SINGLE_LABEL:
        return read_kind_calibration(plan.folder / calibration_module.FILE, digest_weights(plan.folder))
    if plan.calibration == calibration_module.NONE:
        return calibration_module.identity(plan.classes, calibration_module.NOT_ASKED)
    digest = digest_weights(plan.folder)
    return read_calibration(plan.folder / calibration_module.FILE, digest, plan.classes)


def _write(
    plan: Plan,
    kind: str,
    model: keras.Model,
    nodes_of_kind: Sequence[nodes.Node],
    inputs: list[np.ndarray],
    calibration: Calibration | KindCalibration,
) -> Path:
    stem, wanted = plan.stems[kind], nodes.calibrate(nodes.suit(nodes_of_kind, plan.kind), calibration)
    plain = model
    if plan.samples:
        model, wanted = sampling.attach(plan, model, wanted, calibration)
    shape = model.input_shape[1:] if kind == "head" else plan.front_end.patch_shape
    graph = freeze_model(model, wanted, shape)
    data = graph.SerializeToString(deterministic=True)
    widths = {name: model.get_layer(name).output.shape[-1] for name in {node.layer for node in wanted}}
    if kind == "head":
        widths["embedding"] = shape[0]
    extra: dict[str, Any] = {"tensorflow_ops": list_versions(graph), "sha256": hashlib.sha256(data).hexdigest()}
    if nodes.OWN in widths:
        own = _list_own(plan)
        names = [tap.layer for tap in own]
        extra["layer_sizes"] = [list(pair) for pair in zip(names, measure_own(model, own), strict=True)]
    card = cards.describe_classifier(plan, wanted, widths, extra, calibration, head=kind == "head")

    exact = [node for node in wanted if not node.sampled]
    evaluate = build_evaluator(model, exact)
    golden = gather_golden(stem, evaluate, exact, inputs)
    if plan.samples:
        patches = inputs[0] if kind == "head" else inputs[1]
        golden |= sampling.draw_golden(plan, plain, patches, calibration)

    target = plan.folder / "export" / f"{stem}.pb"
    limits = find_range(plan.front_end)
    if kind == "head":
        limits = float(inputs[0].min()), float(inputs[0].max())
    write_answers(target, extra["sha256"], nodes.PLACEHOLDER, shape, limits, evaluate)
    write_files(target, data, card, golden)
    return target


def gather_golden(
    stem: str,
    evaluate: Callable[[np.ndarray], dict[str, Any]],
    exact: Sequence[nodes.Node],
    inputs: Sequence[np.ndarray],
) -> dict[str, np.ndarray]:
    """Let a network answer some inputs, for the .npz that the module's docstring describes.

    Parameters
    ----------
    stem : str
        Of the graph.
    evaluate : callable
        From `build_evaluator`.
    exact : sequence of Node
        Its nodes.
    inputs : sequence of np.ndarray
        Batches.
    """
    golden: dict[str, np.ndarray] = {
        "graph": np.array(f"{stem}.pb"),
        "input": np.array(nodes.PLACEHOLDER),
        "nodes": np.array([node.name for node in exact]),
    }
    for index, batch in enumerate(inputs):
        golden[f"patches_{index}"] = batch
        for name, value in evaluate(batch).items():
            golden[f"{name.replace('/', '__')}_{index}"] = value.numpy()
    return golden


def write_files(target: Path, data: bytes, card: GraphCard, golden: dict[str, np.ndarray]) -> None:
    """Write a graph, its golden values and its card, which comes last: it vouches for the graph."""
    with replacing(target.with_name(f"{target.stem}.golden.npz")) as file:
        np.savez(file, **golden)
    with replacing(target) as file:
        file.write(data)
    write_json(target.with_suffix(".json"), dict(card.fields))


def cut_grids(plan: Plan | SpacePlan) -> np.ndarray:
    """Return patches of the grid of the first tracks of a plan."""
    source = BandSource(plan)
    rows = range(min(GOLDEN_TRACKS, len(plan.tracks)))
    return np.ascontiguousarray(np.concatenate([source.grid(row)[:GOLDEN_PATCHES] for row in rows]))


def draw_patches(plan: Plan | SpacePlan, shape: tuple[int, ...]) -> np.ndarray:
    """Return random patches of a shape, in the range of what a plan's network reads."""
    random = np.random.default_rng(GOLDEN_SEED)
    return random.uniform(*find_range(plan.front_end), (GOLDEN_PATCHES, *shape)).astype(np.float32)
