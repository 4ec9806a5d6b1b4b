"""What the tests of the training share: an extraction that computes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from essentia_ldl.collection.read import Collection
from essentia_ldl.records import Failure
from essentia_ldl.train import prepare as preparing


@pytest.fixture
def extracted(monkeypatch):
    """Replace the extraction; gives the front-ends that were asked for, and the paths that fail."""
    state = {"front_ends": [], "failing": ()}

    def extract(tracks, home, front_ends, n_jobs=None):
        state["front_ends"].append([front_end.name for front_end in front_ends])
        kept = tuple(track for track in tracks if track.id not in state["failing"])
        contents = {track.id: hashlib.sha256(Path(track.path).read_bytes()).hexdigest() for track in kept}
        durations_s = {track.id: 30.0 - int(Path(track.path).read_text()) for track in kept}
        failures = tuple(Failure(t.path, "features", f"{t.id} is bad.") for t in tracks if t.id in state["failing"])
        return Collection(kept, contents, durations_s, failures, home)

    monkeypatch.setattr(preparing, "extract", extract)
    return state
