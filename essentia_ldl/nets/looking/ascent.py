"""Waveforms that excite the filters of a layer, by gradient ascent: what deeper layers of a network listen to.

In: a trained network and the name of a convolution. Out: the spectra of waveforms that make its filters answer most,
one waveform per filter, in the order of their peaks. Nothing is drawn but the noise at the start, from a seed.

A waveform begins as noise and goes up the gradient of the filter's mean activation over time, by steps as long as
`STEP` of its own length; after each its mean is taken away, which no music has, and it is scaled to the deviation of
the samples that the network was trained on, or to `LOUDNESS`, and clipped at full scale. The activation is that of the
rectifier behind the convolution and its batch normalisation, with a slope of `LEAK` where that is silent, so that a
filter that answers no noise finds its way too.

A waveform has `FRAME` samples, or three times as many until the layer has an output, up to a whole patch; of layers
that need long ones fewer filters are shown, so that none takes longer than another by much (`MOST_SAMPLES`).

References
----------
D. Erhan, Y. Bengio, A. Courville and P. Vincent, "Visualizing higher-layer features of a deep network" (2009).
T. Kim, J. Lee and J. Nam, "Comparison and analysis of SampleCNN architectures for audio classification" (IEEE JSTSP
13(2), 2019), figure 7: the spectra, sorted; how long the waveforms are and how often they step is chosen here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tqdm import tqdm

from essentia_ldl.nets.classifier import apply_copies, copy_weights
from essentia_ldl.nets.looking.spectra import FRAME, sort_spectra, transform_waveforms
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.progress import hides_bars
from essentia_ldl.runs.looks import Spectra

N_STEPS = 40
STEP = 0.3
LEAK = 0.01
LOUDNESS = 0.1  # root mean square, of full scale
MOST_SAMPLES = 2**19  # of all waveforms of a layer together
BATCH_SAMPLES = 2**17  # of those that step at once, which bounds the memory


def look_at_layer(model: keras.Model, layer: str, sample_rate_hz: int, seed: int, standardize: str = "") -> Spectra:
    """Return the spectra of waveforms that excite the filters of a convolution.

    Parameters
    ----------
    model : keras.Model
        Samples (batch, n_samples) float32 -> anything.
    layer : str
        A convolution over time, or over bands and time.
    sample_rate_hz : int
        Of the samples.
    seed : int
        Of the noise at the start.
    standardize : str
        Name of the layer that scales samples, whose deviation waveforms take; "" for networks without one.

    Returns
    -------
    Spectra
        Of as many filters as `MOST_SAMPLES` allows, evenly spaced over the layer.
    """
    loudness = LOUDNESS
    if standardize:
        loudness = float(np.sqrt(model.get_layer(standardize).moving_variance.numpy()[0])) or LOUDNESS
    shortened = shorten(model, layer)
    n_samples, n_filters = shortened.input_shape[1], shortened.output_shape[-1]
    numbers = choose_filters(n_filters, n_samples)
    random = np.random.default_rng([seed, model.layers.index(model.get_layer(layer))])
    starts = random.standard_normal((len(numbers), n_samples), dtype=np.float32)
    climb = _make_step(shortened, loudness)
    size = max(1, BATCH_SAMPLES // n_samples)
    pieces = []
    for first in tqdm(range(0, len(numbers), size), desc=f"ascent {layer}", unit="batch", disable=hides_bars()):
        chosen = tf.constant(numbers[first : first + size], tf.int32)
        waveforms = _bound(tf.constant(starts[first : first + size]), loudness)
        for _ in range(N_STEPS):
            waveforms = climb(waveforms, chosen)
        pieces.append(transform_waveforms(waveforms.numpy()))
    found = numbers, np.concatenate(pieces)
    return sort_spectra(layer, sample_rate_hz, (n_filters, n_samples), found)


def choose_filters(n_filters: int, n_samples: int) -> np.ndarray:
    """Choose the filters to look at with waveforms so long, evenly spaced, (n,) int64; all where there is room."""
    n_shown = min(n_filters, max(1, MOST_SAMPLES // n_samples))
    return np.arange(n_shown, dtype=np.int64) * n_filters // n_shown


def shorten(model: keras.Model, layer: str) -> keras.Model:
    """Make the part of a network up to a convolution, for as few samples as it has an output for.

    Returns
    -------
    keras.Model
        Samples (batch, n) float32 -> (batch, ..., n_filters), before the rectifier behind the convolution: what its
        batch normalisation makes of it where that follows, else its own output.
    """
    target = model.get_layer(layer)
    names = {one.name for one in model.layers}
    is_bare = getattr(target, "activation", None) is keras.activations.linear
    end = f"{layer}_norm" if is_bare and f"{layer}_norm" in names else layer
    lower = keras.Model(model.input, model.get_layer(end).output)

    def configure(one: keras.layers.Layer) -> dict[str, Any]:
        return {**one.get_config(), **({"activation": "linear"} if one.name == layer else {})}

    longest = model.input_shape[1]
    lengths = [FRAME * 3**n for n in range(20) if FRAME * 3**n < longest]
    tried = (_build(lower, n_samples, configure) for n_samples in (*lengths, longest))
    built = next(model for model in tried if model is not None)  # for the longest the network itself was built
    copy_weights(lower, built)
    return built


def _build(
    lower: keras.Model, n_samples: int, configure: Callable[[keras.layers.Layer], dict[str, Any]]
) -> keras.Model | None:
    """Build the same layers for so many samples; None where that is too few for one of them."""
    samples = keras.Input((n_samples,), name="samples")
    try:
        outputs = apply_copies(lower, lower.input, samples, configure)
    except ValueError:
        return None
    built = keras.Model(samples, outputs[0])
    return built if all(min(layer.output.shape[1:], default=1) > 0 for layer in built.layers) else None


def _make_step(model: keras.Model, loudness: float) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    n_filters = model.output_shape[-1]
    places = tuple(range(1, len(model.output_shape) - 1))

    @tf.function(autograph=False, reduce_retracing=True)
    def climb(waveforms: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(waveforms)
            active = tf.nn.leaky_relu(model(waveforms, training=False), LEAK)
            # waveforms do not know of one another: the gradient of the sum is that of each
            total = tf.reduce_sum(tf.reduce_mean(active, places) * tf.one_hot(chosen, n_filters))
        gradient = tape.gradient(total, waveforms)
        gradient -= tf.reduce_mean(gradient, 1, keepdims=True)
        return _bound(waveforms + STEP * loudness * _scale(gradient), loudness)

    return climb


def _bound(waveforms: tf.Tensor, loudness: float) -> tf.Tensor:
    """Take the mean away, and scale to a root mean square, at full scale at most."""
    centred = waveforms - tf.reduce_mean(waveforms, 1, keepdims=True)
    return tf.clip_by_value(loudness * _scale(centred), -1.0, 1.0)


def _scale(values: tf.Tensor) -> tf.Tensor:
    """Scale rows to a root mean square of 1; one of zeros stays."""
    squares = tf.reduce_mean(tf.square(values), 1, keepdims=True)
    return tf.math.divide_no_nan(values, tf.sqrt(squares))
