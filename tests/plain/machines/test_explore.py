"""Machines on folds: fitted without the parts they are asked of, in every quality, and picked like any other."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.linear.choose import FeatureSet, Tracks, choose, list_left_out
from essentia_ldl.linear.span import Block
from essentia_ldl.machines.explore import explore, fit
from essentia_ldl.machines.fit import MachineGrid, MachineSetting

CHEAP = FeatureSet(("a",), ("a",), "1", 1.0)
DEAR = FeatureSet(("a", "b"), ("a", "b"), "12345", 3.0)
GRID = MachineGrid((CHEAP, DEAR), costs=(0.1, 2.0), gammas=(0.0, 0.125))
PARTS = np.arange(50) // 2 % 5


def make_tracks(shift: float = 0.8) -> Tracks:
    random = np.random.default_rng(0)
    targets, blocks = np.arange(50) % 2, {}
    for name in "ab":
        values = random.normal(size=(50, 8)) + shift * targets[:, None]
        blocks[name] = Block(name, (values, values + 0.1 * random.normal(size=values.shape)))
    return Tracks(blocks, targets, 2, artists=np.arange(50) // 2)


def test_answers_are_those_of_machines_fitted_without_the_parts():
    tracks = make_tracks()
    found = explore(tracks, PARTS, (1, 3), GRID)
    np.testing.assert_array_equal(found.rows, np.flatnonzero((PARTS == 1) | (PARTS == 3)))
    assert len(found.logits) == GRID.size == 2 * 2 * (2 + 4)
    train = np.flatnonzero((PARTS != 1) & (PARTS != 3))
    for setting in (MachineSetting(DEAR, "rbf", 2.0, 0.125), MachineSetting(CHEAP, "linear", 0.1, standardize=False)):
        fitted = fit(tracks, train, setting)
        for quality in (0, 1):
            rows = np.concatenate([tracks.blocks[n].values[quality] for n in setting.features.blocks], axis=1)
            expected = fitted.solution.score(rows[found.rows])
            np.testing.assert_allclose(found.logits[setting][quality], expected, atol=1e-9)


def test_tracks_that_are_asked_change_no_fit():
    """What they are, labels and features, is not looked at."""
    tracks, asked = make_tracks(), PARTS == 2
    targets = np.where(asked, 1 - tracks.targets, tracks.targets)
    blocks = {n: Block(n, tuple(v + 100 * asked[:, None] for v in block.values)) for n, block in tracks.blocks.items()}
    other = dataclasses.replace(tracks, targets=targets, blocks=blocks)
    train = np.flatnonzero(~asked)
    assert (
        fit(tracks, train, GRID.list_settings()[5]).solution.digest
        == fit(other, train, GRID.list_settings()[5]).solution.digest
    )


def test_what_tells_classes_apart_is_picked():
    tracks = make_tracks()
    explored = [explore(tracks, PARTS, left_out, GRID) for left_out in list_left_out(PARTS)[:5]]
    picked = choose(tracks, PARTS, explored)
    assert picked.best.balanced_accuracy > 0.85
    assert picked.setting in GRID.list_settings()


def test_a_class_without_training_tracks_is_told():
    tracks = dataclasses.replace(make_tracks(), targets=(PARTS == 1).astype(int))
    assert explore(tracks, PARTS, (1,), GRID) is None


@pytest.mark.parametrize("kind", ["multi_label", "regression"])
def test_tags_and_numbers_are_tried_too(kind):
    tracks = make_tracks()
    values = np.stack([tracks.targets, 1 - tracks.targets], axis=1).astype(float)
    if kind == "regression":
        values = values * 4 + tracks.blocks["a"].values[0][:, :2]
    several = dataclasses.replace(tracks, targets=values, n_classes=2, kind=kind)
    explored = [explore(several, PARTS, left_out, GRID) for left_out in list_left_out(PARTS)[:5]]
    picked = choose(several, PARTS, explored)
    assert picked.best.balanced_accuracy > 0.5
