"""What the sections of the report are made of: the `Page` they draw from, tables, bars, matrices and figures.

In: numbers and names of `Results`; out: HTML. Text of the user's goes through `shown` before it gets here.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from importlib import resources

import numpy as np

from essentia_ldl import __version__
from essentia_ldl.report.doubts import Doubts, Judged
from essentia_ldl.report.pictures import shown
from essentia_ldl.report.results import Results

# Nothing of the page may come from elsewhere; players open files of this computer or what is in the page.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; media-src file: data:"
)


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, its title, what it answers, and the function that draws it."""

    anchor: str
    title: str
    question: str
    draw: Callable[[Page], str]


@dataclasses.dataclass(frozen=True)
class Page:
    """What the sections draw from.

    Parameters
    ----------
    results : Results
        The run.
    doubts : Doubts
        Its tracks, judged.
    maps : Sequence[tuple[str, np.ndarray]]
        Name of a space and the places (n_tracks, 2) in it, tracks in the order of `results.tracks`.
    sounds : Mapping[str, str]
        URL of the audio, by track id.
    n_listed : int
        Doubtful tracks that the page lists.
    notes : Sequence[str]
        What could not be drawn, and why.
    is_portable : bool
        Whether the page is to be given away: it names no place of this computer then.
    looks : str
        Pictures of what its networks learned, as HTML; empty where they are not asked for.
    """

    results: Results
    doubts: Doubts
    maps: Sequence[tuple[str, np.ndarray]]
    sounds: Mapping[str, str]
    n_listed: int
    notes: Sequence[str]
    is_portable: bool = False
    looks: str = ""

    @property
    def listed(self) -> tuple[Judged, ...]:
        """The doubtful tracks that the page lists."""
        return tuple(row for row in self.doubts.judged if row.opinions and not row.correction)[: self.n_listed]


def percent(value: float | None) -> str:
    """Write a share as percent, or a dash where there is none."""
    return "–" if value is None else f"{100 * value:.0f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """Return a table; cells are HTML, the first of a row is its name. It scrolls by itself where it is too wide."""
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    wide = f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{wide}</div>'


def bar(share: float | None, words: str) -> str:
    """Return a bar from 0 to 1 with its number beside it."""
    return f'<span class="meter"><i style="--s:{share or 0:.4f}"></i></span><b class="num">{words}</b>'


def figure(picture: str, caption: str) -> str:
    """Return a picture with a caption, which is HTML."""
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def draw_matrix(matrix: np.ndarray, classes: Sequence[str], name: str, digits: str = "d") -> str:
    """Return a table of (n_classes, n_classes) with shaded cells: the diagonal in blue, the rest in orange."""
    many = " many" if len(classes) > 4 else ""
    head = "".join(f'<th scope="col"><span>{shown(label)}</span></th>' for label in classes)
    rows = []
    for truth, label in enumerate(classes):
        total = max(float(matrix[truth].sum()), 1e-12)
        cells = []
        for guess, value in enumerate(matrix[truth]):
            share = float(value) / total
            kind = f"cell{'' if guess == truth else ' off'}{' deep' if share > 0.55 else ''}"
            said = "" if value == 0 else format(value, digits)
            tip = f"{shown(label)} taken for {shown(classes[guess])}: {format(value, digits)} ({percent(share)})"
            cells.append(f'<td title="{tip}"><span class="{kind}" style="--s:{share:.4f}">{said}</span></td>')
        rows.append(f'<tr><th scope="row">{shown(label)}</th>{"".join(cells)}</tr>')
    body = f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll"><table class="matrix{many}"><caption>{name}</caption>{body}</table></div>'


def begin_page(title: str, hosts: Sequence[str] = ()) -> str:
    """Return the head of a page, up to its body.

    Parameters
    ----------
    title : str
        As text.
    hosts : sequence of str
        Where audio may also come from, such as "https://music.example".
    """
    style = (resources.files("essentia_ldl.report") / "report.css").read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{" ".join([POLICY, *hosts])}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{shown(title)}</title><style>{style}</style></head>\n"
    )


def wrap_page(kind: str, run: str, about: tuple[str, str], links: str, bodies: str) -> str:
    """Put sections into a page.

    Parameters
    ----------
    kind : str
        Of the run, such as "Training".
    run : str
        Its name.
    about : tuple[str, str]
        The task, and what it is.
    links, bodies : str
        HTML of the links to the sections, and of the sections.
    """
    task, described = about
    made = f"essentia-ldl {__version__}, {datetime.date.today().isoformat()}"
    script = (resources.files("essentia_ldl.report") / "report.js").read_text("utf-8")
    return begin_page(f"{task}: {kind.lower()}") + (
        f'<body data-task="{shown(task)}"><header><p class="eyebrow">{kind} · {shown(run)}</p>'
        f"<h1>{shown(task)}</h1><p class=lede>{shown(described)}</p></header>"
        f'<nav aria-label="sections">{links}</nav>\n<main>{bodies}</main>\n'
        f"<footer>{shown(made)}. Every number is from {shown(run)}/.</footer>\n"
        f"<script>{script}</script></body></html>\n"
    )
