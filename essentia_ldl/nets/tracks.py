"""A pretrained MusiCNN over a stretch of a track: the same features of all its patches, in half the time.

In: a tapped MusiCNN, from patches to features. Out: a model from the bands of a stretch to the features of its patches,
equal to the other but for rounding. Two things are done otherwise:

- Patches overlap, and the timbral filters, most of the work, see seven frames: all rows of a patch but the first three
  and the last three, where the patch is padded, are those of the stretch, and computed once.
- A temporal filter reads up to 128 frames of one band, which is a product of matrices with very few columns. Here
  `BLOCK` frames are the channels of one position, so that it becomes a short filter with many channels: sixteen times
  as many results at once, for an eighth more products at 128 frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from essentia_ldl.nets.backbones import musicnn
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.records import FrontEnd

OUTPUT = "of_patches"  # name of the last layer
MARGIN = musicnn.TIMBRAL_FRAMES // 2
BLOCK = 16


def read_stretch(model: keras.Model, front_end: FrontEnd) -> keras.Model:
    """Make the model of a stretch of a track.

    Parameters
    ----------
    model : keras.Model
        Patches (batch, time, n_bands) -> features (batch, d), of MusiCNN, with its weights.
    front_end : FrontEnd
        Length of a patch and hop between patches.

    Returns
    -------
    keras.Model
        Bands (1, n_frames, n_bands) float32 of one patch at least -> features (n_patches, d) float32; its last layer is
        called `OUTPUT`.
    """
    # before any layer is called a second time, after which it has no one input
    wiring = [(layer, layer.input, layer.output) for layer in model.layers if layer.output is not model.input]
    size, n_bands = front_end.patch_frames, front_end.n_bands
    bands = keras.Input((None, n_bands), name="bands")
    patches = _lay(lambda x: _cut(x, size, front_end), "cut_patches", (size, n_bands))(bands)
    normalised = [model.get_layer(musicnn.INPUT_NORM)(model.get_layer("expand")(x)) for x in (bands, patches)]
    rows = {}
    for name in musicnn.TIMBRAL_BANDS:
        rows[f"{name}_squeeze"] = _share_timbral(model, name, *normalised, front_end)
    for name, n_frames in musicnn.TEMPORAL_FRAMES.items():
        rows[f"{name}_squeeze"] = _filter_blocks(model, name, n_frames, normalised[1], size)
    tensors = {id(model.input): patches}
    for layer, inputs, output in wiring:
        found = keras.tree.map_structure(lambda tensor: tensors[id(tensor)], inputs)
        tensors[id(output)] = rows[layer.name] if layer.name in rows else layer(found)
    return keras.Model(bands, keras.layers.Identity(name=OUTPUT)(tensors[id(model.output)]), name="tracks")


def spread_kernel(kernel: np.ndarray) -> np.ndarray:
    """Write a filter over frames as one over blocks of frames.

    Parameters
    ----------
    kernel : np.ndarray [shape=(n_frames, n_filters), float32]
        Of a filter that reads n_frames numbers.

    Returns
    -------
    np.ndarray [shape=(n_blocks, BLOCK, BLOCK * n_filters), float32]
        Blocks that are read, the frames of each, and what they give to every frame of the block they begin at.
    """
    n_frames, n_filters = kernel.shape
    spread = np.zeros((-(-(n_frames + BLOCK - 1) // BLOCK), BLOCK, BLOCK, n_filters), np.float32)
    for shift in range(BLOCK):
        read = np.arange(n_frames) + shift
        spread[read // BLOCK, read % BLOCK, shift] = kernel
    return spread.reshape(len(spread), BLOCK, BLOCK * n_filters)


def _lay(function: Callable[[tf.Tensor], tf.Tensor], name: str, shape: tuple[int | None, ...]) -> keras.layers.Lambda:
    return keras.layers.Lambda(function, output_shape=shape, name=name)


def _cut(values: tf.Tensor, n_frames: int, front_end: FrontEnd) -> tf.Tensor:
    """Take `n_frames` rows of a stretch from the start of each patch on."""
    n_patches = (tf.shape(values)[1] - n_frames) // front_end.patch_hop_frames + 1
    starts = tf.range(n_patches) * front_end.patch_hop_frames
    return tf.gather(values[0], starts[:, tf.newaxis] + tf.range(n_frames))


def _share_timbral(
    model: keras.Model, name: str, whole: keras.KerasTensor, patches: keras.KerasTensor, front_end: FrontEnd
) -> keras.KerasTensor:
    """Filter a stretch (1, n_frames, n_bands, 1) once, and of its patches only the rows at the ends."""

    def run(values: keras.KerasTensor) -> keras.KerasTensor:
        for suffix in ("", "_norm", "_max", "_squeeze"):
            values = model.get_layer(f"{name}{suffix}")(values)
        return values

    edge, inside = (3 * MARGIN, front_end.n_bands, 1), front_end.patch_frames - 2 * MARGIN
    before, after = [[0, 0], [MARGIN, 0], [0, 0], [0, 0]], [[0, 0], [0, MARGIN], [0, 0], [0, 0]]
    first = _lay(lambda x: tf.pad(x[:, : 2 * MARGIN], before), f"{name}_first", edge)(patches)
    last = _lay(lambda x: tf.pad(x[:, -2 * MARGIN :], after), f"{name}_last", edge)(patches)
    middle = run(whole)
    middle = _lay(lambda x: _cut(x, inside, front_end), f"{name}_inside", (inside, middle.shape[-1]))(middle)
    return keras.layers.Concatenate(axis=1, name=f"{name}_rows")([run(first), middle, run(last)])


def _filter_blocks(
    model: keras.Model, name: str, n_frames: int, patches: keras.KerasTensor, size: int
) -> keras.KerasTensor:
    """Filter every band of patches (n_patches, size, n_bands, 1) over time, and take the maximum over bands."""
    kernel, bias = model.get_layer(name).get_weights()
    norm = model.get_layer(f"{name}_norm")
    n_bands, n_filters = patches.shape[2], kernel.shape[-1]
    # the maximum comes first, as in `export.folding`: a channel of negative scale needs the minimum
    sign = np.where(norm.gamma.numpy() < 0, -1, 1).astype(np.float32)
    spread = spread_kernel(kernel.reshape(n_frames, n_filters) * sign)[np.newaxis]
    n_positions = -(-size // BLOCK)
    n_before = (n_frames - 1) // 2  # as "same" pads
    n_after = (n_positions + spread.shape[1] - 1) * BLOCK - size - n_before

    def run(values: tf.Tensor) -> tf.Tensor:
        sideways = tf.transpose(tf.pad(values[..., 0], [[0, 0], [n_before, n_after], [0, 0]]), (0, 2, 1))
        blocks = tf.reshape(sideways, (-1, n_bands, n_positions + spread.shape[1] - 1, BLOCK))
        found = tf.nn.conv2d(blocks, spread, 1, "VALID")
        largest = tf.reshape(tf.reduce_max(found, axis=1), (-1, n_positions * BLOCK, n_filters))[:, :size]
        return tf.nn.relu(largest * sign + bias)[:, tf.newaxis]

    found = norm(_lay(run, f"{name}_blocks", (1, size, n_filters))(patches))
    return keras.layers.Reshape((size, n_filters), name=f"{name}_rows")(found)
