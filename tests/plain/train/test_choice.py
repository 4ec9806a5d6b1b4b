"""What is tried, on which parts, and what the fits that have not seen a track say of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.linear.choose import Setting, find_training
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track
from essentia_ldl.taps import NETWORKS
from essentia_ldl.train.choice import (
    DEFAULT_STRENGTH,
    describe_setting,
    draw_parts,
    list_feature_sets,
    make_choice,
    make_grid,
    report_choice,
)
from essentia_ldl.train.solved import PatchAnswers, gather_tracks

CLASSES = ("non_sad", "sad")
BOTH = ("msd-musicnn", "mtt-vgg")


def make_recipe(labels="auto", **choice):
    return Recipe("mood-sad", CLASSES, labels=labels).override(**{f"choice__{k}": v for k, v in choice.items()})


def make_tracks(n_tracks=40, n_artists=20):
    return [Track(f"t{n}", f"/{n}", CLASSES[n % 2], artist=f"a{n % n_artists}") for n in range(n_tracks)]


# --- what is tried --------------------------------------------------------------------------------------------------


def test_auto_tries_one_network_and_all_of_them_with_two_choices_of_layers():
    sets = list_feature_sets(make_recipe())
    assert [(len(one.backbones), one.layers) for one in sets] == [
        *((1, layers) for layers in ("embedding", "deep")),
        *((4, layers) for layers in ("embedding", "deep")),
    ]
    assert sets[0].cost < sets[-1].cost


def test_fast_tries_the_cheapest_network_alone():
    assert {one.backbones for one in list_feature_sets(make_recipe(speed="fast"))} == {("msd-musicnn",)}


def test_networks_that_are_named_are_tried_one_by_one_and_together():
    found = [one.backbones for one in list_feature_sets(make_recipe(networks=BOTH, layers="deep"))]
    assert found == [(BOTH[0],), (BOTH[1],), BOTH]


@pytest.mark.parametrize(("labels", "share"), [("joint", 0.5), ("joint-one-hot", 0.0)])
def test_joint_is_all_networks_and_one_share(labels, share):
    grid = make_grid(make_recipe(labels))
    assert [one.backbones for one in grid.features] == [tuple(NETWORKS)]
    assert grid.shares == (share,)


def test_networks_of_a_recipe_are_not_chosen():
    recipe = make_recipe().override(network__backbones=BOTH).override(network__layers="deep")
    assert [(one.backbones, one.layers) for one in make_grid(recipe).features] == [(BOTH, "deep")]


def test_other_music_takes_smoother_targets():
    assert make_grid(make_recipe(music="other")).shares == (0.5,)
    assert 0.0 in make_grid(make_recipe()).shares
    assert make_grid(make_recipe(smoothing="0.25", music="other")).shares == (0.25,)


def test_a_column_that_is_left_out_shows_what_smoothing_is_worth():
    assert {0.0, 0.5} < set(make_grid(make_recipe(music="other", leave_out="genre")).shares)


# --- parts ----------------------------------------------------------------------------------------------------------


def test_no_artist_is_in_two_parts_and_every_part_has_every_class():
    tracks = make_tracks()
    parts = draw_parts(tracks, 0)
    assert set(parts.tolist()) == set(range(5))
    for artist in {track.artist for track in tracks}:
        assert len({part for part, track in zip(parts, tracks, strict=True) if track.artist == artist}) == 1
    for part in range(5):
        assert {track.label for p, track in zip(parts, tracks, strict=True) if p == part} == set(CLASSES)


def test_few_artists_make_fewer_parts():
    tracks = [Track(f"t{n}", f"/{n}", CLASSES[n % 2], artist=f"{n % 2} {n % 3}") for n in range(24)]
    assert len(set(draw_parts(tracks, 0).tolist())) == 3


def test_one_artist_per_class_makes_no_parts():
    tracks = [Track(f"t{n}", f"/{n}", CLASSES[n % 2], artist=CLASSES[n % 2]) for n in range(24)]
    assert set(draw_parts(tracks, 0).tolist()) == {0}


def test_the_values_of_a_column_are_parts():
    tracks = [Track(f"t{n}", f"/{n}", CLASSES[n % 2], columns={"genre": "abc"[n % 3]}) for n in range(6)]
    assert draw_parts(tracks, 0, "genre").tolist() == [0, 1, 2, 0, 1, 2]


def test_a_column_that_is_not_there_is_told():
    with pytest.raises(DataError, match=r"column: expected one of .*; got 'genre' \(leave out genre\)"):
        draw_parts(make_tracks(), 0, "genre")


def test_an_artist_in_two_values_trains_for_neither(collection_with_features):
    collection = collection_with_features(BOTH[:1], n_tracks=40)
    tracks = tuple(
        dataclasses.replace(t, columns={"genre": "abc"[n // 2 % 3]}, artist=f"a{n // 10}")
        for n, t in enumerate(collection.tracks)
    )
    recipe = make_recipe(networks=BOTH[:1], layers="embedding", leave_out="genre")
    # four artists, each with tracks of every genre: nothing is left to train on
    found = make_choice(recipe, dataclasses.replace(collection, tracks=tracks))
    assert found.choice is None
    reason = report_choice(found, make_grid(recipe))["reason"]
    assert reason == "without genre a a class has no track left to train on"
    gathered = gather_tracks(dataclasses.replace(collection, tracks=tracks), make_grid(recipe).features, CLASSES)
    assert len(find_training(gathered, draw_parts(tracks, 0, "genre"), [0])) == 0


def test_a_choice_by_a_column_is_scored_on_values_that_it_has_not_seen(collection_with_features):
    collection = collection_with_features(BOTH[:1], n_tracks=40)
    tracks = tuple(
        dataclasses.replace(track, columns={"genre": "abc"[n // 2 % 3]}) for n, track in enumerate(collection.tracks)
    )
    recipe = make_recipe(networks=BOTH[:1], layers="embedding", leave_out="genre")
    found = make_choice(recipe, dataclasses.replace(collection, tracks=tracks))
    assert len(found.nested_settings) == 3
    assert found.reason == ""


def test_of_two_parts_the_score_is_of_a_setting_that_nothing_chose(collection_with_features):
    collection = collection_with_features(BOTH[:1], n_tracks=40, artist=lambda n: f"{CLASSES[n % 2]} {n // 2 % 2}")
    recipe = make_recipe(networks=BOTH[:1], layers="embedding")
    found = make_choice(recipe, collection)
    assert set(found.parts.tolist()) == {0, 1}
    assert {(one.share, one.strength) for one in found.nested_settings} == {(0.0, DEFAULT_STRENGTH)}


# --- the choice -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chosen(write_collection, tmp_path_factory):
    recipe = make_recipe(networks=BOTH, layers="embedding")
    return make_choice(recipe, write_collection(tmp_path_factory.mktemp("chosen"), BOTH, n_tracks=40)), recipe


def test_what_features_explain_is_recognised_on_tracks_that_no_choice_has_seen(chosen, collection_with_features):
    found, _ = chosen
    collection = collection_with_features(BOTH, n_tracks=40)
    targets = np.array([CLASSES.index(track.label) for track in collection.tracks])
    assert np.mean(found.nested.average().argmax(axis=1) == targets) > 0.9
    assert np.mean(found.own.average().argmax(axis=1) == targets) > 0.9
    assert found.changed < 0.1


def test_answers_follow_the_order_of_the_tracks(chosen):
    found, _ = chosen
    assert isinstance(found.own, PatchAnswers)
    assert len(found.own.n_patches) == len(found.nested.n_patches) == 40
    assert found.own.n_patches.tolist() == [2 + n % 3 for n in range(40)]


def test_the_report_says_what_was_tried_and_chosen(chosen):
    found, recipe = chosen
    report = report_choice(found, make_grid(recipe))
    assert report["n_settings"] == len(report["tried"]) == 3 * 2 * 7
    assert report["n_folds"] == len(report["by_fold"]) == 5
    assert report["best"]["log_loss"] == min(one["log_loss"] for one in report["tried"])
    assert report["cheapest"]["cost"] == min(one["cost"] for one in report["tried"])
    assert report["chosen"]["backbones"] == list(found.fitted.setting.features.backbones)


@pytest.mark.slow
def test_two_choices_are_the_same(collection_with_features):
    recipe, collection = make_recipe(networks=BOTH[:1], layers="embedding"), collection_with_features(BOTH)
    one, two = (make_choice(recipe, collection) for _ in range(2))
    np.testing.assert_array_equal(one.fitted.solution.kernel, two.fitted.solution.kernel)
    np.testing.assert_array_equal(one.nested.logits, two.nested.logits)


def test_without_parts_there_is_a_classifier_and_no_choice(collection_with_features):
    recipe = make_recipe(networks=BOTH[:1], layers="embedding")
    found = make_choice(recipe, collection_with_features(BOTH, artist=lambda n: CLASSES[n % 2]))
    assert found.choice is None
    assert found.nested is None
    assert report_choice(found, make_grid(recipe))["reason"] == "a class has too few artists for folds"


def test_a_setting_in_words():
    features = list_feature_sets(make_recipe(networks=BOTH, layers="deep"))[-1]
    text = describe_setting(Setting(features, 0.3, 0.01))
    assert text == "msd-musicnn and mtt-vgg, deep layers, targets 30% smoothed, strength 0.01"


# --- an extractor beside the networks -------------------------------------------------------------------------------


def test_an_extractor_is_tried_alone_once_and_with_the_others():
    found = [(one.backbones, one.layers) for one in list_feature_sets(make_recipe(networks=("net-1", "msd-vgg")))]
    assert found == [
        (("net-1",), "embedding"),
        *((("msd-vgg",), layers) for layers in ("embedding", "deep")),
        *((("net-1", "msd-vgg"), layers) for layers in ("embedding", "deep")),
    ]
    recipe = make_recipe("joint").override(network__backbones=("net-1",))
    assert [(one.backbones, one.layers) for one in make_grid(recipe).features] == [(("net-1",), "embedding")]


@pytest.mark.slow
def test_an_extractor_is_chosen_among_the_others(collection_with_features):
    networks = ("net-1", "msd-musicnn")
    recipe = make_recipe(networks=networks, layers="deep")
    found = make_choice(recipe, collection_with_features(networks, n_tracks=40))
    report = report_choice(found, make_grid(recipe))
    tried = {tuple(one["backbones"]) for one in report["tried"]}
    assert tried == {("net-1",), ("msd-musicnn",), networks}
    both = next(one for one in found.choice.tried if one.setting.features.backbones == networks)
    assert both.balanced_accuracy > 0.9
    assert "net-1 and msd-musicnn" in describe_setting(both.setting)
