"""One network for several targets: first layers that all tasks share, and a branch of layers of its own for each.

In: a network with a single output, and the tasks of a plan. Out: a Keras model from inputs to a list of logits, one per
task. Shared layers are called as in a network with one target, those of a branch ``<task>_<layer>``: the logits of task
"m" are "m_logits", and their input is its penultimate layer.

Where a network is cut is its backbone's `SHARED_UNTIL`. A backbone without one shares everything up to its embedding
and has its tail and a hidden layer per task; a frozen network shares its embeddings. Both need `hidden`: without it all
tasks would have one and the same penultimate layer.

References
----------
J. Kim, M. Won, X. Serra and C. C. S. Liem, "Transfer learning of artist group factors to musical genre classification"
(WWW 2018 companion), section 3.2.2.
"""

from __future__ import annotations

from typing import Any

from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.nets.backbones import load_backbone
from essentia_ldl.nets.classifier import apply_copies
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.plan import Plan

EMBEDDING, LOGITS = "embedding", "logits"


def share(single: keras.Model, cut: str, tasks: dict[str, int]) -> keras.Model:
    """Make a network with a branch per task, of one with a single output.

    Parameters
    ----------
    single : keras.Model
        Inputs -> layer "logits".
    cut : str
        Name of its last layer that is shared. That layer and all before it are those of `single`.
    tasks : dict[str, int]
        Name of a task -> number of its classes.

    Returns
    -------
    keras.Model
        Inputs -> logits of every task, in their order. Weights of branches are drawn anew.
    """
    shared = single.get_layer(cut).output
    outputs = []
    for task, n_classes in tasks.items():

        def configure(layer: keras.layers.Layer, task: str = task, n_classes: int = n_classes) -> dict[str, Any]:
            config = {**layer.get_config(), "name": f"{task}_{layer.name}"}
            return {**config, "units": n_classes} if layer.name == LOGITS else config

        outputs += apply_copies(single, shared, shared, configure)
    return keras.Model(single.input, outputs, name="network")


def find_cut(plan: Plan) -> str:
    """Name the last layer that the tasks of a plan share.

    Raises
    ------
    TrainingError
        When nothing that is trained would be a task's own before its logits.
    """
    network, module = plan.network, load_backbone(plan.network.backbone)
    if network.fine_tune != "head" and hasattr(module, "SHARED_UNTIL"):
        return module.SHARED_UNTIL
    if network.hidden < 1:
        what = "embeddings of a frozen network" if network.fine_tune == "head" else f"the network {network.backbone}"
        rule = f"at least 1 where tasks share {what}"
        remedy = "Set network.hidden, such as 256, or train a network per task: targets.networks separate."
        raise TrainingError(explain("hidden", rule, network.hidden, plan.folder, remedy))
    if network.fine_tune == "head":
        return "standardize" if network.standardize else "embeddings"
    return EMBEDDING
