"""The comparison of losses: its plans, its folds, and scores of artists who did not train."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.choices import SPACE_LOSSES
from essentia_ldl.collection import splits
from essentia_ldl.collection.alike import number_alike
from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.errors import DataError, TrainingError, UnknownNameError
from essentia_ldl.features.beside import find_networks
from essentia_ldl.files import Home
from essentia_ldl.runs.space import VECTORS, read_space_plan
from essentia_ldl.scores.neighbours import rank_neighbours
from essentia_ldl.spaces import compare
from essentia_ldl.spaces.artists import make_asked
from essentia_ldl.spaces.compare import MAP, PLAIN, STANDARD, Contest, gather_vectors, score_folds, settle, standardise
from essentia_ldl.spaces.measure import MeasureTerms


@pytest.fixture
def folds(music):
    return splits.fold_tracks(music[0], 3, 0.2, 0)


def test_tracks_ask_those_of_their_own_test_side_alone(music, folds):
    tracks, vectors = music
    rows = score_folds(("m", [vectors] * 3), tracks, folds, MeasureTerms(("artist", "genre")))
    groups, expected = number_alike(tracks, "artist"), []
    for fold in folds:
        test = [n for n, track in enumerate(tracks) if track.id in fold.test]
        expected += rank_neighbours(vectors[test], groups[test]).average_precision.tolist()
    assert rows[0].scores["map"].value == pytest.approx(np.mean(expected))
    assert [(row.by, row.filtered) for row in rows] == [("artist", False), ("genre", False), ("genre", True)]
    assert rows[1].scores["knn"] == rows[2].scores["knn"]


def test_a_gain_is_the_mean_of_differences_of_tracks(music, folds):
    tracks, vectors = music
    plain, terms = [np.random.default_rng(1).normal(size=vectors.shape)] * 3, MeasureTerms(("artist",))
    [row] = score_folds(("m", [vectors] * 3), tracks, folds, terms, plain)
    [before] = score_folds(("p", plain), tracks, folds, terms, plain)
    gain = row.scores["gain"]
    assert gain.value == pytest.approx(row.scores["map"].value - before.scores["map"].value)
    assert gain.interval[0] < gain.value < gain.interval[1]
    assert "gain" not in before.scores


def test_every_loss_is_planned_on_every_fold_and_what_needs_no_training_stands_first(
    music, folds, tmp_path, monkeypatch
):
    tracks, vectors = music
    home = Home(tmp_path)
    collection = Collection(tuple(tracks), {track.id: f"{n:064}" for n, track in enumerate(tracks)}, {}, (), home)
    trained = []

    def train(cells):
        for cell in cells:
            plan = read_space_plan(cell)
            trained.append(plan)
            np.savez(cell / VECTORS, ids=[track.id for track in plan.tracks], vectors=vectors)
            (cell / "history.json").write_text("{}")

    monkeypatch.setattr(compare, "train_spaces", train)
    monkeypatch.setattr(compare, "joint_folders", lambda *arguments: {})
    monkeypatch.setattr(compare, "read_joint", lambda folders, content, layers: vectors[int(content)][None])
    asked = (
        make_asked("siamese", size=5),
        Contest(("triplet", "basic"), 3),
        (collection, find_networks(("msd-vgg",), tmp_path)),
    )
    found = gather_vectors(*asked, folds, say=lambda line: None)
    assert list(found) == [PLAIN, STANDARD, MAP, "triplet", "basic"]
    assert len(trained) == 9
    assert {plan.settings.size for plan in trained} == {5}
    assert {(plan.settings.loss, plan.settings.n_negatives) for plan in trained[3:6]} == {("triplet", 1)}
    assert {plan.settings.epochs for plan in trained[:3]} == {0}
    for plan, fold in zip(trained[:3], folds, strict=True):
        assert {track.id for track in plan.tracks if track.role == "test"} == set(fold.test)
        assert not plan.stem
    gather_vectors(*asked, folds, say=lambda line: None)
    assert len(trained) == 9, "what is there is not trained again"


@pytest.mark.parametrize(
    ("told", "loss", "margin"),
    [({}, "contrastive", 1.0), ({"margin": 0.4}, "contrastive", 0.4), ({"margin": 0.7}, "basic", 0.4)],
)
def test_a_loss_is_given_what_was_told_as_far_as_it_has_it(told, loss, margin):
    """Here .4 is what the siamese loss has for its own, and basic has none."""
    found = settle(make_asked("siamese", rate=0.01, **told), loss)
    assert (found.settings.loss, found.settings.margin, found.settings.rate) == (loss, margin, 0.01)


def test_what_none_of_the_losses_has_is_refused(tmp_path):
    asked = make_asked("siamese", margin=0.3)
    with pytest.raises(TrainingError, match="margin: expected none with the loss basic"):
        compare.compare_spaces(asked, Contest(("basic", "tags")), Source(None), Home(tmp_path), say=print)


def test_vectors_are_shifted_and_scaled_by_the_side_that_trains():
    vectors = np.array([[0.0, 1.0], [2.0, 5.0], [9.0, 9.0]])
    np.testing.assert_allclose(standardise(vectors, np.array([0, 1]))[:2], [[-1, -1], [1, 1]], atol=1e-5)


def test_what_cannot_be_compared():
    assert Contest().losses == SPACE_LOSSES
    with pytest.raises(DataError, match="folds: expected 2 or more"):
        Contest(n_folds=1)
    with pytest.raises(UnknownNameError, match="Did you mean 'triplet'"):
        Contest(("triplets",))
    with pytest.raises(UnknownNameError, match="loss: expected one of basic, contrastive, siamese, tags, triplet; got"):
        Contest(("words",))  # which has a command of its own
