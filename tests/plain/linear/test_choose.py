"""The choice: no leakage, parts that serve twice, and a rule that prefers the cheaper."""

import dataclasses

import numpy as np
import pytest

from essentia_ldl.linear.choose import (
    TEMPERATURES,
    FeatureSet,
    Setting,
    SettingGrid,
    Tracks,
    Tried,
    choose,
    explore,
    fit,
    list_left_out,
    pick,
    score,
)
from essentia_ldl.linear.span import Block

CHEAP = FeatureSet(("a",), ("a",), "deep", 1.0)
DEAR = FeatureSet(("a", "b"), ("a", "b"), "deep", 3.0)
GRID = SettingGrid((CHEAP, DEAR), (0.0, 0.3), (0.1, 0.01))


def make_tracks(n_tracks=50, shift=0.5, seed=0):
    random = np.random.default_rng(seed)
    targets = np.arange(n_tracks) % 2
    blocks = {}
    for name in "ab":
        values = random.normal(size=(n_tracks, 8)) + shift * targets[:, None]
        blocks[name] = Block(name, (values, values + 0.1 * random.normal(size=values.shape)))
    return Tracks(blocks, targets, 2)


PARTS = np.arange(50) // 2 % 5


def test_every_part_and_every_pair_is_left_out_once():
    left_out = list_left_out(PARTS)
    assert len(left_out) == 5 + 10
    assert len(set(left_out)) == 15


@pytest.mark.parametrize(("parts", "expected"), [([0, 0, 0], []), ([0, 1, 1], [(0,), (1,)])])
def test_few_parts_give_what_they_can(parts, expected):
    assert list_left_out(np.array(parts)) == expected


def test_answers_are_those_of_weights_fitted_without_the_parts():
    tracks = make_tracks()
    found = explore(tracks, PARTS, (1, 3), GRID)
    np.testing.assert_array_equal(found.rows, np.flatnonzero((PARTS == 1) | (PARTS == 3)))
    assert len(found.logits) == GRID.size
    for setting in (Setting(DEAR, 0.3, 0.01), Setting(CHEAP, 0.0, 0.1)):
        fitted = fit(tracks, np.flatnonzero((PARTS != 1) & (PARTS != 3)), setting)
        for quality in (0, 1):
            blocks = [tracks.blocks[name].values[quality][found.rows] for name in setting.features.blocks]
            expected = fitted.solution.score(np.concatenate(blocks, axis=1))
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found.logits[setting][quality], expected, atol=5e-3 * scale)


def test_labels_and_features_of_left_out_tracks_have_no_say():
    tracks = make_tracks()
    before = explore(tracks, PARTS, (2,), GRID)
    targets = tracks.targets.copy()
    targets[before.rows] = 1 - targets[before.rows]
    blocks = {name: Block(name, tuple(v.copy() for v in block.values)) for name, block in tracks.blocks.items()}
    blocks["a"].values[0][before.rows[0]] += 1000.0  # of one left-out track
    after = explore(Tracks(blocks, targets, 2), PARTS, (2,), GRID)
    for setting, logits in before.logits.items():
        np.testing.assert_allclose(after.logits[setting][:, 1:], logits[:, 1:], atol=1e-9)


def test_the_choice_for_a_part_does_not_look_at_it():
    tracks = make_tracks(shift=0.2)
    explored = [explore(tracks, PARTS, left_out, GRID) for left_out in list_left_out(PARTS)]
    flipped = Tracks(tracks.blocks, np.where(PARTS == 4, 1 - tracks.targets, tracks.targets), 2)
    for without, same in ((4, True), (None, False)):
        found = [choose(one, PARTS, explored, without).chosen.log_loss for one in (tracks, flipped)]
        assert (found[0] == found[1]) == same


def test_a_part_without_which_a_class_is_missing_is_not_explored():
    tracks = make_tracks()
    parts = tracks.targets  # each part is a class
    assert explore(tracks, parts, (0,), GRID) is None


def test_a_task_that_features_explain_is_recognised():
    tracks = make_tracks(shift=1.5)
    explored = [explore(tracks, PARTS, left_out, GRID) for left_out in list_left_out(PARTS)]
    assert choose(tracks, PARTS, explored).chosen.balanced_accuracy > 0.9


