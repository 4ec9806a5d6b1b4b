"""Frame-level CNN: a first convolution as long as an analysis window, two more with pooling, a dense layer.

In: patches (batch, 48 000) float32, three seconds of samples at 16 kHz between -1 and 1; the twins, `framecnn-mel-...`,
read mel bands in place of the first convolution. Out: embedding (batch, 100) float32, a dense layer with ReLU that the
classes follow: ``hidden = 0`` in a recipe. There are no published weights: it is trained from scratch. `framecnn` has
filters of 1024 samples, 512 apart; the others have the filter and the stride in their names. Samples, or bands, are
shifted and scaled by the mean and the deviation of the training tracks, which are weights like others.

The paper is silent on some of it, so that part follows secondary sources: 128 filters in the first layer where the
twins have 128 mel bands, 32 in the others, whose kernels have eight steps, and pooling of four, or of what is left.
Batch normalisation follows the first convolution, whose output has no scale of its own, and no other; and the dense
layer has a dropout of one half behind it. The published twin of 96 bands and 187 frames has 66 thousand numbers, which
this one reproduces.

References
----------
S. Dieleman and B. Schrauwen, "End-to-end learning for music audio" (ICASSP 2014).
https://github.com/jordipons/musicnn-training, model "dieleman": kernels, filters and poolings.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import FixedBatchNormalization, connect, convolve, drop, he_initialiser, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.WAVE_3S
EMBEDDING_SIZE = 100
EMBEDDING_NODE = "model/dense/Relu"
EMBEDDING_OP = "Relu"
N_DENSE = 1
FREE_TIME = False
INPUT_NORM = None
INPUT_STANDARDIZE = "input_standardize"
INPUT_DEVIATION_FLOOR = 1e-3  # -60 dBFS
FROZEN_UNTIL = "pool_1"
DEPTHS = ("stem_relu", FROZEN_UNTIL, "pool_2", "embedding")

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

FIRST = (1024, 512)  # samples of the first convolution, and of its stride
N_BANDS = 128  # filters there
N_FILTERS = 32
KERNEL = 8
POOL = 4
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets
EPSILON = 1e-6
MEL_DEVIATION_FLOOR = 0.1  # of log10(1 + 10000 x)


def build(
    front_end: FrontEnd = FRONT_END,
    *,
    frozen_statistics: bool = False,
    width: int = N_FILTERS,
    first: tuple[int, int] = FIRST,
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of samples; or frames and mel bands, which take the place of the first convolution.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Filters of the last two convolutions; the first has four times as many.
    first : tuple[int, int]
        Samples of the first convolution, and of its stride.

    Returns
    -------
    keras.Model
        Samples (batch, n_samples) or bands (batch, n_frames, n_bands) float32 -> embedding (batch, 100) float32.
    """
    kl = keras.layers
    standardize = FixedBatchNormalization(center=False, scale=False, epsilon=EPSILON, name=INPUT_STANDARDIZE)
    if front_end.kind == "waveform":
        inputs = keras.Input((front_end.patch_frames,), name="samples")
        x = standardize(kl.Reshape((-1, 1), name="expand")(inputs))
        n_bands = N_BANDS * width // N_FILTERS
        x = kl.Conv1D(n_bands, first[0], strides=first[1], kernel_initializer=he_initialiser(), name="stem")(x)
        x = kl.ReLU(name="stem_relu")(normalise(x, "stem_norm", frozen_statistics, BATCH_NORM_MOMENTUM))
    else:
        inputs = keras.Input((front_end.patch_frames, front_end.n_bands), name="patches")
        x = kl.Activation("linear", name="stem_relu")(standardize(inputs))
    for number in (1, 2):
        x = convolve(x, width, KERNEL, f"conv_{number}")
        x = kl.MaxPooling1D(min(POOL, x.shape[1]), name=f"pool_{number}")(x)
    x = connect(kl.Flatten(name="flatten")(x), EMBEDDING_SIZE, "fc")
    return keras.Model(inputs, kl.ReLU(name="embedding")(x), name="backbone")


tail = functools.partial(drop, rate=TAIL_DROPOUT)


VARIANTS = {
    **{f"framecnn-{w}-{h}": {"build": functools.partial(build, first=(w, h))} for w, h in frontends.FRAME_LEVEL},
    **{name: {"INPUT_DEVIATION_FLOOR": MEL_DEVIATION_FLOOR} for name in frontends.FRAME_TWINS},
}
