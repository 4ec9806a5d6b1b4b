"""What the networks of a run learned, as a section of its report, and as PNG beside the arrays.

In: a run and what is asked for. The nets zone looks inside the network, in a process of its own, and leaves arrays in
the run (`runs.looks`); out: pictures of them, and the HTML that shows them. What was seen before is not computed again.
"""

from __future__ import annotations

import base64
import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path

from essentia_ldl.choices import ASCENT, BANDS, EXCITATIONS, FILTERS, HARMONICS, LOOKS
from essentia_ldl.discover import unknown
from essentia_ldl.files import replacing, write_json
from essentia_ldl.report.look_pictures import Drawing, list_drawings, save_drawing
from essentia_ldl.report.page import figure
from essentia_ldl.report.pictures import shown
from essentia_ldl.runs.looks import Seen, read_list, read_look
from essentia_ldl.zones import run_zone

ALL = "all"
TITLES = {
    FILTERS: "Filters of the first layer",
    ASCENT: "What excites deeper layers",
    EXCITATIONS: "Excitations",
    HARMONICS: "Harmonic filters",
    BANDS: "Filters of mel bands",
}
NOTES = {
    FILTERS: "Magnitudes of the Fourier transform of the weights, each relative to its peak.",
    ASCENT: "Spectra of waveforms that gradient ascent makes to excite one filter each, from noise: what a filter "
    "answers, not what music holds.",
    EXCITATIONS: "The numbers between 0 and 1 by which blocks scale their channels.",
    HARMONICS: "Triangles around multiples of 128 frequencies, on the spectrogram inside the network.",
    BANDS: "Weights of the first convolutions, as they are.",
}


@dataclasses.dataclass(frozen=True)
class LookRequest:
    """What is to be seen of the networks of a run.

    Parameters
    ----------
    pictures : tuple[str, ...]
        Some of `choices.LOOKS`; "all" among them, or none, is all that there are.
    layers : tuple[str, ...]
        Layers for "ascent" and "bands"; none is all.
    """

    pictures: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.pictures:
            if name not in (ALL, *LOOKS):
                raise unknown("look", name, (ALL, *LOOKS))
        if ALL in self.pictures:
            object.__setattr__(self, "pictures", ())


@dataclasses.dataclass(frozen=True)
class Shown:
    """A picture of a look, drawn: what it is of, the file, its bytes, and what was drawn."""

    seen: Seen
    path: Path
    png: bytes
    drawing: Drawing


def look_at_run(folder: Path, asked: LookRequest) -> tuple[tuple[Shown, ...], tuple[str, ...]]:
    """Look inside the networks of a run, and draw what is seen.

    Parameters
    ----------
    folder : Path
        Of a plan with its weights.
    asked : LookRequest
        What is to be seen.

    Returns
    -------
    pictures : tuple[Shown, ...]
        Written beside the arrays.
    notes : tuple[str, ...]
        What could not be shown, in sentences.

    Raises
    ------
    StepFailed
        When the networks cannot be opened or have no such picture or layer; the process has said so.
    DataError
        When matplotlib is not installed.
    StoreError
        When files are damaged or cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="essentia-ldl-look-") as place:
        job = Path(place) / "job.json"
        write_json(job, {"run": str(folder), "pictures": list(asked.pictures), "layers": list(asked.layers)})
        run_zone("essentia_ldl.nets.looking.look", str(job))
    seen, notes = read_list(folder)
    return tuple(picture for one in seen for picture in _draw(folder, one)), notes


def _draw(folder: Path, seen: Seen) -> list[Shown]:
    found = []
    for drawing in list_drawings(seen, read_look(folder, seen)):
        start = seen.path(folder)
        path = start.with_name("-".join(filter(None, (start.name, drawing.suffix))) + ".png")
        png = save_drawing(drawing, path)
        with replacing(path) as file:
            file.write(png)
        found.append(Shown(seen, path, png, drawing))
    return found


def draw_looks(pictures: Sequence[Shown]) -> str:
    """Return the section's HTML: per network and kind of picture a heading, a note and the pictures; "" without any."""
    groups: dict[tuple[str, str], list[Shown]] = {}
    for picture in pictures:
        groups.setdefault((picture.seen.network, picture.seen.picture), []).append(picture)
    parts = []
    for (network, kind), own in groups.items():
        drawn = "".join(figure(_embed(one), one.drawing.caption) for one in own)
        parts.append(
            f"<h3>{shown(TITLES[kind])} <small>{shown(network)}</small></h3>"
            f'<p class="note">{shown(NOTES[kind])}</p><div class="figures wide">{drawn}</div>'
        )
    return "".join(parts)


def _embed(picture: Shown) -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    return f'<img class="look" alt="{shown(picture.drawing.words)}" src="data:image/png;base64,{data}">'
