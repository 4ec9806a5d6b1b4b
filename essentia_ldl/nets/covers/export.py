"""Visually informed audio as an extractor: a frozen graph from spectra to vectors, with card and golden answers.

In: the trained network of spectra and its projection. Out, in ``<folder>/export/``: ``<stem>.pb``, ``.json``,
``.answers.npz`` and ``.golden.npz``. No picture is needed to run it, and none is inside.
"""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

import numpy as np

import essentia_ldl
from essentia_ldl.features.store import Store
from essentia_ldl.frontends import CQT
from essentia_ldl.models.answers import find_range, write_answers
from essentia_ldl.models.card import GraphCard
from essentia_ldl.nets.classifier import join
from essentia_ldl.nets.covers.space import SPACE
from essentia_ldl.nets.export import cards
from essentia_ldl.nets.export.export import GOLDEN_PATCHES, GOLDEN_SEED, GOLDEN_TRACKS, gather_golden, write_files
from essentia_ldl.nets.export.freeze import build_evaluator, freeze_model, list_versions
from essentia_ldl.nets.export.nodes import PLACEHOLDER, Node
from essentia_ldl.nets.inputs.patches import cut_grid
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.runs.covers import CoversPlan

NODE = Node("model/embeddings", SPACE, "fully connected", "embeddings", "visually informed audio")
CITATION = (
    "@article{oramas2018multimodal, title={Multimodal deep learning for music genre classification}, author={Oramas, "
    "Sergio and Barbieri, Francesco and Nieto, Oriol and Serra, Xavier}, journal={Transactions of the International "
    "Society for Music Information Retrieval}, volume={1}, number={1}, year={2018}}"
)


def export_audio(plan: CoversPlan, body: keras.Model, projection: keras.Model) -> Path:
    """Export the audio side.

    Parameters
    ----------
    plan : CoversPlan
        With the stem.
    body : keras.Model
        Patches -> embedding.
    projection : keras.Model
        Embedding -> vector.

    Returns
    -------
    Path
        The .pb.

    Raises
    ------
    GraphError
        When the graph would not run in Essentia.
    StoreError
        When spectra are missing, or the disk is full.
    """
    model = join(body, projection)
    graph = freeze_model(model, [NODE], CQT.patch_shape)
    data = graph.SerializeToString(deterministic=True)
    digest, evaluate = hashlib.sha256(data).hexdigest(), build_evaluator(model, [NODE])
    random, store = np.random.default_rng(GOLDEN_SEED), Store(plan.store)
    drawn = random.uniform(*find_range(CQT), (GOLDEN_PATCHES, *CQT.patch_shape)).astype(np.float32)
    spectra = [store.read(track.audio, CQT) for track in plan.tracks[:GOLDEN_TRACKS]]
    heard = np.concatenate([cut_grid(frames, CQT)[:GOLDEN_PATCHES] for frames in spectra])
    golden = gather_golden(plan.stem, evaluate, [NODE], [drawn, np.ascontiguousarray(heard)])
    target = plan.folder / "export" / f"{plan.stem}.pb"
    write_answers(target, digest, PLACEHOLDER, CQT.patch_shape, find_range(CQT), evaluate)
    write_files(target, data, _describe(plan, {"tensorflow_ops": list_versions(graph), "sha256": digest}), golden)
    return target


def _describe(plan: CoversPlan, extra: dict[str, object]) -> GraphCard:
    settings = plan.settings
    learned = {"loss": "triplet", "distance": "cosine", "margin": settings.margin, "seed": settings.seed}
    return GraphCard(
        {
            "name": plan.name,
            "type": "embedding extractor",
            "link": f"feature-extractors/covers/{plan.stem}.pb",
            "version": "1",
            "description": "audio embeddings that were trained beside pictures, such as album covers",
            "author": "",
            "email": "",
            "release_date": datetime.date.today().isoformat(),
            **cards.FRAMEWORK,
            "model_types": ["frozen_model"],
            "dataset": {"size": f"{len(plan.tracks)} tracks with their pictures"},
            "schema": {
                "inputs": cards.describe_input(CQT.patch_shape),
                "outputs": cards.describe_outputs([NODE], {SPACE: settings.size}),
            },
            "citation": CITATION,
            "inference": {"sample_rate": CQT.sample_rate_hz, "algorithm": CQT.predict_algorithm},
            "essentia_ldl": {
                **cards.describe_front_end(CQT),
                "space": {**learned, "genres": list(plan.classes)},
                "backbone": "cqtcnn",
                "demo": plan.demo,
                "licence": "",
                "versions": {
                    "essentia_ldl": essentia_ldl.__version__,
                    "tensorflow": tf.__version__,
                    "keras": keras.__version__,
                },
                "notes": ["model/embeddings answers a vector per patch. Compare tracks by the cosine of their means."],
                **extra,
            },
        }
    )
