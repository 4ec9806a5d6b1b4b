"""Adaptation to music without labels: what is shared, what is kept, what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError
from essentia_ldl.linear.choose import Setting, fit
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Failure, Split
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.runs.solution import read_solution
from essentia_ldl.runs.targets import read_report
from essentia_ldl.train import adapt as adapt_module
from essentia_ldl.train.adapt import MIN_TRACKS, adapt, blend, describe_adaptation, list_unlabelled, weigh
from essentia_ldl.train.auto import summarize_choice
from essentia_ldl.train.compose import plan_run
from essentia_ldl.train.solved import gather_blocks, gather_tracks, make_feature_set

CLASSES = ("non_sad", "sad")
BOTH = ("msd-musicnn", "mtt-vgg")


@pytest.fixture
def collections(collection_with_features):
    """Tracks to train on, and others to adapt to."""
    found = collection_with_features(BOTH, n_tracks=64)
    return (dataclasses.replace(found, tracks=found.tracks[rows]) for rows in (slice(40), slice(40, 64)))


def test_more_music_has_a_greater_share_up_to_half():
    shares = [weigh(n) for n in (20, 100, 1000, 10**6)]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.25)
    assert shares[-1] == pytest.approx(0.5, abs=1e-4)


def test_standardisation_is_shared_and_weights_are_kept(collections):
    train, target = collections
    features = make_feature_set(BOTH, "deep")
    tracks = gather_tracks(train, [features], CLASSES)
    fitted = fit(tracks, np.arange(40), Setting(features, 0.0, 0.1))
    found, before, share = adapt(fitted, target).solution, fitted.solution, weigh(24)
    np.testing.assert_array_equal(found.kernel, before.kernel)
    np.testing.assert_array_equal(found.bias, before.bias)
    blocks = gather_blocks(target, [features])
    both = [np.concatenate(blocks[name].values) for name in features.blocks]
    mean = np.concatenate([rows.mean(axis=0) for rows in both])
    np.testing.assert_allclose(found.mean, (1 - share) * before.mean + share * mean)
    scale = np.concatenate([rows.std(axis=0) * np.sqrt(rows.shape[1]) for rows in both])
    np.testing.assert_allclose(found.scale, (1 - share) * before.scale + share * scale)


def test_music_like_that_of_training_changes_nothing(collections):
    train, _ = collections
    features = make_feature_set(BOTH, "deep")
    fitted = fit(gather_tracks(train, [features], CLASSES), np.arange(40), Setting(features, 0.0, 0.1))
    found = adapt(fitted, train).solution
    np.testing.assert_allclose(found.mean, fitted.solution.mean)
    np.testing.assert_allclose(found.scale, fitted.solution.scale)


def test_a_shift_of_all_features_is_taken_off():
    random = np.random.default_rng(0)
    solution = adapt_module.Solution(np.zeros(3), np.ones(3), random.normal(size=(3, 2)), np.zeros(2))
    features = random.normal(size=(5, 3))
    moved = blend(solution, np.full(3, 4.0), np.full(3, 2.0), 1.0)
    np.testing.assert_allclose(moved.score(2 * features + 4), solution.score(features))


@pytest.mark.slow
def test_plan_card_and_report_say_what_was_adapted(collections, tmp_path):
    train, target = collections
    recipe = Recipe("mood-sad", CLASSES).override(choice__networks=BOTH[:1], choice__layers="deep")
    split = Split(tuple(track.id for track in train.tracks), (), ())
    for name, collection in (("plain", train), ("adapted", dataclasses.replace(train, target=target))):
        plan_run(tmp_path / name, recipe, collection, split, say=lambda line: None)
    expected = describe_adaptation(target)
    assert read_plan(tmp_path / "adapted").card["adapted"] == expected
    assert read_report(tmp_path / "adapted")["choice"]["adapted"] == expected
    assert (expected["n_tracks"], expected["share"]) == (24, round(weigh(24), 4))
    assert "adapted" not in read_plan(tmp_path / "plain").card
    told = summarize_choice(tmp_path / "adapted", recipe, train)
    assert told["warnings"] == [expected["note"]]
    one, two = (read_solution(tmp_path / name) for name in ("plain", "adapted"))
    np.testing.assert_array_equal(one.kernel, two.kernel)
    assert not np.allclose(one.mean, two.mean)
    # what was measured is what it was
    plain = summarize_choice(tmp_path / "plain", recipe, train)
    assert plain["balanced_accuracy_mean"] == told["balanced_accuracy_mean"]


def test_folders_that_cannot_be_adapted_to_are_refused(tmp_path):
    with pytest.raises(DataError, match="adapt: expected a folder of music; got 'no folder'"):
        list_unlabelled(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=f"adapt: expected {MIN_TRACKS} audio files or more; got 0"):
        list_unlabelled(str(tmp_path))
    for n in range(MIN_TRACKS):
        (tmp_path / f"{n}.wav").write_bytes(b"")
        (tmp_path / f"{n}.txt").write_bytes(b"")
    assert len(list_unlabelled(str(tmp_path))) == MIN_TRACKS


def test_broken_files_are_left_out_and_told_until_too_few_are_left(tmp_path, monkeypatch):
    for n in range(MIN_TRACKS + 2):
        (tmp_path / f"{n:02}.wav").write_bytes(b"")
    n_broken = [2]

    def extract(tracks, home, front_ends, n_jobs=None, say=None):
        failures = tuple(Failure(track.path, "decode", f"{track.id} is broken.") for track in tracks[: n_broken[0]])
        return Collection(tuple(tracks[n_broken[0] :]), {}, {}, failures, home)

    monkeypatch.setattr(adapt_module, "extract", extract)
    said = []
    found = adapt_module.read_unlabelled(str(tmp_path), None, say=said.append)
    assert (len(found.tracks), len(found.failures)) == (MIN_TRACKS, 2)
    assert said[0].startswith(f"adapt: {MIN_TRACKS} tracks of {tmp_path}; 2 left out, the first: ")
    n_broken[0] = 3
    with pytest.raises(DataError, match=f"{MIN_TRACKS} usable tracks or more; got {MIN_TRACKS - 1}"):
        adapt_module.read_unlabelled(str(tmp_path), None, say=said.append)
