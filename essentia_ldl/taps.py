"""What is tapped of a pretrained network as features: which layers, how they are pooled, and where each stands.

In: names of networks ("msd-musicnn") and of layers ("embedding", "deep", "all", or some of the digits 1 to 5). Out: the
columns that are meant, so that what was computed once serves every choice of layers. Numbers of a patch stand side by
side in the order of `TAPS`: "deep" is the beginning of "all", and "embedding" a part of "deep".

Layers 1 to 5, each averaged over its positions, are those of Choi et al.: the five poolings of VGG; of MusiCNN the
filters of the front, the three convolutions in the middle, and the embedding, which has no positions left.

References
----------
Choi, Fazekas, Sandler and Cho, "Transfer learning for music classification and regression tasks" (ISMIR 2017), 3.2.
Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging" (ISMIR LBD 2019).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.choices import LAYERS, join_choices
from essentia_ldl.discover import unknown
from essentia_ldl.errors import RecipeError, explain

EMBEDDING, DEEP, ALL = LAYERS
N_TAGS = 50


@dataclasses.dataclass(frozen=True)
class Tap:
    """One layer of a network, as some numbers per patch.

    Parameters
    ----------
    layer : str
        Its name in the network.
    pooling : str
        "mean" or "max" over time, and over bands where the layer has them; "" for a layer without positions.
    size : int
        Numbers per patch.
    number : int
        1 to 5 for one of the layers of Choi et al.; 0 for the others.
    """

    layer: str
    pooling: str
    size: int
    number: int = 0


_MIDDLE = ("midend_1_norm", "midend_2_sum", "midend_3_sum")
_TAGS = Tap("tags", "", N_TAGS)
# By network: those of "deep", and what "all" has more.
TAPS: dict[str, tuple[tuple[Tap, ...], tuple[Tap, ...]]] = {
    "musicnn": (
        (
            *(Tap(name, "mean", 64, number) for number, name in enumerate(_MIDDLE, 2)),
            *(Tap(name, "max", 64) for name in _MIDDLE),
            Tap(EMBEDDING, "", 200, 5),
            _TAGS,
        ),
        (Tap("front", "mean", 561, 1),),
    ),
    "vgg": (
        (
            *(Tap(f"pool_{number}", "mean", 128, number) for number in (4, 5)),
            *(Tap(f"pool_{number}", "max", 128) for number in (4, 5)),
            Tap(EMBEDDING, "", 256),
            _TAGS,
        ),
        tuple(Tap(f"pool_{number}", "mean", 128, number) for number in (1, 2, 3)),
    ),
}

# The networks that stand side by side: name -> (backbone, data set of its weights).
NETWORKS = {
    f"{dataset}-{backbone}": (backbone, dataset) for dataset in ("msd", "mtt") for backbone in ("musicnn", "vgg")
}


def get_network(name: str) -> tuple[str, str]:
    """Return backbone and data set of a name such as "msd-musicnn"; raise `UnknownNameError` when there is none."""
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name]


def check_backbones(backbones: Sequence[str], where: str) -> None:
    """Check names of networks that are to stand side by side.

    Raises
    ------
    UnknownNameError
        When there is no network of a name.
    RecipeError
        When a name repeats.
    """
    for name in backbones:
        get_network(name)
    if len(set(backbones)) != len(backbones):
        raise RecipeError(explain("network.backbones", "each network once", list(backbones), where, "Drop repeats."))


def check_layers(layers: str, where: str) -> None:
    """Raise `RecipeError` when a text names no choice of layers."""
    if not is_layers(layers):
        rule = f"{join_choices(LAYERS)}, or some of the digits 1 to 5 in their order, such as 12345"
        raise RecipeError(explain("network.layers", rule, layers, where, f"Use {DEEP}."))


def is_layers(layers: str) -> bool:
    """Tell whether a text names a choice of layers.

    Examples
    --------
    >>> [is_layers(layers) for layers in ("deep", "135", "531", "6")]
    [True, True, False, False]
    """
    return layers in LAYERS or (bool(layers) and layers.isdecimal() and layers == _sort_digits(layers))


def _sort_digits(layers: str) -> str:
    return "".join(digit for digit in "12345" if digit in layers)


def find_stored(layers: str) -> str:
    """Return the set of layers that is computed and stored for a choice: "deep", or "all" where that is not enough."""
    return DEEP if layers in (EMBEDDING, DEEP) else ALL


def list_taps(backbone: str, layers: str) -> tuple[Tap, ...]:
    """List what is tapped of a network for a choice of layers, in the order of the columns.

    Parameters
    ----------
    backbone : str
        Such as "musicnn".
    layers : str
        A choice of layers.
    """
    if backbone not in TAPS:
        raise unknown("network with layers as features", backbone, TAPS)
    check_layers(layers, backbone)
    deep, more = TAPS[backbone]
    if layers == DEEP:
        return deep
    return tuple(tap for tap in (*deep, *more) if layers in (ALL, tap.layer) or str(tap.number) in layers)


def count_columns(network: str, layers: str) -> int:
    """Return how many numbers per patch a choice of layers has of a network such as "msd-vgg"."""
    return sum(tap.size for tap in list_taps(get_network(network)[0], layers))


def slice_layers(network: str, layers: str) -> np.ndarray:
    """Return where a choice of layers stands in what is stored of a network.

    Parameters
    ----------
    network : str
        Such as "msd-musicnn".
    layers : str
        A choice of layers.

    Returns
    -------
    np.ndarray [shape=(n,), int64]
        Columns of the stored set `find_stored(layers)`, ascending; as "deep" begins "all", those of "embedding" and
        "deep" are right in either.

    Examples
    --------
    >>> len(slice_layers("msd-musicnn", "embedding")), len(slice_layers("msd-vgg", "deep"))
    (200, 818)
    """
    backbone = get_network(network)[0]
    chosen = list_taps(backbone, layers)
    columns, start = [], 0
    for tap in list_taps(backbone, find_stored(layers)):
        columns += range(start, start + tap.size) if tap in chosen else ()
        start += tap.size
    return np.array(columns, dtype=np.int64)


def count_features(backbones: Sequence[str], layers: str) -> int:
    """Return how many numbers per patch some networks have side by side.

    Examples
    --------
    >>> count_features(tuple(NETWORKS), "deep")
    2904
    """
    return sum(count_columns(name, layers) for name in backbones)


def slice_joint(backbones: Sequence[str], layers: str, stored: str) -> np.ndarray:
    """Return where a choice of layers stands in what is stored of several networks side by side.

    Parameters
    ----------
    backbones : sequence of str
        In their order.
    layers : str
        A choice of layers.
    stored : str
        The set that is side by side: "deep" or "all".

    Returns
    -------
    np.ndarray [shape=(n,), int64]
    """
    if stored == DEEP and find_stored(layers) == ALL:
        raise RecipeError(explain("stored layers", ALL, stored, f"layers {layers}", "Compute them with layers all."))
    parts, start = [], 0
    for name in backbones:
        parts.append(start + slice_layers(name, layers))
        start += count_columns(name, stored)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


FRONT_END = frontends.MUSICNN  # what all of them read
# Every second patch of production's grid: neighbours on it share half their frames, and their mean over a track moves
# less than the track does from one resampling quality to another, at half the work.
HOP_FRAMES = 2 * FRONT_END.patch_hop_frames
