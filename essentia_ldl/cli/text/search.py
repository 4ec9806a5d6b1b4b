"""What the terminal shows of `index`, `similar`, `search` and `describe`. In: their records; out: lines of text."""

from __future__ import annotations

from essentia_ldl.search.describe import Described
from essentia_ldl.search.index import Indexed
from essentia_ldl.search.similar import Similar


def describe_indexed(done: Indexed) -> list[str]:
    """Say what is in an index, and what of it is new."""
    counts = [f"{done.n_new} new", f"{done.n_kept} kept"]
    counts += [f"{done.n_dropped} gone and dropped"] if done.n_dropped else []
    artists = "" if not done.n_artists else f" of {done.n_artists} artist{'' if done.n_artists == 1 else 's'}"
    graph = ", with a graph of neighbours" if done.has_graph else ""
    return [f"{done.path}: {done.n_tracks} tracks{artists} ({', '.join(counts)}), {done.model}{graph}"]


def describe_similar(found: Similar) -> list[str]:
    """List what was found, the nearest first: cosine, artist, title or name of the file, label, path."""
    lines = []
    for one in found.neighbours:
        name = f"{one.artist} - {one.title}" if one.artist else one.title
        label = f"  [{one.label}]" if one.label else ""
        lines += [f"{one.similarity:.3f}  {name}{label}", f"       {one.path}"]
    return lines or ["nothing is left"]


def describe_words(done: Described) -> list[str]:
    """List the words of every track, the best first."""
    lines = []
    for track in done.tracks:
        lines += [track.path, *(f"{score:7.3f}  {word}" for word, score in track.words)]
    return lines
