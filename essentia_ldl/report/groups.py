"""The section of the report about artist groups: who is in them, and by which words. In: a `Page`; out: HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from essentia_ldl.report.page import Page, percent, table
from essentia_ldl.report.pictures import shown
from essentia_ldl.report.results import CROSSVAL

N_GROUPS = 12  # per target; the others are in labels.json
N_NAMES = 4
WORDS = {"m": "MFCC", "d": "MFCC differences", "e": "descriptors", "s": "sub-genres"}


def draw_groups(page: Page) -> str:
    """Draw the largest groups of every target, of a cross-validation those of the first fold; nothing without any."""
    results, blocks = page.results, []
    for name, reports in results.reports.items():
        if not reports:
            continue
        targets = reports[0].get("targets", {})
        for letter, report in targets.items():
            if report.get("groups"):
                title = f"{name}, {letter}" if len(results.reports) > 1 else letter
                blocks.append(_draw_target(title, WORDS.get(letter, ""), report))
    if not blocks:
        return ""
    where = "the training tracks of the first fold" if results.kind == CROSSVAL else "the training tracks"
    note = (
        f"Learned from {where}. A track has the groups of its artist; share: mean over tracks. Words of MFCC and "
        "descriptors are clusters, which have no names."
    )
    return "".join(blocks) + f'<p class="note">{note}</p>'


def _draw_target(title: str, kind: str, report: Mapping[str, Any]) -> str:
    rows, chance = [], 1 / max(1, report["n_words"])
    for group in report["groups"][:N_GROUPS]:
        artists = ", ".join(shown(artist["name"]) for artist in group["artists"][:N_NAMES])
        names = [word["name"].removeprefix("cluster ") for word in group["words"] if word["weight"] > chance]
        words = ", ".join(map(shown, names[:N_NAMES]))
        rows.append([shown(group["name"]), percent(group["share"]), artists, words])
    left = len(report["groups"]) - len(rows)
    counted = f"{report['n_artists']} artists, {report['n_words_used']} words in use"
    silent = report.get("artists_without_words", ())
    if silent:
        counted += f"; {len(silent)} artists without words: {', '.join(shown(name) for name in silent[:N_NAMES])}"
    more = f" {left} more groups are smaller." if left > 0 else ""
    head = ["group", "share", "artists", "words"]
    return f"<h3>{shown(title)}: {shown(kind)}</h3><p>{counted}.{more}</p>{table(head, rows)}"
