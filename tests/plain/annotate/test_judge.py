"""The score of the page, against scikit-learn's leave-one-group-out."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.annotate.judge import MOST_ARTISTS, deal_artists, judge_answers
from essentia_ldl.annotate.learn import STRENGTH
from essentia_ldl.errors import DataError
from essentia_ldl.search.nearest import normalise


def draw_answers(n_tracks: int, n_artists: int, n_classes: int = 2, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Return unit vectors (n_tracks, 12), classes and artists; tracks of a class and of an artist are alike."""
    rng = np.random.default_rng(seed)
    classes, numbers = rng.integers(0, n_classes, n_tracks), rng.integers(0, n_artists, n_tracks)
    centres = rng.normal(size=(n_classes, 12))[classes] + 0.5 * rng.normal(size=(n_artists, 12))[numbers]
    return (
        normalise(centres + 1.5 * rng.normal(size=(n_tracks, 12))),
        classes,
        np.array([f"artist {i}" for i in numbers]),
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_what_leave_one_group_out_scores(n_classes):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import LeaveOneGroupOut
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    units, classes, artists = draw_answers(60, 15, n_classes)
    said = np.zeros(60, int)
    for train, test in LeaveOneGroupOut().split(units, classes, artists):
        strength = STRENGTH * len(train) * units.shape[1] / (2 if n_classes == 2 else 1)  # of two classes it fits one
        model = LogisticRegression(C=1 / strength, class_weight="balanced", tol=1e-9, max_iter=10_000)
        model = make_pipeline(StandardScaler(), model).fit(units[train].astype(float), classes[train])
        said[test] = model.predict(units[test].astype(float))
    judged = judge_answers(units, np.eye(n_classes)[classes], artists)
    assert judged.balanced_accuracy == pytest.approx(balanced_accuracy_score(classes, said))
    assert 0.5 < judged.balanced_accuracy < 1
    assert judged.interval[0] < judged.balanced_accuracy < judged.interval[1]
    assert (judged.n_answers, judged.n_artists, judged.missing) == (60, len(set(artists)), ())


def test_nothing_is_told_until_two_artists_of_every_class_were_heard():
    units, *_ = draw_answers(6, 6)
    targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
    judged = judge_answers(units, targets, ["a", "b", "c", "d", "e", "e"])
    assert (judged.is_told, judged.balanced_accuracy, judged.interval) == (False, 0.5, (0.0, 1.0))
    assert (judged.missing, judged.n_answers, judged.n_artists) == ((1,), 6, 5)
    assert judge_answers(units, targets, ["a", "b", "c", "d", "e", "f"]).is_told
    assert judge_answers(units[:4], targets[:4], [""] * 4).missing == (1,)


def test_tracks_of_unknown_artists_are_artists_of_their_own():
    units, classes, _ = draw_answers(30, 5)
    targets = np.eye(2)[classes]
    assert judge_answers(units, targets, [""] * 30) == judge_answers(units, targets, [str(i) for i in range(30)])


def test_a_tie_is_learned_from_and_not_scored():
    units, classes, artists = draw_answers(30, 10)
    tied, targets = np.full((2, 2), 0.5), np.eye(2)[classes]
    judged = judge_answers(np.r_[units, units[:2]], np.r_[targets, tied], [*artists, "x", "x"])
    assert (judged.is_told, judged.n_answers, judged.n_artists) == (True, 32, len(set(artists)) + 1)
    assert not judge_answers(units[:4], np.full((4, 2), 0.5), [""] * 4).is_told


def test_many_artists_are_left_out_in_parts_that_keep_them_whole():
    rng = np.random.default_rng(1)
    artists = rng.integers(0, 2 * MOST_ARTISTS, 400)
    artists = np.unique(artists, return_inverse=True)[1]
    targets = np.eye(2)[np.isin(artists, [3, 70]).astype(int)]  # a class of two artists
    parts = deal_artists(targets, artists, 10)
    assert sorted(set(parts)) == list(range(10))
    assert all(len(set(parts[artists == artist])) == 1 for artist in set(artists))
    assert all(targets[parts != part].sum(axis=0).all() for part in range(10))
    assert np.ptp(np.bincount(parts)) < 20


def test_the_score_of_many_artists_is_that_of_chance_where_there_is_nothing_to_learn():
    rng = np.random.default_rng(2)
    units, targets = normalise(rng.normal(size=(1000, 12))), np.eye(2)[rng.integers(0, 2, 1000)]
    judged = judge_answers(units, targets, [f"artist {i}" for i in rng.integers(0, 200, 1000)])
    assert judged.interval[0] < 0.5 < judged.interval[1]
    assert judged.interval[1] - judged.interval[0] < 0.1


@pytest.mark.parametrize("n", [2, 4, 30])
def test_a_perfect_score_of_few_artists_is_no_certainty(n):
    from scipy.stats import binomtest

    classes = np.array([0, 1] * n)
    units = np.eye(2, dtype=np.float32)[classes]
    judged = judge_answers(units, np.eye(2)[classes], [""] * len(classes))
    assert judged.balanced_accuracy == 1
    assert judged.interval == pytest.approx(tuple(binomtest(n, n).proportion_ci(0.95, "exact")))


def test_tracks_that_are_all_the_same_are_guessed():
    judged = judge_answers(np.full((8, 4), 0.5, np.float32), np.eye(2)[[0, 1] * 4], [""] * 8)
    assert (judged.is_told, judged.balanced_accuracy) == (True, 0.5)


def test_artists_that_do_not_fit_are_refused():
    units, classes, artists = draw_answers(10, 5)
    with pytest.raises(DataError, match="one per answer"):
        judge_answers(units, np.eye(2)[classes], artists[1:])
