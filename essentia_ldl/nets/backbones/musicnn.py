"""MusiCNN: timbral and temporal filters, three residual convolutions, max and mean over time, a dense layer.

In: patches (batch, time, 96) float32, log-compressed mel bands. Out: embedding (batch, 200) float32, the dense layer
before its ReLU, which is what Essentia publishes as the embedding of `msd-musicnn-1`. The time axis is free: nothing
but Max and Mean reduces it, so the 64-frame patches of Essentia's real-time examples work.

References
----------
J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging" (ISMIR LBD 2019).
The residual path and the order of the pooled features are those of the released weights, not of the training code:
sums are taken after batch normalisation, and maximum and mean of a channel stand next to each other.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import connect, convolve, narrow_sizes, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.MUSICNN
EMBEDDING_SIZE = 200
EMBEDDING_NODE = "model/dense/BiasAdd"
EMBEDDING_OP = "fully connected"
N_DENSE = 1
FREE_TIME = True
INPUT_NORM = "input_norm"
FROZEN_UNTIL = "pooled"  # front and middle; the back end trains: a normalisation and the dense layer of the embedding
DEPTHS = ("front", FROZEN_UNTIL, "embedding")
PARAMETERS_50 = (787159, 4920)

N_TIMBRAL = 204  # int(1.6 * 128)
N_TEMPORAL = 51  # int(1.6 * 32)
N_MIDEND = 64
TIMBRAL_FRAMES = 7
TIMBRAL_BANDS = {"timbral_74": 0.4, "timbral_77": 0.7}  # share of the bands that a filter spans
TEMPORAL_FRAMES = {"temporal_128": 128, "temporal_64": 64, "temporal_32": 32}
MIDEND_FRAMES = 7
DROPOUT = 0.5

CHECKPOINTS = {"msd": "MSD_musicnn", "mtt": "MTT_musicnn"}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS = {
    "batch_normalization": "input_norm",
    "conv2d": "timbral_74",
    "batch_normalization_1": "timbral_74_norm",
    "conv2d_1": "timbral_77",
    "batch_normalization_2": "timbral_77_norm",
    "conv2d_2": "temporal_128",
    "batch_normalization_3": "temporal_128_norm",
    "conv2d_3": "temporal_64",
    "batch_normalization_4": "temporal_64_norm",
    "conv2d_4": "temporal_32",
    "batch_normalization_5": "temporal_32_norm",
    "conv2d_5": "midend_1",
    "batch_normalization_6": "midend_1_norm",
    "conv2d_6": "midend_2",
    "batch_normalization_7": "midend_2_norm",
    "conv2d_7": "midend_3",
    "batch_normalization_8": "midend_3_norm",
    "batch_normalization_9": "pool_norm",
    "dense": "embedding",
    "batch_normalization_10": "tail_norm",
    "dense_1": "tags",
}


def build(
    front_end: FrontEnd = FRONT_END,
    *,
    frozen_statistics: bool = False,
    n_timbral: int = N_TIMBRAL,
    n_temporal: int = N_TEMPORAL,
    n_midend: int = N_MIDEND,
    n_embedding: int = EMBEDDING_SIZE,
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of mel bands.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    n_timbral, n_temporal : int
        Filters of each of the two timbral and of the three temporal convolutions.
    n_midend : int
        Filters of each of the three convolutions in the middle.
    n_embedding : int
        Size of the embedding.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands) float32 -> embedding (batch, n_embedding) float32, before the ReLU.

    References
    ----------
    Pons and Serra (2019), the weights of the Python package musicnn 0.1.0.
    """
    kl = keras.layers
    n_bands = front_end.n_bands
    patches = keras.Input((None, n_bands), name="patches")
    x = normalise(kl.Reshape((-1, n_bands, 1), name="expand")(patches), INPUT_NORM, frozen_statistics)

    # The input is padded in time alone: the maximum over all bands follows.
    padded = kl.ZeroPadding2D(((TIMBRAL_FRAMES // 2,) * 2, (0, 0)), name="timbral_pad")(x)
    branches = []
    for name, share in TIMBRAL_BANDS.items():
        span = int(share * n_bands)
        y = convolve(padded, n_timbral, (TIMBRAL_FRAMES, span), name)
        branches.append(_max_over_bands(y, name, (1, n_bands - span + 1), n_timbral, frozen_statistics))
    # Bands first, time second: a temporal filter then reads neighbouring numbers, which makes it twice as fast.
    sideways = kl.Permute((2, 1, 3), name="bands_first")(x)
    for name, frames in TEMPORAL_FRAMES.items():
        y = convolve(sideways, n_temporal, (1, frames), name, padding="same")
        branches.append(_max_over_bands(y, name, (n_bands, 1), n_temporal, frozen_statistics))
    front = kl.Concatenate(axis=2, name="front")(branches)

    middle = []
    y = front
    for number in (1, 2, 3):
        z = kl.ZeroPadding1D(MIDEND_FRAMES // 2, name=f"midend_{number}_pad")(y)
        z = convolve(z, n_midend, MIDEND_FRAMES, f"midend_{number}")
        z = normalise(z, f"midend_{number}_norm", frozen_statistics)
        y = z if number == 1 else kl.Add(name=f"midend_{number}_sum")([z, y])
        middle.append(y)
    features = kl.Concatenate(axis=2, name="features")([front, *middle])

    n_features = features.shape[-1]
    maximum = kl.GlobalMaxPooling1D(name="max_over_time")(features)
    mean = kl.GlobalAveragePooling1D(name="mean_over_time")(features)
    columns = [kl.Reshape((n_features, 1), name=f"{name}_column")(z) for name, z in (("max", maximum), ("mean", mean))]
    pooled = kl.Reshape((2 * n_features,), name="pooled")(kl.Concatenate(axis=2, name="pairs")(columns))
    pooled = kl.Dropout(DROPOUT, name="pool_dropout")(normalise(pooled, "pool_norm", frozen_statistics))
    return keras.Model(patches, connect(pooled, n_embedding, "embedding"), name="backbone")


narrow = functools.partial(
    narrow_sizes, n_timbral=N_TIMBRAL, n_temporal=N_TEMPORAL, n_midend=N_MIDEND, n_embedding=EMBEDDING_SIZE
)


def tail(embedding: keras.KerasTensor, *, frozen_statistics: bool = False) -> keras.KerasTensor:
    """Continue from the embedding to the next dense layer: ReLU, batch normalisation, dropout of one half.

    Parameters
    ----------
    embedding : keras.KerasTensor [shape=(batch, n_embedding), float32]
        Output of `build`.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.

    Returns
    -------
    keras.KerasTensor [shape=(batch, n_embedding), float32]
        Input of the next dense layer.
    """
    x = keras.layers.ReLU(name="tail_relu")(embedding)
    return keras.layers.Dropout(DROPOUT, name="tail_dropout")(normalise(x, "tail_norm", frozen_statistics))


def _max_over_bands(
    x: keras.KerasTensor, name: str, positions: tuple[int, int], n_channels: int, frozen_statistics: bool
) -> keras.KerasTensor:
    x = normalise(x, f"{name}_norm", frozen_statistics)
    x = keras.layers.MaxPooling2D(positions, name=f"{name}_max")(x)
    return keras.layers.Reshape((-1, n_channels), name=f"{name}_squeeze")(x)
