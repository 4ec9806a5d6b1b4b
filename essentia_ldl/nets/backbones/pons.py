"""The two front-ends of music tagging at scale, from spectrograms and from waveforms, with the back-end they share.

In: patches (batch, 187, 96) float32, mel bands as MusiCNN reads them, of `pons`; (batch, 48 000) float32 samples at
16 kHz of `pons-wave`, between -1 and 1, shifted and scaled by the mean and the deviation of the training tracks. Out:
embedding (batch, 500) float32, a dense layer with ReLU and batch normalisation. There are no published weights: it is
trained from scratch.

The front-end on spectrograms has filters of 7, 3 and 1 frames and nine or four tenths of the bands, followed by the
largest value over bands, and filters of 165, 128, 64 and 32 frames on the bands' mean; that on waveforms seven
convolutions of three samples. The back-end has a convolution over all channels, two more with a shortcut around them,
a pooling between, maximum and mean over time, and dropout of one half before and after the dense layer. The lengths of
its patches are not in the authors' code: three seconds here, as in their MusiCNN. Their batch normalisation of a
convolution with a shortcut has one scale for all channels, which stand on another axis there; here it has one each.

References
----------
J. Pons, O. Nieto, M. Prockup, E. Schmidt, A. Ehmann and X. Serra, "End-to-end learning for music audio tagging at
scale" (ISMIR 2018), section 3; https://github.com/jordipons/music-audio-tagging-at-scale-models.
"""

from __future__ import annotations

import functools

from essentia_ldl import frontends
from essentia_ldl.nets.layers import FixedBatchNormalization, connect, convolve, drop, normalise
from essentia_ldl.nets.runtime import keras
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.MUSICNN
EMBEDDING_SIZE = 500
EMBEDDING_NODE = "model/batch_normalization/add"
EMBEDDING_OP = "batch normalization"
N_DENSE = 1
FREE_TIME = False
INPUT_NORM = None
FROZEN_UNTIL = "front_end"
DEPTHS = (FROZEN_UNTIL, "back_1_norm", "back_2_sum", "pooled", "embedding")

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

N_FILTERS = 16
TIMBRAL = tuple((frames, share, factor) for share in (0.9, 0.4) for frames, factor in ((7, 1), (3, 2), (1, 4)))
TEMPORAL = ((165, 1), (128, 2), (64, 4), (32, 8))  # frames, and filters as a multiple
WAVE_CHANNELS = (64, 64, 64, 128, 128, 128, 256)
N_BACK = 512
KERNEL = 7
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets
EPSILON = 1e-6


def build(front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, width: int = N_FILTERS) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives frames and mel bands, or the number of samples.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Filters of the narrowest layers; all others but the dense layer grow with it.

    Returns
    -------
    keras.Model
        Bands (batch, n_frames, n_bands) or samples (batch, n_samples) float32 -> embedding (batch, 500) float32.
    """
    kl = keras.layers
    if front_end.kind == "waveform":
        inputs, x = _hear(front_end, width / N_FILTERS, frozen_statistics)
    else:
        inputs, x = _look(front_end, width, frozen_statistics)
    n_back = N_BACK * width // N_FILTERS
    x = kl.Activation("linear", name="front_end")(x)
    x = _normalise(convolve(x, n_back, KERNEL, "back_1"), "back_1", frozen_statistics)
    for number in (2, 3):
        name = f"back_{number}"
        y = _normalise(convolve(x, n_back, KERNEL, name, padding="same"), name, frozen_statistics)
        x = kl.Add(name=f"{name}_sum")([y, x])
        if number == 2:
            x = kl.MaxPooling1D(2, name="back_pool")(x)
    largest, mean = kl.GlobalMaxPooling1D(name="largest")(x), kl.GlobalAveragePooling1D(name="mean")(x)
    x = kl.Dropout(TAIL_DROPOUT, name="pooled_dropout")(kl.Concatenate(name="pooled")([largest, mean]))
    x = kl.ReLU(name="fc_relu")(connect(x, EMBEDDING_SIZE, "fc"))
    x = normalise(x, "embedding", frozen_statistics, BATCH_NORM_MOMENTUM)
    return keras.Model(inputs, x, name="backbone")


tail = functools.partial(drop, rate=TAIL_DROPOUT)


def _look(front_end: FrontEnd, width: int, frozen_statistics: bool) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Make the front-end on spectrograms."""
    kl, n_bands, found = keras.layers, front_end.n_bands, []
    patches = keras.Input((front_end.patch_frames, n_bands), name="patches")
    image = kl.Reshape((front_end.patch_frames, n_bands, 1), name="expand")(patches)
    for number, (n_frames, share, factor) in enumerate(TIMBRAL, start=1):
        name, height = f"timbral_{number}", int(share * n_bands)
        x = kl.ZeroPadding2D((n_frames // 2, 0), name=f"{name}_pad")(image) if n_frames > 1 else image
        x = _normalise(convolve(x, factor * width, (n_frames, height), name), name, frozen_statistics)
        x = kl.MaxPooling2D((1, n_bands - height + 1), name=f"{name}_pool")(x)
        found.append(kl.Reshape((front_end.patch_frames, factor * width), name=f"{name}_flat")(x))
    means = kl.AveragePooling1D(n_bands, data_format="channels_first", name="band_mean")(patches)
    for number, (n_frames, factor) in enumerate(TEMPORAL, start=1):
        name = f"temporal_{number}"
        x = convolve(means, factor * width, n_frames, name, padding="same")
        found.append(_normalise(x, name, frozen_statistics))
    return patches, kl.Concatenate(name="features")(found)


def _hear(front_end: FrontEnd, factor: float, frozen_statistics: bool) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Make the front-end on waveforms."""
    kl = keras.layers
    samples = keras.Input((front_end.patch_frames,), name="samples")
    x = kl.Reshape((-1, 1), name="expand")(samples)
    x = FixedBatchNormalization(center=False, scale=False, epsilon=EPSILON, name="input_standardize")(x)
    for number, n_channels in enumerate(WAVE_CHANNELS):
        name, n_channels = f"wave_{number}", max(1, round(factor * n_channels))
        if number == 0:
            x = kl.Conv1D(n_channels, 3, strides=3, activation="relu", kernel_initializer="he_normal", name=name)(x)
        else:
            x = convolve(x, n_channels, 3, name)
        x = _normalise(x, name, frozen_statistics)
        if number:
            x = kl.MaxPooling1D(3, name=f"{name}_pool")(x)
    return samples, x


def _normalise(x: keras.KerasTensor, name: str, frozen_statistics: bool) -> keras.KerasTensor:
    return normalise(x, f"{name}_norm", frozen_statistics, BATCH_NORM_MOMENTUM)


VARIANTS = {"pons-wave": {"INPUT_STANDARDIZE": "input_standardize", "INPUT_DEVIATION_FLOOR": 1e-3}}
