"""From a trained space to an extractor: a frozen graph from patches to its vectors, with card and golden answers.

In: a run folder with the plan.json of a `SpacePlan` and `weights.npz`. Out, in ``<run>/export/``: ``<stem>.pb``,
``.json``, ``.answers.npz`` and ``.golden.npz``, as `export.export` writes those of classifiers. The graph of a
projection holds the frozen networks, too, so that it is used like any extractor of Essentia. Nothing in it depends on
the artists or the labels that it was trained on: new ones need no new training.
"""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Any

import essentia_ldl
from essentia_ldl.models.answers import find_range, write_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.nets.classifier import join
from essentia_ldl.nets.export import cards, nodes
from essentia_ldl.nets.export.export import cut_grids, draw_patches, gather_golden, write_files
from essentia_ldl.nets.export.freeze import build_evaluator, freeze_model, list_versions
from essentia_ldl.nets.metric.encoders import SPACE
from essentia_ldl.nets.metric.updates import build_space, open_network
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.nets.trained_weights import read_weights
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.space import SpacePlan, read_space_plan
from essentia_ldl.taps import count_features

CITATION = (
    "@inproceedings{park2018representation, title={Representation learning of music using artist labels}, "
    "author={Park, Jiyoung and Lee, Jongpil and Park, Jangyeon and Ha, Jung-Woo and Nam, Juhan}, booktitle={19th "
    "International Society for Music Information Retrieval Conference (ISMIR)}, year={2018}}"
)
NODE = nodes.Node("model/embeddings", SPACE, "fully connected", "embeddings", "vectors of the space")


def export_space(folder: Path) -> Path:
    """Export the trained space of a run.

    Parameters
    ----------
    folder : Path
        The run folder.

    Returns
    -------
    Path
        The .pb.

    Raises
    ------
    GraphError
        When the graph would not run in Essentia.
    CardError
        When the card would not be valid.
    StoreError, WeightsError
        When an input is missing or broken, or the disk is full.
    """
    plan = read_space_plan(folder)
    model = build_space(plan, 0 if plan.network else count_features(plan.networks, plan.layers))
    read_weights(plan.folder / WEIGHTS, model)
    if plan.backbones:
        model = join(open_network(plan).model, model)
    shape = plan.front_end.patch_shape
    graph = freeze_model(model, [NODE], shape)
    data = graph.SerializeToString(deterministic=True)
    digest, evaluate = hashlib.sha256(data).hexdigest(), build_evaluator(model, [NODE])
    extra = {"tensorflow_ops": list_versions(graph), "sha256": digest}
    card = describe_space(plan, int(model.get_layer(SPACE).output.shape[-1]), extra)
    golden = gather_golden(plan.stem, evaluate, [NODE], [draw_patches(plan, shape), cut_grids(plan)])
    target = plan.folder / "export" / f"{plan.stem}.pb"
    write_answers(target, digest, nodes.PLACEHOLDER, shape, find_range(plan.front_end), evaluate)
    write_files(target, data, card, golden)
    return target


def describe_space(plan: SpacePlan, size: int, extra: dict[str, Any]) -> GraphCard:
    """Write the card of an exported space.

    Parameters
    ----------
    plan : SpacePlan
        The run.
    size : int
        Numbers of a vector.
    extra : dict[str, Any]
        For the key "essentia_ldl": digest of the graph and the TensorFlow versions that know all of it.

    Returns
    -------
    GraphCard
        Of the type "embedding extractor", without classes.
    """
    front_end, card, settings = plan.front_end, dict(plan.card), plan.settings
    architecture = plan.network or "-".join(plan.backbones)
    learned = {name: getattr(settings, name) for name in ("loss", "size", "seed")}
    if settings.compares:
        learned |= {name: getattr(settings, name) for name in ("distance", "margin", "negatives", "n_negatives")}
    return GraphCard(
        {
            "name": plan.name,
            "type": "embedding extractor",
            "link": f"feature-extractors/{plan.network or 'projection'}/{plan.stem}.pb",
            "version": "1",
            "description": plan.description,
            "author": card.pop("author", ""),
            "email": card.pop("email", ""),
            "release_date": datetime.date.today().isoformat(),
            **cards.FRAMEWORK,
            "model_types": ["frozen_model"],
            "dataset": card.pop("dataset", {}),
            "schema": {
                "inputs": cards.describe_input(front_end.patch_shape),
                "outputs": cards.describe_outputs([NODE], {SPACE: size}),
            },
            "citation": card.pop("citation", CITATION),
            "inference": {"sample_rate": front_end.sample_rate_hz, "algorithm": front_end.predict_algorithm},
            "essentia_ldl": {
                **cards.describe_front_end(front_end),
                "space": {"on": architecture, "layers": plan.layers, **learned} if plan.backbones else learned,
                "backbone": plan.network or None,
                "licence": "",
                **card,
                "versions": {
                    "essentia_ldl": essentia_ldl.__version__,
                    "tensorflow": tf.__version__,
                    "keras": keras.__version__,
                },
                "notes": [
                    f"{NODE.name} answers a vector per patch. Compare tracks by the cosine of their means.",
                    *cards.note_samples(front_end),
                    *[cards.note_inside(one) for one in plan.published],
                ],
                **extra,
            },
        }
    )
