"""Pictures of a benchmark as inline SVG: accuracy against cost, and accuracy by the strength of a change.

In: numbers by network; out: text. A network has one shape and one colour in all pictures, which `draw_key` tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from essentia_ldl.report.pictures import WIDTH, Frame, find_ticks, glyph, line, shown, text, wrap
from essentia_ldl.studies.tagging.grid import NETWORKS

HEIGHT = 250
# Okabe and Ito's but for yellow, which white paper swallows, and three more as dark
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#c98500", "#3c9ed9", "#7f5fb8", "#8c6d31", "#6b7280")
_LETTER, _LINE = 6.7, 12.0  # of a label, in units of the picture
_PLACES = ((8, 4, "start"), (-8, 4, "end"), (0, -9, "middle"), (0, 17, "middle"), (8, -7, "start"), (-8, -7, "end"))
_FAR = ((8, 16, "start"), (-8, 16, "end"), (12, -18, "start"), (-12, -18, "end"), (12, 28, "start"), (-12, 28, "end"))


def find_look(name: str) -> tuple[str, str]:
    """Return the outline and the colour of a network."""
    number = list(NETWORKS).index(name)
    return glyph(number), COLOURS[number % len(COLOURS)]


def draw_mark(name: str, x: float, y: float, tip: str) -> str:
    """Draw a network's shape at a place, which says something when pointed at."""
    outline, colour = find_look(name)
    return (
        f'<path d="{outline}" transform="translate({x:.1f} {y:.1f})" fill="{colour}"><title>{shown(tip)}</title></path>'
    )


def draw_key(names: Sequence[str]) -> str:
    """Return the shapes, colours and names of networks, for above the pictures."""
    parts = []
    for name in names:
        outline, colour = find_look(name)
        mark = f'<svg viewBox="-6 -6 12 12" width="14" height="14" aria-hidden="true"><path d="{outline}"'
        parts.append(f'<span class="look">{mark} fill="{colour}"/></svg>{shown(NETWORKS[name])}</span>')
    return f'<p class="looks">{"".join(parts)}</p>'


def draw_costs(points: Mapping[str, tuple[float, float]], axis: str, title: str) -> str:
    """Draw accuracy against a cost on a scale of factors of ten, with the names of the networks.

    Parameters
    ----------
    points : Mapping[str, tuple[float, float]]
        Cost, above 0, and ROC-AUC by network.
    axis : str
        What the cost is.
    title : str
        What it is of.
    """
    costs, scores = [math.log10(cost) for cost, _ in points.values()], [score for _, score in points.values()]
    x, y = _widen(min(costs), max(costs), 0.3), _widen(min(scores), max(scores), 0.01)
    frame = Frame(x, y, HEIGHT, axis)
    parts = frame.draw([], find_ticks(*y))
    for value in _list_costs(*x):
        parts.append(line(frame.across(math.log10(value)), 10, frame.across(math.log10(value)), frame.bottom, "grid"))
        parts.append(text(frame.across(math.log10(value)), frame.bottom + 14, describe_number(value), "tick"))
    places = {name: (frame.across(math.log10(cost)), frame.up(score)) for name, (cost, score) in points.items()}
    taken = [(a - 6, b - 6, a + 6, b + 6) for a, b in places.values()]
    for name, (a, b) in places.items():
        label, box = _place_label(NETWORKS[name], (a, b), taken, frame.bottom)
        taken.append(box)
        parts.append(label)
    for name, (a, b) in places.items():
        tip = f"{NETWORKS[name]}: ROC-AUC {points[name][1]:.3f}, {describe_number(points[name][0])} {axis}"
        parts.append(draw_mark(name, a, b, tip))
    described = "; ".join(f"{NETWORKS[name]} {score:.3f} at {cost:.3g}" for name, (cost, score) in points.items())
    return wrap(title, described, HEIGHT, parts)


def _widen(low: float, high: float, least: float) -> tuple[float, float]:
    margin = max(0.09 * (high - low), least / 2)
    return low - margin, high + margin


def _list_costs(low: float, high: float) -> list[float]:
    """List round numbers between two powers of ten: one, two and five, or powers alone where there are many."""
    digits = (1, 2, 5) if high - low < 1.6 else (1, 3) if high - low < 3 else (1,)
    decades = range(math.floor(low), math.ceil(high) + 1)
    values = [digit * 10.0**power for power in decades for digit in digits]
    return [value for value in values if low <= math.log10(value) <= high]


def _place_label(
    words: str, place: tuple[float, float], taken: Sequence[tuple[float, ...]], bottom: float
) -> tuple[str, tuple[float, float, float, float]]:
    """Write a name beside its mark, where it covers least of what is there already."""
    best: tuple[float, str, tuple[float, float, float, float]] | None = None
    for dx, dy, anchor in (*_PLACES, *_FAR):
        a, b, wide = place[0] + dx, place[1] + dy, _LETTER * len(words)
        left = a - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        box = (left, b - _LINE + 2, left + wide, b + 2)
        outside = left < 36 or left + wide > WIDTH - 2 or box[1] < 0 or box[3] > bottom - 1
        covered = sum(_overlap(box, other) for other in taken) + (1e6 if outside else 0.0)
        if best is None or covered < best[0]:
            best = (covered, text(a, b, words, "note", anchor), box)
        if covered == 0:
            break
    return best[1], best[2]


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def draw_strengths(
    curves: Mapping[str, Mapping[float, float]],
    axis: str,
    title: str,
    y: tuple[float, float],
    words: Mapping[float, str],
) -> str:
    """Draw accuracy by the strength of a change.

    Parameters
    ----------
    curves : Mapping[str, Mapping[float, float]]
        ROC-AUC by strength, by network.
    axis : str
        What the strength is.
    title : str
        What it is of.
    y : tuple[float, float]
        Range, the same in all pictures beside one another.
    words : Mapping[float, str]
        What stands below the strengths, which are equally far apart.
    """
    strengths = sorted({strength for curve in curves.values() for strength in curve})
    frame = Frame((-0.25, len(strengths) - 0.75), y, HEIGHT, axis)
    parts = frame.draw([], find_ticks(*y))
    for number, strength in enumerate(strengths):
        parts.append(text(frame.across(number), frame.bottom + 14, words[strength], "tick"))
    for name, curve in curves.items():
        colour = find_look(name)[1]
        places = [
            (frame.across(n), frame.up(curve[strength])) for n, strength in enumerate(strengths) if strength in curve
        ]
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" opacity="0.8"/>')
    for name, curve in curves.items():
        for number, strength in enumerate(strengths):
            if strength in curve:
                tip = f"{NETWORKS[name]}, {words[strength]}: ROC-AUC {curve[strength]:.3f}"
                parts.append(draw_mark(name, frame.across(number), frame.up(curve[strength]), tip))
    ends = "; ".join(
        f"{NETWORKS[name]} {min(curve.values()):.3f} to {max(curve.values()):.3f}" for name, curve in curves.items()
    )
    return wrap(title, f"{axis}: {ends}", HEIGHT, parts)


def describe_number(value: float) -> str:
    """Write a number with few digits, such as 3.7M.

    Examples
    --------
    >>> [describe_number(value) for value in (0.25, 3.14159, 42.0, 12345, 3687348)]
    ['0.25', '3.14', '42', '12k', '3.7M']
    """
    if value >= 1e6:
        return f"{value / 1e6:.{0 if value >= 1e7 else 1}f}M".replace(".0M", "M")
    if value >= 1e4:
        return f"{value / 1e3:.0f}k"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
