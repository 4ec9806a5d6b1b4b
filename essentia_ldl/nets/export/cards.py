"""The cards of the graphs that this zone writes, in Essentia's metadata schema and key order.

In: what was built or trained. Out: a checked `GraphCard`. Predictions are the first output, every output says its
purpose, and what is ours lives under "essentia_ldl". No field but "link" depends on the version in the file's name
(`VERSIONED_FIELDS`): who renames a graph rewrites that one.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import essentia_ldl
from essentia_ldl import frontends
from essentia_ldl.choices import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from essentia_ldl.models import folder as models
from essentia_ldl.models.card import GraphCard
from essentia_ldl.nets.export.nodes import IDENTITY, PLACEHOLDER, SIGMOID, SOFTMAX, Node, tagger_nodes
from essentia_ldl.nets.networks import has_free_time
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.calibrate import OUT_OF_FOLD, describe_for_card
from essentia_ldl.runs.plan import AugmentPlan, LearnedTargets, Plan
from essentia_ldl.scores.calibration import Calibration
from essentia_ldl.scores.kind_calibration import KindCalibration
from essentia_ldl.scores.uncertainty import SCOPE
from essentia_ldl.tags import TAGS
from essentia_ldl.taps import UNKNOWN_LICENCE, Published

TYPES = {
    SINGLE_LABEL: "multi-class classifier",
    MULTI_LABEL: "multi-label classifier",
    REGRESSION: "regression model",
}  # Essentia's words
_NOTES = {
    SINGLE_LABEL: f"{SIGMOID} is an Identity of {SOFTMAX}: the probabilities of all classes sum to 1.",
    MULTI_LABEL: f"{SIGMOID} answers the probability of each tag by itself: they do not sum to 1.",
    REGRESSION: f"{IDENTITY} answers numbers in the unit of the collection, without a bound.",
}
VERSIONED_FIELDS = ("link",)
FRAMEWORK = {"framework": "tensorflow", "framework_version": tf.__version__}
WEIGHTS_LICENCE = "ISC (weights of the musicnn package 0.1.0)"
WEIGHTS_RELEASED = "2019-08-01"  # date of the package 0.1.0
CITATION = (
    "@inproceedings{pons2019musicnn, title={musicnn: pre-trained convolutional neural networks for music audio "
    "tagging}, author={Pons, Jordi and Serra, Xavier}, booktitle={Late-breaking/demo session in 20th International "
    "Society for Music Information Retrieval Conference (ISMIR-LBD)}, year={2019}}"
)
AGF_CITATION = (
    "@inproceedings{kim2018transfer, title={Transfer learning of artist group factors to musical genre "
    "classification}, "
    "author={Kim, Jaehun and Won, Minz and Serra, Xavier and Liem, Cynthia C. S.}, booktitle={Companion Proceedings of "
    "The Web Conference 2018}, year={2018}}"
)
DATASETS = {"msd": "Million Song Dataset", "mtt": "MagnaTagATune"}
# ROC-AUC and PR-AUC on the test set, README of https://github.com/jordipons/musicnn.
TAGGER_METRICS = {
    "msd-musicnn-1": (0.8802, 0.2891),
    "msd-vgg-1": (0.8768, 0.2819),
    "mtt-musicnn-1": (0.9067, 0.3831),
    "mtt-vgg-1": (0.9030, 0.3823),
}


def describe_tagger(stem: str, backbone: ModuleType, dataset: str, extra: dict[str, Any]) -> GraphCard:
    """Write the card of a base graph.

    Parameters
    ----------
    stem : str
        Name of the graph, such as "msd-musicnn-1".
    backbone : ModuleType
        Its backbone.
    dataset : str
        Key of `TAGS`.
    extra : dict[str, Any]
        For the key "essentia_ldl": digests.

    Returns
    -------
    GraphCard
        Type "auto-tagging", 50 classes.
    """
    architecture = backbone.__name__.rsplit(".", 1)[-1]
    metrics = dict(zip(("ROC-AUC", "PR-AUC"), TAGGER_METRICS.get(stem, ()), strict=False))
    front_end = backbone.FRONT_END
    tags = TAGS[dataset]
    fields = {
        "name": f"{dataset.upper()} {architecture}",
        "type": "auto-tagging",
        "link": f"feature-extractors/{architecture}/{stem}.pb",
        "version": "1",
        "description": f"prediction of the top 50 tags of the {DATASETS.get(dataset, dataset)}",
        "author": "Jordi Pons (weights)",
        "email": "",
        "release_date": WEIGHTS_RELEASED,
        **FRAMEWORK,
        "classes": list(tags),
        "model_types": ["frozen_model"],
        "dataset": {"name": DATASETS.get(dataset, dataset), "citation": "", "size": "", "metrics": metrics},
        "schema": {
            "inputs": describe_input((front_end.patch_frames, front_end.n_bands)),
            "outputs": describe_outputs(
                tagger_nodes(backbone), {"tags": len(tags), "embedding": backbone.EMBEDDING_SIZE}
            ),
        },
        "citation": CITATION,
        "inference": {"sample_rate": front_end.sample_rate_hz, "algorithm": front_end.predict_algorithm},
        "essentia_ldl": {**describe_front_end(front_end), "licence": WEIGHTS_LICENCE, **extra},
    }
    return GraphCard(fields)


def describe_classifier(
    plan: Plan,
    nodes: Sequence[Node],
    widths: dict[str, int],
    extra: dict[str, Any],
    calibration: Calibration | KindCalibration,
    *,
    head: bool,
) -> GraphCard:
    """Write the card of an exported classifier.

    Parameters
    ----------
    plan : Plan
        The run.
    nodes : Sequence[Node]
        Outputs of the graph.
    widths : dict[str, int]
        Units of each layer that a node names.
    extra : dict[str, Any]
        For the key "essentia_ldl": digest of the graph and the TensorFlow versions that know all of it.
    calibration : Calibration
        What stands between logits and softmax.
    head : bool
        True for the head alone, False for the full graph.

    Returns
    -------
    GraphCard
        Of one of the `TYPES`.
    """
    card, network, front_end = dict(plan.card), plan.network, plan.front_end
    folder = f"{'classification-heads' if head else 'classifiers'}/{plan.task.replace('-', '_')}"
    inference: dict[str, Any] = {"sample_rate": front_end.sample_rate_hz, "algorithm": front_end.predict_algorithm}
    shape = front_end.patch_shape
    if head:
        shape = (widths["embedding"],)
        inference["algorithm"] = "TensorflowPredict2D"
        inference["embedding_model"] = _describe_base(plan)
    # What the plan's card says of itself and Essentia's schema does not know goes under our own key.
    known = ("description", "author", "email", "release_date", "dataset", "citation", "version")
    ours = {key: value for key, value in card.items() if key not in known}
    fields = {
        "name": plan.name,
        "type": TYPES[plan.kind],
        "link": f"{folder}/{plan.stems['head' if head else 'full']}.pb",
        "version": str(card.get("version", "1")),
        "description": card.get("description") or plan.description,
        "author": card.get("author", ""),
        "email": card.get("email", ""),
        "release_date": card.get("release_date") or datetime.date.today().isoformat(),
        **FRAMEWORK,
        "classes": list(plan.classes),
        "model_types": ["frozen_model"],
        "dataset": card.get("dataset", {}),
        "schema": {"inputs": describe_input(shape), "outputs": describe_outputs(nodes, widths)},
        "citation": card.get("citation", "")
        or (AGF_CITATION if plan.learned and set(plan.learned.targets) - {"g"} else ""),
        "inference": inference,
        "essentia_ldl": {
            **describe_front_end(front_end),
            "backbone": network.backbone if _stands_on_ours(plan) else None,
            "pretrained": network.pretrained if _stands_on_ours(plan) else None,
            "fine_tune": network.fine_tune,
            **({"mixed_precision": True} if plan.training.mixed_precision else {}),
            **_describe_augmentation(plan),
            **_describe_features(plan),
            **_describe_extractor(plan),
            **_describe_joint(plan),
            "labels_source": plan.labels_source,
            "loss": plan.loss,
            "calibration": describe_for_card(calibration),
            **_describe_uncertainty(plan, nodes),
            **{key: ours.pop(key, default) for key, default in _PROMISED.items()},
            **ours,
            "versions": {
                "essentia_ldl": essentia_ldl.__version__,
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
            },
            **({} if plan.kind == SINGLE_LABEL else {"kind": plan.kind}),
            "notes": [
                _NOTES[plan.kind],
                *_note_calibration(nodes, calibration),
                *_note_members(plan, calibration),
                *_note_origin(plan),
                *_note_frames(plan),
                *note_samples(front_end),
            ],
            **extra,
        },
    }
    return GraphCard(fields)


def _describe_base(plan: Plan) -> dict[str, Any]:
    """Name the network under a head, in Essentia's words."""
    if plan.extractor is not None:
        name, algorithm, link = plan.extractor.name, plan.extractor.algorithm, plan.extractor.link
    else:
        backbone = plan.network.backbone
        name, algorithm = models.base_name(backbone, str(plan.network.pretrained)), plan.front_end.predict_algorithm
        link = f"feature-extractors/{backbone}/{name}.pb"
        if (backbone, plan.network.pretrained) in models.USERS_GRAPHS:
            link = f"{models.PUBLISHED}/{link}"
    return {"algorithm": algorithm, "model_name": name, "link": link}


