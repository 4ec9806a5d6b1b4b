"""Wilson's editing against votes counted by hand and scikit-learn, and what it does for LMNN on corrupted labels."""

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.labels._editing import edit_tracks
from essentia_ldl.labels._lmnn import fit_lmnn
from essentia_ldl.records import Track

CLASSES = ("a", "b")


def on_a_line(values):
    return np.array(values, dtype=np.float64)[:, None]


def make_cloud(seed, n_tracks=60, n_features=6, gap=1.0, n_classes=2):
    generator = np.random.default_rng(seed)
    targets = np.arange(n_tracks) % n_classes
    points = generator.normal(size=(n_tracks, n_features))
    points[np.arange(n_tracks), targets] += gap
    return points, targets


# --- who votes whom out


def test_votes_counted_by_hand():
    # Classes a a a b b b, and a stray b among the a: its neighbours are all a. The others have at most one contrary.
    points, targets = on_a_line([0, 1, 2, 10, 11, 12, 1.4]), np.array([0, 0, 0, 1, 1, 1, 1])
    kept, put_back = edit_tracks(points, targets, 3)
    np.testing.assert_array_equal(kept, [1, 1, 1, 1, 1, 1, 0])
    assert not put_back.any()


def test_a_tie_keeps_the_track():
    # Two neighbours, one of each class, for the track in the middle.
    points, targets = on_a_line([0, 1, 2.1, -5, 8]), np.array([0, 0, 1, 0, 1])
    assert edit_tracks(points, targets, 2)[0][1]
    # Three neighbours of three classes: nobody outvotes the track.
    points, targets = on_a_line([0, 1, -1.1, 1.2, 50, 51, 60, 61]), np.array([0, 0, 1, 2, 1, 1, 2, 2])
    assert edit_tracks(points, targets, 3)[0][0]


def test_the_own_label_does_not_vote():
    points, targets = on_a_line([0, 0.1, 0.2, 9]), np.array([0, 1, 1, 0])
    assert not edit_tracks(points, targets, 1)[0][0]


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_two_classes_as_a_left_out_classifier_of_scikit_learn(k, seed):
    from sklearn.model_selection import LeaveOneOut, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    points, targets = make_cloud(seed)
    guessed = cross_val_predict(KNeighborsClassifier(k), points, targets, cv=LeaveOneOut())
    np.testing.assert_array_equal(edit_tracks(points, targets, k)[0], guessed == targets)


def test_classes_far_apart_lose_nobody():
    points, targets = make_cloud(0, gap=50)
    assert edit_tracks(points, targets, 3)[0].all()


@pytest.mark.parametrize("n_least", [0, 4, 9])
def test_every_class_keeps_what_lmnn_needs_and_the_best_come_back(n_least):
    points, targets = make_cloud(1, n_tracks=90, gap=0.3, n_classes=3)
    targets[targets == 2] = np.where(np.arange(30) < 8, 2, 1)  # a small class, lost among the others
    free, _ = edit_tracks(points, targets, 5)
    kept, put_back = edit_tracks(points, targets, 5, n_least)
    for column in range(3):
        members = targets == column
        assert kept[members].sum() == max(free[members].sum(), min(n_least, members.sum()))
    np.testing.assert_array_equal(kept, free | put_back)
    assert not (free & put_back).any()


def test_put_back_are_those_with_the_best_balance_of_votes():
    # Class b is two tracks: the one beside a single a has one vote for a class of its own, the other has none.
    points = on_a_line([0, 1, 2, 3, 4, 5, 6, 20, 20.2, 20.4, 2.5, 20.1])
    targets = np.array([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1])
    free, _ = edit_tracks(points, targets, 3)
    np.testing.assert_array_equal(np.flatnonzero(~free & (targets == 1)), [7, 10, 11])
    _, put_back = edit_tracks(points, targets, 3, n_least_of_class=2)
    np.testing.assert_array_equal(np.flatnonzero(put_back), [7, 11])


def test_the_whole_keeps_what_the_components_need():
    points, targets = make_cloud(2, gap=0.0)
    free, _ = edit_tracks(points, targets, 3)
    assert free.sum() < 50
    kept, put_back = edit_tracks(points, targets, 3, 4, 50)
    assert kept.sum() == 50
    assert put_back.sum() == 50 - free.sum()
    assert edit_tracks(points, targets, 3, 4, 1000)[0].all()


# --- in a label source


def build_source(points, **settings):
    settings = {"n_components": 4, "n_neighbors": 10, "max_iter": 300, **settings}
    return labels.build("emb-lmnn", CLASSES, lambda track, _: points[int(track.id[1:])][None], settings)


def make_tracks(targets):
    return [Track(f"t{i:03d}", f"/t{i:03d}", CLASSES[target]) for i, target in enumerate(targets)]


