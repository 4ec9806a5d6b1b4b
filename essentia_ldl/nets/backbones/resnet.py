"""ResNet of the paper on uncertainty: a convolution, five residual blocks with average pooling between, global mean.

In: patches (batch, time, 96) float32, log-compressed mel bands. Out: embedding (batch, 256) float32, the mean over time
and bands, which the paper's network gives straight to the classes: ``hidden = 0`` in a recipe. The time axis is free.
There are no published weights: it is trained from scratch.

Widths, kernels, poolings and dropout are the paper's table. It is silent on what is inside a block, so that part is
ours: convolution, batch normalisation, ReLU, dropout, convolution, batch normalisation, and ReLU of the sum with the
block's input, which a 1 x 1 convolution widens where the number of channels changes. Batch normalisation also follows
the first convolution, whose input is not normalised otherwise, and kernels are (frames, bands). With eight classes that
makes 392 712 trainable numbers (390 280 of the convolutions and the last layer, 2 432 of batch normalisation) where the
paper says "420 thousand"; no arrangement of two convolutions a block gives exactly its number.

References
----------
H. Lukashevich, S. Grollmisch and J. Abeßer, "Quantifying uncertainty in music genre classification" (2023), figure 1.
S. Grollmisch and E. Cano, "Improving semi-supervised learning for audio classification with FixMatch" (Electronics
10(15), 2021).
"""

from __future__ import annotations

from essentia_ldl import frontends
from essentia_ldl.nets.layers import he_initialiser, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.RESNET
EMBEDDING_SIZE = 256
EMBEDDING_NODE = "model/global_average_pooling/Mean"
EMBEDDING_OP = "Mean"
N_DENSE = 0
FREE_TIME = True
INPUT_NORM = None
FROZEN_UNTIL = "block_3_relu"  # the last two of five blocks train
DEPTHS = ("stem_relu", "block_1_relu", "block_2_relu", FROZEN_UNTIL, "block_4_relu", "embedding")
PARAMETERS_50 = (403506, 2432)  # ours: 392 712 with eight outputs and 42 x 257

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

STEM_KERNEL = (5, 5)
# (width of 64, kernel, whether a 2 x 2 average pooling follows) of the blocks
BLOCKS = ((1, (3, 1), True), (1, (3, 3), True), (1, (3, 3), False), (2, (3, 1), True), (4, (1, 1), False))
DROPOUT = 0.1
# The stored statistics of 11 layers must have reached those of the data before validation means anything. With the .99
# of the other networks, which begin near 0 and 1, 80 steps were not enough: a training loss of 0.07, 22 in validation.
BATCH_NORM_MOMENTUM = 0.9


def build(
    front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, n_filters: int = 64, dropout: float = DROPOUT
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of mel bands.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    n_filters : int
        Filters of the first convolution and blocks; the last two blocks have two and four times as many.
    dropout : float
        Share of a block's values that training leaves out.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands) float32 -> embedding (batch, 4 * n_filters) float32.

    References
    ----------
    Lukashevich et al. (2023), figure 1.
    """
    kl = keras.layers
    patches = keras.Input((None, front_end.n_bands), name="patches")
    x = kl.Reshape((-1, front_end.n_bands, 1), name="expand")(patches)
    x = _convolve(x, n_filters, STEM_KERNEL, "stem")
    x = kl.ReLU(name="stem_relu")(normalise(x, "stem_norm", frozen_statistics, BATCH_NORM_MOMENTUM))
    for number, (width, kernel, pooled) in enumerate(BLOCKS, start=1):
        x = _add_block(x, width * n_filters, kernel, f"block_{number}", dropout, frozen_statistics)
        if pooled:
            x = kl.AveragePooling2D((2, 2), name=f"block_{number}_pool")(x)
    return keras.Model(patches, kl.GlobalAveragePooling2D(name="embedding")(x), name="backbone")


def tail(embedding: keras.KerasTensor, *, frozen_statistics: bool = False) -> keras.KerasTensor:
    """Continue from the embedding to the next dense layer: nothing, as in the paper.

    Parameters
    ----------
    embedding : keras.KerasTensor [shape=(batch, 256), float32]
        Output of `build`.
    frozen_statistics : bool
        Part of the protocol; this tail has no batch normalisation.

    Returns
    -------
    keras.KerasTensor [shape=(batch, 256), float32]
        Input of the next dense layer.
    """
    del frozen_statistics
    return embedding


def _add_block(
    x: keras.KerasTensor, n_filters: int, kernel: tuple[int, int], name: str, dropout: float, frozen_statistics: bool
) -> keras.KerasTensor:
    kl = keras.layers
    y = normalise(
        _convolve(x, n_filters, kernel, f"{name}_1"), f"{name}_1_norm", frozen_statistics, BATCH_NORM_MOMENTUM
    )
    y = kl.Dropout(dropout, name=f"{name}_dropout")(kl.ReLU(name=f"{name}_1_relu")(y))
    y = normalise(
        _convolve(y, n_filters, kernel, f"{name}_2"), f"{name}_2_norm", frozen_statistics, BATCH_NORM_MOMENTUM
    )
    if x.shape[-1] != n_filters:
        x = _convolve(x, n_filters, (1, 1), f"{name}_shortcut")
    return kl.ReLU(name=f"{name}_relu")(kl.Add(name=f"{name}_sum")([x, y]))


def _convolve(x: keras.KerasTensor, n_filters: int, kernel: tuple[int, int], name: str) -> keras.KerasTensor:
    """Convolve without activation: batch normalisation comes before the ReLU here, unlike in the other networks."""
    return keras.layers.Conv2D(n_filters, kernel, padding="same", kernel_initializer=he_initialiser(), name=name)(x)
