"""Pictures of the report as inline SVG: arrays and names flow in, text flows out.

Every picture is 360 units wide with letters of 11, so that it can be read on a phone without scaling letters down; a
wide screen puts pictures beside one another. Colours are the classes of report.css, which knows light and dark; what
a colour tells, a dash, a shape or a place tells too. `title` and `desc` are for those who do not see the picture.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np

WIDTH = 360
LEFT, RIGHT, TOP, BOTTOM = 38, 10, 10, 34
_BLUE, _GREY, _RED = (0, 114, 178), (176, 176, 176), (213, 94, 0)  # Okabe and Ito: told apart by every kind of sight


def shown(text: object) -> str:
    """Return a text for a page: escaped, and with a mark where a file name is not UTF-8."""
    clean = str(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return html.escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in clean))


def wrap(title: str, description: str, height: float, parts: Sequence[str], kind: str = "") -> str:
    """Return an SVG element of `WIDTH` by `height` with its name and description."""
    return (
        f'<svg class="picture {kind}" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{shown(title)}">'
        f"<title>{shown(title)}</title><desc>{shown(description)}</desc>{''.join(parts)}</svg>"
    )


def text(x: float, y: float, words: object, kind: str = "", anchor: str = "middle") -> str:
    """Return a line of text; `kind` is a CSS class."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{shown(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def find_ticks(low: float, high: float, count: int = 5) -> np.ndarray:
    """Return round numbers from `low` to `high`, at most about `count`."""
    span = high - low
    if not span > 0:
        return np.array([low])
    step = 10 ** math.floor(math.log10(span / count))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= count)
    return np.arange(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1) * step


class Frame:
    """Axes: numbers to places, with the ticks and names drawn.

    Parameters
    ----------
    x, y : tuple[float, float]
        Ranges.
    height : float
        Of the picture.
    name : str
        What the horizontal axis is.
    """

    def __init__(self, x: tuple[float, float], y: tuple[float, float], height: float, name: str) -> None:
        self.x, self.y, self.height = x, y, height
        self.bottom, self.name = height - BOTTOM, name

    def across(self, value: float) -> float:
        """Return the horizontal place of a value."""
        low, high = self.x
        return LEFT + (value - low) / ((high - low) or 1) * (WIDTH - LEFT - RIGHT)

    def up(self, value: float) -> float:
        """Return the vertical place of a value."""
        low, high = self.y
        return self.bottom - (value - low) / ((high - low) or 1) * (self.bottom - TOP)

    def draw(self, x_ticks: Sequence[float], y_ticks: Sequence[float], unit: str = "") -> list[str]:
        """Draw the axes with some ticks; the unit is that of the vertical ones."""
        parts = []
        for value in y_ticks:
            parts.append(line(LEFT, self.up(value), WIDTH - RIGHT, self.up(value), "grid"))
            parts.append(text(LEFT - 5, self.up(value) + 4, f"{value:.4g}{unit}", "tick", "end"))
        parts += [text(self.across(value), self.bottom + 14, f"{value:.4g}", "tick") for value in x_ticks]
        parts.append(line(LEFT, self.bottom, WIDTH - RIGHT, self.bottom, "axis"))
        parts.append(text((LEFT + WIDTH - RIGHT) / 2, self.height - 5, self.name, "name"))
        return parts


def draw_histogram(edges: np.ndarray, before: np.ndarray, after: np.ndarray, mean: float, title: str) -> str:
    """Draw the share of tracks by the mass on their own class, one-hot labels as an outline, as Figure 1 of the paper.

    Parameters
    ----------
    edges : np.ndarray [shape=(n_bins + 1,)]
        Of the bins, all as wide.
    before, after : np.ndarray [shape=(n_bins,)]
        Percent of the tracks.
    mean : float
        Of the mass after, drawn as a dashed line.
    title : str
        What it is of.
    """
    frame = Frame((-0.06, 1.06), (0, 100), 200, "mass on the track's own class")
    parts = frame.draw([0, 0.2, 0.4, 0.6, 0.8, 1], [0, 25, 50, 75, 100], " %")
    width = (frame.across(edges[1]) - frame.across(edges[0])) * 0.86
    for low, high, first, second in zip(edges[:-1], edges[1:], before, after, strict=True):
        left = frame.across((low + high) / 2) - width / 2
        for share, kind in ((second, "bar"), (first, "bar-before")):
            if share > 0:
                tip = f"{'one-hot' if kind == 'bar-before' else 'smoothed'}: {share:.1f} %"
                parts.append(
                    f'<rect x="{left:.1f}" y="{frame.up(share):.1f}" width="{width:.1f}" '
                    f'height="{max(frame.bottom - frame.up(share), 0.5):.1f}" class="{kind}">'
                    f"<title>{tip}</title></rect>"
                )
    parts.append(line(frame.across(mean), TOP, frame.across(mean), frame.bottom, "mean"))
    # beside its line, and clear of the tall bar at 1
    start = mean < 0.6
    place = frame.across(mean) + 4 if start else min(frame.across(mean), frame.across(edges[-2])) - 4
    parts.append(text(place, TOP + 9, f"mean {mean:.2f}", "note", "start" if start else "end"))
    described = ", ".join(f"{(a + b) / 2:.1f}: {s:.0f} %" for a, b, s in zip(edges[:-1], edges[1:], after, strict=True))
    return wrap(title, f"Share of tracks by mass. {described}", 200, parts)