def test_lmnn_learns_from_the_kept_and_every_track_stays_a_neighbour():
    points, targets = make_cloud(3)
    tracks = make_tracks(targets)
    source = build_source(points, lmnn_filter="wilson").fit(tracks)
    standard = (points - points.mean(axis=0)) / points.std(axis=0)
    kept, _ = edit_tracks(standard, targets, 3)
    assert 5 < (~kept).sum() < 40
    assert source.report["n_filtered"] == {name: int((~kept)[targets == k].sum()) for k, name in enumerate(CLASSES)}
    assert source.report["n_put_back"] == {"a": 0, "b": 0}
    components, _ = fit_lmnn(standard[kept], targets[kept], CLASSES, source.settings)
    mapped = standard @ components.T
    for row, track in enumerate(tracks):
        order = sorted((np.sum((mapped[row] - mapped[j]) ** 2), j) for j in range(60) if j != row)
        expected = np.eye(2)[[targets[j] for _, j in order[:10]]].mean(axis=0)
        np.testing.assert_allclose(source([track]).distributions[0], expected, atol=1e-6)


def test_off_by_default_and_then_nothing_is_reported():
    points, targets = make_cloud(3)
    source = build_source(points).fit(make_tracks(targets))
    assert source.settings["lmnn_filter"] == "none"
    assert "n_filtered" not in source.report
    for name, (_, settings) in labels.presets().items():
        assert settings.get("lmnn_filter", "none") == "none", name


def test_without_lmnn_there_is_nothing_to_filter():
    points, targets = make_cloud(3)
    tracks = make_tracks(targets)
    plain, filtered = (
        build_source(points, lmnn=False, lmnn_filter=name).fit(tracks)(tracks).distributions
        for name in ("none", "wilson")
    )
    np.testing.assert_array_equal(plain, filtered)


def test_the_filter_never_makes_a_fit_impossible():
    # No class structure at all, and barely more tracks than the 30 components need.
    generator = np.random.default_rng(5)
    points, targets = generator.normal(size=(34, 40)), np.arange(34) % 2
    source = build_source(points, n_components=30, max_iter=60, lmnn_filter="wilson").fit(make_tracks(targets))
    assert sum(source.report["n_put_back"].values()) > 0
    assert 34 - sum(source.report["n_filtered"].values()) == 31
    few = build_source(points, max_iter=60, lmnn_filter="wilson").fit(make_tracks([0] * 30 + [1] * 4))
    assert few.report["n_put_back"]["b"] >= 1
    assert few.report["n_filtered"]["b"] == 0


def test_settings_out_of_range():
    with pytest.raises(RecipeError, match=r"expected one of none, wilson; got 'tomek' \(labels\.emb-lmnn\.lmnn_filter"):
        build_source(None, lmnn_filter="tomek")
    with pytest.raises(RecipeError, match=r"1 or more; got 0 \(labels\.emb-lmnn\.lmnn_filter_neighbors\)"):
        build_source(None, lmnn_filter_neighbors=0)


def test_more_voters_than_tracks_are_told_before_features_are_read():
    tracks = make_tracks(np.arange(30) % 2)
    source = build_source(None, lmnn_filter="wilson", lmnn_filter_neighbors=30)
    with pytest.raises(DataError, match=r"at most 29, as the 30.*got 30 \(labels\.emb-lmnn\.lmnn_filter_neighbors\)"):
        source.check(tracks)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_lmnn_does_not_learn_corrupted_labels_by_heart_with_the_filter(share):
    """Four of 40 features tell the classes; with 80 tracks LMNN has the room to believe every wrong label."""
    n_train, gains = 80, []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        targets = np.arange(n_train + 100) % 2
        points = generator.normal(size=(len(targets), 40))
        points[:, :4] += 2 * (2 * targets[:, None] - 1)
        corrupted = generator.choice(n_train, round(share * n_train), replace=False)
        given = targets.copy()
        given[corrupted] = 1 - given[corrupted]
        scores = []
        for name in ("none", "wilson"):
            settings = {"n_components": 8, "max_iter": 1000, "lmnn_filter": name}
            source = build_source(points, **settings).fit(make_tracks(given)[:n_train])
            rows = source(make_tracks(targets)).distributions
            own = rows[np.arange(len(targets)), targets]  # on the class that is true, not on the one that was given
            right = rows[n_train:].argmax(axis=1) == targets[n_train:]
            scores.append([own[corrupted].mean(), own[n_train:].mean(), right.mean()])
        gains.append(np.subtract(scores[1], scores[0]))
    of_corrupted, held_out, accuracy = np.mean(gains, axis=0)
    assert of_corrupted > 0.15  # measured over four seeds: 0.62 at 10 %, 0.26 at 30 %
    if share == 0.1:  # at 30 % the filter loses as much as it saves
        assert held_out > 0.01  # 0.04
        assert accuracy > 0.03  # 0.09
