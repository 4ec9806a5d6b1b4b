"""Pictures of what networks learned: what their captions say, what is drawn, and that letters fit."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest

from essentia_ldl.report.diagrams import start_figure
from essentia_ldl.report.look_pictures import DPI, WIDTH_IN, list_drawings, list_mel_hz, save_drawing
from essentia_ldl.runs.looks import Bands, Excitations, Harmonics, Seen, Spectra

RANDOM = np.random.default_rng(0)


def make_spectra(n_shown: int = 8, n_filters: int = 8) -> Spectra:
    rows = np.eye(33, dtype=np.float32)[np.linspace(0, 32, n_shown).astype(int)]
    return Spectra("stem<b>", 16000, n_filters, 729, np.arange(n_shown), rows)


def make_excitations(classes: tuple[str, ...] = ("non_sad", "sad"), n_segments: int = 12) -> Excitations:
    loudness = np.linspace(-40, -10, n_segments).astype(np.float32)
    return Excitations(
        role="test",
        blocks=("block_1", "block_2", "last_block"),
        sizes=np.array([4, 4, 8]),
        classes=classes,
        n_tracks=np.arange(1, len(classes) + 1),
        means=RANDOM.uniform(0, 1, (len(classes), 16)).astype(np.float32),
        loudness_db=loudness,
        labels=np.arange(n_segments) % len(classes) if classes else np.full(n_segments, -1),
        first=np.stack([loudness / 40 + 1, 0.5 - loudness / 100, *np.full((2, n_segments), 0.5)], axis=1),
    )


HARMONICS = Harmonics(
    16000, 6, np.array([110.0, 220.0, 440.0], np.float32), 0.11, 25.0, 1.5, np.array([0.1079, 24.7, 1.0])
)
LOOKS = {
    "filters": (Seen("samplecnn", "filters", "stem"), make_spectra(), [""]),
    "some filters": (Seen("samplecnn", "ascent", "deep"), make_spectra(8, 512), [""]),
    "excitations": (Seen("se", "excitations"), make_excitations(), ["", "classes", "loudness"]),
    "many classes": (Seen("se", "excitations"), make_excitations(tuple("abcdefghij")), ["", "classes", "loudness"]),
    "no classes": (Seen("se", "excitations"), make_excitations(()), ["loudness"]),
    "harmonics": (Seen("harmoniccnn", "harmonics"), HARMONICS, ["", "triangles"]),
    "timbral": (
        *(Seen("m", "bands", "timbral_1"), Bands("timbral_1", 62.5, 96, RANDOM.normal(size=(20, 7, 38)))),
        ["", "kernels"],
    ),
    "temporal": (
        *(Seen("m", "bands", "temporal_1"), Bands("temporal_1", 62.5, 96, RANDOM.normal(size=(9, 128, 1)))),
        ["", "curves"],
    ),
}


@pytest.mark.parametrize("name", LOOKS)
def test_every_look_is_drawn_as_wide_as_a_picture_of_the_report(name, tmp_path):
    seen, look, suffixes = LOOKS[name]
    drawings = list_drawings(seen, look)
    assert [drawing.suffix for drawing in drawings] == suffixes
    for drawing in drawings:
        png = save_drawing(drawing, tmp_path / "x.png")
        width, height = struct.unpack(">2I", png[16:24])
        assert (png[:4], width, height) == (b"\x89PNG", WIDTH_IN * DPI, round(drawing.height_in * DPI))
        assert drawing.caption.count("<b>") == drawing.caption.count("</b>") == 1
        assert drawing.words


def test_a_picture_is_the_same_every_time(tmp_path):
    seen, look, _ = LOOKS["harmonics"]
    first, again = (save_drawing(list_drawings(seen, look)[0], tmp_path / "x.png") for _ in range(2))
    assert first == again


def paint(drawing, tmp_path):
    figure = start_figure((WIDTH_IN, drawing.height_in), DPI, tmp_path / "x.png")
    drawing.paint(figure)
    return figure


def test_spectra_are_drawn_under_the_mel_curve(tmp_path):
    look = make_spectra(8, 512)
    (drawing,) = list_drawings(Seen("samplecnn", "ascent", "deep"), look)
    axes = paint(drawing, tmp_path).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), look.spectra.T)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), list_mel_hz(8, 8000.0) / 1000)
    assert (axes.get_ylabel(), axes.get_ylim()) == ("frequency (kHz)", (0.0, 8.0))
    assert "stem&lt;b&gt;" in drawing.caption
    assert "8 of 512 filters, waveforms of 729 samples" in drawing.caption


def test_the_mel_scale_is_that_of_the_slides():
    """Steps are equal in mel, and 1000 Hz are 1000 mel, by which the scale is known."""
    hz = list_mel_hz(11, 1000.0)
    np.testing.assert_allclose(2595 * np.log10(1 + hz / 700), np.arange(11) * 100, rtol=1e-4)
    assert (hz[0], hz[-1]) == (0.0, pytest.approx(1000.0))


def test_bars_are_the_deviations_and_dots_the_segments(tmp_path):
    look = make_excitations()
    bars, classes, loudness = list_drawings(Seen("se", "excitations"), look)
    heights = [bar.get_height() for bar in paint(bars, tmp_path).axes[0].patches]
    np.testing.assert_allclose(heights, look.deviations)
    lines = paint(classes, tmp_path).axes[0].lines
    assert [line.get_label() for line in lines] == ["non_sad", "sad"]
    np.testing.assert_allclose(lines[1].get_ydata(), [look.block(n)[1].mean() for n in range(3)])
    axes = paint(loudness, tmp_path).axes[0]
    assert sorted(x for line in axes.lines for x in line.get_xdata()) == look.loudness_db.tolist()
    assert "dB" in axes.get_xlabel()
    assert "2 of 4 channels follow it" in loudness.caption  # the others rest
    assert "; 3 test tracks" in bars.caption
    tags = dataclasses.replace(look, labels=np.full_like(look.labels, -1))
    assert "; test tracks" in list_drawings(Seen("se", "excitations"), tags)[0].caption


def test_widths_are_drawn_beside_those_before_training(tmp_path):
    widths, triangles = list_drawings(Seen("h", "harmonics"), HARMONICS)
    learnt, before = paint(widths, tmp_path).axes[0].lines
    centres = learnt.get_xdata()
    assert len(centres) == 6 * 3
    np.testing.assert_allclose(learnt.get_ydata(), (0.11 * centres + 25) / 1.5)
    np.testing.assert_allclose(before.get_ydata(), 0.1079 * centres + 24.7)
    assert "alpha 0.1100, beta 25.00, Q 1.5000" in widths.caption
    lines = paint(triangles, tmp_path).axes[0].lines
    assert [line.get_xdata()[1] for line in lines[::2]] == [220.0 * n for n in range(1, 7)]


def test_temporal_filters_are_sorted_by_how_fast_they_change(tmp_path):
    seconds = np.arange(128) / 62.5
    kernels = np.stack([np.sin(2 * np.pi * hz * seconds) for hz in (20.0, 5.0)])[:, :, np.newaxis]
    heat, _ = list_drawings(Seen("m", "bands", "t"), Bands("t", 62.5, 96, kernels.astype(np.float32)))
    image = paint(heat, tmp_path).axes[0].images[0].get_array()
    peaks_hz = np.argmax(image, axis=0) / (len(image) - 1) * 31.25
    np.testing.assert_allclose(peaks_hz, [5.0, 20.0], atol=0.3)


def test_timbral_filters_are_sorted_by_their_bands_and_the_strongest_are_shown(tmp_path):
    kernels = np.zeros((40, 7, 5), np.float32)
    for number in range(40):
        kernels[number, :, 4 - number % 5] = number
    heat, strongest = list_drawings(Seen("m", "bands", "t"), Bands("t", 62.5, 96, kernels))
    image = paint(heat, tmp_path).axes[0].images[0].get_array()
    assert image.shape == (5, 39)  # the first has no weights
    assert "40 filters" in heat.caption
    assert heat.caption.endswith("The weights of 1 are zero: they are left out")
    assert np.argmax(image, axis=0).tolist() == sorted(np.argmax(image, axis=0).tolist())
    figure = paint(strongest, tmp_path)
    drawn = [axes.images[0].get_array().max() for axes in figure.axes]
    assert len(paint(list_drawings(*LOOKS["timbral"][:2])[1], tmp_path).axes) == 3 * 8  # 20 kernels
    assert sorted(drawn) == list(range(8, 40))
    assert "32 filters of 40" in strongest.caption


def test_names_that_the_usual_font_has_not_do_not_stop_a_picture(tmp_path):
    look = make_excitations(("悲しい", "b<i>"))
    for drawing in list_drawings(Seen("se", "excitations"), look):
        assert save_drawing(drawing, tmp_path / "x.png")
