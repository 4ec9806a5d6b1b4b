"""The network that a plan asks for. In: a plan. Out: a Keras model, with pretrained weights where the plan has them."""

from __future__ import annotations

from typing import Any

from essentia_ldl import discover, taps
from essentia_ldl.choices import ALL, TOP
from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.models import folder as models
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import (
    DenseLayers,
    build_head,
    build_machine,
    build_network,
    copy_weights,
    freeze_lower,
)
from essentia_ldl.nets.pretrained import frozen
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.shared import find_cut, share
from essentia_ldl.nets.trained_weights import count_features
from essentia_ldl.runs.plan import BACKBONES, NetworkPlan, Plan


def build_model(plan: Plan, *, pretrained: bool) -> keras.Model:
    """Build the model that a plan trains.

    Parameters
    ----------
    plan : Plan
        The run.
    pretrained : bool
        Whether to load pretrained weights where the plan has them; False when trained ones are loaded afterwards.

    Returns
    -------
    keras.Model
        Embeddings -> logits for `fine_tune` "head", patches -> logits otherwise; with `tasks`, a list of logits.
    """
    network = plan.network
    model = _build_single(plan)
    if plan.tasks:
        sizes = {task.name: len(task.classes) for task in plan.tasks}
        model = share(model, find_cut(plan), sizes)
    if pretrained and network.pretrained is not None and network.fine_tune != "head":
        tagger = load_tagger(plan.graphs, network.backbone, network.pretrained)
        copy_weights(tagger, model, tuple(task.name for task in plan.tasks))
    return model


def _build_single(plan: Plan) -> keras.Model:
    network, n_classes = plan.network, len(plan.classes)
    dense = DenseLayers(network.hidden, network.dropout, network.activation, network.standardize)
    if network.n_vectors:
        return build_machine(count_embedding(plan), network.n_vectors, n_classes)
    if network.fine_tune == "head":
        return build_head(count_embedding(plan), n_classes, dense)
    model = build_network(
        load_backbone(network.backbone),
        n_classes,
        dense,
        fine_tune=ALL if network.fine_tune == TOP else network.fine_tune,
        train_input_norm=network.train_input_norm,
        size=find_size(plan),
    )
    if network.fine_tune == TOP:
        freeze_lower(model, find_frozen(network))
    return model


def find_frozen(network: NetworkPlan) -> str:
    """Return the name of the last layer that stays frozen where the last layers of a network train."""
    return network.frozen_until or load_backbone(network.backbone).FROZEN_UNTIL


def find_size(plan: Plan) -> dict[str, Any]:
    """Return the keyword arguments of the backbone's `build` that weights, `n_networks` or `width` ask for."""
    network = plan.network
    if network.n_networks > 1:
        return widen(network, len(plan.classes))
    module = load_backbone(network.backbone)
    if network.width != 1:
        if not hasattr(module, "narrow"):
            remedy = "Train it as it is."
            raise TrainingError(explain("width", "1", network.width, f"network {network.backbone}", remedy))
        return dict(module.narrow(network.width))
    if network.pretrained is not None and (network.backbone, network.pretrained) in models.USERS_GRAPHS:
        return frozen.read_size(models.weights_file(plan.graphs, network.backbone, network.pretrained), module)
    return dict(module.CHECKPOINT_SIZES.get(network.pretrained, {}))


def count_embedding(plan: Plan) -> int:
    """Return how many numbers an embedding has, which are what a head reads."""
    if plan.extractor is not None:
        return plan.extractor.size
    if plan.network.backbones:
        return taps.count_features(plan.network.networks, plan.network.layers)
    if plan.features:
        return sum(count_features(folder) for folder in plan.features)
    return int(find_size(plan).get("n_embedding", load_backbone(plan.network.backbone).EMBEDDING_SIZE))


def has_free_time(plan: Plan) -> bool:
    """Tell whether the network of a plan, or all that stand side by side, take patches of any number of frames.

    An extractor takes those that its card says, as far as is known.
    """
    if plan.network.published:
        return False
    names = [taps.get_network(name)[0] for name in plan.network.backbones] or [plan.network.backbone]
    return all(load_backbone(name).FREE_TIME for name in names)


def widen(network: NetworkPlan, n_outputs: int) -> dict[str, Any]:
    """Return what makes a backbone as large as `n_networks`; raise `TrainingError` when it cannot grow."""
    if network.fine_tune != "none":
        rule, remedy = "1 with pretrained weights", "Use fine_tune none."
        raise TrainingError(explain("n_networks", rule, network.n_networks, network.backbone, remedy))
    module = load_backbone(network.backbone)
    if not hasattr(module, "widen"):
        able = [name for name in discover.names(BACKBONES) if hasattr(load_backbone(name), "widen")]
        remedy = f"Use a network that can be made wider: {', '.join(able)}."
        raise TrainingError(explain("n_networks", "1", network.n_networks, f"network {network.backbone}", remedy))
    return module.widen(network.n_networks, n_outputs)
