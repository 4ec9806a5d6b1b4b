"""The paper's Figure 3: averages of measured trainings by number of targets flow in, a PNG flows out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import replacing
from essentia_ldl.fonts import find_fonts
from essentia_ldl.studies.artist_groups.comparison import Kind, Trainings, average_seeds
from essentia_ldl.studies.artist_groups.paper import (
    LETTERS,
    NETWORKS,
    PAIRED,
    SHORT,
    TABLE_4,
    TABLE_5,
    WORDS,
    Score,
    average_scores,
)

LOOKS = {  # colours of Okabe and Ito
    "separate": {"color": "#0072b2", "marker": "o"},
    "shared": {"color": "#d55e00", "marker": "s"},
    "wide": {"color": "#009e73", "marker": "^"},
}
FAINT = {"markerfacecolor": "white", "alpha": 0.6}
NUMBERS = range(1, len(LETTERS) + 1)


def average_sizes(
    values: Mapping[tuple[str, str], Score], wide: Mapping[int, Score], chosen: Mapping[str, Sequence[str]]
) -> dict[tuple[str, int], Score]:
    """Average by networks and number of targets, as `paper.FIGURE_3`.

    Parameters
    ----------
    values : Mapping[tuple[str, str], Score]
        By networks and targets, as `paper.TABLE_4`.
    wide : Mapping[int, Score]
        Wide networks by number of targets.
    chosen : Mapping[str, sequence of str]
        Sets of targets that count, by networks.

    Returns
    -------
    dict[tuple[str, int], Score]
        Without those that nothing was measured for.
    """
    found = {("wide", n): score for n, score in sorted(wide.items())}
    for networks, sets in chosen.items():
        for n in NUMBERS:
            average = average_scores(values, networks, [targets for targets in sets if len(targets) == n])
            found |= {} if average is None else {(networks, n): average}
    return found


def compare_sizes(
    measured: Mapping[Kind, Trainings],
) -> tuple[dict[tuple[str, int], Score], dict[tuple[str, int], Score]]:
    """Return the averages of what was measured, and the paper's over the same sets; all of the paper's without any."""
    ours = average_seeds(measured)
    wide = {kind.n: one.score for kind, one in measured.items() if kind.networks == "wide"}
    chosen = {
        networks: [targets for name, targets in (ours if measured else TABLE_4) if name == networks]
        for networks in PAIRED
    }
    papers = {
        n: score for (networks, n), score in TABLE_5.items() if networks == "wide" and (n in wide or not measured)
    }
    return average_sizes(ours, wide, chosen), average_sizes(TABLE_4, papers, chosen)


def draw_figure(path: Path, splits: Mapping[str, Mapping[Kind, Trainings]], data: str = "") -> None:
    """Draw log loss and macro F1 by number of targets, one row of pictures per split.

    Ours are lines, the paper's over the same sets of targets dashed; all of the paper's where nothing is measured.

    Parameters
    ----------
    path : Path
        A PNG; written atomically.
    splits : Mapping[str, Mapping[Kind, Trainings]]
        From `comparison.collect`.
    data : str
        What was measured on, for the title.

    Raises
    ------
    DataError
        When matplotlib is not installed.
    StoreError
        When the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        remedy = "Install it: pip install 'essentia-ldl[plots]'."
        raise DataError(explain("figure 3", "matplotlib", "not installed", path, remedy)) from None
    figure = Figure(figsize=(9.5, 1.0 + 3.2 * len(splits)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(splits), len(Score._fields), squeeze=False)
    legend: dict[str, Any] = {}
    for (split, measured), row in zip(splits.items(), grid, strict=True):
        ours, paper = compare_sizes(measured)
        for metric, axes in zip(Score._fields, row, strict=True):
            for networks in NETWORKS:
                for scores, style, who in ((ours, "-", "measured"), (paper, "--", "paper, same sets")):
                    places = [(n, getattr(scores[networks, n], metric)) for n in NUMBERS if (networks, n) in scores]
                    if places:
                        look = LOOKS[networks] | (FAINT if scores is paper else {})
                        label = f"{SHORT[networks]}, {who}"
                        legend[label] = axes.plot(*zip(*places, strict=True), style, label=label, **look)[0]
            axes.set(xticks=NUMBERS, xlabel="number of targets", ylabel=WORDS[metric])
            axes.set_title(f"{split} split" if split else "", loc="left", fontsize=10)
            axes.grid(color="#dddddd", linewidth=0.7)
            axes.spines[["top", "right"]].set_visible(False)
    title = f"Average by number of targets{f', {data}' if data else ''}; the paper's on FMA medium"
    words, families = find_fonts(title)
    figure.suptitle(words, fontsize=11, fontfamily=families)
    figure.legend(legend.values(), legend, loc="outside lower center", ncols=3, fontsize=9)
    with replacing(path) as file:
        figure.savefig(file, format="png")
