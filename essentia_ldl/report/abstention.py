"""The section of the report about abstaining: accuracy on the tracks that are answered. In: a `Page`; out: HTML."""

from __future__ import annotations

import numpy as np

from essentia_ldl.measure.rows import choose_best
from essentia_ldl.report.page import Page, percent, table
from essentia_ldl.report.pictures import shown
from essentia_ldl.report.results import CROSSVAL, Results
from essentia_ldl.scores.abstention import Coverage, draw_svg, measure_coverage, tabulate


def measure_row(results: Results, name: str) -> Coverage | None:
    """Measure a row of the scores on tracks that its networks were not trained on; None where there are none."""
    opinions, classes = results.opinions.get(name, {}), list(results.recipe.classes)
    tracks = [track for track in results.tracks if track.id in opinions and track.label in classes]
    if not tracks:
        return None
    targets = np.array([classes.index(track.label) for track in tracks])
    return measure_coverage(targets, np.stack([opinions[track.id] for track in tracks]))


def draw_abstention(page: Page) -> str:
    """Draw what answering only the surest tracks buys."""
    results = page.results
    folds = results.kind == CROSSVAL
    name = choose_best(results.scores) if folds else results.sources[0]
    curve = measure_row(results, name)
    if curve is None:
        return ""
    where = f"test tracks of all folds, labels {name}" if folds else "tracks kept from training"
    rows = [
        [f"{threshold:g}", percent(coverage), "–" if accuracy is None else f"{accuracy:.3f}"]
        for threshold, coverage, accuracy in tabulate(curve)
    ]
    gain = (curve.area - curve.overall) / (curve.best_area - curve.overall) if curve.best_area > curve.overall else None
    words = (
        f"Of {shown(where)}. Blue: accuracy on the tracks that are answered when the surest come first; dots are the "
        "thresholds of the table. Dashed: answering a random share. "
        + ("Every answer is right. " if gain is None else f"Of what a perfect ranking would gain it gains {gain:.0%}. ")
        + "Use a threshold with <code>predict --min-confidence</code>. At its left end the curve is of "
        "few tracks, and wavers."
    )
    head = ["probability at least", "answered", "accuracy of these"]
    return (
        f'<div class="figures"><figure>{draw_svg(curve)}</figure></div>{table(head, rows)}<p class="note">{words}</p>'
    )
