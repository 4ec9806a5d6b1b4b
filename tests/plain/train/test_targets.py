"""Targets: fitted on training tracks alone, one-hot for all others."""

from __future__ import annotations

import json

import numpy as np

from essentia_ldl.collection.read import Collection
from essentia_ldl.features import reader as reader_module
from essentia_ldl.files import Home
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Split, Track
from essentia_ldl.train.targets import fit_labels, label_front_ends

here = Home.from_environment


def test_the_front_ends_are_those_that_the_sources_read():
    shipped = read_recipe("mood-sad")
    assert label_front_ends(shipped, ["none"]) == []
    assert label_front_ends(shipped, ["none", "sa", "sb"]) == ["mfcc"]


def test_labels_of_validation_and_test_stay_one_hot_and_only_training_tracks_are_read(monkeypatch):
    ids = [f"t{n}" for n in range(24)]
    tracks = tuple(Track(i, f"/{i}", "sad" if n % 2 else "non_sad") for n, i in enumerate(ids))
    collection = Collection(tracks, {i: i for i in ids}, dict.fromkeys(ids, 20.0), (), here())
    split = Split(tuple(ids[:16]), tuple(ids[16:20]), tuple(ids[20:]))
    read = []

    class Frames:
        def __init__(self, root):
            pass

        def read(self, content, front_end):
            read.append(content)
            random = np.random.default_rng(int(content[1:]))  # tracks differ, whatever their class
            return random.normal(random.normal(size=13), 1.0, (1292, 13)).astype(np.float32)

    monkeypatch.setattr(reader_module, "Store", Frames)
    recipe = Recipe("mood-sad", ("non_sad", "sad"), label_settings={"sa": {"n_neighbors": 5}})
    table, report = fit_labels(recipe, "sa", collection, split)
    assert set(read) == set(split.train)
    assert set(table.ids) == set(ids)
    others = table.rows([*split.valid, *split.test])
    np.testing.assert_array_equal(others, np.tile([[1, 0], [0, 1]], (4, 1)))
    smoothed = table.rows(split.train)
    assert ((smoothed > 0) & (smoothed < 1)).any()
    np.testing.assert_allclose(smoothed * 5, np.round(smoothed * 5), atol=1e-5)
    assert json.dumps(dict(report))
