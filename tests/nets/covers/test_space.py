"""One space for music and pictures: who is compared with whom, and that a track comes nearer to its own picture."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.nets.covers.space import build_projection, draw_others, learn_space


def test_the_other_shares_no_label_and_a_draw_is_repeated():
    targets = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], np.float32)
    rows = np.arange(5)
    for epoch in range(20):
        others = draw_others(targets, rows, 3, epoch)
        assert others[4] == -1, "it has every label"
        assert all(targets[row] @ targets[other] == 0 for row, other in zip(rows[:4], others[:4], strict=True))
        np.testing.assert_array_equal(others, draw_others(targets, rows, 3, epoch))
    assert len({tuple(draw_others(targets, rows, 3, epoch)) for epoch in range(20)}) > 1


def test_a_projection_begins_with_the_statistics_of_the_training_tracks():
    values = np.random.default_rng(0).normal(3, 2, (500, 4)).astype(np.float32)
    values[:, 3] = 7  # at rest
    model = build_projection(values, 2, "audio")
    moved = values[:1].copy()
    moved[0, 3] += 0.1
    step = np.abs(np.asarray(model(moved)) - np.asarray(model(values[:1]))).max()
    assert step < 1.5, "what never moved in training is divided by a tenth of the mean deviation, not by nothing"


def test_a_track_comes_nearer_to_its_own_picture_than_to_others(make_covers_plan):
    plan = make_covers_plan({"epochs": 60, "patience": 60})
    random = np.random.default_rng(1)
    genres = np.array([[i % 2, 1 - i % 2] for i in range(16)], np.float32)
    audio = (genres + random.normal(0, 0.1, (16, 2))).astype(np.float32)
    image = (genres @ [[3, 0, -3], [0, 3, 3]] + random.normal(0, 0.1, (16, 3))).astype(np.float32)
    projection, heard, seen = learn_space(plan, audio, image)
    np.testing.assert_allclose(np.asarray(projection(audio)), heard, atol=1e-5)
    heard, seen = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (heard, seen))
    cosines, same = heard @ seen.T, (np.arange(16)[:, None] - np.arange(16)) % 2 == 0
    test = plan.rows("test")
    assert cosines[test][same[test]].mean() > cosines[test][~same[test]].mean() + 0.3


def test_music_of_one_label_cannot_be_compared(make_covers_plan):
    plan = make_covers_plan()
    tracks = tuple(type(t)(t.id, t.audio, t.picture, t.role, ("folk", "rock")) for t in plan.tracks)
    plan = make_covers_plan(kind="multi_label", tracks=tracks)
    with pytest.raises(DataError, match="genres: expected training tracks that share none"):
        learn_space(plan, np.ones((16, 2), np.float32), np.ones((16, 2), np.float32))