def _describe_augmentation(plan: Plan) -> dict[str, Any]:
    """Say how training patches were changed, by the keys of the recipe; nothing where they were not."""
    plain = vars(AugmentPlan())
    used = {key: value for key, value in dataclasses.asdict(plan.augment).items() if value != plain[key]}
    return {"augment": {key: list(value) if key == "audio" else value for key, value in used.items()}} if used else {}


def _describe_extractor(plan: Plan) -> dict[str, Any]:
    """Say which node of which file a head was trained on, so that `predict` takes no other."""
    if plan.extractor is None:
        return {}
    return {"extractor": {key: getattr(plan.extractor, key) for key in ("name", "node", "sha256", "size")}}


def _describe_joint(plan: Plan) -> dict[str, Any]:
    """Say which networks stand side by side below the classifier, and which of their layers; nothing for one alone."""
    network = plan.network
    if not network.backbones:
        return {}
    extractors = [{key: getattr(one, key) for key in _OF_EXTRACTOR} for one in network.published]
    beside = {"extractors": extractors} if extractors else {}
    return {"backbones": list(network.backbones), "layers": network.layers, **beside}


def _stands_on_ours(plan: Plan) -> bool:
    """Tell whether a network of this toolkit is in a graph or below a head."""
    network = plan.network
    return plan.extractor is None and not (network.backbones and len(network.published) == len(network.backbones))


