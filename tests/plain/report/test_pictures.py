"""Pictures of the report: every number stands where its axis says, and colours and shapes can be told apart."""

from __future__ import annotations

import itertools
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from essentia_ldl.report.pictures import (
    LEFT,
    RIGHT,
    WIDTH,
    choose_color,
    draw_curves,
    draw_folds,
    draw_histogram,
    draw_map,
    find_ticks,
    glyph,
    shown,
    wrap,
)

EDGES = np.linspace(-0.05, 1.05, 12)


def find_all(picture: str, tag: str, kind: str | None = None) -> list[ElementTree.Element]:
    """Elements of a picture, which is well-formed XML; `kind` is their CSS class."""
    found = ElementTree.fromstring(picture).iter(tag)
    return [one for one in found if kind is None or one.get("class") == kind]


def test_ticks_are_round_and_colours_run_from_orange_to_blue():
    assert np.allclose(find_ticks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert np.allclose(find_ticks(1, 150, 4), [50, 100, 150])
    assert find_ticks(3, 3).tolist() == [3]
    assert [choose_color(value) for value in (0, 0.5, 1, 2)] == ["#d55e00", "#b0b0b0", "#0072b2", "#0072b2"]
    assert len({glyph(number) for number in range(10)}) == 10
    assert glyph(10) == glyph(0)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.97, 1.03), (1, 600), (-3, 12), (0, 1e-6)])
def test_ticks_lie_inside_and_are_few(low, high):
    ticks = find_ticks(low, high)
    assert 1 <= len(ticks) <= 6
    assert np.all((ticks >= low - 1e-9) & (ticks <= high + 1e-9))
    steps = np.diff(ticks)
    assert np.allclose(steps, steps[0])


def test_texts_are_escaped_and_what_cannot_be_shown_has_a_mark():
    assert shown("<b> & \"q\" 'x'") == "&lt;b&gt; &amp; &quot;q&quot; &#x27;x&#x27;"
    assert shown("a\x00b\u202ec") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"
    assert shown("音楽 ö") == "音楽 ö"
    assert shown(3) == "3"


def test_a_picture_says_what_it_is_to_those_who_do_not_see_it():
    picture = wrap("Loss <x>", "from 1 to 0", 100, ["<g></g>"], "map")
    root = ElementTree.fromstring(picture)
    assert (root.get("role"), root.get("aria-label"), root.get("viewBox")) == ("img", "Loss <x>", f"0 0 {WIDTH} 100")
    assert [(one.tag, one.text) for one in root][:2] == [("title", "Loss <x>"), ("desc", "from 1 to 0")]


def test_bars_of_a_histogram_are_as_high_as_their_shares():
    before, after = np.zeros(11), np.zeros(11)
    before[10], after[5], after[10] = 100, 25, 75
    picture = draw_histogram(EDGES, before, after, 0.875, "Mass")
    heights = {
        kind: [float(bar.get("height")) for bar in find_all(picture, "rect", kind)] for kind in ("bar", "bar-before")
    }
    assert len(heights["bar"]) == 2
    assert heights["bar"][1] / heights["bar"][0] == pytest.approx(3, rel=0.01)
    assert heights["bar-before"][0] / heights["bar"][0] == pytest.approx(4, rel=0.01)
    assert "smoothed: 25.0 %" in picture
    assert "one-hot: 100.0 %" in picture
    assert "mean 0.88" in picture
    (mean,) = find_all(picture, "line", "mean")
    share = (float(mean.get("x1")) - LEFT) / (WIDTH - LEFT - RIGHT)
    assert share * 1.12 - 0.06 == pytest.approx(0.875, abs=0.002)


def test_a_curve_goes_from_its_first_to_its_last_epoch_and_the_kept_one_is_marked():
    picture = draw_curves([([1.0, 0.5, 0.25], "c1"), ([1.0, math.nan, 0.5], "c2")], "loss", "Loss", 2, halvings=[2])
    first, second = find_all(picture, "polyline")
    points = [tuple(map(float, place.split(","))) for place in first.get("points").split()]
    assert [x for x, _ in points] == [LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT]
    rise = [low - high for (_, high), (_, low) in itertools.pairwise(points)]
    assert rise[0] == pytest.approx(2 * rise[1], rel=0.01)
    assert len(second.get("points").split()) == 2, "a value that is missing is left out"
    assert "kept: 2" in picture
    assert len(find_all(picture, "line", "halving")) == 1
    assert "loss over 3 epochs: 1 to 0.25, 1 to 0.5" in picture
    assert "kept" not in draw_curves([([0.0], "c1")], "loss", "of one epoch")


def test_long_curves_have_no_more_points_than_a_screen_shows():
    (curve,) = find_all(draw_curves([(np.linspace(1, 0, 6000), "c1")], "loss", "long"), "polyline")
    assert 300 <= len(curve.get("points").split()) <= 320


def test_every_fold_has_a_dot_and_the_mean_a_stroke():
    rows = {"none": [0.6, 0.8], "a name of more than twenty letters <b>": [0.5, 0.9]}
    means, stds = dict.fromkeys(rows, 0.7), {"none": 0.1, "a name of more than twenty letters <b>": 0.9}
    picture = draw_folds(rows, means, stds, 0.5)
    dots = find_all(picture, "circle", "dot")
    assert [next(iter(dot)).text.split(": ")[1] for dot in dots] == ["0.600", "0.800", "0.500", "0.900"]
    places = [float(dot.get("cx")) for dot in dots]
    assert places[2] < places[0] < places[1] < places[3]
    assert [float(one.get("x1")) for one in find_all(picture, "line", "middle")] == pytest.approx(
        [(places[0] + places[1]) / 2] * 2, abs=0.1
    )
    assert "a name of more than…" in picture
    for band in find_all(picture, "line", "spread"):
        assert 0 <= float(band.get("x1")) <= float(band.get("x2")) <= WIDTH


def test_a_map_keeps_the_proportions_and_draws_what_is_wrong_on_top():
    places = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 1.0]])
    picture = draw_map(places, [0, 1, 12], [1.0, math.nan, 0.0], [True, False, False], ["a", "b <x>", "c"], "Map")
    points = [one for one in find_all(picture, "path") if one.get("data-track")]
    assert [one.get("data-track") for one in points] == ["1", "2", "0"]
    assert [one.get("class") for one in points] == ["pt", "pt", "pt wrong"]
    assert [one.get("fill") for one in points] == ["#8a8a8a", "#d55e00", "#0072b2"]
    assert [one.get("d") for one in points] == [glyph(1), glyph(2), glyph(0)]
    xy = [[float(v) for v in re.findall(r"-?[\d.]+", one.get("transform"))] for one in points]
    assert xy[0][0] - xy[2][0] == pytest.approx(10 * abs(xy[1][1] - xy[2][1]), rel=0.01)
    assert [next(iter(one)).text for one in points] == ["b <x>", "c", "a"]


def test_a_map_of_one_place_lies_in_the_middle():
    (point,) = find_all(draw_map(np.zeros((1, 2)), [0], [0.5], [False], ["a"], "Map"), "path")
    assert point.get("transform") == f"translate({WIDTH / 2:.1f} 150.0)"
