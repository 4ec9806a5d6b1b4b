"""Pictures of embeddings on a plane: one PNG per column of the collection.

In: vectors, and what tracks are alike in. Out: PNG files. The plane is that of t-SNE: neighbours are near one another,
and long distances mean little. Vectors have unit length, so that near means a small angle, as everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.collection.alike import list_alike
from essentia_ldl.files import replacing
from essentia_ldl.fonts import find_fonts
from essentia_ldl.records import Track
from essentia_ldl.report.diagrams import start_figure
from essentia_ldl.report.map import place_tracks
from essentia_ldl.scores.neighbours import check_vectors

N_COLOURS = 10  # of the palette: the most frequent values, others are grey
SEED = 0


def draw_pictures(
    folder: Path, model: str, tracks: Sequence[Track], vectors: np.ndarray, columns: Sequence[str]
) -> list[Path]:
    """Draw vectors on a plane, once per column.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    model : str
        Its name.
    tracks : sequence of Track
        Those that it embedded.
    vectors : np.ndarray [shape=(n_tracks, d), float32]
        One per track.
    columns : sequence of str
        What gives the colours.

    Returns
    -------
    list[Path]

    Raises
    ------
    DataError
        When matplotlib is not installed.
    """
    places = place_tracks(check_vectors(vectors, np.zeros(len(vectors)))[0], SEED)
    name = Path(model).stem.replace(":", "-").replace("/", "-")
    drawn = []
    for column in columns:
        values = np.array(list_alike(tracks, column))
        shown = [value for value, _ in Counter(values[values != ""].tolist()).most_common(N_COLOURS)]
        path = Path(folder) / f"{name}-{column}.png"
        figure = start_figure((7.5, 6), 120, path)
        axes = figure.add_subplot()
        others = ~np.isin(values, shown)
        axes.scatter(*places[others].T, s=12, color="0.8")
        for number, value in enumerate(shown):
            words, families = find_fonts(value)
            axes.scatter(*places[values == value].T, s=22, color=f"C{number}", label=words)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{name} by {column}", fontsize=10)
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1), prop={"family": families, "size": 7})
        with replacing(path) as file:
            figure.savefig(file, format="png")
        drawn.append(path)
    return drawn
