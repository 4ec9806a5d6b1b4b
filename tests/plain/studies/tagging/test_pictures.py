"""Pictures of a benchmark: every network is in them once, and no two names lie on one another."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from essentia_ldl.studies.tagging.grid import NETWORKS
from essentia_ldl.studies.tagging.pictures import (
    COLOURS,
    describe_number,
    draw_costs,
    draw_key,
    draw_strengths,
    find_look,
)

NAMES = list(NETWORKS)


def read(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def test_no_two_networks_look_alike():
    looks = [find_look(name) for name in NAMES]
    assert len({shape for shape, _ in looks}) == len({colour for _, colour in looks}) == len(NAMES) == len(COLOURS)


@pytest.mark.parametrize("spread", [1.0, 0.02])
def test_names_beside_marks_do_not_lie_on_one_another(spread):
    points = {name: (2.0 ** (spread * n), 0.7 + 0.02 * spread * n) for n, name in enumerate(NAMES)}
    picture = read(draw_costs(points, "ms", "costs"))
    labels = [one for one in picture.iter("text") if one.text in NETWORKS.values()]
    assert sorted(one.text for one in labels) == sorted(NETWORKS.values())
    if spread == 1.0:
        boxes = []
        for one in labels:
            x, y, wide = float(one.get("x")), float(one.get("y")), 5.9 * len(one.text)
            left = x - {"start": 0, "middle": wide / 2, "end": wide}[one.get("text-anchor")]
            boxes.append((left, y - 10, left + wide, y + 2))
        for number, (a, b, c, d) in enumerate(boxes):
            assert a >= 30
            assert c <= 360
            for e, f, g, h in boxes[:number]:
                assert min(c, g) <= max(a, e) or min(d, h) <= max(b, f)
    assert len(picture.findall("path")) == len(NAMES)


def test_one_network_alone_has_a_picture():
    picture = read(draw_costs({"fcn": (3.0, 0.5)}, "ms", "costs"))
    assert [one.text for one in picture.iter("text") if one.text == "FCN"] == ["FCN"]


def test_curves_go_through_every_strength_in_order():
    curves = {name: {-2.0: 0.6, 0.0: 0.8, 2.0: 0.7} for name in NAMES[:3]}
    words = {-2.0: "-2", 0.0: "as it is", 2.0: "+2"}
    picture = read(draw_strengths(curves, "semitones", "pitch", (0.5, 0.9), words))
    lines = picture.findall("polyline")
    assert len(lines) == 3
    places = [float(place.split(",")[0]) for place in lines[0].get("points").split()]
    assert places == sorted(places)
    assert {"-2", "as it is", "+2"} <= {one.text for one in picture.iter("text")}
    assert len(picture.findall("path")) == 9


def test_the_key_has_every_network():
    assert re.findall(r"</svg>([^<]+)<", draw_key(NAMES)) == list(NETWORKS.values())


@pytest.mark.parametrize(("value", "words"), [(0.5, "0.5"), (999, "999"), (2345, "2345"), (1e6, "1M"), (1.21e7, "12M")])
def test_numbers_are_short(value, words):
    assert describe_number(value) == words
