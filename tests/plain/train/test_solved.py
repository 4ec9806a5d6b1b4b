"""Features as arrays, and answers to patches: against the arrays of the store themselves."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl import taps
from essentia_ldl.errors import StoreError
from essentia_ldl.features.joint import joint_folders
from essentia_ldl.features.store import array_path
from essentia_ldl.linear.choose import Setting, fit
from essentia_ldl.train.solved import PatchAnswers, answer_patches, gather_tracks, make_feature_set, name_block

CLASSES = ("non_sad", "sad")
BOTH = ("msd-musicnn", "mtt-vgg")


def test_the_features_of_a_track_are_the_means_of_its_patches(collection_with_features):
    collection = collection_with_features(BOTH)
    sets = [make_feature_set(BOTH, layers) for layers in ("embedding", "deep")]
    tracks = gather_tracks(collection, sets, CLASSES)
    assert set(tracks.blocks) == {name_block(name, layers) for name in BOTH for layers in ("embedding", "deep")}
    for number, quality in enumerate((4, 1)):
        folders = joint_folders(BOTH, "deep", collection.home, quality)
        for name, folder in folders.items():
            patches = np.load(array_path(folder, collection.contents["t3"]))
            expected = patches.mean(axis=0, dtype=np.float64)
            np.testing.assert_allclose(tracks.blocks[f"{name} deep"].values[number][3], expected)
            own = tracks.blocks[f"{name} embedding"].values[number][3]
            np.testing.assert_allclose(own, expected[taps.slice_layers(name, "embedding")])
    assert tracks.targets.tolist() == [CLASSES.index(track.label) for track in collection.tracks]


def test_features_that_are_missing_are_told(collection_with_features):
    collection = collection_with_features(BOTH)
    folder = joint_folders(BOTH, "deep", collection.home, 1)["mtt-vgg"]
    array_path(folder, collection.contents["t1"]).unlink()
    with pytest.raises(StoreError, match="features: expected a readable array"):
        gather_tracks(collection, [make_feature_set(BOTH, "deep")], CLASSES)


def test_more_networks_cost_more():
    costs = [make_feature_set(names, "deep").cost for names in (BOTH[:1], BOTH, tuple(taps.NETWORKS))]
    assert costs == sorted(costs)
    assert len(set(costs)) == 3


@pytest.mark.parametrize("layers", ["embedding", "deep"])
def test_answers_are_those_of_the_classifier_on_every_patch(collection_with_features, layers):
    collection, features = collection_with_features(BOTH), make_feature_set(BOTH, layers)
    tracks = gather_tracks(collection, [features], CLASSES)
    fitted = fit(tracks, np.arange(len(collection.tracks)), Setting(features, 0.0, 0.1))
    (found,) = answer_patches(collection, [fitted], [5, 2], quality=1)
    folders = joint_folders(BOTH, "deep", collection.home, 1)
    expected = []
    for row in (5, 2):
        content = collection.contents[collection.tracks[row].id]
        parts = [np.load(array_path(f, content))[:, taps.slice_layers(n, layers)] for n, f in folders.items()]
        expected.append(fitted.solution.score(np.concatenate(parts, axis=1)))
    assert found.n_patches.tolist() == [len(one) for one in expected]
    np.testing.assert_allclose(found.logits, np.concatenate(expected))


def test_probabilities_are_averaged_over_the_patches_of_a_track():
    answers = PatchAnswers(np.log([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), np.array([2, 1]))
    np.testing.assert_allclose(answers.average(), [[0.7, 0.3], [0.2, 0.8]])
