"""Pretrained networks of the folder graphs/ as Keras models.

In: ``<dataset>-<network>-1.weights.h5`` that `graphs build` wrote, or a published graph that the user put there. Out:
the network with these weights.
"""

from __future__ import annotations

from pathlib import Path

from essentia_ldl import discover
from essentia_ldl.errors import WeightsError, explain
from essentia_ldl.models.folder import require_weights
from essentia_ldl.nets.classifier import build_tagger
from essentia_ldl.nets.pretrained import frozen
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.plan import BACKBONES
from essentia_ldl.tags import TAGS


def load_tagger(graphs: Path, backbone: str, dataset: str) -> keras.Model:
    """Load a pretrained network.

    Parameters
    ----------
    graphs : Path
        Folder with the pretrained networks.
    backbone, dataset : str
        Such as "musicnn" and "msd".

    Returns
    -------
    keras.Model
        Patches -> logits of the 50 tags; for a graph that the user has, patches -> embedding.

    Raises
    ------
    WeightsError
        When the weights are missing or damaged.
    """
    path = require_weights(graphs, backbone, dataset)
    remedy = "Run essentia-ldl graphs build."
    module = discover.load(BACKBONES, backbone)
    if path.suffix == ".pb":
        return frozen.load_body(path, module)
    tagger = build_tagger(module, len(TAGS[dataset]), size=module.CHECKPOINT_SIZES.get(dataset))
    try:
        tagger.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(explain("pretrained weights", "a readable file", error, path, remedy)) from None
    return tagger
