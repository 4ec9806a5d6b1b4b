"""MusiCNN's front end in an OpenVINO model, found by its structure. In: a model; out: its branches, or None.

A branch is a convolution of one input channel that keeps the number of frames, followed by a maximum over all bands
that are left. A timbral one spans many bands and a few frames, a temporal one many frames of a single band. What
stands between convolution and maximum has to keep or turn round the order of the numbers of each channel (a sum, a
product, ReLU, batch normalisation), so that the maximum may come first; the sign of each channel tells which of both.
What stands before the convolution has to be one product and one sum for all bands.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

SHAPERS = ("Reshape", "Unsqueeze", "Squeeze", "Transpose")
STEPS = ("Add", "Subtract", "Multiply", "Divide")


@dataclasses.dataclass(frozen=True)
class Branch:
    """A convolution and the maximum over bands that follows it.

    Parameters
    ----------
    convolution, maximum : openvino.Node
        Both ends.
    kernel : np.ndarray [shape=(n_channels, n_taps, n_span), float64]
        The filters, over frames and bands; those of turned channels have the other sign.
    sign : np.ndarray [shape=(n_channels,), float32]
        -1 where a channel's minimum is wanted, which is the maximum of the negative.
    n_before : int
        Frames of zeros before a patch.
    time_axis : int
        Of the convolution's input and output: 2 or 3.
    """

    convolution: Any
    maximum: Any
    kernel: np.ndarray
    sign: np.ndarray
    n_before: int
    time_axis: int

    @property
    def n_channels(self) -> int:
        """Number of filters."""
        return self.kernel.shape[0]

    @property
    def n_taps(self) -> int:
        """Frames of a filter."""
        return self.kernel.shape[1]

    @property
    def n_span(self) -> int:
        """Bands of a filter."""
        return self.kernel.shape[2]


@dataclasses.dataclass(frozen=True)
class FrontLayers:
    """What the branches of a model read, and the branches.

    Parameters
    ----------
    scale, shift : float
        The normalisation of the input; zeros are padded after it.
    timbral, temporal : tuple[Branch, ...]
        At least one timbral branch.
    """

    scale: float
    shift: float
    timbral: tuple[Branch, ...]
    temporal: tuple[Branch, ...]


def find_front_layers(model: Any, n_bands: int) -> FrontLayers | None:
    """Find the front end of a model.

    Parameters
    ----------
    model : openvino.Model
        With one input (n, n_frames, n_bands).
    n_bands : int
        Bands of a patch.

    Returns
    -------
    FrontLayers or None
        None when there is no timbral branch, or the branches do not read the same input.
    """
    found = [_read_branch(op, n_bands) for op in model.get_ordered_ops() if op.get_type_name() == "Convolution"]
    read = [one for one in found if one is not None]
    timbral = tuple(branch for branch, _ in read if branch.n_span > 1)
    temporal = tuple(branch for branch, _ in read if branch.n_span == 1)
    inputs = {normalisation for _, normalisation in read}
    if not timbral or len(inputs) != 1:
        return None
    [(scale, shift)] = inputs
    return FrontLayers(scale, shift, timbral, temporal)


def _read_branch(convolution: Any, n_bands: int) -> tuple[Branch, tuple[float, float]] | None:
    """Read a branch and the scale and shift of its input; None when it is none."""
    weights, attributes = _read_constant(convolution.input_value(1)), convolution.get_attributes()
    if weights is None or weights.ndim != 4 or weights.shape[1] != 1:
        return None
    if any(step != 1 for name in ("strides", "dilations") for step in attributes[name]):
        return None
    source = _read_input(convolution.input_value(0))
    following = _follow(convolution, len(weights))
    shape = convolution.input_value(0).get_partial_shape()
    if source is None or following is None:
        return None
    pads, normalisation = source
    maximum, sign = following
    for time_axis in (2, 3):
        band_axis = 5 - time_axis
        begin, end = _add_padding(attributes, pads, weights.shape, time_axis)
        n_taps, n_span = weights.shape[time_axis], weights.shape[band_axis]
        kept = begin + end == n_taps - 1 and sum(_add_padding(attributes, pads, weights.shape, band_axis)) == 0
        # a filter of one band that spans no more frames than one is nobody's
        if not kept or n_taps < 2 or not shape[band_axis].is_static or shape[band_axis].get_length() != n_bands:
            continue
        if (n_span > 1 and begin != end) or not _reads_all(maximum, band_axis, n_bands - n_span + 1):
            continue
        kernel = weights[:, 0] if time_axis == 2 else weights[:, 0].swapaxes(1, 2)
        kernel = kernel.astype(np.float64) * sign[:, np.newaxis, np.newaxis]
        return Branch(convolution, maximum, kernel, sign.astype(np.float32), begin, time_axis), normalisation
    return None


def _add_padding(attributes: Any, pads: tuple[Any, Any], shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """Return the zeros before and after an axis, of the convolution itself and of a padding before it."""
    total = shape[axis] - 1
    begin, end = {"same_upper": (total // 2, total - total // 2), "same_lower": (total - total // 2, total // 2)}.get(
        str(attributes["auto_pad"]).lower(), (None, None)
    )
    if begin is None:
        begin, end = (int(attributes[name][axis - 2]) for name in ("pads_begin", "pads_end"))
    return begin + int(pads[0][axis]), end + int(pads[1][axis])


def _read_input(value: Any) -> tuple[tuple[Any, Any], tuple[float, float]] | None:
    """Walk from a convolution's input back to the model's; return padding, and scale and shift before it."""
    pads: tuple[Any, Any] = (np.zeros(4, int), np.zeros(4, int))
    steps, padded = [], False
    while (node := value.get_node()).get_type_name() != "Parameter":
        kind = node.get_type_name()
        if kind == "Pad" and not steps and not padded:
            begin, end = (_read_constant(node.input_value(i)) for i in (1, 2))
            filled = _read_constant(node.input_value(3)) if len(node.inputs()) > 3 else np.zeros(1)
            if begin is None or end is None or filled is None or np.any(filled != 0):
                return None
            if node.get_attributes()["pad_mode"] != "constant" or begin.shape != (4,) or begin.min() < 0:
                return None
            pads, padded = (begin, end), True
        elif kind not in SHAPERS:
            step = _read_step(node, 1)
            if step is None:
                return None
            steps.append(step[:2])
            value = step[2]
            continue
        value = node.input_value(0)
    scale, shift = 1.0, 0.0
    for product, offset in reversed(steps):
        scale, shift = scale * float(product[0]), shift * float(product[0]) + float(offset[0])
    return pads, (scale, shift)


def _follow(convolution: Any, n_channels: int) -> tuple[Any, np.ndarray] | None:
    """Walk from a convolution on to a maximum; return it and the sign of each channel on the way."""
    sign, value = np.ones(n_channels), convolution.output(0)
    while True:
        readers = list(value.get_target_inputs())
        if len(readers) != 1:
            return None
        node = readers[0].get_node()
        kind = node.get_type_name()
        if kind == "MaxPool":
            return node, sign
        if kind != "Relu":
            step = _read_step(node, n_channels)
            if step is None:
                return None
            sign = sign * np.where(step[0] < 0, -1, 1)
        value = node.output(0)


def _read_step(node: Any, n_channels: int) -> tuple[np.ndarray, np.ndarray, Any] | None:
    """Read a node as a product and a sum per channel of (n, n_channels, ., .).

    Returns
    -------
    tuple or None
        The product, the sum, and what they are applied to; None when it is another kind of node.
    """
    kind, values = node.get_type_name(), node.input_values()
    constants = [_read_constant(one) for one in values]
    places = [i for i, constant in enumerate(constants) if constant is None]
    if len(places) != 1 or kind not in (*STEPS, "BatchNormInference"):
        return None
    [place] = places
    numbers = [constant.astype(np.float64) for constant in constants if constant is not None]
    ones, zeros = np.ones(n_channels), np.zeros(n_channels)
    if kind == "BatchNormInference":
        if any(number.size != n_channels for number in numbers):
            return None
        gamma, beta, mean, variance = (number.ravel() for number in numbers)
        product = gamma / np.sqrt(variance + node.get_attributes()["epsilon"])
        return product, beta - mean * product, values[place]
    if place == 1 and kind in ("Subtract", "Divide"):
        return None
    [number] = numbers
    per_channel = (1,) * (number.ndim == 4) + (n_channels, 1, 1)
    if number.size > 1 and number.shape != per_channel:
        return None
    number = number.ravel() * ones
    product = {"Multiply": number, "Divide": 1 / np.where(number == 0, np.nan, number)}.get(kind, ones)
    return product, {"Add": number, "Subtract": -number}.get(kind, zeros), values[place]


def _reads_all(maximum: Any, band_axis: int, n_positions: int) -> bool:
    """Tell whether a MaxPool takes the maximum over all positions of bands, and over nothing else."""
    attributes = maximum.get_attributes()
    kernel = [1, 1]
    kernel[band_axis - 2] = n_positions
    if list(attributes["kernel"]) != kernel or any(step != 1 for step in attributes.get("dilations", [1])):
        return False
    time_axis = 5 - band_axis
    if any(attributes["pads_begin"]) or any(attributes["pads_end"]):
        return False
    return attributes["strides"][time_axis - 2] == 1


def _read_constant(value: Any) -> np.ndarray | None:
    node = value.get_node()
    return node.get_data() if node.get_type_name() == "Constant" else None
