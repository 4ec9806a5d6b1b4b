"""Covers of the demo: the classes of a track flow in, a picture that tells something of them flows out; numpy only.

Every class has a hue and a shape. The ground has the hue of one of the track's classes, and each class adds some of its
shapes; a share of the pictures is drawn as if the track were of other classes, so that a picture alone cannot tell them
all. Size, place, brightness and number of the shapes, and the noise, are chance.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

SIDE = 128  # pixels
WRONG_SHARE = 0.2  # of the pictures, drawn from other classes
HUE_DEVIATION = 0.06  # of a turn; of the ground, around the hue of its class
NOISE = 18.0  # levels of 255
N_SHAPES = 4  # kinds: discs, squares, stripes, rings


def draw_cover(classes: Sequence[int], n_classes: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a cover.

    Parameters
    ----------
    classes : sequence of int
        Numbers of the track's classes; none is a grey ground.
    n_classes : int
        Classes in all.
    rng : np.random.Generator
        Source of every choice.

    Returns
    -------
    np.ndarray [shape=(128, 128, 3), uint8]
        Red, green and blue.
    """
    shown = [int(number) for number in classes]
    if rng.random() < WRONG_SHARE:
        shown = rng.integers(0, n_classes, len(shown)).tolist()
    ground = rng.choice(shown) / n_classes + rng.normal(0, HUE_DEVIATION) if shown else 0.0
    picture = np.empty((SIDE, SIDE, 3))
    picture[:] = find_colour(ground, 0.45 if shown else 0.0, rng.uniform(0.35, 0.8))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for number in shown:
        colour = find_colour(number / n_classes + 0.5, 0.8, rng.uniform(0.4, 1.0))
        for _ in range(rng.integers(1, 4)):
            y, x, radius = *rng.uniform(0, SIDE, 2), rng.uniform(8, 28)
            picture[_find_shape(number % N_SHAPES, rows - y, columns - x, radius)] = colour
    picture += rng.normal(0, NOISE, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def encode_png(pixels: np.ndarray) -> bytes:
    """Write pixels (height, width, 3) uint8 as a PNG file."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # 0: rows as they are
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data


def find_colour(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return red, green and blue (3,), 0 to 255, of a hue in turns; 0 is red, a third green.

    Examples
    --------
    >>> find_colour(1 / 3, 1.0, 1.0).round().tolist()
    [0.0, 255.0, 0.0]
    """
    wheel = np.clip(np.abs((hue % 1 * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return 255 * value * (1 - saturation + saturation * wheel)


def _find_shape(kind: int, y: np.ndarray, x: np.ndarray, radius: float) -> np.ndarray:
    """Tell which pixels are in a shape around the origin."""
    distance = np.hypot(y, x)
    if kind == 0:
        return distance < radius
    if kind == 1:
        return np.maximum(np.abs(y), np.abs(x)) < radius
    if kind == 2:
        return np.abs(y) < radius / 4
    return (distance < radius) & (distance > 0.6 * radius)
