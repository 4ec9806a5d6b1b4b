"""The network that a plan asks for. In: a plan. Out: a Keras model, with pretrained weights where the plan has them."""

from __future__ import annotations

from essentia_ldl.nets.classifier import DenseLayers, build_head, build_network, copy_weights
from essentia_ldl.nets.pretrained.weights import load_tagger
from essentia_ldl.nets.runtime import keras
from essentia_ldl.nets.shared import find_cut, share
from essentia_ldl.runs.plan import Plan


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
    if network.fine_tune == "head":
        return build_head(plan.embedding_size, n_classes, dense)
    return build_network(
        network.module,
        n_classes,
        dense,
        fine_tune=network.fine_tune,
        train_input_norm=network.train_input_norm,
        size=plan.size,
    )
