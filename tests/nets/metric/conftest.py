"""Runs of embedding spaces, drawn from a seed: artists are directions, hidden by those in which tracks differ."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import frontends, taps
from essentia_ldl.features.joint_store import FeaturePlaces, find_folders
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.runs.plan_parts import Places, PlannedAudio, PlannedTrack
from essentia_ldl.runs.space import SpacePlan, make_settings, write_space_plan

NETWORK, N_TRACKS = "msd-musicnn", 4


def draw_tracks(n_artists: int, roles: tuple[str, ...]) -> list[PlannedTrack]:
    """List the tracks of artists, N_TRACKS each, whose roles go round."""
    found = []
    for artist in range(n_artists):
        for number in range(N_TRACKS):
            content = hashlib.sha256(f"space {artist} {number}".encode()).hexdigest()
            role = roles[artist % len(roles)]
            found.append(PlannedTrack(f"{artist}-{number}.mp3", content, role, f"artist {artist:02}"))
    return found


def draw_patches(row: int, track: PlannedTrack, n_patches: int, size: int) -> np.ndarray:
    """Draw patches of a track: weak numbers of its artist, strong ones of its own."""
    artist = np.random.default_rng([1, int(track.label.split()[1])]).normal(size=size)
    own = np.random.default_rng([2, row])
    mean = 0.3 * artist
    mean[::2] += 3 * own.normal(size=len(mean[::2]))
    return (mean + own.normal(size=(n_patches, size))).astype(np.float32)


@pytest.fixture
def make_space(tmp_path: Path, random_graphs: Path) -> Callable[..., SpacePlan]:
    """A function (name, *, n_artists, roles, settings, **changes of the plan) -> plan, written with its features."""

    def make(name: str = "run", *, n_artists: int = 12, roles=("train", "train", "valid"), settings=None, **changes):
        tracks, store = draw_tracks(n_artists, roles), Store(tmp_path / "store")
        folder = find_folders((NETWORK,), taps.EMBEDDING, FeaturePlaces(store.root, random_graphs), 4)[NETWORK]
        front_end = frontends.of_network(changes["network"]) if "network" in changes else frontends.MUSICNN
        for row, track in enumerate(tracks):
            path = array_path(folder, track.content)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, draw_patches(row, track, 3, taps.count_columns(NETWORK, taps.DEEP)))
            bands = draw_patches(row, track, front_end.patch_frames + 9, front_end.n_bands)
            store.write(track.content, front_end, np.abs(bands))
        places = Places(store.root, random_graphs, (PlannedAudio("a.mp3", tracks[0].content),))
        given = {"backbones": (NETWORK,), "stem": "mine-musicnn", **changes}
        if "network" in given:
            given |= {"backbones": (), "stem": f"mine-{given['network']}"}
        chosen = make_settings(**{"loss": "siamese", "whole": "network" in changes, **(settings or {})})
        described = {"name": "artists of mine", "description": "vectors learned from artists", "settings": chosen}
        plan = SpacePlan(tmp_path / name, tracks=tuple(tracks), places=places, **described, **given)
        write_space_plan(plan)
        return plan

    return make
