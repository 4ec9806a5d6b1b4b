"""The plan of a training on music and its pictures: written, read, and refused where parts do not fit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import TrainingError
from essentia_ldl.runs.covers import (
    PARTS,
    SYSTEMS,
    CoveredTrack,
    CoversPlan,
    CoversSettings,
    read_covers_plan,
    write_covers_plan,
)

TRACKS = tuple(
    CoveredTrack(name, "a" * 64, "b" * 64, role, (label,))
    for name, role, label in (("1", "train", "jazz"), ("2", "valid", "rock"), ("3", "test", "rock"))
)


def make_plan(folder: Path, **changes: object) -> CoversPlan:
    values = {"kind": "single_label", "classes": ("jazz", "rock"), "tracks": TRACKS, "settings": CoversSettings()}
    return CoversPlan(folder, "covers", **{**values, "store": folder / "store", **changes})


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = make_plan(tmp_path.resolve(), stem="music-covers", audio=("a.wav",), demo=True)
    write_covers_plan(plan)
    assert read_covers_plan(tmp_path) == plan
    np.testing.assert_array_equal(plan.targets, [[1, 0], [0, 1], [0, 1]])
    assert plan.rows("test").tolist() == [2]


def test_the_systems_are_those_of_the_slides():
    assert list(SYSTEMS) == [
        "audio",
        "image",
        "visually informed audio",
        "aurally informed image",
        "audio + visually informed audio",
        "all",
    ]
    assert SYSTEMS["all"] == PARTS


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ("rock",), "tracks": TRACKS[1:]}, "genres: expected two or more"),
        ({"classes": ("folk", "rock")}, "labels: expected those of the classes"),
        ({"tracks": TRACKS[1:]}, "tracks: expected one or more with the role train"),
        ({"kind": "regression"}, "kind: expected single_label or multi_label"),
        ({"stem": "../x"}, "stem: expected a plain name"),
        ({"tracks": (*TRACKS, CoveredTrack("4", "a", "b", "train", ()))}, "labels: expected one per track"),
    ],
)
def test_parts_have_to_fit(changes, said, tmp_path):
    with pytest.raises(TrainingError, match=said):
        make_plan(tmp_path, **changes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("epochs", 0), ("rate", 0.0), ("margin", float("inf")), ("dropout", 1.0), ("size", "8"), ("seed", -1)],
        *[("rate", 1e30), ("linear_rate", 11.0), ("margin", 2.5), ("size", 2049), ("width", 1.5)],
    ],
)
def test_settings_are_checked(field, value):
    with pytest.raises(TrainingError, match=f"^{field}: expected"):
        CoversSettings(**{field: value})


def test_a_role_is_one_of_three():
    with pytest.raises(TrainingError, match="role: expected train, valid, test"):
        dataclasses.replace(TRACKS[0], role="tested")


def test_a_damaged_plan_is_told(tmp_path):
    write_covers_plan(make_plan(tmp_path))
    path = tmp_path / "plan.json"
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, "kind": "space"}))
    with pytest.raises(TrainingError, match="plan: expected that of music and its pictures"):
        read_covers_plan(tmp_path)
    path.write_text(json.dumps({**fields, "colour": 1}))
    with pytest.raises(TrainingError, match="plan: expected the keys of a training"):
        read_covers_plan(tmp_path)
