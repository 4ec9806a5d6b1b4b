"""Covers of the demo: they tell something of the class, and not everything."""

from __future__ import annotations

import colorsys
import io

import numpy as np
import pytest
from PIL import Image

from essentia_ldl.datasets._pictures import SIDE, draw_cover, encode_png, find_colour
from essentia_ldl.datasets.demo import DemoSize, build_demo, read_tracks


@pytest.mark.parametrize("hue", [0.0, 0.1, 0.35, 0.5, 0.77, 0.99])
def test_colours_are_those_of_the_standard_library(hue):
    expected = 255 * np.array(colorsys.hsv_to_rgb(hue, 0.6, 0.8))
    np.testing.assert_allclose(find_colour(hue, 0.6, 0.8), expected, atol=1e-9)


def test_a_png_is_read_as_it_was_written():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3), np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)


def test_covers_of_a_class_are_alike_but_not_all():
    """The mean colour tells three classes for most pictures, and for a share it cannot."""
    colours = np.array(
        [[draw_cover([c], 3, np.random.default_rng([c, i])).mean((0, 1)) for i in range(60)] for c in range(3)]
    )
    hues = colours / colours.sum(axis=2, keepdims=True)
    centres = np.median(hues, axis=1)
    nearest = np.linalg.norm(hues[:, :, None] - centres, axis=3).argmin(axis=2)
    hits = (nearest == np.arange(3)[:, None]).mean()
    assert 0.7 < hits < 0.95


def test_a_track_of_no_class_has_a_picture_too():
    assert draw_cover([], 3, np.random.default_rng(0)).shape == (SIDE, SIDE, 3)


def test_the_demo_names_its_pictures(tmp_path):
    size = DemoSize(n_tracks=2, n_artists=2, duration_s=20.0, covers=True)
    tracks = read_tracks(build_demo(tmp_path / "demo", ["a", "b"], size))
    assert len({track.columns["cover"] for track in tracks}) == 4
    for track in tracks:
        assert Image.open(tmp_path / "demo" / track.columns["cover"]).size == (SIDE, SIDE)
    plain = read_tracks(build_demo(tmp_path / "plain", ["a", "b"], DemoSize(2, 2, duration_s=20.0)))
    assert [track.id for track in plain] == [track.id for track in tracks]
    assert not any("cover" in track.columns for track in plain)
