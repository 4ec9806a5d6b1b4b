"""A small collection of spectra and pictures, drawn so that both tell the genre, in a store."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.features.store import Store
from essentia_ldl.frontends import CQT, PICTURE
from essentia_ldl.runs.covers import CoveredTrack, CoversPlan, CoversSettings

CLASSES = ("folk", "rock")
N_TRACKS = 16
SETTINGS = CoversSettings(epochs=6, batch_size=8, width=0.125, size=8, linear_epochs=30)


@pytest.fixture(scope="session")
def covers_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loud bins and the colour of the picture are those of the class."""
    store, random = Store(tmp_path_factory.mktemp("covers") / "store"), np.random.default_rng(0)
    for number in range(N_TRACKS):
        spectrum = random.normal(-60, 6, (CQT.patch_frames + 20 * (number % 3), CQT.n_bands))
        spectrum[:, 20 + 40 * (number % 2) :: 12] += 40
        store.write(f"a{number:02d}", CQT, spectrum.astype(np.float32))
        pixels = random.integers(0, 60, (*PICTURE.patch_shape,))
        pixels[..., number % 2] += 150
        store.write(f"p{number:02d}", PICTURE, pixels.astype(np.uint8).reshape(PICTURE.patch_frames, -1))
    return store.root


@pytest.fixture
def make_covers_plan(covers_store: Path, tmp_path: Path) -> Callable[..., CoversPlan]:
    """A function (changes) -> a plan; half of the tracks train, a quarter each validate and test."""

    def make(settings: dict | None = None, **changes: object) -> CoversPlan:
        roles = ("train", "train", "train", "train", "valid", "valid", "test", "test")
        tracks = tuple(
            CoveredTrack(str(i), f"a{i:02d}", f"p{i:02d}", roles[i % 8], (CLASSES[i % 2],)) for i in range(N_TRACKS)
        )
        values = {"name": "covers", "kind": "single_label", "classes": CLASSES, "tracks": tracks}
        chosen = dataclasses.replace(SETTINGS, **(settings or {}))
        folder = tmp_path / "run"
        return CoversPlan(folder, **{**values, "settings": chosen, "store": covers_store, **changes})

    return make
