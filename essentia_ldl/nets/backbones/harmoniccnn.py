"""HarmonicCNN: harmonic filters whose widths are learnt, on a spectrogram inside the graph, and a CNN on top.

In: patches (batch, 80 000) float32, five seconds of samples at 16 kHz between -1 and 1. Out: embedding (batch, 256)
float32, a dense layer after its batch normalisation and ReLU; the classes follow: ``hidden = 0`` in a recipe. There are
no published weights: it is trained from scratch.

The filters are triangles around 128 frequencies, half a semitone apart from C1 on, and around five multiples of each.
A triangle around f is (alpha f + beta) / Q wide, the equivalent rectangular bandwidth with alpha = 0.1079 and
beta = 24.7. The slide names alpha and beta as what is learnt; the authors' code learns Q alone by default, and so does
`harmoniccnn`; `harmoniccnn-free` learns all three. With 50 outputs `harmoniccnn` has 3 631 551 trainable numbers.

The spectrogram is a matrix product with cosines and sines under a Hann window, whose operations every TensorFlow and
OpenVINO know. RFFT in its place, which TensorFlow 2.5 knows too, answers the same and is no quicker: alternating in
Essentia's TensorFlow, five seconds at a time, it took 1.17 times the processor time for the filters alone, 1.09 times
for a network 16 channels wide and 1.02 times for the whole one, which spends 4 % of its time there. The authors' code
pads the ends by reflection where this one puts silence.

References
----------
M. Won, S. Chun, O. Nieto and X. Serra, "Data-driven harmonic filters for audio representation learning" (ICASSP 2020),
section 2 and figure 2; https://github.com/minzwon/data-driven-harmonic-filters for what the paper leaves out.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.nets.layers import connect, drop, he_initialiser, narrow_sizes, normalise
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.records import FrontEnd

FRONT_END = frontends.WAVE_5S
EMBEDDING_SIZE = 256
EMBEDDING_NODE = "model/dense/Relu"
EMBEDDING_OP = "Relu"
N_DENSE = 1
FREE_TIME = False
INPUT_NORM = None
FROZEN_UNTIL = "block_4"
DEPTHS = ("filters", "block_1", FROZEN_UNTIL, "pool", "embedding")
PARAMETERS_50 = (3631551, 12 + 2 * (7 * 128 + 5 * 256 + 256))

CHECKPOINTS: dict[str, str] = {}
CHECKPOINT_SIZES: dict[str, dict[str, object]] = {}
CHECKPOINT_LAYERS: dict[str, str] = {}

FFT = 512  # samples of a window; half of them from one to the next
N_HARMONICS = 6
LOWEST, HIGHEST, PER_SEMITONE = 24, 88, 2  # notes in MIDI's numbers: C1, and E6 left out
ALPHA, BETA, Q = 0.1079, 24.7, 1.0
FLOOR = 1e-10  # of a power, in decibels -100
POOLS = ((2, 2),) * 6 + ((2, 3),)  # bands and frames
WIDTH = 128
TAIL_DROPOUT = 0.5
BATCH_NORM_MOMENTUM = 0.9  # see resnet: it serves small sets


def list_frequencies() -> np.ndarray:
    """List the centres of the filters in Hz, (n_harmonics, n_bands) float32."""
    notes = LOWEST + np.arange((HIGHEST - LOWEST) * PER_SEMITONE) / PER_SEMITONE
    fundamentals = 440.0 * 2.0 ** ((notes - 69) / 12)
    return (np.arange(1, N_HARMONICS + 1)[:, np.newaxis] * fundamentals).astype(np.float32)


@keras.saving.register_keras_serializable("essentia_ldl")
class HarmonicFilters(keras.layers.Layer):
    """Spectrogram of samples through harmonic filters, in decibels: (batch, n) -> (batch, bands, frames, harmonics).

    Parameters
    ----------
    sample_rate_hz : int
        Of the samples.
    free : bool
        Whether alpha and beta are learnt as well as Q.
    **settings : Any
        Of any Keras layer, such as its name.
    """

    def __init__(self, sample_rate_hz: int, free: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.sample_rate_hz, self.free = sample_rate_hz, free

    def build(self, shape: tuple[int | None, int]) -> None:
        """Make the numbers of the widths."""
        del shape
        for name, value in (("alpha", ALPHA), ("beta", BETA), ("q", Q)):
            start, trained = keras.initializers.Constant(value), self.free or name == "q"
            if trained:
                value = self.add_weight(shape=(), initializer=start, dtype="float32", name=name)
            setattr(self, f"_{name}", value)

    def call(self, samples: tf.Tensor) -> tf.Tensor:
        """Filter samples."""
        hop, n_samples = FFT // 2, samples.shape[1]
        n_hops = (n_samples + 2 * hop) // hop
        padded = tf.pad(samples, [[0, 0], [hop, hop]])[:, : n_hops * hop]
        hops = tf.reshape(padded, (-1, n_hops, hop))
        frames = tf.reshape(tf.concat([hops[:, :-1], hops[:, 1:]], axis=2), (-1, FFT))
        parts = tf.matmul(frames, tf.constant(make_transform(), tf.float32))
        cosines, sines = tf.split(tf.square(parts), 2, axis=1)
        bands = tf.matmul(cosines + sines, self.make_filters())
        decibels = 10 / np.log(10).astype(np.float32) * tf.math.log(tf.maximum(bands, FLOOR))
        shape = (-1, n_hops - 1, N_HARMONICS, bands.shape[1] // N_HARMONICS)
        return tf.transpose(tf.reshape(decibels, shape), (0, 3, 1, 2))

    def make_filters(self) -> tf.Tensor:
        """Make the triangles of the present widths, (n_bins, n_harmonics * n_bands)."""
        centres = tf.constant(list_frequencies().reshape(1, -1))
        alpha, beta, q = self._list_widths()
        widths = (alpha * centres + beta) / q
        bins = tf.constant(np.linspace(0, self.sample_rate_hz / 2, FFT // 2 + 1, dtype=np.float32)[:, np.newaxis])
        return tf.maximum(0.0, 1.0 - 2.0 * tf.abs(bins - centres) / widths)

    def read_widths(self) -> tuple[float, float, float]:
        """Return alpha, beta and Q as they are now."""
        alpha, beta, q = (float(value.numpy()) for value in self._list_widths())
        return alpha, beta, q

    def _list_widths(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(value, tf.float32) for value in (self._alpha, self._beta, self._q)]

    def compute_output_shape(self, shape: tuple[int | None, int]) -> tuple[int | None, int, int, int]:
        """Return the shape for one of samples."""
        hop = FFT // 2
        return shape[0], (HIGHEST - LOWEST) * PER_SEMITONE, (shape[1] + 2 * hop) // hop - 1, N_HARMONICS

    def get_config(self) -> dict[str, Any]:
        """Return what makes a layer like this one."""
        return {**super().get_config(), "sample_rate_hz": self.sample_rate_hz, "free": self.free}


def make_transform() -> np.ndarray:
    """Make the matrix from a frame to the cosine and sine parts of its spectrum under a Hann window."""
    angles = 2 * np.pi * np.outer(np.arange(FFT), np.arange(FFT // 2 + 1)) / FFT
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)
    return (window[:, np.newaxis] * np.concatenate([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)


def build(
    front_end: FrontEnd = FRONT_END, *, frozen_statistics: bool = False, width: int = WIDTH, free: bool = False
) -> keras.Model:
    """Build the network up to its embedding.

    Parameters
    ----------
    front_end : FrontEnd
        Gives the number of samples and their rate.
    frozen_statistics : bool
        Batch normalisation uses its stored statistics even in training.
    width : int
        Channels of the first four layers; the last three have twice as many.
    free : bool
        Whether alpha and beta are learnt as well as Q.

    Returns
    -------
    keras.Model
        Samples (batch, n_samples) float32 -> embedding (batch, 2 * width) float32.
    """
    kl = keras.layers
    samples = keras.Input((front_end.patch_frames,), name="samples")
    x = HarmonicFilters(front_end.sample_rate_hz, free, dtype="float32", name="filters")(samples)
    x = normalise(x, "filters_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
    for number, pool in enumerate(POOLS, start=1):
        name, n_channels = f"block_{number}", width if number < 5 else 2 * width
        y = _convolve(x, n_channels, f"{name}_1", frozen_statistics)
        if x.shape[-1] == n_channels:
            y = _convolve(kl.ReLU(name=f"{name}_1_relu")(y), n_channels, f"{name}_2", frozen_statistics)
            y = kl.Add(name=f"{name}_sum")([x, y])
        y = kl.ReLU(name=f"{name}_relu")(y)
        pool = tuple(min(size, length) for size, length in zip(pool, y.shape[1:3], strict=True))
        x = kl.MaxPooling2D(pool, name=name)(y)
    x = connect(kl.GlobalMaxPooling2D(name="pool")(x), x.shape[-1], "fc")
    x = normalise(x, "fc_norm", frozen_statistics, BATCH_NORM_MOMENTUM)
    return keras.Model(samples, kl.ReLU(name="embedding")(x), name="backbone")


narrow = functools.partial(narrow_sizes, width=WIDTH)
tail = functools.partial(drop, rate=TAIL_DROPOUT)


def _convolve(x: keras.KerasTensor, n_channels: int, name: str, frozen_statistics: bool) -> keras.KerasTensor:
    x = keras.layers.Conv2D(n_channels, 3, padding="same", kernel_initializer=he_initialiser(), name=name)(x)
    return normalise(x, f"{name}_norm", frozen_statistics, BATCH_NORM_MOMENTUM)


VARIANTS = {"harmoniccnn-free": {"build": functools.partial(build, free=True), "PARAMETERS_50": None}}
