"""Label smoothing against neighbours found by hand, closed forms and metric-learn itself."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError, RecipeError, UnknownNameError
from essentia_ldl.labels._lmnn import fit_lmnn
from essentia_ldl.labels._mfcc import pool_frames
from essentia_ldl.labels.smoothing import PRESETS
from essentia_ldl.records import Track
from essentia_ldl.scores.metrics import score_entropy

CLASSES = ("a", "b")


def make_tracks(targets, classes=CLASSES):
    return [Track(f"t{i:03d}", f"/t{i:03d}", classes[target]) for i, target in enumerate(targets)]


def build_source(name, frames, classes=CLASSES, **settings):
    def read(track, front_end_name):
        if front_end_name == "mfcc":
            return frames[track.id]
        # An embedding with the numbers of MFCC-P, in two patches.
        assert front_end_name == labels.EMBEDDING
        return frames[track.id][:1290].reshape(15, 43, 2, 13).mean(axis=1).transpose(1, 0, 2).reshape(2, 195)

    return labels.build(name, classes, read, settings)


def make_line(values):
    """Tracks on a line: constant frames, so that MFCC-S is the value and zeros."""
    frames = {}
    for i, value in enumerate(values):
        frames[f"t{i:03d}"] = np.zeros((1293, 13), np.float32)
        frames[f"t{i:03d}"][:, 0] = value
    return frames


@pytest.fixture(scope="module")
def cloud():
    """60 tracks of two overlapping classes, and their frames."""
    generator = np.random.default_rng(3)
    targets = np.arange(60) % 2
    frames = {}
    for i, target in enumerate(targets):
        level = generator.normal(size=13) + 0.8 * target
        slow = np.repeat(generator.normal(size=(16, 13)), 86, axis=0)[:1293]
        frames[f"t{i:03d}"] = (level + slow + generator.normal(size=(1293, 13))).astype(np.float32)
    return targets, make_tracks(targets), frames


# --- neighbours


@pytest.mark.parametrize(
    ("k", "include_self", "mass_on_b"),
    [
        # Tracks at 0 1 3 7 12 with labels a a b b a; neighbours read off the line.
        (1, False, [0, 0, 0, 1, 1]),  # 1 | 0 | 1 | 3 | 7
        (2, False, [0.5, 0.5, 0, 0.5, 1]),  # 1 3 | 0 3 | 1 0 | 3 12 | 7 3
        (3, False, [2 / 3, 2 / 3, 1 / 3, 1 / 3, 2 / 3]),  # 1 3 7 | 0 3 7 | 1 0 7 | 3 12 1 | 7 3 1
        (2, True, [0, 0, 0.5, 1, 0.5]),  # with itself and the nearest
    ],
)
@pytest.mark.parametrize("standardize", [False, True])
def test_neighbours_on_a_line_by_hand(k, include_self, mass_on_b, standardize):
    frames = make_line([0, 1, 3, 7, 12])
    tracks = make_tracks([0, 0, 1, 1, 0])
    source = build_source("sa", frames, n_neighbors=k, include_self=include_self, standardize=standardize)
    table = source.fit(tracks)(tracks)
    np.testing.assert_allclose(table.distributions[:, 1], mass_on_b, atol=1e-6)


def test_track_outside_training_takes_its_training_neighbours_whatever_its_label():
    frames = make_line([0, 1, 3, 7, 12, 6.9])
    tracks = make_tracks([0, 0, 1, 1, 0])
    source = build_source("sa", frames, n_neighbors=2, standardize=False).fit(tracks)
    for label in CLASSES:
        row = source([Track("t005", "/t005", label)]).distributions[0]
        np.testing.assert_allclose(row, [0, 1])  # 7 and 3


def test_equal_distances_go_by_track_id():
    frames = make_line([0, 1, -1, 5])
    tracks = make_tracks([0, 1, 0, 0])
    for order in (tracks, tracks[::-1]):
        source = build_source("sa", frames, n_neighbors=1, standardize=False).fit(order)
        np.testing.assert_array_equal(source([tracks[0]]).distributions[0], [0, 1])


def test_brute_force_in_the_learned_space(cloud):
    targets, tracks, frames = cloud
    source = build_source("sb", frames, n_neighbors=7, max_iter=60).fit(tracks)  # far from the end, and the same
    points = np.stack([pool_frames(frames[track.id]) for track in tracks])
    points = (points - points.mean(axis=0)) / points.std(axis=0)
    components, _ = fit_lmnn(points, targets, CLASSES, {**PRESETS["sb"], "max_iter": 60})
    points = points @ components.T
    rows = np.zeros((60, 2))
    for i in range(60):
        others = sorted((np.sum((points[i] - points[j]) ** 2), j) for j in range(60) if j != i)
        for _, j in others[:7]:
            rows[i, targets[j]] += 1 / 7
    np.testing.assert_allclose(source(tracks).distributions, rows, atol=1e-6)


def test_more_neighbours_mean_more_entropy(cloud):
    _, tracks, frames = cloud
    for name in PRESETS:
        quick = {"max_iter": 30} if PRESETS[name]["lmnn"] else {}  # enough of LMNN to move every track
        entropies = [
            score_entropy(build_source(name, frames, n_neighbors=k, **quick).fit(tracks)(tracks).distributions).mean()
            for k in (1, 3, 10, 30, 59)
        ]
        assert entropies[0] == 0
        assert np.all(np.diff(entropies) >= 0)  # LMNN may part the two classes, so that its first ones stay 0
        assert PRESETS[name]["lmnn"] or np.all(np.diff(entropies) > 0)
        assert entropies[-1] > 0.69


@pytest.mark.parametrize("k", [1, 4, 10])
def test_own_mass_with_self_is_at_least_one_share(cloud, k):
    _, tracks, frames = cloud
    labels_of = {track.id: track.label for track in tracks}
    table = build_source("sa", frames, n_neighbors=k, include_self=True).fit(tracks)(tracks)
    assert labels.score_own_mass(table, labels_of).min() >= 1 / k - 1e-6


def test_self_comes_first_among_identical_tracks():
    frames = make_line([2, 2, 2, 2, 2])
    tracks = make_tracks([0, 0, 0, 0, 1])
    source = build_source("sa", frames, n_neighbors=2, include_self=True).fit(tracks)
    np.testing.assert_allclose(source(tracks).distributions[:, 1], [0, 0, 0, 0, 0.5])


def test_standardising_makes_the_unit_of_a_coefficient_irrelevant(cloud):
    _, tracks, frames = cloud
    unit = np.array([1000] + [1] * 12, np.float32)
    scaled = {track_id: array * unit for track_id, array in frames.items()}

    def rows(frames, standardize):
        return build_source("sa", frames, standardize=standardize).fit(tracks)(tracks).distributions

    np.testing.assert_allclose(rows(scaled, True), rows(frames, True), atol=1e-6)
    assert np.abs(rows(scaled, False) - rows(frames, False)).max() > 0.1


@pytest.mark.slow
def test_lmnn_sharpens_the_labels_of_training_tracks(cloud):
    # Figure 1 of the paper: SB leans to 1, SA lies around the middle.
    _, tracks, frames = cloud
    own = {n: build_source(n, frames, n_neighbors=10).fit(tracks).report["own_mass_mean"] for n in PRESETS}
    assert own["sb"] > own["sa"] + 0.1
    assert own["emb-lmnn"] > own["emb"] + 0.1


def test_report_says_what_was_measured(cloud):
    targets, tracks, frames = cloud
    source = build_source("sb", frames).fit(tracks)
    own = source(tracks).distributions[np.arange(60), targets]
    assert source.report["own_mass_mean"] == pytest.approx(own.mean())
    assert source.report["own_mass_ceiling"] == pytest.approx(29 / 30)
    assert source.report["converged"] is True
    assert 50 < source.report["n_iter"] < 9999
    assert source.report["n_tracks"] == 60
    assert own.max() <= source.report["own_mass_ceiling"] + 1e-6


# --- LMNN


@pytest.fixture(scope="module")
def points(cloud):
    targets, tracks, frames = cloud
    points = np.stack([pool_frames(frames[track.id]) for track in tracks])
    return (points - points.mean(axis=0)) / points.std(axis=0), targets


def test_fit_is_silent(cloud, capfd):
    _, tracks, frames = cloud
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_source("sb", frames).fit(tracks)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("init", ["auto", "pca", "lda", "identity", "random"])
def test_every_init_gives_a_table(cloud, init):
    _, tracks, frames = cloud
    n_components = 1 if init == "lda" else 8
    source = build_source("sb", frames, init=init, max_iter=100, n_components=n_components).fit(tracks)
    assert np.isfinite(source.report["objective"])


def test_diverging_optimisation_is_an_error(cloud):
    _, tracks, frames = cloud
    with pytest.raises(DataError, match=r"LMNN: expected .* Lower labels\.sb\.learn_rate\."):
        build_source("sb", frames, learn_rate=1e300).fit(tracks)


# --- errors


def test_collection_smaller_than_the_neighbours(cloud):
    _, tracks, frames = cloud
    rule = r"expected at most 29, as the 30 training tracks give; got 30 \(labels\.sb\.n_neighbors\)"
    with pytest.raises(DataError, match=rule):
        build_source("sb", frames).fit(tracks[:30])
    assert build_source("sa", frames, n_neighbors=30, include_self=True).fit(tracks[:30])


def test_empty_training_set(cloud):
    with pytest.raises(DataError, match="neighbours of label smoothing"):
        build_source("sa", cloud[2]).fit([])


def test_class_with_too_few_tracks_for_lmnn(cloud):
    _, tracks, frames = cloud
    kept = [track for track in tracks if track.label == "a"] + [track for track in tracks if track.label == "b"][:3]
    rule = r"class 'b': expected at least 4 training tracks.*got 3 \(training tracks: a 30, b 3\).*lmnn_neighbors"
    with pytest.raises(DataError, match=rule):
        build_source("sb", frames).fit(kept)
    assert build_source("sb", frames, lmnn_neighbors=2, max_iter=60).fit(kept)


@pytest.mark.parametrize(("init", "limit"), [("auto", 31), ("pca", 32)])
def test_more_components_than_tracks_give(cloud, init, limit):
    _, tracks, frames = cloud
    settings = {"init": init, "n_neighbors": 5, "max_iter": 60}
    with pytest.raises(DataError, match=rf"at most {limit}, as the 32 training.*Lower labels\.sb\.n_components"):
        build_source("sb", frames, n_components=limit + 1, **settings).fit(tracks[:32])
    assert build_source("sb", frames, n_components=limit, **settings).fit(tracks[:32])


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_name_the_track(cloud, name, bad):
    _, tracks, frames = cloud
    broken = {**frames, "t017": np.where(np.arange(1293)[:, None] == 5, bad, frames["t017"])}
    with pytest.raises(DataError, match=r"(MFCC|embeddings): expected finite numbers.*t017"):
        build_source(name, broken).fit(tracks)


def test_constant_feature_does_not_blow_up(cloud):
    _, tracks, frames = cloud
    flat = {track_id: array * ([1] * 12 + [0]) + 1e6 * np.eye(13)[12] for track_id, array in frames.items()}
    none = {track_id: array * ([1] * 12 + [0]) for track_id, array in frames.items()}
    rows = [build_source("sa", some).fit(tracks)(tracks).distributions for some in (flat, none)]
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("name", PRESETS)
def test_call_before_fit(cloud, name):
    with pytest.raises(DataError, match=rf"expected fit before use.*labels\.{name}.*Call fit"):
        build_source(name, cloud[2])(cloud[1])


def test_failed_fit_leaves_an_unfitted_source(cloud):
    _, tracks, frames = cloud
    source = build_source("sa", frames).fit(tracks)
    with pytest.raises(DataError, match="neighbours"):
        source.fit(tracks[:3])
    with pytest.raises(DataError, match="fit before use"):
        source(tracks)


def test_repeated_training_track(cloud):
    _, tracks, frames = cloud
    with pytest.raises(DataError, match="ids that differ"):
        build_source("sa", frames).fit([*tracks, tracks[0]])


@pytest.mark.parametrize("name", ["none", "sa", "sb"])
def test_label_that_is_not_a_class_names_track_label_and_classes(cloud, name):
    _, tracks, frames = cloud
    stranger = Track("x.mp3", "/x.mp3", "jazz")
    with pytest.raises(DataError, match=r"label: expected one of a, b; got 'jazz' \(x\.mp3\)"):
        build_source(name, frames).fit([*tracks, stranger])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n_neighbors", 0),
        ("n_neighbors", True),
        ("n_neighbors", 10.0),
        ("n_components", 0),
        ("n_components", 196),
        ("lmnn_neighbors", 0),
        ("max_iter", 1),
        ("min_iter", -1),
        ("learn_rate", 0.0),
        ("learn_rate", float("nan")),
        ("convergence_tol", -1e-3),
        ("convergence_tol", float("inf")),
        ("lambda_", 1.1),
        ("lambda_", "0.5"),
        ("lambda_", True),
        ("features", "mfcc"),
        ("init", "svd"),
        ("init", 3),
        ("standardize", 1),
    ],
)
def test_setting_out_of_range(key, value):
    with pytest.raises(RecipeError, match=rf"label setting: expected .*\(labels\.sb\.{key}\)"):
        build_source("sb", {}, **{key: value})


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"features": "mfcc-s"}, r"at most 26 \(the size of mfcc-s\); got 32"),
        ({"init": "lda", "n_components": 2}, r"at most 1 \(init lda with 2 classes\); got 2"),
    ],
)
def test_components_that_cannot_be(settings, rule):
    with pytest.raises(RecipeError, match=rule + r" \(labels\.sb\.n_components\). Lower labels"):
        build_source("sb", {}, **settings)


def test_whole_number_stands_for_a_float():
    assert labels.resolve("sb", {"lambda_": 1})[1]["lambda_"] == 1.0


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(
        UnknownNameError,
        match=r"expected one of agf-d, .*emb, .*none, sa, sb, .*; got 'sbb'.*Did you mean 'sb'\?",
    ):
        labels.build("sbb", CLASSES, None)
    with pytest.raises(RecipeError, match=r"Did you mean 'n_neighbors'\?"):
        build_source("sa", {}, n_neighbours=3)
    with pytest.raises(RecipeError, match="expected no settings"):
        build_source("none", {}, k=3)


@pytest.mark.parametrize("classes", [("a",), (), ("a", "a")])
def test_classes_must_differ(classes):
    with pytest.raises(DataError, match="classes: expected two or more names that differ"):
        labels.build("none", classes, None)


def test_import_loads_no_heavy_library():
    code = (
        "import sys, essentia_ldl.labels as labels, essentia_ldl.scores.metrics; labels.presets();"
        "print(sorted({'scipy', 'sklearn', 'metric_learn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- tags and numbers


def test_tags_and_numbers_become_the_mean_of_the_neighbours():
    frames = make_line([0, 1, 3, 7, 12])
    lists = (("a",), ("a", "b"), (), ("b",), ("a",))
    tagged = [Track(f"t{i:03d}", f"/{i}", "", tags=tags) for i, tags in enumerate(lists)]
    source = build_source("sa", frames, n_neighbors=2)
    table = source.fit(tagged)(tagged)
    # neighbours, as above: 1 3 | 0 3 | 1 0 | 3 12 | 7 3
    assert table.kind == "multi_label"
    np.testing.assert_allclose(table.distributions, [[0.5, 0.5], [0.5, 0], [1, 0.5], [0.5, 0], [0, 0.5]])
    values = (10.0, 20.0, 30.0, 40.0, 50.0)
    numbered = [Track(f"t{i:03d}", f"/{i}", "", numbers={"a": v, "b": -v}) for i, v in enumerate(values)]
    table = build_source("sa", frames, n_neighbors=2).fit(numbered)(numbered)
    assert table.kind == "regression"
    np.testing.assert_allclose(table.distributions[:, 0], [25, 20, 15, 40, 35])
    np.testing.assert_allclose(table.distributions[:, 1], -table.distributions[:, 0])


def test_a_distance_that_is_learned_from_classes_takes_no_tags():
    tagged = [Track(f"t{i:03d}", f"/{i}", "", tags=("a",) * (i % 2)) for i in range(60)]
    with pytest.raises(DataError, match="lmnn: expected false where tracks have tags or numbers"):
        build_source("sb", {}).check(tagged)
    taken = [name for name in labels.presets() if labels.takes_kind(name, "multi_label")]
    assert set(taken) == {"none", "sa", "emb"}
    assert all(labels.takes_kind(name, "single_label") for name in labels.presets())
