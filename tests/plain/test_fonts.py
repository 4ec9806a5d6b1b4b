"""Letters of pictures: those of a font that is there, an escape where none has them, never a box or a warning."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.fonts import find_fonts
from essentia_ldl.labels._histogram import write_histogram
from essentia_ldl.records import LabelTable
from essentia_ldl.studies.artist_groups.figure import draw_figure

font_manager = pytest.importorskip("matplotlib.font_manager")
MUSIC = "\u97f3\u697d"  # "music"


def make_font(path: Path, letters: str) -> Path:
    """Write a font in which every letter is a filled square."""
    builder = pytest.importorskip("fontTools.fontBuilder").FontBuilder(1000, isTTF=True)
    pen = pytest.importorskip("fontTools.pens.ttGlyphPen").TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 700), (900, 700), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square, names = pen.glyph(), [".notdef", *(f"u{ord(letter):04X}" for letter in letters)]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): name for letter, name in zip(letters, names[1:], strict=True)})
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Squares of a test", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture
def squares(tmp_path, monkeypatch) -> Path:
    """The only font with these letters."""
    path = make_font(tmp_path / "squares.ttf", MUSIC)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    font_manager.fontManager.addfont(path)
    own = [entry for entry in font_manager.fontManager.ttflist if "DejaVu" in entry.name or "Squares" in entry.name]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    return path


def test_a_letter_that_no_font_has_is_written_as_an_escape():
    assert find_fonts("sad \u0441") == ("sad \u0441", ["sans-serif"])
    shown, families = find_fonts("a\U0010ffffb")
    assert (shown, families) == (r"a\U0010ffffb", ["sans-serif"])
    shown, families = find_fonts("\u97f3")
    assert shown == "\u97f3" if len(families) > 1 else shown == r"\u97f3"
    assert not any(name.startswith("Last Resort") for name in families)


def test_a_font_that_has_the_letters_is_taken(squares):
    assert find_fonts(f"a {MUSIC}") == (f"a {MUSIC}", ["sans-serif", "Squares of a test"])
    assert find_fonts(f"{MUSIC}\uac00") == (rf"{MUSIC}\uac00", ["sans-serif", "Squares of a test"])


def draw_all(folder: Path) -> list[bytes]:
    """Draw the pictures that show names of classes, tasks and collections."""
    classes = (MUSIC, "sad")
    table = LabelTable(("a", "b"), classes, np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32))
    labels = {"a": MUSIC, "b": "sad"}
    write_histogram({MUSIC: table, "sb": table}, labels, folder / "h.png", title=f"{MUSIC}: sad")
    draw_figure(folder / "f.png", {"": {}}, data=MUSIC)
    return [(folder / name).read_bytes() for name in ("h.png", "f.png")]


def test_histogram_and_figure_in_any_script_have_neither_warnings_nor_boxes(tmp_path, squares):
    """Case C10: with a font that has the letters they are drawn with it, and without one as escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_font = draw_all(tmp_path)
        font_manager.fontManager.ttflist = [one for one in font_manager.fontManager.ttflist if "DejaVu" in one.name]
        without = draw_all(tmp_path)
    assert all(picture.startswith(b"\x89PNG") for picture in (*with_font, *without))
    assert all(first != second for first, second in zip(with_font, without, strict=True))