def _note_frames(plan: Plan) -> list[str]:
    """Say that a graph of several networks wants patches of one length, where that is so."""
    if not plan.network.backbones or has_free_time(plan):
        return []
    n_frames, known = plan.front_end.patch_frames, [one.name for one in plan.network.published]
    if known:
        return [f"Patches have exactly {n_frames} frames, as {' and '.join(known)} takes them."]
    return [f"Patches have exactly {n_frames} frames: VGG takes no others."]


def note_samples(front_end: FrontEnd) -> list[str]:
    """Say how an Essentia pipeline runs a graph that reads samples; nothing of others."""
    if front_end.kind != "waveform":
        return []
    chain = f"MonoLoader >> {' >> '.join(describe_front_end(front_end)['analysis'])} >> TensorToPool"
    return [
        f"Reads samples, not bands, {front_end.patch_frames} at {front_end.sample_rate_hz} Hz: {chain} >> "
        "TensorflowPredict, with the parameters of analysis."
    ]


def _describe_features(plan: Plan) -> dict[str, Any]:
    """Say which networks are below the classifier and what they learned; nothing for a network without others below."""
    if not plan.features:
        return {}
    below = plan.learned or LearnedTargets()
    learned = {"networks": below.networks, "targets": list(below.targets)}
    return {"pretrained": below.pretrained, "fine_tune": below.fine_tune, "transfer": learned}


def _describe_uncertainty(plan: Plan, nodes: Sequence[Node]) -> dict[str, Any]:
    """Say what the nodes of uncertainty are made of, in nats; nothing for a graph without them."""
    if not any(node.name.startswith(SCOPE) for node in nodes):
        return {}
    if plan.members:
        return {"uncertainty": {"method": "ensemble", "members": list(plan.members), "unit": "nats"}}
    return {"uncertainty": {"method": "dropout", "samples": plan.samples, "unit": "nats"}}


