"""Smoothing in the space of embeddings, and the part of its own label that a track keeps."""

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.features import embeddings
from essentia_ldl.labels._embedding import EMBEDDING, average_patches
from essentia_ldl.labels._mfcc import pool_frames
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Track
from essentia_ldl.scores.metrics import score_entropy
from essentia_ldl.train import targets as targets_module

CLASSES = ("a", "b", "c")
SMOOTHING = ("sa", "sb", "emb", "emb-lmnn")


@pytest.fixture(scope="module")
def tracks():
    return [Track(f"t{i:02d}", f"/t{i:02d}", CLASSES[i % 3]) for i in range(50)]


@pytest.fixture(scope="module")
def read_features(tracks):
    generator = np.random.default_rng(8)
    frames = {
        t.id: generator.normal(i % 3, 2, (1, 13)) + generator.normal(size=(1290, 13)) for i, t in enumerate(tracks)
    }

    def read(track, front_end):
        if front_end == "mfcc":
            return frames[track.id].astype(np.float32)
        # Two patches whose mean is MFCC-P: every other frame of every window.
        return frames[track.id].reshape(15, 43, 2, 13).mean(axis=1).transpose(1, 0, 2).reshape(2, 195)

    return read


def build_source(name, read, **settings):
    return labels.build(name, CLASSES, read, {"max_iter": 200, **settings})


def test_the_name_is_the_one_of_the_zone_that_makes_them():
    assert EMBEDDING == embeddings.NAME == labels.EMBEDDING


def test_mean_over_patches_by_hand():
    np.testing.assert_array_equal(average_patches(np.array([[1, 2, 3], [3, 2, 7]], np.float32)), [2, 2, 5])


@pytest.mark.parametrize(
    ("patches", "rule"),
    [
        (np.zeros((0, 200)), r"one or more patches, \(n_patches, d\); got \(0, 200\)"),
        (np.zeros(200), r"one or more patches, \(n_patches, d\); got \(200,\)"),
        (np.full((2, 3), np.nan), "finite numbers"),
        (np.full((2, 3), np.inf), "finite numbers"),
    ],
)
def test_embeddings_that_cannot_be_averaged_name_the_track(patches, rule):
    with pytest.raises(DataError, match=rf"embeddings: expected {rule}.*\(song\.mp3\)"):
        average_patches(patches, "song.mp3")


@pytest.mark.parametrize("name", ["emb", "emb-lmnn"])
def test_embeddings_are_the_only_thing_read(tracks, read_features, name):
    asked = set()

    def read(track, front_end):
        asked.add(front_end)
        return read_features(track, front_end)

    source = build_source(name, read).fit(tracks)
    assert asked == set(source.front_ends) == {EMBEDDING}


@pytest.mark.parametrize(("emb", "mfcc"), [("emb", "sa"), ("emb-lmnn", "sb")])
def test_the_same_numbers_from_embeddings_and_mfcc_give_the_same_rows(tracks, read_features, emb, mfcc):
    rows = [
        build_source(name, read_features, features=features).fit(tracks[:40])(tracks).distributions
        for name, features in ((emb, EMBEDDING), (mfcc, "mfcc-p"))
    ]
    assert np.abs(rows[0] - rows[1]).mean() < 0.01  # the means differ in the last bit
    np.testing.assert_allclose(
        average_patches(read_features(tracks[0], EMBEDDING)), pool_frames(read_features(tracks[0], "mfcc")), atol=1e-5
    )


@pytest.mark.parametrize("name", SMOOTHING)
@pytest.mark.parametrize("features", ["mfcc-s", "mfcc-p", EMBEDDING])
@pytest.mark.parametrize("lmnn", [True, False])
def test_every_preset_takes_every_features_with_or_without_lmnn(tracks, read_features, name, features, lmnn):
    settings = {"features": features, "lmnn": lmnn, "n_components": 8, "max_iter": 60}
    source = build_source(name, read_features, **settings).fit(tracks)
    assert ("n_iter" in source.report) == lmnn
    assert source.front_ends == ((EMBEDDING,) if features == EMBEDDING else ("mfcc",))


