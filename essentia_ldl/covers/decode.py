"""Pictures as pixels, within bounds. In: the bytes of a file; out: 224 x 224 pixels, or `PictureError` with the reason.

Whatever a file says of itself, decoding takes bounded memory: the size that it announces is looked at before a pixel is
decoded, and JPEGs are decoded at a fraction of their size. Of animations the first picture counts; transparency is laid
on white; what a camera wrote about its orientation is followed; colours of print and 16 bits become 8 bits of red,
green and blue. A picture that is not square loses what stands out at its longer sides.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np

from essentia_ldl.errors import PictureError, Reason, explain
from essentia_ldl.frontends import PICTURE

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
MOST_BYTES = 1 << 26  # of a file: 64 MB
MOST_PIXELS = 50_000_000  # decoded, 200 MB
LEAST_SIDE = 16  # pixels; smaller ones are icons or counters
REMEDY = "Replace the picture, or remove it."
# What Pillow's decoders raise on damaged files, beside errors of the system, which they use for most.
DAMAGE = (OSError, ValueError, SyntaxError, LookupError, TypeError, ArithmeticError, EOFError, struct.error, zlib.error)


def decode_picture(data: bytes, where: str) -> np.ndarray:
    """Decode a picture.

    Parameters
    ----------
    data : bytes
        A file of one of `FORMATS`.
    where : str
        Where it is from, for the message.

    Returns
    -------
    np.ndarray [shape=(224, 224, 3), uint8]
        Red, green and blue.

    Raises
    ------
    PictureError
        When it is too large or too small, no picture, or damaged.
    """
    if len(data) > MOST_BYTES:
        raise PictureError(explain("picture", f"at most {MOST_BYTES} bytes", len(data), where, REMEDY))
    side = PICTURE.patch_frames
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata that no pixel depends on
            return _decode(data, side, where)
    except PictureError:
        raise
    except MemoryError:
        raise PictureError(explain("picture", "one that fits into memory", len(data), where, REMEDY)) from None
    except DAMAGE as error:
        formats = f"a whole {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        said = str(error).split("<")[0].strip() or type(error).__name__  # Pillow shows objects of its own
        raise PictureError(explain("picture", formats, Reason(said), where, REMEDY)) from None


def _decode(data: bytes, side: int, where: str) -> np.ndarray:
    from PIL import Image, ImageOps

    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # ours is told in a sentence
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                rule = f"at most {MOST_PIXELS} pixels"
                raise PictureError(explain("picture", rule, Reason(f"{width} x {height}"), where, REMEDY))
            if min(width, height) < LEAST_SIDE:
                rule = f"at least {LEAST_SIDE} x {LEAST_SIDE} pixels"
                raise PictureError(explain("picture", rule, Reason(f"{width} x {height}"), where, REMEDY))
            picture.draft("RGB", (2 * side, 2 * side))
            picture.load()
            upright = picture
            with contextlib.suppress(*DAMAGE):  # of what a camera wrote, which is not the picture
                upright = ImageOps.exif_transpose(picture)
            square = ImageOps.fit(_as_rgb(upright), (side, side), Image.Resampling.BICUBIC)
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    return np.asarray(square, dtype=np.uint8)


def _as_rgb(picture: Any) -> Any:
    """Return a picture in red, green and blue of 8 bits, on white."""
    from PIL import Image

    if picture.mode.startswith(("I", "F")):  # 16 bits of grey, whose conversion would clip; or more
        values = np.asarray(picture, dtype=np.float64)
        if not np.all(np.isfinite(values)):
            raise ValueError("pixels that are no numbers")
        top = 65535.0 if picture.mode.startswith("I") else max(1.0, float(values.max()))
        return Image.fromarray(np.clip(np.rint(values * 255 / top), 0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")
