"""Convolutions of one input channel as matrix products, in OpenVINO's nodes. In: bands; out: maxima over all bands.

A convolution whose only input channel gives a product one number to sum over runs at a tenth of a processor's speed
(AVX2, OpenVINO 2026.4: 2 to 15 GFLOP/s, where a product of matrices reaches 80). So the filters are spread out:

- A timbral filter is applied along the bands by a discrete Fourier transform, itself a product with a constant matrix,
  as in fast convolution: transform of the bands, one product per frequency over the frames of the filter, transform
  back to the positions that count. It needs a quarter of the multiplications. Positions are counted from their middle,
  because the maximum of two that lie symmetric is ``C + |S|``, with the sums of cosines and of sines.
- A temporal filter is a product with a matrix that holds it several times, each a frame further on, and that reads as
  many frames at once.

Numbers agree with the convolution to float32's rounding.

References
----------
R. E. Blahut, Fast Algorithms for Signal Processing (2010), chapter 6: sections of a cyclic convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from essentia_ldl.sound.branches import Branch, FrontLayers

N_PARTS = 2  # that a filter is cut into along the bands: longer products and shorter transforms; 1 and 3 are slower
BLOCK_FRAMES = 8  # of outputs that a temporal product makes at once


def build_timbral(front: FrontLayers, n_rows: int, n_frames: int, n_bands: int) -> Any:
    """Build the model of the timbral branches.

    Parameters
    ----------
    front : FrontLayers
        Their filters, and the normalisation of the input.
    n_rows : int
        Rows of an answer.
    n_frames, n_bands : int
        Frames that are given at once, and their bands.

    Returns
    -------
    openvino.Model
        Of two inputs: bands (n_frames, n_bands) float32, as they come, and the frames that each row reads (n_rows,
        n_taps) int32, of which number `n_frames` is silence after the normalisation. Its output is (n_rows,
        n_channels) float32: maxima over the bands, branch after branch.
    """
    import openvino
    from openvino import opset13 as ops

    [n_taps] = {branch.n_taps for branch in front.timbral}
    bands = ops.parameter([n_frames, n_bands], np.float32)
    rows = ops.parameter([n_rows, n_taps], np.int32)
    maxima = [_apply_timbral(bands, rows, branch, front) for branch in front.timbral]
    return openvino.Model([ops.concat(maxima, 1)], [bands, rows])


def _apply_timbral(bands: Any, rows: Any, branch: Branch, front: FrontLayers) -> Any:
    from openvino import opset13 as ops

    n_bands, n_rows, n_taps = bands.shape[1], rows.shape[0], branch.n_taps
    n_channels = branch.n_channels
    forward, real, imaginary, cosines, sines = plan_transforms(branch.kernel, n_bands)
    n_frequencies, n_read = real.shape[0], forward.shape[1]
    # the normalisation becomes part of the transform; the row behind the last frame is silence
    product = ops.matmul(bands, _constant(forward * front.scale), False, False)
    spectra = ops.add(product, _constant(front.shift * forward.sum(axis=0, keepdims=True)))
    spectra = ops.concat([spectra, _constant(np.zeros((1, n_read)))], 0)
    read = ops.gather(spectra, rows, _integers(0))  # (n_rows, n_taps, frequencies x parts x 2)
    read = ops.reshape(read, _integers([n_rows, n_taps, n_frequencies, 2 * N_PARTS]), False)
    read = ops.reshape(
        ops.transpose(read, _integers([2, 0, 1, 3])), _integers([n_frequencies, n_rows, n_taps * 2 * N_PARTS]), False
    )
    sums = []
    for weights, back in ((real, cosines), (imaginary, sines)):
        answer = ops.matmul(read, _constant(weights), False, False)
        answer = ops.reshape(answer, _integers([n_frequencies, n_rows * n_channels]), False)
        sums.append(ops.matmul(_constant(back), answer, False, False))
    highest = ops.reduce_max(ops.add(sums[0], ops.absolute(sums[1])), _integers([0]), False)
    return ops.reshape(highest, _integers([n_rows, n_channels]), False)


def plan_transforms(kernel: np.ndarray, n_bands: int) -> tuple[np.ndarray, ...]:
    """Compute the constant matrices of a timbral branch.

    Parameters
    ----------
    kernel : np.ndarray [shape=(n_channels, n_taps, n_span), float64]
        The filters.
    n_bands : int
        Of a frame.

    Returns
    -------
    forward : np.ndarray [shape=(n_bands, n_frequencies * N_PARTS * 2)]
        Transforms of the sections of a frame that the parts of a filter read: real and imaginary parts.
    real, imaginary : np.ndarray [shape=(n_frequencies, n_taps * N_PARTS * 2, n_channels)]
        The filters; their products with the transforms are those of the answer, about its middle position.
    cosines, sines : np.ndarray [shape=(n_pairs, n_frequencies)]
        Back to pairs of positions: ``C + S`` and ``C - S``.
    """
    n_channels, n_taps, n_span = kernel.shape
    n_positions = n_bands - n_span + 1
    n_part = -(-n_span // N_PARTS)
    size = n_positions + n_part - 1
    size += 1 - size % 2  # odd: no frequency stands alone but 0
    frequencies = np.arange(size // 2 + 1)
    middle = (n_positions - 1) / 2

    forward = np.zeros((n_bands, len(frequencies), N_PARTS, 2))
    filters = np.zeros((len(frequencies), n_taps, N_PARTS, n_channels), complex)
    for part in range(N_PARTS):
        first = part * n_part
        here = np.arange(first, min(n_bands, first + size))
        angles = 2 * np.pi * np.outer(here - first, frequencies) / size
        forward[here, :, part, 0], forward[here, :, part, 1] = np.cos(angles), -np.sin(angles)
        taps = kernel[:, :, first : first + n_part]
        angles = 2 * np.pi * np.outer(frequencies, np.arange(taps.shape[2])) / size
        filters[:, :, part] = np.einsum("fk,ctk->ftc", np.exp(1j * angles), taps)
    gains = np.where(frequencies == 0, 1, 2) / size
    filters *= (gains * np.exp(2j * np.pi * frequencies * middle / size))[:, np.newaxis, np.newaxis, np.newaxis]

    shape = (len(frequencies), n_taps * N_PARTS * 2, n_channels)
    real = np.stack([filters.real, -filters.imag], axis=3).reshape(shape)
    imaginary = np.stack([filters.imag, filters.real], axis=3).reshape(shape)
    distances = np.arange(middle % 1, middle + 0.5)
    angles = 2 * np.pi * np.outer(distances, frequencies) / size
    return forward.reshape(n_bands, -1), real, imaginary, np.cos(angles), np.sin(angles)


def replace_front(model: Any, front: FrontLayers, n_frames: int, n_bands: int) -> Any:
    """Put products in the place of the convolutions of a model.

    Parameters
    ----------
    model : openvino.Model
        With one input, the patches; it is changed.
    front : FrontLayers
        Its front end.
    n_frames, n_bands : int
        Of a patch.

    Returns
    -------
    openvino.Model
        With a second input, what the model of `build_timbral` gives for the frames of the patches: (n, n_frames,
        n_channels) float32.
    """
    import openvino
    from openvino import opset13 as ops

    for convolution in find_wide(model):
        _turn_wide(convolution)
    [patches] = model.get_parameters()
    maps = ops.parameter([-1, n_frames, sum(branch.n_channels for branch in front.timbral)], np.float32)
    first = 0
    for branch in front.timbral:
        last = first + branch.n_channels
        part = ops.slice(maps, _integers([first]), _integers([last]), _integers([1]), _integers([2]))
        _replace_branch(branch, part)
        first = last
    if front.temporal:
        normal = ops.add(ops.multiply(patches, _constant([front.scale])), _constant([front.shift]))
        for branch, part in zip(
            front.temporal, _apply_temporal(normal, front.temporal, n_frames, n_bands), strict=True
        ):
            _replace_branch(branch, part)
    outputs = [result.input_value(0) for result in model.get_results()]
    return openvino.Model(outputs, [patches, maps])


def find_wide(model: Any) -> list[Any]:
    """Find convolutions of one input channel whose filters span all columns, as in the middle of published MusiCNNs."""
    found = []
    for op in model.get_ordered_ops():
        if op.get_type_name() != "Convolution" or op.input_value(1).get_node().get_type_name() != "Constant":
            continue
        weights, shape = op.input_value(1).get_partial_shape().to_shape(), op.input_value(0).get_partial_shape()
        attributes = op.get_attributes()
        plain = all(step == 1 for name in ("strides", "dilations") for step in attributes[name])
        padded = any(attributes[name][-1] for name in ("pads_begin", "pads_end"))
        own = str(attributes["auto_pad"]).lower() in ("explicit", "valid")
        if plain and own and not padded and len(weights) == 4 and weights[1] == 1 and weights[3] > 1:
            found += [op] if shape[3].is_static and shape[3].get_length() == weights[3] else []
    return found


def _turn_wide(convolution: Any) -> None:
    """Make columns that a filter spans its input channels, with frames last, where they lie side by side."""
    from openvino import opset13 as ops

    attributes, order = convolution.get_attributes(), (0, 3, 1, 2)
    weights = convolution.input_value(1).get_node().get_data().transpose(order)
    columns = ops.transpose(convolution.input_value(0), _integers(order))
    pads = [[0, int(attributes[name][0])] for name in ("pads_begin", "pads_end")]
    turned = ops.convolution(columns, _constant(weights), [1, 1], *pads, [1, 1])  # (n, n_channels, 1, n_frames)
    convolution.output(0).replace(ops.transpose(turned, _integers([0, 1, 3, 2])).output(0))


def _replace_branch(branch: Branch, maxima: Any) -> None:
    """Give the readers of a branch its maxima (n, n_frames, n_channels), without a convolution and a maximum."""
    from openvino import opset13 as ops

    signed = ops.multiply(maxima, _constant(branch.sign)) if (branch.sign < 0).any() else maxima
    moved = ops.transpose(signed, _integers([0, 2, 1]))  # (n, n_channels, n_frames)
    value = ops.unsqueeze(moved, _integers([5 - branch.time_axis]))
    branch.maximum.output(0).replace(branch.maximum.input_value(0))
    branch.convolution.output(0).replace(value.output(0))


def _apply_temporal(patches: Any, branches: Sequence[Branch], n_frames: int, n_bands: int) -> list[Any]:
    """Apply temporal branches to normalised patches; (n, n_frames, n_channels) each."""
    from openvino import opset13 as ops

    n_blocks = -(-n_frames // BLOCK_FRAMES)
    starts, counts = [], []  # of the blocks that a branch reads, from the furthest reach of all on
    reach = -(-max(branch.n_before for branch in branches) // BLOCK_FRAMES)
    for branch in branches:
        n_before = -(-branch.n_before // BLOCK_FRAMES)
        n_after = -(-(branch.n_taps - 1 - branch.n_before + BLOCK_FRAMES) // BLOCK_FRAMES)
        starts.append(reach - n_before)
        counts.append(n_before + n_after)
    n_all = n_blocks - 1 + max(start + count for start, count in zip(starts, counts, strict=True))
    begin = _integers([0, 0, reach * BLOCK_FRAMES])
    end = _integers([0, 0, (n_all - reach) * BLOCK_FRAMES - n_frames])
    padded = ops.pad(ops.transpose(patches, _integers([2, 0, 1])), begin, end, "constant", _constant(0.0))
    blocks = ops.reshape(padded, _integers([n_bands, -1, n_all, BLOCK_FRAMES]), False)  # (bands, n, blocks, frames)
    found = []
    for branch, start, count in zip(branches, starts, counts, strict=True):
        picked = np.arange(n_blocks)[:, np.newaxis] + start + np.arange(count)
        read = ops.gather(blocks, _integers(picked), _integers(2))  # (bands, n, n_blocks, count, BLOCK_FRAMES)
        read = ops.reshape(read, _integers([-1, count * BLOCK_FRAMES]), False)
        shift = -(-branch.n_before // BLOCK_FRAMES) * BLOCK_FRAMES - branch.n_before
        weights = np.zeros((count * BLOCK_FRAMES, BLOCK_FRAMES, branch.n_channels))
        for frame in range(BLOCK_FRAMES):
            weights[shift + frame : shift + frame + branch.n_taps, frame] = branch.kernel[:, :, 0].T
        width = BLOCK_FRAMES * branch.n_channels
        answer = ops.matmul(read, _constant(weights.reshape(-1, width)), False, False)
        answer = ops.reshape(answer, _integers([n_bands, -1, width]), False)
        highest = ops.reduce_max(answer, _integers([0]), False)
        frames = ops.reshape(highest, _integers([-1, n_blocks * BLOCK_FRAMES, branch.n_channels]), False)
        found.append(ops.slice(frames, _integers([0]), _integers([n_frames]), _integers([1]), _integers([1])))
    return found


def _constant(value: Any) -> Any:
    from openvino import opset13 as ops

    return ops.constant(np.array(value, dtype=np.float32, order="C"))


def _integers(value: Any) -> Any:
    from openvino import opset13 as ops

    return ops.constant(np.asarray(value, dtype=np.int64))
