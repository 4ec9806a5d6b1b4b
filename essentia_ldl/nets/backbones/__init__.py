"""Networks that turn patches into an embedding: one file per network, found by walking this package.

A backbone is a module with these names. A new file with them is a new network, once it has a row in
`frontends.NETWORKS` and its name on the map in `nets/__init__.py`; the contract test runs on it.

FRONT_END : FrontEnd
    The analysis that the network was made for.
build(front_end, *, frozen_statistics=False, **size) -> keras.Model
    Patches (batch, time, n_bands) float32 -> embedding (batch, d) float32. `frozen_statistics` is passed on to
    `layers.normalise`. Every layer is named explicitly, and only layers that Keras knows are used.
tail(embedding, *, frozen_statistics=False) -> keras.KerasTensor
    How an embedding goes on to the next dense layer inside the whole network (a tagger, or a classifier whose network
    trains too). A head on a frozen network takes the embedding as it is.
EMBEDDING_SIZE : int
    d, for the default size.
EMBEDDING_NODE : str
    Name of the node of an exported graph that holds the embedding.
EMBEDDING_OP : str
    What the card calls that node's operation.
N_DENSE : int
    Dense layers before the tail; the first dense layer after it is `model/dense` for 0 and `model/dense_1` for 1.
FREE_TIME : bool
    Whether any number of frames is accepted; False: exactly ``front_end.patch_frames``.
INPUT_NORM : str or None
    Name of the batch normalisation of the input, whose scale and offset stay fixed unless asked.
INPUT_STANDARDIZE, INPUT_DEVIATION_FLOOR : str and float, optional
    Name of a layer that shifts and scales every band, `layers.FixedBatchNormalization` without scale and offset, and
    the least deviation: `training.train` gives it mean and variance of the training tracks' frames before the first
    epoch.
FROZEN_UNTIL : str
    Name of the last layer that stays frozen with `fine_tune` "top"; everything above it depends on its output alone.
DEPTHS : tuple[str, ...]
    Names of the layers that end groups of depth, from the bottom, `FROZEN_UNTIL` among them: what is in a group learns
    at one rate (`training.depths`), and what is above the last is the group of the head.
SHARED_UNTIL : str, optional
    Name of the last layer that several targets share (`nets.shared`); "embedding" where it is missing.
widen(n_networks, n_outputs) -> dict[str, object], optional
    Keyword arguments of `build` for one network with as many trainable numbers as several with so many outputs.
narrow(share) -> dict[str, object], optional
    Keyword arguments of `build` for a network whose layers are that much as wide.
CHECKPOINTS : Mapping[str, str]
    Released networks: data set ("msd") -> name in the wheel of the weights ("MSD_musicnn"); may be empty.
CHECKPOINT_SIZES : Mapping[str, Mapping[str, object]]
    Data set -> keyword arguments of `build`, where a released network differs from the default size.
CHECKPOINT_LAYERS : Mapping[str, str]
    Layer of the released checkpoint -> layer here, for backbone, tail and "tags". Variables are matched by their last
    part (kernel, bias, gamma, beta, moving_mean, moving_variance) and reshaped when only axes of length 1 differ.
GRAPH_LAYERS : tuple[str, ...], optional
    Layers "conv<...>", "pool" and "fc<...>" in the order of a frozen graph that weights are read from
    (`nets.pretrained.frozen`); the data set and the file are in `models.folder.USERS_GRAPHS`.
DENSE_NODES : tuple[str, str], optional
    Names of the nodes of the penultimate layer and of the logits, where they are not `model/dense_<n>/BiasAdd`.
EMBEDDING_ACTIVATION : str, optional
    "relu" where EMBEDDING_NODE is the embedding after its ReLU.
VARIANTS : Mapping[str, Mapping[str, object]], optional
    Networks of the same family that have rows of their own: name -> what is otherwise, by the names here.
PARAMETERS_50 : tuple[int, int], optional
    Trainable and non-trainable parameters of the whole network with 50 outputs, as published.
"""

from __future__ import annotations

import functools
from types import ModuleType

from essentia_ldl import discover, frontends


def load_backbone(name: str) -> ModuleType:
    """Return the module of a network, or that of its family as the network differs; `UnknownNameError` for others."""
    family = frontends.NETWORKS[name].family if name in frontends.NETWORKS else ""
    return _vary(name, family) if family else discover.load(__name__, name)


@functools.cache
def _vary(name: str, family: str) -> ModuleType:
    """Make a module like that of a family, with what is otherwise in one network of it."""
    module = discover.load(__name__, family)
    varied = ModuleType(f"{__name__}.{name}", module.__doc__)
    changes = {"FRONT_END": frontends.of_network(name), **module.VARIANTS[name]}
    vars(varied).update({key: value for key, value in vars(module).items() if not key.startswith("__")} | changes)
    return varied
