"""What is tapped of a pretrained network as features: which layers, how they are pooled, and where each stands.

In: networks, and names of layers ("embedding", "deep", "all", or some of the digits 1 to 5). Out: the columns that are
meant, so that what was computed once serves every choice of layers. Numbers of a patch stand side by side in the order
of `TAPS`: "deep" is the beginning of "all", and "embedding" a part of "deep".

A network is a `Network`. The name of one of `NETWORKS` ("msd-musicnn") stands for it too, wherever one is taken; a
published extractor of the user's is known by its file and card alone, and `features.beside` makes a `Network` of them.
It has one layer, its embedding, which is what it adds whatever choice of layers the others follow.

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
from essentia_ldl.choices import LAYERS, LAYERS_MFCC_SVM, join_choices
from essentia_ldl.discover import unknown
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.files import is_file_name
from essentia_ldl.records import FrontEnd

EMBEDDING, DEEP, ALL = LAYERS
N_TAGS = 50
UNKNOWN_LICENCE = "unknown"
MOST_LAYERS = 5  # of a network that have numbers
LAYERS_NODE = "model/layers"  # where the graph of a network that was trained here answers them
REMEDY = "Start the run again."


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


@dataclasses.dataclass(frozen=True)
class Published:
    """A published extractor of the user's, as its file and its card describe it.

    Parameters
    ----------
    name : str
        Stem of its files in graphs/.
    size : int
        Numbers of an embedding.
    sha256 : str
        Of the graph.
    input_name, node : str
        What it reads, and its embeddings.
    link : str
        Where its card says that it is published.
    licence : str
        What its card says of that; "unknown" where it says nothing.
    layers : tuple[tuple[str, int], ...]
        Of a network that was trained here, names and sizes of its layers 1 to 5, which `node` answers side by side;
        empty where only the embeddings are known.
    backbone : str
        Of such a network, which of `frontends.NETWORKS` it is; empty elsewhere.
    """

    name: str
    size: int
    sha256: str
    input_name: str
    node: str
    link: str
    licence: str
    layers: tuple[tuple[str, int], ...] = ()
    backbone: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple((name, size) for name, size in self.layers))  # json knows lists only
        if not is_file_name(self.name) or self.size < 1:
            raise RecipeError(explain("extractor", "a plain name, and a size", (self.name, self.size), "plan", REMEDY))


@dataclasses.dataclass(frozen=True)
class Network:
    """A frozen network whose layers are features.

    Parameters
    ----------
    name : str
        Such as "msd-musicnn".
    deep, more : tuple[Tap, ...]
        The layers of "deep", and what "all" has more.
    published : Published or None
        What the user's extractor is; None for one of `NETWORKS`.
    """

    name: str
    deep: tuple[Tap, ...]
    more: tuple[Tap, ...] = ()
    published: Published | None = None

    @property
    def front_end(self) -> FrontEnd:
        """What it reads."""
        own = self.published is not None and self.published.backbone
        return frontends.of_network(own) if own else FRONT_END

    @property
    def hop_frames(self) -> int:
        """Frames from one patch to the next where features are made."""
        return HOP_FRAMES if self.front_end == FRONT_END else self.front_end.patch_hop_frames


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


def describe_network(network: str | Network) -> Network:
    """Return the network that is meant; raise `UnknownNameError` for a name that is none of `NETWORKS`."""
    return network if isinstance(network, Network) else Network(network, *TAPS[get_network(network)[0]])


def place_extractor(published: Published) -> Network:
    """Return an extractor as a network: its layers where the card has them, the last of which is its embedding."""
    if published.layers:
        names = [*(name for name, _ in published.layers[:-1]), EMBEDDING]
        sizes = [size for _, size in published.layers]
        own = tuple(Tap(name, "mean", size, n) for n, (name, size) in enumerate(zip(names, sizes, strict=True), 1))
        return Network(published.name, own, (), published)
    return Network(published.name, (Tap(EMBEDDING, "", published.size),), (), published)


def place_extractors(backbones: Sequence[str], published: Sequence[Published]) -> tuple[str | Network, ...]:
    """Return networks side by side: the names, those of extractors as networks."""
    known = {one.name: place_extractor(one) for one in published}
    return tuple(known.get(name, name) for name in backbones)


def check_names(names: Sequence[str], key: str, where: str) -> None:
    """Check names of networks as far as one can without knowing which extractors there are.

    Raises
    ------
    RecipeError
        When one is no plain name of a file, or one repeats; or MFCC are named, which no graph has.
    """
    for name in names:
        if name == frontends.MFCC.name:
            rule, front_end = "networks, which answer patches as a graph does", frontends.MFCC
            found = f"mfcc, which are of {front_end.segment_duration_s:g} s of a track at {front_end.sample_rate_hz} Hz"
            remedy = f"Leave them out; crossval measures them beside layers, --baseline {LAYERS_MFCC_SVM}."
            raise RecipeError(explain(key, rule, found, where, remedy))
        if not is_file_name(name) or name.endswith((".pb", ".json")):
            rule = f"{', '.join(NETWORKS)}, or the name of an extractor in graphs/"
            remedy = "Put its .pb and .json there, and name it without folder and suffix."
            raise RecipeError(explain(key, rule, name, where, remedy))
    _check_once(names, key, where)


def _check_once(names: Sequence[str], key: str, where: str) -> None:
    if len(set(names)) != len(names):
        raise RecipeError(explain(key, "each network once", list(names), where, "Drop repeats."))


def check_backbones(backbones: Sequence[str | Network], where: str) -> None:
    """Check networks that are to stand side by side.

    Raises
    ------
    UnknownNameError
        When there is no network of a name.
    RecipeError
        When a name repeats, or two networks read different patches.
    """
    found = [describe_network(network) for network in backbones]
    _check_once([network.name for network in found], "network.backbones", where)
    read = {network.front_end.name: network.name for network in found}
    if len(read) > 1:
        rule, remedy = "networks that read the same patches", "Name those of one front-end."
        told = ", ".join(f"{name} reads those of {front_end}" for front_end, name in read.items())
        raise RecipeError(explain("network.backbones", rule, told, where, remedy))


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
    return _select(*TAPS[backbone], layers)


def _select(deep: tuple[Tap, ...], more: tuple[Tap, ...], layers: str) -> tuple[Tap, ...]:
    if layers == DEEP:
        return deep
    return tuple(tap for tap in (*deep, *more) if layers in (ALL, tap.layer) or str(tap.number) in layers)


def _list_layers(network: str | Network, layers: str) -> tuple[Tap, ...]:
    """List what a choice of layers takes of a network, in the order of the columns."""
    check_layers(layers, "taps")
    found = describe_network(network)
    if found.published is not None and not found.published.layers:
        return found.deep
    chosen = _select(found.deep, found.more, layers)
    if not chosen or (found.published is not None and layers.isdecimal() and len(chosen) < len(layers)):
        known = "".join(str(tap.number) for tap in found.deep)
        raise RecipeError(explain("network.layers", f"some of {known}", layers, found.name, "Leave the others out."))
    return chosen


def count_columns(network: str | Network, layers: str) -> int:
    """Return how many numbers per patch a choice of layers has of a network such as "msd-vgg"."""
    return sum(tap.size for tap in _list_layers(network, layers))


def slice_layers(network: str | Network, layers: str) -> np.ndarray:
    """Return where a choice of layers stands in what is stored of a network.

    Parameters
    ----------
    network : str or Network
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
    chosen = _list_layers(network, layers)
    columns, start = [], 0
    for tap in _list_layers(network, find_stored(layers)):
        columns += range(start, start + tap.size) if tap in chosen else ()
        start += tap.size
    return np.array(columns, dtype=np.int64)


def count_features(backbones: Sequence[str | Network], layers: str) -> int:
    """Return how many numbers per patch some networks have side by side.

    Examples
    --------
    >>> count_features(tuple(NETWORKS), "deep")
    2904
    """
    return sum(count_columns(name, layers) for name in backbones)


def slice_joint(backbones: Sequence[str | Network], layers: str, stored: str) -> np.ndarray:
    """Return where a choice of layers stands in what is stored of several networks side by side.

    Parameters
    ----------
    backbones : sequence of str or Network
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