def draw_curves(
    curves: Sequence[tuple[Sequence[float], str]],
    name: str,
    title: str,
    best: int | None = None,
    y: tuple[float, float] | None = None,
    halvings: Sequence[int] = (),
) -> str:
    """Draw values by epoch.

    Parameters
    ----------
    curves : Sequence[tuple[Sequence[float], str]]
        Values from epoch 1 on, and a CSS class: "c1" to "c4", with "thin" for one of many.
    name : str
        What the values are.
    title : str
        What it is of.
    best : int or None
        The epoch that was kept.
    y : tuple[float, float] or None
        Range; None is that of the values.
    halvings : Sequence[int]
        Epochs after which the learning rate was halved.
    """
    values = np.concatenate([np.asarray(curve, dtype=float) for curve, _ in curves])
    values = values[np.isfinite(values)]
    y = y or (min(0.0, values.min()), values.max() * 1.05 or 1.0)
    last = max(len(curve) for curve, _ in curves)
    frame = Frame((1, max(last, 2)), y, 200, "epoch")
    parts = frame.draw([*{1, *find_ticks(1, last, 4).astype(int).tolist()}], find_ticks(*y))
    for epoch in halvings:
        parts.append(line(frame.across(epoch), TOP, frame.across(epoch), frame.bottom, "halving"))
    if best is not None:
        parts.append(line(frame.across(best), TOP, frame.across(best), frame.bottom, "mean"))
        end = best > 0.6 * last
        label = f"kept: {best}"
        parts.append(
            text(frame.across(best) + (-4 if end else 4), frame.bottom - 5, label, "note", "end" if end else "start")
        )
    for curve, kind in curves:
        # some hundred points are all that a screen shows
        step = max(1, len(curve) // 300)
        places = [(frame.across(n + 1), frame.up(v)) for n, v in enumerate(curve) if n % step == 0 and np.isfinite(v)]
        parts.append(f'<polyline class="curve {kind}" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in places)}"/>')
    ends = ", ".join(f"{curve[0]:.3g} to {curve[-1]:.3g}" for curve, _ in curves[:4])
    return wrap(title, f"{name} over {last} epochs: {ends}", 200, parts)


def draw_folds(rows: Mapping[str, Sequence[float]], means: Mapping[str, float], stds: Mapping, chance: float) -> str:
    """Draw the balanced accuracy of every fold as a dot, one line per row, with mean and deviation."""
    longest = max(len(name) for name in rows)
    left = min(140.0, 14 + 6.4 * longest)
    low = min([chance, *(value for values in rows.values() for value in values)])
    low = math.floor(low * 10 - 1e-9) / 10
    height, step = 26 + 30 * len(rows), 30

    def across(value: float) -> float:
        return left + (value - low) / (1 - low) * (WIDTH - left - RIGHT)

    parts = []
    for value in find_ticks(low, 1, 4):
        parts += [
            line(across(value), 4, across(value), height - 20, "grid"),
            text(across(value), height - 6, f"{value:.2g}"),
        ]
    parts.append(line(across(chance), 4, across(chance), height - 20, "halving"))
    for number, (name, values) in enumerate(rows.items()):
        y = 20 + number * step
        parts.append(text(left - 8, y + 4, name if len(name) <= 20 else f"{name[:19]}…", "label", "end"))
        first, last = (across(float(np.clip(means[name] + sign * stds[name], low, 1))) for sign in (-1, 1))
        parts.append(line(first, y, last, y, "spread"))
        # dots of equal folds lie beside one another, up and down in turn
        for fold, value in enumerate(values):
            shift = (fold % 3 - 1) * 5
            parts.append(
                f'<circle cx="{across(value):.1f}" cy="{y + shift:.1f}" r="3" class="dot">'
                f"<title>{shown(name)}, fold {fold + 1}: {value:.3f}</title></circle>"
            )
        parts.append(line(across(means[name]), y - 10, across(means[name]), y + 10, "middle"))
    described = "; ".join(f"{name} {means[name]:.3f} with deviation {stds[name]:.3f}" for name in rows)
    return wrap("Balanced accuracy of every fold", described, height, parts)


def draw_scatter(truth: np.ndarray, estimates: np.ndarray, names: Sequence[str], title: str) -> str:
    """Draw estimates (n,) against the truth (n,), a dot per track that says its name, both axes alike."""
    low, high = float(min(truth.min(), estimates.min())), float(max(truth.max(), estimates.max()))
    margin = 0.04 * ((high - low) or 1)
    span = (low - margin, high + margin)
    frame = Frame(span, span, WIDTH - 20, "truth (upwards: estimate)")
    ticks = find_ticks(low, high)
    parts = frame.draw(ticks, ticks)
    parts.append(line(frame.across(span[0]), frame.up(span[0]), frame.across(span[1]), frame.up(span[1]), "mean"))
    for x, y, name in zip(truth, estimates, names, strict=True):
        tip = f"{shown(name)}: {x:.3g}, estimated {y:.3g}"
        place = f'cx="{frame.across(x):.1f}" cy="{frame.up(y):.1f}" r="3.2"'
        parts.append(f'<circle {place} class="dot"><title>{tip}</title></circle>')
    described = f"{len(truth)} tracks from {low:.3g} to {high:.3g}"
    return wrap(title, described, WIDTH - 20, parts)


def choose_color(mass: float) -> str:
    """Return the colour of agreement: orange at 0 (everybody disagrees) over grey to blue at 1."""
    mass = float(np.clip(mass, 0, 1))
    ends, part = ((_RED, _GREY), mass * 2) if mass < 0.5 else ((_GREY, _BLUE), mass * 2 - 1)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(*ends, strict=True))


