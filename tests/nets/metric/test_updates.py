"""What an epoch of metric learning does: its batches, its penalty, and where its inputs come from."""

from __future__ import annotations

import numpy as np

from essentia_ldl.nets.metric import updates
from essentia_ldl.nets.metric.updates import SpaceRun, open_source


def make_run(plan) -> SpaceRun:
    return SpaceRun(plan, open_source(plan))


def test_a_batch_is_anchors_positives_and_negatives(make_space):
    run = make_run(make_space(settings={"batch_size": 5, "n_negatives": 3}))
    batches = run._draw_comparisons(0)
    assert sum(len(told) for _, told in batches) == len(run.train_rows)
    rows, told = batches[0]
    assert (len(rows), len(told)) == (5 * 5, 5)
    assert np.all(run.groups[rows[:5]] == run.groups[rows[5:10]])
    assert np.all(run.groups[rows[10:].reshape(5, 3)] != run.groups[rows[:5]][:, None])


def test_the_last_batch_is_never_a_track_alone(make_space):
    run = make_run(make_space(n_artists=4, roles=("train",), settings={"loss": "basic", "batch_size": 5}))
    assert [len(rows) for rows, _ in run._draw_tracks(np.random.default_rng(0))] == [5, 5, 6]
    assert run.targets.shape == (16, 4)
    np.testing.assert_array_equal(run.targets.sum(axis=1), 1)


def test_the_penalty_of_a_projection_is_what_it_has_moved(make_space):
    """Of a kernel that has moved the penalty draws back; the loss, of artists who are far apart, does not matter."""
    run = make_run(make_space(settings={"l2": 1e3, "rate": 1e-3}))
    [(kernel, start)] = run._penalties
    np.testing.assert_array_equal(kernel.numpy(), start)
    kernel.assign(start + 0.01)
    run.train_epoch(0)
    assert np.abs(kernel.numpy() - start).mean() < 0.01


def test_patches_that_do_not_fit_into_memory_are_read_from_the_store(make_space, monkeypatch):
    plan = make_space()
    held = open_source(plan)
    monkeypatch.setattr(updates, "MOST_BYTES", 1)
    read = open_source(plan)
    assert (held.reads_disk, read.reads_disk) == (False, True)
    rows, choices = np.array([3, 7]), np.array([0, 2])
    np.testing.assert_array_equal(held.take(rows, choices), read.take(rows, choices))


def test_tags_are_told_of_every_track(make_space):
    tags = {f"{artist}-{n}.mp3": ["a", "b"] if artist else [] for artist in range(3) for n in range(4)}
    run = make_run(make_space(n_artists=3, roles=("train",), settings={"loss": "tags", "rate": 1e-2}, tags=tags))
    assert run.targets.shape == (12, 2)
    assert run.targets.sum() == 16
    first = run.train_epoch(0)
    assert run.train_epoch(1) < first
