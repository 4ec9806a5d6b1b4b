"""DCNN of artist group factors: seven convolutions with ELU, mean over time and bands, a dense layer.

In: patches (batch, time, 128) float32, mel bands in decibels. Out: embedding (batch, 256) float32, the dense layer
after its batch normalisation and ELU, which is what a classifier on features reads. The time axis is free from 16
frames on, because four poolings halve it and a mean reduces the rest. There are no published weights: it is trained
from scratch, and its tail goes straight to the classes: ``hidden = 0`` in a recipe.

The first layer shifts and scales every band by fixed numbers, mean and deviation over the frames of the training
tracks, set before training and never trained. They are weights like others, so that an exported graph takes decibels. A
deviation below 1 dB counts as 1 dB: a band that is silent in all of the training music (an MP3's ceiling) would
otherwise be blown up in music where it is not.

This is the paper's table 2, that column as it is printed. The authors' code (Lasagne-MultiTaskLearning) differs in
three places: a dropout of .1 after the first block, none of the batch normalisation after convolution 7, and a dropout
of .5 before the dense layer. ELU comes after the pooling here and before it there, which is the same, because ELU keeps
the order of numbers, at a quarter of its cost. With 16 outputs that makes 566 928 trainable numbers and 573 096 with 40
(convolutions 495 296, batch normalisation 1 728, dense layer 65 792, outputs 257 each); the code's placement would make
512 fewer. 1 984 numbers are not trained: statistics, and the 256 of the first layer.

References
----------
J. Kim, M. Won, X. Serra and C. C. S. Liem, "Transfer learning of artist group factors to musical genre classification"
(WWW 2018 companion), table 2 and sections 3.2.1, 3.2.2 and 4.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import FixedBatchNormalization, connect, drop, he_initialiser, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.DCNN
EMBEDDING_SIZE = 256
EMBEDDING_NODE = "model/dense/Elu"
EMBEDDING_OP = "Elu"
N_DENSE = 1
FREE_TIME = True
INPUT_NORM = None
FROZEN_UNTIL = "pool"  # the convolutions; the dense layer of the embedding trains
DEPTHS = ("conv_2_elu", "conv_4_elu", FROZEN_UNTIL, "embedding")
INPUT_STANDARDIZE = "input_standardize"
INPUT_DEVIATION_FLOOR = 1.0
SHARED_UNTIL = "conv_1_elu"
PARAMETERS_50 = (575666, 1984)  # ours: 566 928 with sixteen outputs and 34 x 257

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

# (filters, kernel, batch normalisation, (frames, bands) of the pooling, dropout) of the convolutions
CONVOLUTIONS = (
    (16, 5, False, (1, 2), 0.0),
    (32, 3, True, (2, 2), 0.1),
    (64, 3, False, (2, 2), 0.0),
    (64, 3, True, (2, 2), 0.1),
    (128, 3, False, (2, 2), 0.0),
    (256, 3, False, None, 0.0),
    (256, 1, True, None, 0.0),
)
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # Lasagne's default, which the authors used; it also serves small sets: see resnet
EPSILON = 1e-6  # of the standardisation, whose variances are 1 or more
FACTOR_STEP = 1 / 1024


def build(front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, factor: float = 1.0) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of mel bands.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    factor : float
        Filters and units are so many times the paper's, rounded; see `widen`.

    Returns
    -------
    keras.Model
        Patches (batch, time, n_bands) float32 -> embedding (batch, 256 * factor) float32.

    References
    ----------
    Kim et al. (2018), table 2.
    """
    kl = keras.layers
    n_bands = front_end.n_bands
    patches = keras.Input((None, n_bands), name="patches")
    standardize = FixedBatchNormalization(center=False, scale=False, epsilon=EPSILON, name=INPUT_STANDARDIZE)
    x = kl.Reshape((-1, n_bands, 1), name="expand")(standardize(patches))
    for number, (n_filters, size, normalised, pool, dropout) in enumerate(CONVOLUTIONS, start=1):
        name = f"conv_{number}"
        n_filters, start = _scale(n_filters, factor), he_initialiser()
        x = kl.Conv2D(n_filters, (size, size), padding="same", kernel_initializer=start, name=name)(x)
        if normalised:
            x = normalise(x, f"{name}_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
        if pool:
            x = kl.MaxPooling2D(pool, name=f"{name}_pool")(x)
        x = kl.ELU(name=f"{name}_elu")(x)
        if dropout:
            x = kl.Dropout(dropout, name=f"{name}_dropout")(x)
    x = kl.GlobalAveragePooling2D(name="pool")(x)
    x = connect(normalise(x, "pool_norm", frozen_statistics, BATCH_NORM_MOMENTUM), _scale(EMBEDDING_SIZE, factor), "fc")
    x = normalise(x, "fc_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
    return keras.Model(patches, kl.ELU(name="embedding")(x), name="backbone")


tail = functools.partial(drop, rate=TAIL_DROPOUT)


def widen(n_networks: int, n_outputs: int) -> dict[str, object]:
    """Find the size of one network with as many trainable numbers as several.

    Section 4 of the paper compares its networks with "wide" ones of "an equal number of parameters" and does not say
    how they are widened. Here all filters and units grow by one factor.

    Parameters
    ----------
    n_networks : int
        How many networks of the usual size, each with its outputs.
    n_outputs : int
        Outputs of the wide network and of each of the others.

    Returns
    -------
    dict[str, object]
        Keyword arguments of `build`.
    """
    wanted = n_networks * count_parameters(1.0, n_outputs)
    # Filters alone would grow with the square root, so the factor is no larger than the number of networks.
    steps = range(round(1 / FACTOR_STEP), round(n_networks / FACTOR_STEP) + 1)
    factor = min((n * FACTOR_STEP for n in steps), key=lambda factor: abs(count_parameters(factor, n_outputs) - wanted))
    return {"factor": factor}


def count_parameters(factor: float, n_outputs: int) -> int:
    """Count the trainable numbers of the network with a layer of `n_outputs` behind its tail."""
    total, n_inputs = 0, 1
    for n_filters, size, normalised, _, _ in CONVOLUTIONS:
        n_filters = _scale(n_filters, factor)
        total += n_filters * (size * size * n_inputs + 1) + 2 * n_filters * normalised
        n_inputs = n_filters
    n_units = _scale(EMBEDDING_SIZE, factor)
    return total + 2 * n_inputs + (n_inputs + 1) * n_units + 2 * n_units + (n_units + 1) * n_outputs


def _scale(n_units: int, factor: float) -> int:
    return max(1, round(factor * n_units))