def _polygon(corners: int, radius: float, turn: float = 0.0, inner: float | None = None) -> str:
    count = corners * (2 if inner else 1)
    places = []
    for n in range(count):
        r = inner if inner and n % 2 else radius
        angle = 2 * math.pi * n / count + turn - math.pi / 2
        places.append(f"{r * math.cos(angle):.2f} {r * math.sin(angle):.2f}")
    return f"M{'L'.join(places)}Z"


def glyph(number: int) -> str:
    """Return the outline of a class's shape as SVG path data about (0, 0): ten shapes, then they repeat smaller."""
    shapes = (
        "M-3.6 0A3.6 3.6 0 1 0 3.6 0A3.6 3.6 0 1 0 -3.6 0Z",
        "M-3.3 -3.3H3.3V3.3H-3.3Z",
        _polygon(3, 4.6),
        _polygon(4, 4.6),
        "M-1.4 -4.2H1.4V-1.4H4.2V1.4H1.4V4.2H-1.4V1.4H-4.2V-1.4H-1.4Z",
        _polygon(3, 4.6, math.pi),
        _polygon(5, 5.2, 0, 2.1),
        _polygon(4, 5.0, math.pi / 4, 1.9),
        "M-2 -4.6H2V4.6H-2Z",
        "M-4.6 -2H4.6V2H-4.6Z",
    )
    return shapes[number % len(shapes)]


def draw_map(
    places: np.ndarray,
    shapes: Sequence[int],
    agreement: Sequence[float],
    wrong: Sequence[bool],
    names: Sequence[str],
    title: str,
) -> str:
    """Draw tracks on a plane: shape is the class, colour the agreement, an outline a wrong prediction.

    Parameters
    ----------
    places : np.ndarray [shape=(n_tracks, 2)]
        Any scale.
    shapes : Sequence[int]
        Class of each track.
    agreement : Sequence[float]
        From 0 to 1; NaN where there is none.
    wrong : Sequence[bool]
        Whether a model that had not seen the track is wrong.
    names : Sequence[str]
        What the pointer shows.
    title : str
        What it is of.
    """
    height, border = 300, 12
    span = np.maximum(np.ptp(places, axis=0), 1e-12)
    scale = min((WIDTH - 2 * border) / span[0], (height - 2 * border) / span[1])
    center = (places.max(axis=0) + places.min(axis=0)) / 2
    xy = (places - center) * scale + [WIDTH / 2, height / 2]
    parts = [f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6" class="ground"/>']
    for number in sorted(range(len(xy)), key=lambda n: bool(wrong[n])):  # what is outlined lies on top
        color = "#8a8a8a" if np.isnan(agreement[number]) else choose_color(agreement[number])
        kind = "pt wrong" if wrong[number] else "pt"
        x, y = xy[number]
        parts.append(
            f'<path class="{kind}" data-track="{number}" data-class="{shapes[number]}" d="{glyph(shapes[number])}" '
            f'transform="translate({x:.1f} {y:.1f})" fill="{color}"><title>{shown(names[number])}</title></path>'
        )
    return wrap(
        title, f"{len(xy)} tracks; near ones sound alike. The audit lists the doubtful ones.", height, parts, "map"
    )