def _note_calibration(nodes: Sequence[Node], calibration: Calibration) -> list[str]:
    """Say that probabilities and logits of a calibrated graph differ."""
    if calibration.is_identity:
        return []
    raw = next(node.name for node in nodes if node.layer == "logits" and not node.activation and not node.alias_of)
    return [f"Probabilities are calibrated: {calibration.describe()}. The logits at {raw} are not."]


def _note_members(plan: Plan, calibration: Calibration) -> list[str]:
    """Say that the folds of a cross-validation are calibrated one by one, which leaves their mean less sure."""
    if not plan.members or calibration.is_identity or not calibration.fitted_on.startswith(OUT_OF_FOLD):
        return []
    return ["NLL and ECE of the calibration are of the members one by one, each on the tracks of its own test side."]


def _note_origin(plan: Plan) -> list[str]:
    """Say whose terms a model is under that was made from a network of the user's."""
    network = plan.network
    if plan.extractor is not None:
        return [f"Trained on embeddings of {plan.extractor.name}, whose licence is to be kept."]
    if (network.backbone, network.pretrained) in models.USERS_GRAPHS:
        name = models.base_name(network.backbone, str(network.pretrained))
        return [f"Made from the weights of {name}, whose licence is to be kept."]
    return [note_inside(one) for one in network.published]


def note_inside(one: Published) -> str:
    """Say that the graph of an extractor is inside another, and under which licence that is."""
    licence = "unknown, because its card names none" if one.licence == UNKNOWN_LICENCE else one.licence
    return f"The graph of {one.name} is inside, whose licence is to be kept: {licence} ({one.link})."


WHOLE_FRAMES = {"startFromZero": True, "validFrameThresholdRatio": 1, "silentFrames": "keep"}  # as they are, no others
_OF_EXTRACTOR = ("name", "link", "sha256", "licence", "node", "size")
_PROMISED = {"demo": False, "licence": "", "training_data_rights": "", "recipe_hash": ""}


def describe_front_end(front_end: FrontEnd) -> dict[str, Any]:
    """Name the analysis, and spell it out where the algorithm of the card does not imply it."""
    described = {
        "front_end": front_end.name,
        "resample_quality": front_end.resample_quality,
        "patch_frames": front_end.patch_frames,
        "patch_hop_frames": front_end.patch_hop_frames,
    }
    if front_end.kind == "waveform":
        size, hop = front_end.patch_frames, front_end.patch_hop_frames
        described["analysis"] = {
            "FrameCutter": {"frameSize": size, "hopSize": hop, **WHOLE_FRAMES},
            "VectorRealToTensor": {"shape": [1, 1, 1, size], "patchHopSize": 1, "lastPatchMode": "discard"},
        }
    if front_end.kind == "cqt":
        described["analysis"] = {
            "FrameCutter": {"frameSize": front_end.frame_samples, "hopSize": front_end.hop_samples},
            "SpectrumCQ": {
                "numberBins": front_end.n_bands,
                "sampleRate": front_end.sample_rate_hz,
                **dict(front_end.input_parameters),
            },
            "compression": frontends.COMPRESSED[front_end.compression].replace("x,", "x^2,"),
        }
    if front_end.predict_algorithm == frontends.GENERAL and front_end.kind == "mel":
        n_fft = front_end.fft_samples or front_end.frame_samples
        padding = {"zeroPadding": n_fft - front_end.frame_samples} if front_end.fft_samples else {}
        described["analysis"] = {
            "FrameCutter": {"frameSize": front_end.frame_samples, "hopSize": front_end.hop_samples},
            "Windowing": {"type": "hann", "normalized": False, **padding},
            "Spectrum": {},
            "MelBands": {
                "numberBands": front_end.n_bands,
                "inputSize": n_fft // 2 + 1,
                "sampleRate": front_end.sample_rate_hz,
                **dict(front_end.input_parameters),
            },
            "compression": frontends.COMPRESSED[front_end.compression],
        }
    return described


def describe_input(shape: Sequence[int]) -> list[dict[str, Any]]:
    return [{"name": PLACEHOLDER, "type": "float", "shape": list(shape)}]


def describe_outputs(nodes: Sequence[Node], widths: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "name": node.name,
            "type": "float",
            "shape": [widths[node.layer]],
            "op": node.op,
            **({"description": node.description} if node.description else {}),
            "output_purpose": node.purpose,
        }
        for node in nodes
    ]
