"""What was found, as json and as a playlist. In: a `Similar` or a `Described`; out: text.

A playlist is extended M3U in UTF-8: one line with seconds, artist and title, one with the path, per track.
"""

from __future__ import annotations

import json
from typing import Any

from essentia_ldl.search.describe import Described
from essentia_ldl.search.similar import Neighbour, Similar


def describe_json(found: Similar) -> dict[str, Any]:
    """Return what was found as plain values, ready for json."""
    tracks = [
        {
            "path": one.path,
            "similarity": round(one.similarity, 6),
            "artist": one.artist or None,
            "label": one.label or None,
            "duration_s": round(one.duration_s, 1),
            **{name: value for name, value in one.columns.items() if name not in ("path", "similarity")},
        }
        for one in found.neighbours
    ]
    told = {"query": found.query, "kind": found.kind, "model": found.model}
    return {**told, "tracks": tracks, "gone": list(found.gone), "notes": list(found.notes)}


def write_json(found: Similar) -> str:
    """Write what was found as json."""
    return json.dumps(describe_json(found), indent=2, ensure_ascii=False) + "\n"


def describe_words_json(done: Described) -> dict[str, Any]:
    """Return the words of tracks as plain values, ready for json."""
    tracks = [
        {"path": one.path, "model": one.model, "words": {word: round(score, 6) for word, score in one.words}}
        for one in done.tracks
    ]
    failures = [{"path": one.path, "reason": one.reason} for one in done.failures]
    return {"tracks": tracks, "failures": failures, "notes": list(done.notes)}


def write_described(done: Described) -> str:
    """Write the words of tracks as json."""
    return json.dumps(describe_words_json(done), indent=2, ensure_ascii=False) + "\n"


def write_playlist(found: Similar) -> str:
    """Write what was found as an extended M3U playlist."""
    lines = ["#EXTM3U", f"#PLAYLIST:{_flatten(found.query)}"]
    for one in found.neighbours:
        lines += [f"#EXTINF:{round(one.duration_s)},{_name(one)}", one.path]
    return "\n".join(lines) + "\n"


def _name(one: Neighbour) -> str:
    return _flatten(f"{one.artist} - {one.title}" if one.artist else one.title)


def _flatten(text: str) -> str:
    return " ".join(text.split())
