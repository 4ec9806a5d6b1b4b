"""Pictures become pixels: every kind that covers come in, and the bounds."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from essentia_ldl.covers import decode
from essentia_ldl.covers.decode import FORMATS, decode_picture
from essentia_ldl.errors import PictureError

RED = (200, 30, 60)


def save(image: Image.Image, form: str, **how: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **how)
    return file.getvalue()


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_becomes_pixels(form, picture):
    found = decode_picture(picture(RED, form), "a picture")
    assert (found.shape, found.dtype) == ((224, 224, 3), np.uint8)
    assert np.abs(found.astype(int) - RED).max() <= 3


def test_colours_of_print_and_grey_become_red_green_and_blue():
    cmyk = save(Image.new("RGB", (64, 64), RED).convert("CMYK"), "JPEG")
    assert np.abs(decode_picture(cmyk, "x").astype(int) - RED).max() <= 6
    grey = save(Image.new("L", (64, 64), 77), "PNG")
    assert np.all(decode_picture(grey, "x") == 77)


def test_16_bits_are_scaled_and_not_clipped():
    values = np.full((64, 64), 128 * 257, np.uint16)
    found = decode_picture(save(Image.fromarray(values), "PNG"), "x")
    assert np.all(found == 128)


def test_what_is_transparent_is_white():
    image = Image.new("RGBA", (64, 64), (*RED, 0))
    assert np.all(decode_picture(save(image, "PNG"), "x") == 255)
    palette = Image.new("P", (64, 64), 0)
    assert np.all(decode_picture(save(palette, "GIF", transparency=0), "x") == 255)


def test_the_first_picture_of_an_animation_counts():
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, (0, 0, 255))]
    data = save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.abs(decode_picture(data, "x").astype(int) - RED).max() <= 3


def test_the_orientation_of_a_camera_is_followed():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32] = 255  # the upper half
    exif = Image.Exif()
    exif[0x0112] = 6  # the row of the top is the right side
    found = decode_picture(save(Image.fromarray(pixels), "PNG", exif=exif), "x")
    assert found[:, 120:].min() == 255
    assert found[:, :100].max() == 0


def test_the_middle_of_a_long_picture_is_kept():
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, 64:128] = 255
    found = decode_picture(save(Image.fromarray(pixels), "PNG"), "x")
    assert found[:, 5:-5].min() == 255


def make_header(width: int, height: int) -> bytes:
    """A PNG that announces a size, with no pixels of it."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"IEND"
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data + struct.pack(">I", 0) + end + struct.pack(">I", zlib.crc32(end))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (make_header(60_000, 60_000), r"at most 50000000 pixels; got '?60000 x 60000"),
        (make_header(15, 4000), r"at least 16 x 16 pixels; got '?15 x 4000"),
        (b"", "a whole JPEG, PNG, GIF, WEBP, BMP or TIFF"),
        (b"<svg></svg>", "a whole JPEG"),
        (make_header(64, 64), "a whole JPEG"),
    ],
    ids=["bomb", "counter", "empty", "drawing", "no pixels"],
)
def test_what_is_no_picture_has_its_reason(data, said):
    with pytest.raises(PictureError, match=rf"picture: expected {said}.*\(of a\.mp3\)"):
        decode_picture(data, "of a.mp3")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_truncated_picture_is_refused(form):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    data = save(Image.fromarray(pixels), form)
    with pytest.raises(PictureError, match="a whole JPEG"):
        decode_picture(data[: len(data) // 2], "x")


@pytest.mark.parametrize("form", FORMATS)
def test_damage_is_always_one_sentence(form):
    """A hundred pictures with bytes changed at random: pixels, or the error, and nothing else."""
    random = np.random.default_rng(1)
    data = np.frombuffer(save(Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8)), form), np.uint8)
    for _ in range(100):
        broken = data.copy()
        broken[random.integers(0, len(data), 8)] = random.integers(0, 256, 8)
        try:
            said, shape = "", decode_picture(broken.tobytes(), "x").shape
        except PictureError as error:
            said, shape = str(error), (224, 224, 3)
        assert "\n" not in said
        assert shape == (224, 224, 3)


def test_a_file_is_not_read_that_is_too_large(monkeypatch):
    monkeypatch.setattr(decode, "MOST_BYTES", 10)
    with pytest.raises(PictureError, match="at most 10 bytes; got 11"):
        decode_picture(bytes(11), "x")
    assert Image.MAX_IMAGE_PIXELS is not None, "the limit of others stays"
