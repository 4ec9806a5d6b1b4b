"""Diagrams of confidence: SVG and PNG hold the numbers of their records, in any light and any script."""

from __future__ import annotations

import re
import sys
import warnings
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.report.diagrams import draw_coverage, draw_png, draw_reliability
from essentia_ldl.scores.abstention import measure_coverage
from essentia_ldl.scores.calibration import apply, identity
from essentia_ldl.scores.reliability import Reliability, measure, split_by_class

CLASSES = ("a", "b", "c")


def draw(n_tracks=300, seed=0):
    """Draw tracks whose classes follow their probabilities."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (n_tracks, 3))
    probabilities = apply(identity(CLASSES), logits, np.ones(n_tracks, int))
    targets = (generator.random(n_tracks)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return targets, probabilities


def rows(confidences, right):
    """Probabilities of two classes; truth is 0 where the answer is right."""
    confidence = np.array(confidences)
    return np.where(np.array(right), 0, 1), np.stack([confidence, 1 - confidence], axis=1)


def test_an_svg_is_whole_and_says_its_numbers():
    targets, probabilities = draw()
    found = measure(targets, probabilities, name='rock & "roll" <1>')
    root = ElementTree.fromstring(draw_reliability(found))
    assert root.tag.endswith("svg")
    assert root.attrib["aria-label"].startswith('Reliability diagram of rock & "roll" <1>: 300 tracks, ECE 0.')
    titles = [element.text for element in root.iter() if element.tag.endswith("title")]
    assert len(titles) == (found.counts > 0).sum()
    first = int(np.argmax(found.counts > 0))
    assert titles[0].startswith(f"{first / 10:g} to {(first + 1) / 10:g}: {found.counts[first]} tracks")
    numbers = [int(e.text) for e in root.iter() if e.tag.endswith("text") and e.attrib.get("font-size") == "7.5"]
    assert sum(numbers) == 300


def test_bars_are_as_tall_as_accuracy():
    counts = np.array([0, 4])
    found = Reliability("x", counts, np.array([np.nan, 0.8]), np.array([np.nan, 0.5]))
    boxes = [e.attrib for e in ElementTree.fromstring(draw_reliability(found)).iter() if e.tag.endswith("rect")]
    assert float(boxes[0]["height"]) == pytest.approx(0.5 * 200)
    assert len(boxes) == 2  # an empty bin has no bar


def test_an_svg_fits_light_dark_and_narrow_pages():
    text = draw_reliability(measure(*draw()))
    assert "currentColor" in text
    assert "max-width:" in text
    assert "width:100%" in text
    assert not re.search(r"#000|#fff|black|white|<script|href", text)
    assert ElementTree.fromstring(text).attrib["viewBox"]


@pytest.mark.slow
def test_a_png_has_a_diagram_for_each(tmp_path):
    pytest.importorskip("matplotlib")
    targets, probabilities = draw()
    parts = (measure(targets, probabilities), *split_by_class(targets, probabilities, CLASSES), measure(*draw(20)))
    sizes = []
    for number in (1, 6):
        path = tmp_path / f"{number}.png"
        draw_png(path, (parts * 2)[:number], "title")
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG\r\n")
        sizes.append((int.from_bytes(data[16:20]), int.from_bytes(data[20:24])))
    assert sizes[1] == (5 * sizes[0][0], 2 * sizes[0][1])
    (empty,) = split_by_class(np.array([0]), np.array([[0.9, 0.1]]), ("a", "b"))[1:]
    draw_png(tmp_path / "empty.png", [empty])
    with pytest.raises(DataError, match="diagrams: expected one at least"):
        draw_png(tmp_path / "none.png", [])
    assert not (tmp_path / "none.png").exists()


def test_a_png_without_matplotlib_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(DataError, match=r"png: expected matplotlib.*essentia-ldl\[plots\]"):
        draw_png(tmp_path / "a.png", [measure(*draw(20))])


def test_a_class_without_a_track_is_drawn_too():
    (_, empty) = split_by_class(np.array([0]), np.array([[0.9, 0.1]]), ("a", "b"))
    assert "0 tracks" in draw_reliability(empty)


@pytest.mark.parametrize("name", ["\u97f3\u697d", "\u0441\u0443\u043c", "\ud55c\uad6d\uc5b4", "\U0010ffff"])
def test_names_in_any_script_are_drawn_without_a_warning(tmp_path, name):
    """Case C10, in the picture of `report`; in its page the letters are the browser's."""
    pytest.importorskip("matplotlib")
    one = Reliability(name, np.array([0, 4]), np.array([np.nan, 0.8]), np.array([np.nan, 0.5]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_png(tmp_path / "a.png", [one], f"task: {name}")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert name in draw_reliability(one)


# --- accuracy by coverage -------------------------------------------------------------------------------------------


def test_nobody_right_is_drawn_too():
    curve = measure_coverage(*rows([0.6, 0.7], [False, False]))
    assert curve.best_area == curve.area == 0
    assert "nan" not in draw_coverage(curve)


def test_the_picture_stays_in_its_frame_and_escapes_its_title():
    random = np.random.default_rng(0)
    curve = measure_coverage(*rows(random.uniform(0.5, 1, 60), random.random(60) < 0.6))
    picture = draw_coverage(curve, '<"&')
    assert "<title><" not in picture
    assert "&lt;&quot;&amp;" in picture
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', picture).groups())
    points = [tuple(map(float, pair.split(","))) for pair in re.search(r'points="([^"]+)"', picture)[1].split()]
    assert len(points) == len(curve.coverage)
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
    assert points[-1][0] == max(x for x, _ in points)


def test_its_letters_can_be_read_on_a_phone():
    picture = draw_coverage(measure_coverage(*rows([0.6, 0.7, 0.9], [False, True, True])))
    width = float(re.search(r'viewBox="0 0 (\S+)', picture)[1])
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', picture)]
    assert min(sizes) * 328 / width >= 11  # pixels, in a section of a page of 390
