"""What abstaining buys: accuracy on the tracks that a classifier is surest of, by the share of tracks answered.

In: true classes and probabilities of tracks that the classifier was not trained on. Out: a `Coverage`, a table of
thresholds and an SVG. A track is answered when its highest probability is at least the threshold, as `predict
--min-confidence` does; tracks of one confidence are answered together.

References
----------
Geifman and El-Yaniv, "Selective classification for deep neural networks", NIPS 2017 (coverage and risk). Geifman, Uziel
and El-Yaniv, "Bias-reduced uncertainty estimation for deep neural classifiers", ICLR 2019 (area under the curve).
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Sequence

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.scores import metrics

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
LINE, FLAT = "#4c8bd0", "#e0662f"  # both stand out on white and on black
_WIDE, _HIGH, _LEFT, _TOP, _BOTTOM, _RIGHT = 300, 200, 40, 34, 36, 20


@dataclasses.dataclass(frozen=True, eq=False)
class Coverage:
    """Accuracy by coverage, from the surest tracks to all of them.

    Parameters
    ----------
    confidence : np.ndarray [shape=(n_steps,), float64]
        Thresholds, falling: every confidence that a track has.
    coverage : np.ndarray [shape=(n_steps,), float64]
        Share of the tracks at or above each, rising to 1.
    accuracy : np.ndarray [shape=(n_steps,), float64]
        Share of right answers among these.
    n_tracks : int
        Number of tracks.
    """

    confidence: np.ndarray
    coverage: np.ndarray
    accuracy: np.ndarray
    n_tracks: int

    @property
    def overall(self) -> float:
        """Accuracy when every track is answered, which is also that of answering a random share."""
        return float(self.accuracy[-1])

    @property
    def area(self) -> float:
        """Mean accuracy over all coverages, 1 minus the area under the risk-coverage curve."""
        return float(np.sum(self.accuracy * np.diff(self.coverage, prepend=0.0)))

    @property
    def best_area(self) -> float:
        """The area of a confidence that ranks every right answer above every wrong one."""
        n_right = round(self.overall * self.n_tracks)
        wrong = np.arange(1, self.n_tracks - n_right + 1)
        return float((n_right + np.sum(n_right / (n_right + wrong))) / self.n_tracks) if n_right else 0.0

    def accuracy_at(self, coverage: float) -> float:
        """Return the accuracy when at least that share of the tracks is answered, the surest first."""
        return float(self.accuracy[min(np.searchsorted(self.coverage, coverage - 1e-12), len(self.coverage) - 1)])

    def at_confidence(self, threshold: float) -> tuple[float, float | None]:
        """Return coverage and accuracy of answering at or above a confidence; None where no track is answered."""
        n_steps = int(np.sum(self.confidence >= threshold))
        return (0.0, None) if not n_steps else (float(self.coverage[n_steps - 1]), float(self.accuracy[n_steps - 1]))


def measure_coverage(targets: np.ndarray, probabilities: np.ndarray) -> Coverage:
    """Measure accuracy by coverage.

    Parameters
    ----------
    targets : np.ndarray [shape=(n_tracks,), int] or [shape=(n_tracks, n_classes)]
        True classes, as indices or one-hot.
    probabilities : np.ndarray [shape=(n_tracks, n_classes), float]
        Class probabilities.

    Returns
    -------
    Coverage

    Raises
    ------
    DataError
        When the arrays do not fit.
    """
    metrics.score_accuracy(targets, probabilities)  # checks both
    rows = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(targets) if np.ndim(targets) == 1 else np.argmax(targets, axis=1)
    confidence, hits = rows.max(axis=1), rows.argmax(axis=1) == truth
    values, which = np.unique(-confidence, return_inverse=True)  # the surest first
    counts = np.cumsum(np.bincount(which, minlength=len(values)))
    right = np.cumsum(np.bincount(which, weights=hits, minlength=len(values)))
    return Coverage(-values, counts / len(rows), right / counts, len(rows))


def tabulate(curve: Coverage, thresholds: Sequence[float] = THRESHOLDS) -> list[tuple[float, float, float | None]]:
    """Return (threshold, coverage, accuracy) for some thresholds; accuracy is None where nothing is answered.

    Raises
    ------
    DataError
        When a threshold is not from 0 to 1.
    """
    for value in thresholds:
        if not 0 <= value <= 1:
            raise DataError(explain("threshold", "a probability", value, "tabulate", "Give numbers from 0 to 1."))
    return [(value, *curve.at_confidence(value)) for value in thresholds]


def draw_svg(curve: Coverage, title: str = "Accuracy by coverage") -> str:
    """Draw accuracy by coverage, beside the flat line of answering a random share.

    Returns
    -------
    str
        One `<svg>` element for a page, without script, font or link, in the colour of the text around it.
    """
    low = max(0.0, np.floor(10 * min(curve.accuracy.min(), curve.overall)) / 10 - 0.1)
    base, width, height = _TOP + _HIGH, _LEFT + _WIDE + _RIGHT, _TOP + _HIGH + _BOTTOM

    def x(share: float) -> float:
        return _LEFT + share * _WIDE

    def y(share: float) -> float:
        return base - (share - low) / (1 - low) * _HIGH

    name = html.escape(title, quote=True)
    facts = f"{curve.n_tracks} tracks: all {curve.overall:.3f}, mean over coverages {curve.area:.3f}"
    parts = [
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{name}: {facts}" style="width:100%;max-width:26rem;height:auto" '
        'font-family="system-ui, sans-serif" font-size="10" fill="currentColor">',
        f'<text x="{_LEFT}" y="13" font-size="12" font-weight="600">{name}</text>',
        f'<text x="{_LEFT}" y="25" opacity=".75">{facts}</text>',
    ]
    for share in np.linspace(low, 1, 6):
        parts += [
            f'<line x1="{_LEFT}" x2="{x(1):g}" y1="{y(share):.1f}" y2="{y(share):.1f}" stroke="currentColor" '
            'opacity=".15"/>',
            f'<text x="{_LEFT - 4}" y="{y(share) + 3.5:.1f}" text-anchor="end">{share:.2f}</text>',
        ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<text x="{x(share):g}" y="{base + 13}" text-anchor="middle">{share:.0%}</text>')
    points = " ".join(f"{x(c):.1f},{y(a):.1f}" for c, a in zip(curve.coverage, curve.accuracy, strict=True))
    flat = y(curve.overall)
    parts += [
        f'<line x1="{_LEFT}" x2="{x(1):g}" y1="{flat:.1f}" y2="{flat:.1f}" stroke="{FLAT}" stroke-dasharray="4 3"/>',
        f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="2"/>',
    ]
    for threshold, coverage, accuracy in tabulate(curve):
        if accuracy is not None and coverage < 1:
            words = f"at least {threshold:g}: {coverage:.0%} answered, accuracy {accuracy:.3f}"
            place = f'cx="{x(coverage):.1f}" cy="{y(accuracy):.1f}"'
            parts.append(f'<circle {place} r="4" fill="{LINE}"><title>{words}</title></circle>')
    parts += [
        f'<text x="{x(0.5):g}" y="{base + 29}" text-anchor="middle">share of tracks answered, the surest first</text>',
        f'<text transform="translate(10 {base - _HIGH / 2}) rotate(-90)" text-anchor="middle">accuracy</text>',
        "</svg>",
    ]
    return "".join(parts)
