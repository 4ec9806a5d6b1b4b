"""VGGish: six 3x3 convolutions with four poolings, two dense layers of 4096 and an embedding of 128.

In: patches (batch, 96, 64) float32, log-compressed mel bands. Out: embedding (batch, 128) float32. The time axis is
fixed: the dense layer behind the convolutions has learnt the order of 6 x 4 positions. There is no batch
normalisation. Weights come from a frozen graph that the user has put into ``graphs/`` (Essentia's
``audioset-vggish-3.pb``), read by `pretrained.frozen`; that graph also decides whether the embedding is taken before or
after its ReLU, because releases of VGGish differ in it.

References
----------
S. Hershey et al., "CNN Architectures for Large-Scale Audio Classification" (ICASSP 2017), configuration "VGG" cut down
as its authors released it (models/research/audioset/vggish in https://github.com/tensorflow/models): the last group of
convolutions is left out, and the layer before the classes has 128 units. Dropout in the tail is ours, that of the
other networks; it has no part in an exported graph.
"""

from __future__ import annotations

from essentia_ldl import frontends
from essentia_ldl.nets.layers import connect, convolve, drop
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.VGGISH
EMBEDDING_SIZE = 128
EMBEDDING_NODE = "model/vggish/fc2/Relu"
EMBEDDING_OP = "Relu"
EMBEDDING_ACTIVATION = "relu"
N_DENSE = 0
DENSE_NODES = ("model/fully_connected/BiasAdd", "model/logits/BiasAdd")
FREE_TIME = False
INPUT_NORM = None
FROZEN_UNTIL = "fc1_2_relu"  # below are 71 of 72 million numbers, above it the dense layer of the embedding
DEPTHS = ("pool1", "pool2", "pool3", "pool4", FROZEN_UNTIL, "embedding")
PARAMETERS_50 = (72147634, 0)  # 72 141 184 of the release, and 50 x 129

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}
# Layers with weights in the order of the graph, as `frozen.read_chain` finds them; "pool" is 2 x 2 with stride 2.
GRAPH_LAYERS = (
    *("conv1", "pool", "conv2", "pool", "conv3_1", "conv3_2", "pool", "conv4_1", "conv4_2", "pool"),
    *("fc1_1", "fc1_2", "fc2"),
)

TAIL_DROPOUT = 0.5


def build(
    front_end: FrontEnd = FRONT_END,
    *,
    frozen_statistics: bool = False,
    n_filters: tuple[int, ...] = (64, 128, 256, 256, 512, 512),
    n_units: tuple[int, ...] = (4096, 4096),
    n_embedding: int = EMBEDDING_SIZE,
    rectified: bool = False,
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of frames and mel bands of a patch.
    frozen_statistics : bool
        Part of the protocol; there is no batch normalisation.
    n_filters, n_units : tuple[int, ...]
        Filters of the six convolutions, units of the two dense layers before the embedding.
    n_embedding : int
        Size of the embedding.
    rectified : bool
        Whether the embedding is what comes after the ReLU.

    Returns
    -------
    keras.Model
        Patches (batch, patch_frames, n_bands) float32 -> embedding (batch, n_embedding) float32.

    References
    ----------
    Hershey et al. (2017), and the release of VGGish.
    """
    del frozen_statistics
    kl = keras.layers
    patches = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
    x = kl.Reshape((front_end.patch_frames, front_end.n_bands, 1), name="expand")(patches)
    filters, units, n_pools = iter(n_filters), iter((*n_units, n_embedding)), 0
    for name in GRAPH_LAYERS:
        if name == "pool":
            n_pools += 1
            x = kl.MaxPooling2D((2, 2), 2, padding="same", name=f"pool{n_pools}")(x)
        elif name.startswith("conv"):
            x = convolve(x, next(filters), (3, 3), name, padding="same")
        else:
            if name == "fc1_1":
                x = kl.Reshape((x.shape[1] * x.shape[2] * x.shape[3],), name="flatten")(x)
            x = connect(x, next(units), name)
            if name != "fc2":
                x = kl.ReLU(name=f"{name}_relu")(x)
    x = kl.ReLU(name="embedding")(x) if rectified else kl.Identity(name="embedding")(x)
    return keras.Model(patches, x, name="backbone")


def tail(embedding: keras.KerasTensor, *, frozen_statistics: bool = False) -> keras.KerasTensor:
    """Continue from the embedding to the next dense layer: ReLU, dropout of one half.

    Parameters
    ----------
    embedding : keras.KerasTensor [shape=(batch, n_embedding), float32]
        Output of `build`; the ReLU changes nothing where it is rectified already.
    frozen_statistics : bool
        Part of the protocol; this tail has no batch normalisation.

    Returns
    -------
    keras.KerasTensor [shape=(batch, n_embedding), float32]
        Input of the next dense layer.
    """
    rectified = keras.layers.ReLU(name="tail_relu")(embedding)
    return drop(rectified, rate=TAIL_DROPOUT, frozen_statistics=frozen_statistics)
