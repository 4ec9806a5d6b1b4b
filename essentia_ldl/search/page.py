"""A page with a map of the tracks around a query: near means alike, and a click plays.

In: what was found, and the index. Out: HTML in one file, which asks for nothing from elsewhere but the audio, where it
is. The map is t-SNE's: neighbours are near one another, and long distances mean little.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.files import replacing
from essentia_ldl.predict.session import make_absolute
from essentia_ldl.report.map import place_tracks
from essentia_ldl.report.page import begin_page, table
from essentia_ldl.report.pictures import shown
from essentia_ldl.search.nearest import SEED
from essentia_ldl.search.similar import ARTIST, Similar, open_index
from essentia_ldl.urls import is_url

MOST_TRACKS = 1000  # of a map: t-SNE takes some ten seconds, and the eye no more
MOST_VALUES = 0.9  # share of tracks with a value of their own, above which a column is no colour, as titles are
WIDTH, MARGIN = 560, 14
QUERY = "the query"
HOST = re.compile(r"(?P<scheme>https?)://(?:[^/?#]*@)?(?P<host>[\w.-]+(?::\d+)?)(?=[/?#]|$)", re.ASCII | re.IGNORECASE)
OWN = ("path", "url", "title", "similarity")  # what is no colour


def write_page(path: str, found: Similar, n: int, index: str) -> None:
    """Write the map of what was found.

    Parameters
    ----------
    path : str
        Of the page.
    found : Similar
        Up to `MOST_TRACKS` neighbours.
    n : int
        How many of them are listed beside the map.
    index : str
        The index that was asked.

    Raises
    ------
    StoreError
        When the index cannot be read any more, or the page cannot be written.
    """
    opened = open_index(index)
    tracks = [
        _describe(one.path, one.artist, one.label, one.columns, f"{one.similarity:.3f}") for one in found.neighbours
    ]
    entries = opened.library.entries
    own = entries.rows.get(make_absolute(found.query))
    if own is not None:
        entry = entries[own]
        tracks.insert(0, _describe(entry.path, entry.artist, entry.label, entry.columns, QUERY))
    means = [opened.library.rows(entries.rows[track["path"]]).mean(axis=0) for track in tracks]
    places = place_tracks(np.stack(means), SEED) if means else np.zeros((0, 2))
    with replacing(path) as file:
        file.write(_draw(found, tracks, places, n).encode("utf-8", "replace"))


def _describe(path: str, artist: str, label: str, columns: Mapping[str, str], similarity: str) -> dict[str, str]:
    """Return what the page says of a track; what a table calls by one of our names gives way."""
    url = path if is_url(path) else Path(path).as_uri()
    own = {"path": path, "url": url, "artist": artist, "label": label, "similarity": similarity}
    return {"title": Path(path).stem, **columns, **own}


def _draw(found: Similar, tracks: list[dict[str, str]], places: np.ndarray, n: int) -> str:
    columns = "".join(
        f'<button type="button" class="class column" data-column="{shown(name)}">{shown(name)}</button>'
        for name in list_columns(tracks)
    )
    listed = [number for number, one in enumerate(tracks) if one["similarity"] != QUERY][:n]
    rows = []
    for number in listed:
        one = tracks[number]
        name = f'<button type="button" class="class" data-track="{number}">{shown(one["title"])}</button>'
        rows.append([name, shown(one["artist"]), shown(one["label"]), one["similarity"]])
    listing = table(["title", "artist", "label", "cosine"], rows)
    title = found.query if found.kind == ARTIST else os.path.basename(found.query)
    notes = "".join(f"<p>{shown(note)}</p>" for note in found.notes)
    script = (resources.files("essentia_ldl.search") / "map.js").read_text("utf-8")
    data = json.dumps(tracks).replace("<", "\\u003c")
    return begin_page(title, list_hosts(tracks)) + (
        f'<body><header><p class="eyebrow">like {found.kind} · {shown(found.model)}</p><h1>{shown(title)}</h1>'
        f"<p class=lede>{len(tracks)} tracks, near where they sound alike. Click one to hear it.</p></header>\n"
        f'<main><section class=half><h2>Map</h2><div class="keys" role="group" aria-label="colours">{columns}</div>'
        f'{_draw_map(tracks, places, n)}<div class="keys" id="keys"></div><div class="picked" id="picked"></div>'
        f"</section><section class=half><h2>Nearest</h2>{listing}{notes}</section>"
        f'</main>\n<script type="application/json" id="tracks">{data}</script>'
        f"<script>{script}</script></body></html>\n"
    )


def list_hosts(tracks: list[dict[str, Any]]) -> list[str]:
    """List where the audio of a page is, of the kinds of URL that browsers play.

    Examples
    --------
    >>> list_hosts([{"url": "https://u:p@music.example:8000/a.mp3"}, {"url": "s3://bucket/a.mp3"}])
    ['https://music.example:8000']
    """
    found = {HOST.match(track["url"]) for track in tracks} - {None}
    return sorted({f"{one['scheme']}://{one['host']}".lower() for one in found})


def list_columns(tracks: list[dict[str, Any]]) -> list[str]:
    """List the columns that colours can show: those of few values, artist, label and genre first."""
    found = []
    for name in dict.fromkeys(["artist", "label", "genre", *(name for track in tracks for name in track)]):
        values = [track[name] for track in tracks if track.get(name)]
        is_few = 1 < len(set(values)) <= MOST_VALUES * len(values)
        if is_few and name not in OWN:
            found.append(name)
    return found


def _draw_map(tracks: list[dict[str, str]], places: np.ndarray, n: int) -> str:
    """Draw a dot per track, the nearest above the others; those that are listed are larger, the query is largest."""
    spread = max(float(np.abs(places).max(initial=0.0)), 1e-12)
    at = WIDTH / 2 + places / spread * (WIDTH / 2 - MARGIN)
    dots = []
    n_listed = n + (bool(tracks) and tracks[0]["similarity"] == QUERY)
    for number, (track, (x, y)) in enumerate(zip(tracks, at, strict=True)):
        radius = 9 if track["similarity"] == QUERY else 6 if number < n_listed else 3.5
        name = shown(f"{track['artist']} – {track['title']}" if track["artist"] else track["title"])
        kind = "pt chosen" if track["similarity"] == QUERY else "pt"
        at_xy = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius}"'
        dots.append(f'<circle class="{kind}" data-track="{number}" {at_xy}><title>{name}</title></circle>')
    size = f'viewBox="0 0 {WIDTH} {WIDTH}" style="fill: var(--soft)"'
    return f'<svg class="picture map" {size} role="img" aria-label="map">{"".join(reversed(dots))}</svg>'