def test_more_components_than_the_embedding_has(tracks, read_features):
    def narrow(track, front_end):
        return read_features(track, front_end)[:, :20]

    rule = r"at most 20, the size of the features; got 32 \(labels\.emb-lmnn\.n_components\)\. Lower"
    with pytest.raises(DataError, match=rule):
        build_source("emb-lmnn", narrow).fit(tracks)


def test_too_few_tracks_for_the_components_are_told_before_mfcc_are_computed(tracks):
    def refuse(track, front_end):
        raise AssertionError("read before fit")

    source = build_source("sb", refuse, n_components=64, n_neighbors=10)
    with pytest.raises(DataError, match=r"at most 49, as the 50 training tracks give; got 64"):
        source.check(tracks)


def test_a_network_from_scratch_is_told_before_anything_is_read():
    recipe = Recipe("x", ("a", "b"), label_settings={"sa": {"features": EMBEDDING}})
    scratch = recipe.override(network__fine_tune="none")
    for source in ("emb", "emb-lmnn", "sa"):
        assert targets_module.label_front_ends(recipe, ["none", source]) == [EMBEDDING]
        with pytest.raises(RecipeError, match=r"fine_tune none.*Use fine_tune head or all, or other labels"):
            targets_module.label_front_ends(scratch, ["none", source])
    assert targets_module.label_front_ends(scratch, ["none", "sb", "shares"]) == ["mfcc"]


# --- self_weight


@pytest.fixture(scope="module")
def by_weight(tracks, read_features):
    """Tables of all tracks by preset and weight; the last ten tracks did not train."""
    tables = {}
    for name in ("sa", "emb-lmnn"):
        for weight in (0.0, 0.25, 0.5, 0.9, 1.0):
            source = build_source(name, read_features, self_weight=weight).fit(tracks[:40])
            tables[name, weight] = source(tracks), source.report
    return tables


@pytest.mark.parametrize("name", ["sa", "emb-lmnn"])
class TestSelfWeight:
    def test_one_is_one_hot_exactly(self, by_weight, tracks, name):
        one_hot = labels.build("none", CLASSES, None).fit(tracks)(tracks[:40]).distributions
        np.testing.assert_array_equal(by_weight[name, 1.0][0].distributions[:40], one_hot)
        assert by_weight[name, 1.0][1]["own_mass_mean"] == by_weight[name, 1.0][1]["own_mass_ceiling"] == 1

    def test_rows_are_the_mixture(self, by_weight, name):
        none, all_ = by_weight[name, 0.0][0].distributions[:40], by_weight[name, 1.0][0].distributions[:40]
        for weight in (0.25, 0.5, 0.9):
            rows = by_weight[name, weight][0].distributions[:40]
            np.testing.assert_allclose(rows, weight * all_ + (1 - weight) * none, atol=1e-6)
            np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)

    def test_own_mass_rises_and_entropy_falls(self, by_weight, tracks, name):
        truth = {track.id: track.label for track in tracks}
        rows = [by_weight[name, weight][0] for weight in (0.0, 0.25, 0.5, 0.9, 1.0)]
        own = np.stack([labels.score_own_mass(table, truth)[:40] for table in rows])
        smoothed = own[0] < 1
        assert smoothed.sum() > 20
        assert np.all(np.diff(own[:, smoothed], axis=0) > 0)
        assert np.all(own[:, ~smoothed] == 1)
        assert score_entropy(rows[-1].distributions[:40]).max() == 0
        means = [by_weight[name, weight][1] for weight in (0.0, 0.25, 0.5, 0.9, 1.0)]
        assert np.all(np.diff([report["own_mass_mean"] for report in means]) > 0)
        assert all(report["own_mass_mean"] <= report["own_mass_ceiling"] + 1e-6 for report in means)

    def test_tracks_that_did_not_train_have_no_own_label(self, by_weight, name):
        for weight in (0.25, 1.0):
            np.testing.assert_array_equal(
                by_weight[name, weight][0].distributions[40:], by_weight[name, 0.0][0].distributions[40:]
            )


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_self_weight_out_of_range(value):
    with pytest.raises(RecipeError, match=r"a number from 0 to 1; got .* \(labels\.sa\.self_weight\)"):
        build_source("sa", None, self_weight=value)
