"""Reliability diagrams, as SVG for a page and as PNG, and the curve of accuracy by coverage.

In: `Reliability` records and a `Coverage`. Out: text of `<svg>` elements without script, font or link, which take the
colour of the text around them, so that they fit a light and a dark page, and a PNG through matplotlib (the extra
`plots`).

A reliability diagram shows, for each bin of confidence, the share of right answers as a bar, the expected share as a
dashed diagonal, the gap between the two as a thin line at the bin's mean confidence, and below how many tracks are in
it: an accuracy of three tracks is no accuracy.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import replacing
from essentia_ldl.fonts import find_fonts
from essentia_ldl.scores.abstention import Coverage, tabulate
from essentia_ldl.scores.reliability import Reliability

BAR, GAP = "#4c8bd0", "#e0662f"  # both stand out on white and on black
_SIDE, _LEFT, _TOP, _COUNTS, _BETWEEN, _BOTTOM, _RIGHT = 200, 38, 34, 44, 8, 34, 10
_STYLE = "width:100%;max-width:20rem;height:auto;display:inline-block;vertical-align:top"
_N_COLUMNS = 5
_CURVE_WIDTH, _CURVE_HEIGHT, _CURVE_LEFT, _CURVE_TOP, _CURVE_BOTTOM, _CURVE_RIGHT = 236, 176, 48, 42, 40, 20


def draw_reliability(reliability: Reliability) -> str:
    """Draw one reliability diagram.

    Parameters
    ----------
    reliability : Reliability
        The bins; its name is the title.

    Returns
    -------
    str
        One `<svg>` element, at most 20rem wide and never wider than what it stands in; every bar says its numbers when
        pointed at.
    """
    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BETWEEN + _COUNTS + _BOTTOM
    base, name = _TOP + _SIDE, html.escape(reliability.name, quote=True)
    n_bins, most = len(reliability.counts), max(1, int(reliability.counts.max()))
    step, floor = _SIDE / n_bins, base + _BETWEEN + _COUNTS
    facts = f"{reliability.n_tracks} tracks" + ("" if math.isnan(reliability.ece) else f", ECE {reliability.ece:.3f}")
    parts = [
        f'<svg viewBox="0 0 {width} {height}" style="{_STYLE}" role="img" '
        f'aria-label="Reliability diagram of {name}: {facts}" font-family="system-ui, sans-serif" font-size="10" '
        'fill="currentColor">',
        f'<text x="{_LEFT}" y="13" font-size="12" font-weight="600">{name}</text>',
        f'<text x="{_LEFT}" y="27" opacity=".75">{facts}</text>',
    ]
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        x, y = _LEFT + share * _SIDE, base - share * _SIDE
        parts += [
            f'<line x1="{_LEFT}" x2="{_LEFT + _SIDE}" y1="{y:g}" y2="{y:g}" stroke="currentColor" opacity=".15"/>',
            f'<text x="{_LEFT - 4}" y="{y + 3.5:g}" text-anchor="end">{share:g}</text>',
            f'<text x="{x:g}" y="{floor + 12}" text-anchor="middle">{share:g}</text>',
        ]
    rows = zip(reliability.counts.tolist(), reliability.confidence, reliability.accuracy, strict=True)
    for number, (count, confidence, accuracy) in enumerate(rows):
        if not count:
            continue
        x, wide = _LEFT + number * step + 1, step - 2
        tall, bar = accuracy * _SIDE, max(1.0, _COUNTS * 0.75 * count / most)
        middle, expected = _LEFT + confidence * _SIDE, base - confidence * _SIDE
        words = f"{number / n_bins:g} to {(number + 1) / n_bins:g}: {count} tracks"
        parts += [
            f"<g><title>{words}, confidence {confidence:.3f}, accuracy {accuracy:.3f}</title>",
            _box(x, base - tall, wide, tall, BAR, 0.75),
            f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{base - tall:.1f}" y2="{expected:.1f}" stroke="{GAP}" '
            'stroke-width="2.5"/>',
            _box(x, floor - bar, wide, bar, "currentColor", 0.4),
            f'<text x="{x + wide / 2:.1f}" y="{floor - bar - 2:.1f}" text-anchor="middle" font-size="7.5">{count}'
            "</text></g>",
        ]
    parts += [
        f'<line x1="{_LEFT}" y1="{base}" x2="{_LEFT + _SIDE}" y2="{_TOP}" stroke="currentColor" '
        'stroke-dasharray="4 3" opacity=".7"/>',
        f'<line x1="{_LEFT}" x2="{_LEFT + _SIDE}" y1="{floor}" y2="{floor}" stroke="currentColor" opacity=".5"/>',
        f'<text x="{_LEFT + _SIDE / 2}" y="{floor + 26}" text-anchor="middle">confidence</text>',
        f'<text transform="translate(10 {base - _SIDE / 2}) rotate(-90)" text-anchor="middle">accuracy</text>',
        f'<text transform="translate(10 {floor - _COUNTS / 2}) rotate(-90)" text-anchor="middle">tracks</text>',
        "</svg>",
    ]
    return "".join(parts)


def draw_coverage(curve: Coverage, title: str = "Accuracy by coverage") -> str:
    """Draw accuracy by coverage, beside the flat line of answering a random share.

    Parameters
    ----------
    curve : Coverage
        Of one classifier.
    title : str
        Above the curve.

    Returns
    -------
    str
        One `<svg>` element for a page, without script, font or link, in the colour of the text around it.
    """
    low = max(0.0, np.floor(10 * min(curve.accuracy.min(), curve.overall)) / 10 - 0.1)
    base = _CURVE_TOP + _CURVE_HEIGHT
    width, height = _CURVE_LEFT + _CURVE_WIDTH + _CURVE_RIGHT, base + _CURVE_BOTTOM

    def x(share: float) -> float:
        return _CURVE_LEFT + share * _CURVE_WIDTH

    def y(share: float) -> float:
        return base - (share - low) / (1 - low) * _CURVE_HEIGHT

    name = html.escape(title, quote=True)
    facts = f"{curve.n_tracks} tracks: all {curve.overall:.3f}, mean over coverages {curve.area:.3f}"
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{name}: {facts}" style="width:100%;max-width:24rem;height:auto" '
        'font-family="system-ui, sans-serif" font-size="11.5" fill="currentColor">',
        f'<text x="2" y="12" font-size="13" font-weight="600">{name}</text>',
        f'<text x="2" y="27" opacity=".75">{facts}</text>',
    ]
    for share in np.linspace(low, 1, 6):
        parts += [
            f'<line x1="{_CURVE_LEFT}" x2="{x(1):g}" y1="{y(share):.1f}" y2="{y(share):.1f}" stroke="currentColor" '
            'opacity=".15"/>',
            f'<text x="{_CURVE_LEFT - 4}" y="{y(share) + 3.5:.1f}" text-anchor="end">{share:.2f}</text>',
        ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<text x="{x(share):g}" y="{base + 15}" text-anchor="middle">{share:.0%}</text>')
    points = " ".join(f"{x(c):.1f},{y(a):.1f}" for c, a in zip(curve.coverage, curve.accuracy, strict=True))
    flat = y(curve.overall)
    parts += [
        f'<line x1="{_CURVE_LEFT}" x2="{x(1):g}" y1="{flat:.1f}" y2="{flat:.1f}" stroke="{GAP}" '
        'stroke-dasharray="4 3"/>',
        f'<polyline points="{points}" fill="none" stroke="{BAR}" stroke-width="2"/>',
    ]
    for threshold, coverage, accuracy in tabulate(curve):
        if accuracy is not None and coverage < 1:
            words = f"at least {threshold:g}: {coverage:.0%} answered, accuracy {accuracy:.3f}"
            place = f'cx="{x(coverage):.1f}" cy="{y(accuracy):.1f}"'
            parts.append(f'<circle {place} r="4" fill="{BAR}"><title>{words}</title></circle>')
    parts += [
        f'<text x="{x(0.5):g}" y="{base + 33}" text-anchor="middle">share of tracks answered, the surest first</text>',
        f'<text transform="translate(10 {base - _CURVE_HEIGHT / 2}) rotate(-90)" text-anchor="middle">accuracy</text>',
        "</svg>",
    ]
    return "".join(parts)


def draw_png(path: Path, reliabilities: Sequence[Reliability], title: str = "") -> None:
    """Draw reliability diagrams side by side into a PNG.

    Parameters
    ----------
    path : Path
        The file; written atomically.
    reliabilities : sequence of Reliability
        One or more.
    title : str
        Above all of them.

    Raises
    ------
    DataError
        When there is nothing to draw, or matplotlib is not installed.
    """
    if not reliabilities:
        raise DataError(explain("diagrams", "one at least", 0, path, "Give a Reliability."))
    n_columns = min(_N_COLUMNS, len(reliabilities))
    n_rows = math.ceil(len(reliabilities) / n_columns)
    figure = start_figure((3.2 * n_columns, 4.1 * n_rows), 120, path)
    grid = figure.add_gridspec(2 * n_rows, n_columns, height_ratios=[3, 1] * n_rows)
    for number, reliability in enumerate(reliabilities):
        row, column = divmod(number, n_columns)
        upper = figure.add_subplot(grid[2 * row, column])
        lower = figure.add_subplot(grid[2 * row + 1, column], sharex=upper)
        counts, n_bins = reliability.counts, len(reliability.counts)
        centres, some = (np.arange(n_bins) + 0.5) / n_bins, counts > 0
        upper.bar(centres, np.nan_to_num(reliability.accuracy), width=0.9 / n_bins, color=BAR, label="accuracy")
        ends = [values[some] for values in (reliability.confidence, reliability.accuracy, reliability.confidence)]
        upper.vlines(*ends, color=GAP, linewidth=2, label="gap")
        upper.plot([0, 1], [0, 1], "--", color="0.3", linewidth=1, zorder=3)
        ece = "" if math.isnan(reliability.ece) else f", ECE {reliability.ece:.3f}"
        name, families = find_fonts(reliability.name)
        upper.set_title(f"{name}\n{reliability.n_tracks} tracks{ece}", fontsize=9, fontfamily=families)
        upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy" if column == 0 else "")
        upper.tick_params(labelbottom=False)
        lower.bar(centres, counts, width=0.9 / n_bins, color="0.6")
        for centre, count in zip(centres[some], counts[some], strict=True):
            lower.text(centre, count, str(count), ha="center", va="bottom", fontsize=6)
        lower.set(xlabel="confidence", ylabel="tracks" if column == 0 else "", ylim=(0, 1.25 * max(1, counts.max())))
    if title:
        words, families = find_fonts(title)
        figure.suptitle(words, fontsize=11, fontfamily=families)
    with replacing(path) as file:
        figure.savefig(file, format="png")


def start_figure(inches: tuple[float, float], dpi: int, path: Path) -> Any:
    """Start a picture of matplotlib's, without a window system.

    Parameters
    ----------
    inches : tuple[float, float]
        Width and height.
    dpi : int
        Pixels per inch.
    path : Path
        Where it will be, for the message.

    Returns
    -------
    matplotlib.figure.Figure
        Empty.

    Raises
    ------
    DataError
        When matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        remedy = "Install it: pip install 'essentia-ldl[plots]'."
        raise DataError(explain("png", "matplotlib", "not installed", path, remedy)) from None
    figure = Figure(figsize=inches, dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _box(x: float, y: float, width: float, height: float, colour: str, opacity: float) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {place} fill="{colour}" opacity="{opacity}"/>'
