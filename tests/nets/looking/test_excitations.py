"""Excitations: those of a block made by hand are what its formula says; which tracks are heard, and what they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.nets.looking import excitations
from essentia_ldl.nets.looking.excitations import (
    choose_tracks,
    find_members,
    list_gates,
    look_at_excitations,
    measure_loudness,
)
from essentia_ldl.nets.runtime import keras
from essentia_ldl.runs.plan import read_plan

N_SAMPLES = 22050
HEIGHTS = (0.5, 0.25, 0.125, 0.0625)
OFFSETS = np.array([-1.0, 0.0, 2.0])
SLOPES = np.array([3.0, -1.0, 0.5])


def build_blocks() -> keras.Model:
    """Build two SE blocks: sigmoid(slope * mean + offset), of what each hears."""
    kl = keras.layers
    samples = keras.Input((N_SAMPLES,), name="samples")
    x = kl.Reshape((-1, 1), name="expand")(samples)
    for number in (1, 2):
        mean = kl.GlobalAveragePooling1D(name=f"block_{number}_squeeze")(x)
        dense = kl.Dense(3, name=f"block_{number}_excite_2")(mean)
        gate = kl.Activation("sigmoid", name=f"block_{number}_gate")(dense)
        x = kl.Multiply(name=f"block_{number}")([x, kl.Reshape((1, 3), name=f"block_{number}_wide")(gate)])
        x = kl.Conv1D(1, 1, use_bias=False, name=f"conv_{number}")(x) if number == 1 else x
    model = keras.Model(samples, kl.GlobalAveragePooling1D(name="pool")(x))
    for number in (1, 2):
        model.get_layer(f"block_{number}_excite_2").set_weights([SLOPES[np.newaxis], OFFSETS])
    model.get_layer("conv_1").set_weights([np.array([[[2.0], [0.0], [0.0]]])])
    return model


def squash(height: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(SLOPES * height + OFFSETS)))


def second(height: float) -> float:
    """Return what the second block hears: twice the first channel, as the first block scales it."""
    return 2 * height * squash(height)[0]


def test_excitations_are_those_of_the_formula(make_wave_run):
    plan = read_plan(make_wave_run(roles=("test", "test", "test", "train"), seconds=2.5, trained=False))
    found = look_at_excitations(build_blocks(), plan)
    assert (found.role, found.blocks, found.classes) == ("test", ("block_1", "block_2"), ("non_sad", "sad"))
    assert found.n_tracks.tolist() == [2, 1]
    halves = [(squash(HEIGHTS[0]) + squash(HEIGHTS[2])) / 2, squash(HEIGHTS[1])]
    np.testing.assert_allclose(found.block(0), halves, atol=1e-6)
    above = [(squash(second(HEIGHTS[0])) + squash(second(HEIGHTS[2]))) / 2, squash(second(HEIGHTS[1]))]
    np.testing.assert_allclose(found.block(1), above, atol=1e-6)
    # of two classes the deviation is half of what they differ by
    expected = [np.abs(np.subtract(*means)).mean() / 2 for means in (halves, above)]
    np.testing.assert_allclose(found.deviations, expected, atol=1e-6)
    # two whole seconds of each track, whose steps are as loud as they are high
    heights = np.repeat(HEIGHTS[:3], 2)
    np.testing.assert_allclose(found.loudness_db, 20 * np.log10(heights), atol=1e-4)
    np.testing.assert_allclose(found.first, [squash(height) for height in heights], atol=1e-6)
    assert found.labels.tolist() == [0, 0, 1, 1, 0, 0]
    expected = [np.corrcoef(found.loudness_db, column)[0, 1] for column in found.first.T.astype(np.float64)]
    np.testing.assert_allclose(found.correlations, expected, atol=1e-6)


def test_a_class_without_a_track_is_left_out(make_wave_run):
    plan = read_plan(make_wave_run(roles=("train", "test", "train", "test"), trained=False))
    found = look_at_excitations(build_blocks(), plan)
    assert (found.classes, set(found.labels.tolist())) == (("sad",), {0})
    assert found.means.shape == (1, 6)


def test_a_track_without_a_class_is_heard_all_the_same(make_wave_run):
    plan = read_plan(make_wave_run(trained=False))
    first, *others = (track for track in plan.tracks if track.role == "test")
    plan = dataclasses.replace(plan, tracks=(dataclasses.replace(first, label=""), *others, plan.tracks[0]))
    found = look_at_excitations(build_blocks(), plan)
    assert (found.classes, sorted(set(found.labels.tolist()))) == (("sad",), [-1, 0])


def test_a_track_may_have_several_tags_and_a_network_of_numbers_has_no_classes(make_wave_run):
    folder = make_wave_run("tags", kind="multi_label", trained=False)
    (folder / "truth.csv").write_text("id,non_sad,sad\nt0,1,0\nt1,1,0\nt2,1,1\nt3,0,1\n")
    found = look_at_excitations(build_blocks(), read_plan(folder))
    assert found.n_tracks.tolist() == [1, 2]
    np.testing.assert_allclose(found.block(0)[1], (squash(HEIGHTS[2]) + squash(HEIGHTS[3])) / 2, atol=1e-6)
    assert set(found.labels.tolist()) == {-1}
    numbers = look_at_excitations(build_blocks(), read_plan(make_wave_run("numbers", kind="regression", trained=False)))
    assert (numbers.classes, numbers.means.shape, len(numbers.first)) == ((), (0, 6), 4)
    assert np.isnan(numbers.deviations).all()


@pytest.mark.parametrize(
    ("roles", "role", "rows"),
    [
        (("train", "valid", "test", "test"), "test", [2, 3]),
        (("train", "valid", "train", "valid"), "valid", [1, 3]),
        (("train",) * 4, "train", [0, 1, 2, 3]),
    ],
)
def test_tracks_of_the_test_are_heard_before_others(make_wave_run, roles, role, rows):
    found, chosen = choose_tracks(read_plan(make_wave_run(roles=roles, trained=False)))
    assert (found, chosen.tolist()) == (role, rows)


def test_neither_tracks_nor_segments_are_without_end(make_wave_run, monkeypatch):
    monkeypatch.setattr(excitations, "MOST_TRACKS", 2)
    monkeypatch.setattr(excitations, "MOST_SEGMENTS", 3)
    plan = read_plan(make_wave_run(roles=("train",) * 4, seconds=9.0, trained=False))
    assert choose_tracks(plan)[1].tolist() == [0, 2]
    assert len(look_at_excitations(build_blocks(), plan).loudness_db) == 2 * 3
    assert find_members(plan).tolist() == [[True, False], [False, True]] * 2


def test_silence_has_the_lowest_loudness():
    signal = np.zeros((2, 100), dtype=np.float32)
    signal[1] = np.sin(2 * np.pi * np.arange(100) / 10)  # a full sine: half the power
    np.testing.assert_allclose(measure_loudness(signal), [excitations.FLOOR_DB, 10 * np.log10(0.5)], atol=1e-4)


def test_gates_are_listed_from_the_bottom():
    assert list_gates(build_blocks()) == ["block_1_gate", "block_2_gate"]
