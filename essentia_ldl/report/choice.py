"""The section of the report about what labels "auto" chose, and among what. In: a `Page`; out: HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from essentia_ldl.report.page import Page, bar, percent, table
from essentia_ldl.report.pictures import shown
from essentia_ldl.report.results import CROSSVAL


def draw_choice(page: Page) -> str:
    """Draw the best of every choice of networks, layers and smoothing; nothing for a run that chose nothing."""
    results, blocks = page.results, []
    for name, reports in results.reports.items():
        found = reports[0].get("choice", {}) if reports else {}
        if found.get("tried"):
            title = f"<h3>{shown(name)}</h3>" if len(results.reports) > 1 else ""
            blocks.append(title + _draw_tried(found))
    if not blocks:
        return ""
    where = " of the first fold" if results.kind == CROSSVAL else ""
    note = (
        f"Means over folds of whole artists inside the training tracks{where}; these folds chose, so that the numbers "
        "are on the high side. Classes weigh the same. Log loss: in nats, after the best temperature; less is better. "
        "Cost: of a patch at prediction, as a multiple of the cheapest network. Of networks whose log loss is within "
        "half a standard error of the best, the cheapest are taken, unless speed says otherwise."
    )
    return "".join(blocks) + f'<p class="note">{note}</p>'


def _draw_tried(found: Mapping[str, Any]) -> str:
    best: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for one in found["tried"]:
        key = (*one["backbones"], one["layers"], one["smoothing"], one.get("kernel"))
        if key not in best or one["log_loss"] < best[key]["log_loss"]:
            best[key] = one
    rows = [_draw_row(one, found["chosen"]) for one in best.values()]
    head = ["networks", "layers", "smoothed", "strength", "cost", "log loss", "balanced accuracy"]
    words = f"The best strength of each of {len(best)} combinations; {found['n_settings']} settings were tried."
    return f"<p>{words}</p>{table(head, rows, 'bars')}"


def _draw_row(one: Mapping[str, Any], chosen: Mapping[str, Any]) -> Sequence[str]:
    keys = ("backbones", "layers", "smoothing", "strength", "kernel", "gamma", "standardized")
    same = all(one.get(key) == chosen.get(key) for key in keys)
    kernel = f", {one['kernel']} kernel" if "kernel" in one else ""
    names = shown(", ".join(one["backbones"]) + kernel)
    cells = [
        f"<b>{names} (chosen)</b>" if same else names,
        shown(one["layers"]),
        percent(one["smoothing"]),
        f"{one['strength']:g}",
        f"{one['cost']:.1f}",
        f"{one['log_loss']:.3f}",
        bar(one["balanced_accuracy"], f"{one['balanced_accuracy']:.3f}"),
    ]
    return cells