def try_(features, losses, strength=0.1, share=0.0):
    losses = np.array(losses)
    return Tried(Setting(features, share, strength), losses.sum(), 0.8, losses)


FLAT = np.full(100, 0.005)
WAVY = 0.005 + 0.002 * np.sin(np.arange(100.0))  # the same on the whole, other tracks


def test_cheaper_features_are_taken_within_half_a_standard_error():
    choice = pick([try_(CHEAP, WAVY + 0.00005), try_(DEAR, FLAT)])
    assert choice.setting.features == CHEAP
    assert choice.best.setting.features == DEAR


def test_dearer_features_are_taken_where_they_pay():
    choice = pick([try_(CHEAP, WAVY + 0.001), try_(DEAR, FLAT)])
    assert choice.setting.features == DEAR
    assert choice.cheapest.setting.features == CHEAP


def test_the_error_is_that_of_the_difference_on_the_same_tracks():
    """A small gain is believed where every track has it, however much tracks differ."""
    assert pick([try_(CHEAP, WAVY + 0.0001), try_(DEAR, WAVY)]).setting.features == DEAR


def test_of_features_that_cost_the_same_and_are_near_the_highest_rank_wins():
    deep = dataclasses.replace(CHEAP, layers="all", rank=1)
    tried = [try_(CHEAP, FLAT), try_(deep, WAVY + 0.00005), try_(deep, WAVY + 0.00004, 0.1)]
    assert pick(tried).setting == Setting(deep, 0.0, 0.1)
    assert pick([try_(CHEAP, FLAT), try_(deep, WAVY + 0.001)]).setting.features == CHEAP
    assert pick(tried, 0.0).setting.features == CHEAP


def test_without_tolerance_the_best_is_taken_whatever_it_costs():
    assert pick([try_(CHEAP, WAVY + 0.00005), try_(DEAR, FLAT)], 0.0).setting.features == DEAR


def test_of_equals_the_stronger_penalty_and_the_smaller_share_win():
    choice = pick([try_(CHEAP, FLAT, 0.01), try_(CHEAP, FLAT, 0.1, 0.3), try_(CHEAP, FLAT, 0.1)])
    assert (choice.setting.strength, choice.setting.share) == (0.1, 0.0)


SETTING = Setting(CHEAP, 0.0, 0.1)


def test_the_accuracy_is_the_mean_recall_over_classes_and_qualities():
    targets = np.array([0, 0, 0, 1])
    first = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=float)  # 2 of 3, 1 of 1
    second = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype=float)  # 2 of 3, 0 of 1
    assert score(SETTING, targets, np.stack([first, second]), 2).balanced_accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_the_loss_is_that_of_scikit_learn_at_the_best_temperature():
    from sklearn.metrics import log_loss

    random = np.random.default_rng(0)
    targets = np.r_[np.zeros(30, int), np.ones(60, int), np.full(20, 2)]
    logits = random.normal(size=(1, 110, 3)) + 1.5 * np.eye(3)[targets]
    weights = 1 / np.bincount(targets)[targets]
    losses = []
    for temperature in TEMPERATURES:
        rows = np.exp(logits[0] / temperature)
        losses.append(log_loss(targets, rows / rows.sum(axis=1, keepdims=True), sample_weight=weights))
    assert score(SETTING, targets, logits, 3).log_loss == pytest.approx(min(losses))
    assert np.argmin(losses) not in (0, len(losses) - 1)


def test_smoothed_logits_do_not_lose_for_being_less_sure():
    targets = np.arange(40) % 2
    logits = np.random.default_rng(0).normal(size=(1, 40, 2)) + 2 * np.eye(2)[targets]
    sure, unsure = score(SETTING, targets, logits, 2), score(SETTING, targets, logits / 2, 2)
    assert unsure.log_loss == pytest.approx(sure.log_loss, abs=0.01)


def test_a_class_without_tracks_does_not_count():
    assert score(SETTING, np.array([0, 0]), np.array([[[1.0, 0, 0], [1.0, 0, 0]]]), 3).balanced_accuracy == 1
