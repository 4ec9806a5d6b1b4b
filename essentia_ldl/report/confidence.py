"""Sections of the report about confidence: is it right as often as it is sure, and what does abstaining buy?

In: a `Page`; out: HTML, and ``reliability-*.png`` beside the page. The section on calibration is drawn where networks
left logits and a ``calibration.json``. Its numbers are those of scores.json; its diagrams are of tracks that the
network was not trained on: the test tracks of all folds, each calibrated as its fold was; out-of-fold tracks under a
final model; the tracks of a solved training, each part asked of a classifier that was fitted, chosen and calibrated
without it; test tracks of a training, or else its validation tracks, which its calibration was fitted on. The section
on abstaining is drawn from the same tracks' probabilities.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError
from essentia_ldl.report.diagrams import draw_coverage, draw_png, draw_reliability
from essentia_ldl.report.page import Page, percent, table
from essentia_ldl.report.pictures import shown
from essentia_ldl.report.results import CROSSVAL, Results, locate_cell
from essentia_ldl.runs.calibrate import OUT_OF_FOLD, list_nested, read_run
from essentia_ldl.runs.predictions import read_side
from essentia_ldl.runs.score import choose_best
from essentia_ldl.scores import reliability
from essentia_ldl.scores.abstention import Coverage, measure_coverage, tabulate
from essentia_ldl.scores.calibration import FILE, Calibration, apply, identity
from essentia_ldl.scores.logits import PatchLogits, join
from essentia_ldl.scores.reliability import Reliability

UNSEEN = "tracks that neither fit, choice nor temperature has seen"
TEMPERATURES = (1.0, 1.25, 1.5, 1.75)  # of the paper's figure 7; the fitted one joins them
_SCORES = (("ece", "ECE"), ("ece_15", "15 bins"), ("classwise_ece", "class-wise"), ("nll", "NLL"), ("brier", "Brier"))

# --- calibration ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Diagrams:
    """Reliability diagrams of a run: before and after calibration, at several temperatures, and of each class."""

    name: str
    overall: tuple[Reliability, ...]
    temperatures: tuple[Reliability, ...]
    classes: tuple[Reliability, ...]

    @property
    def files(self) -> Mapping[str, tuple[Reliability, ...]]:
        """The PNG files and what is in each."""
        return {
            "reliability-overall.png": self.overall,
            "reliability-temperatures.png": self.temperatures,
            "reliability-classes.png": self.classes,
        }


def measure_diagrams(results: Results) -> Diagrams | None:
    """Measure the diagrams of a run; None where no network left logits and a calibration.

    Raises
    ------
    StoreError, DataError
        When a file of the run is broken.
    """
    name, parts = _read_parts(results)
    if not parts:
        return None
    classes = parts[0][0].classes
    sample = join([one for one, _ in parts])
    before, after = (
        np.concatenate([apply(found, one.patch_logits, one.n_patches) for one, found in chosen])
        for chosen in ([(one, identity(classes)) for one, _ in parts], parts)
    )
    fitted = [found.temperature for _, found in parts if found.temperature is not None]
    # of several folds the middle one, because a diagram of all tracks has one temperature
    values = sorted({*TEMPERATURES, *([round(float(np.median(fitted)), 3)] if fitted else [])})
    overall = [reliability.measure(sample.targets, before, name="not calibrated")]
    if any(not found.is_identity for _, found in parts):
        overall.append(reliability.measure(sample.targets, after, name="calibrated"))
    by_class = reliability.split_by_class(sample.targets, after, classes)
    return Diagrams(name, tuple(overall), reliability.compare_temperatures(sample, values), by_class)


def write_diagrams(results: Results) -> Iterator[Path | str]:
    """Write the diagrams of a run as PNG files into its folder; give their paths, or the reason why there are none."""
    diagrams = measure_diagrams(results)
    if diagrams is None:
        return
    try:
        for name, drawn in diagrams.files.items():
            draw_png(results.folder / name, drawn, f"{results.recipe.task}: {diagrams.name}")
            yield results.folder / name
    except DataError as error:  # matplotlib is an extra
        yield str(error)


def draw_calibration(page: Page) -> str:
    """Draw how far probabilities are from shares of right answers."""
    results = page.results
    diagrams = measure_diagrams(results)
    if diagrams is None:
        return ""
    folds = results.kind == CROSSVAL
    parts = [_draw_rows(results) if folds else _draw_sides(results), "<h3>All tracks</h3>"]
    note = (
        f"Of {shown(diagrams.name)}. A bar is the share of right answers among the tracks of a bin of confidence, the "
        "dashed line what a calibrated classifier reaches, the stroke the gap, the grey bars below how many tracks "
        "there are: a bin of three tracks says nothing."
    )
    parts += [_figures(diagrams.overall), f'<p class="note">{note}</p>', "<h3>Several temperatures</h3>"]
    several = folds or bool(list_nested(results.folder))
    fitted = "The middle of the folds' temperatures is among them." if several else "The fitted one is among them."
    parts += [_figures(diagrams.temperatures), f'<p class="note">One T for all tracks. {fitted}</p>']
    parts += ["<h3>Each class</h3>", _figures(diagrams.classes)]
    parts.append('<p class="note">The tracks that the calibrated classifier gives each class.</p>')
    return "".join(parts)


def _figures(drawn: Sequence[Reliability]) -> str:
    figures = "".join(f"<figure>{draw_reliability(one)}</figure>" for one in drawn)
    return f'<div class="figures">{figures}</div>'


def _draw_rows(results: Results) -> str:
    rows, remarks = [], []
    for name, row in results.scores["sources"].items():
        found = row.get("calibration")
        if found:
            rows += _draw_scores(shown(name), found)
            remarks.append(f"{shown(name)}: {shown('; '.join(_tell(fold) for fold in found['folds']))}")
    words = "Each fold is calibrated on its validation tracks and scored on its test tracks. " + ". ".join(remarks)
    return _table(rows, words)


def _draw_sides(results: Results) -> str:
    found, rows = results.scores["calibration"], []
    for side, name in (("valid", "validation, which it was fitted on"), ("test", "test")):
        if side in found:
            rows += _draw_scores(name, found[side])
    measured = results.scores.get("crossval", {}).get("calibration")
    if measured:
        is_nested = bool(list_nested(results.folder))
        rows += _draw_scores("folds inside the training" if is_nested else "folds of the cross-validation", measured)
    return _table(rows, shown(found["text"][:1].upper() + found["text"][1:]))


def _table(rows: Sequence[Sequence[str]], words: str) -> str:
    head = ["", "", *(name for _, name in _SCORES), "tracks with another class"]
    scores = table(head, rows) if rows else ""
    note = (
        f"{words}. ECE: mean gap between confidence and accuracy, 10 bins unless said, intervals of 95 % over artists; "
        "class-wise: the mean over each class's probability; NLL: negative log-likelihood in nats; less is better."
    )
    return f'{scores}<p class="note">{note}</p>'


def _draw_scores(name: str, found: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for side in ("before", "after"):
        cells = [name if side == "before" else "", side]
        for key, _ in _SCORES:
            value, interval = found[side][key]["value"], found[side][key]["interval"]
            limits = "" if interval is None else f"<br><small>{interval[0]:.3f} to {interval[1]:.3f}</small>"
            cells.append(f"{value:.3f}{limits}")
        rows.append([*cells, str(found["n_changed"]) if side == "after" else ""])
    return rows


def _tell(fold: Mapping[str, Any]) -> str:
    return f"T = {fold['temperature']:.2f}" if "temperature" in fold else "vector scaling"


def _read_parts(results: Results) -> tuple[str, list[tuple[PatchLogits, Calibration]]]:
    """Return which tracks the diagrams are of, and their logits with what calibrates each network."""
    folder, scores = results.folder, results.scores
    if results.kind == CROSSVAL:
        best = choose_best(scores)
        cells = [locate_cell(folder, best, fold) for fold in scores["folds"]]
        if "calibration" not in scores["sources"][best] or not all((cell / FILE).is_file() for cell in cells):
            return "", []
        name = f"test tracks of all folds, labels {best}"
        return name, [(read_side(cell, "test"), _read(cell)) for cell in cells]
    if "calibration" not in scores or not (folder / FILE).is_file():
        return "", []
    nested = list_nested(folder)
    if nested:
        return UNSEEN, [(read_side(cell, "test"), _read(cell)) for cell in nested]
    out_of_fold = folder / OUT_OF_FOLD
    if out_of_fold.is_dir():
        return "out-of-fold tracks", [(read_side(out_of_fold, "test"), _read(folder))]
    side = "test" if "test" in scores else "valid"
    if side not in scores:
        return "", []
    return f"{'test' if side == 'test' else 'validation'} tracks", [(read_side(folder, side), _read(folder))]


def _read(folder: Path) -> Calibration:
    found = read_run(folder)
    return found if found is not None else identity(read_side(folder, "train").classes)


# --- abstaining -----------------------------------------------------------------------------------------------------


def measure_abstention(results: Results, name: str) -> Coverage | None:
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
    curve = measure_abstention(results, name)
    if curve is None:
        return ""
    unseen = (
        "tracks that neither fit nor choice has seen" if list_nested(results.folder) else "tracks kept from training"
    )
    where = f"test tracks of all folds, labels {name}" if folds else unseen
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
    picture = f'<div class="figures"><figure>{draw_coverage(curve)}</figure></div>'
    return f'{picture}{table(head, rows)}<p class="note">{words}</p>'
