"""A collection of forty artists of two classes, a recipe that is quick to plan, and trainings as the paper has them."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from essentia_ldl.collection.read import Collection
from essentia_ldl.files import Home
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track
from essentia_ldl.studies.artist_groups.paper import COMBINATIONS, TABLE_4, TABLE_5

CLASSES = ("Folk", "Rock")


def list_tracks(n_artists: int = 40, per_artist: int = 3, split: bool = False) -> list[Track]:
    sides = ("train", "train", "train", "valid", "test")
    return [
        Track(
            f"t{artist:02d}-{n}",
            f"/{artist}/{n}",
            CLASSES[artist % 2],
            f"artist {artist:02d}",
            split=sides[artist % 5] if split else None,
            columns={"subgenres": f"sub {artist % 4}"},
        )
        for artist, n in itertools.product(range(n_artists), range(per_artist))
    ]


@pytest.fixture
def make_tracks():
    """Return the function that lists tracks: of how many artists, how many of each, and with the collection's split."""
    return list_tracks


@pytest.fixture
def collection(own_home) -> Collection:
    tracks = tuple(list_tracks())
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tracks, contents, dict.fromkeys(contents, 20.0), (), own_home)


@pytest.fixture
def small() -> Recipe:
    recipe = Recipe("genre-x", CLASSES, labels="none", label_settings={"agf-s": {"n_groups": 4}})
    return recipe.override(network__backbone="dcnn", network__fine_tune="none", training__epochs_from_scratch=10)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch) -> Home:
    """A home of its own, for what is passed it and for what asks the environment."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def list_rows(n_seeds=1, combinations=COMBINATIONS, splits=("stratified",), wide=True, shift=0.0):
    """The paper's own values as if we had measured them, a bit more for every seed."""
    rows = []
    for split in splits:
        for seed in range(n_seeds):
            kinds = [(*key, len(key[1]), score) for key, score in TABLE_4.items() if key[1] in combinations]
            kinds += [("wide", "g", n, TABLE_5["wide", n]) for n in range(2, 6) if wide]
            for networks, targets, n, score in kinds:
                row = {"networks": networks, "targets": targets, "n": n, "split": split, "seed": seed, "n_test": 30}
                row |= {"log_loss": score.log_loss + shift + 0.01 * seed * n, "macro_f1": score.macro_f1}
                rows.append(row | {"accuracy": score.macro_f1, "parameters": 1000 * n, "n_train": 170})
    return rows


@pytest.fixture
def make_rows():
    """Return the function that lists trainings with the paper's own values, the same kinds for every split and seed."""
    return list_rows
