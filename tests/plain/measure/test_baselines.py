"""The baselines: what they read, that nothing leaks from a test side, and what they leave."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from essentia_ldl import frontends
from essentia_ldl.collection import splits
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home, read_json
from essentia_ldl.measure import baselines
from essentia_ldl.records import Split, Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.zones import StepFailed

CLASSES = ("non_sad", "sad")


def make_tracks(n_tracks: int = 40, classes=CLASSES) -> list[Track]:
    """Two tracks an artist, each artist of one class."""
    return [
        Track(f"t{n:02}", f"/{n}", classes[n // 2 % len(classes)], artist=f"artist{n // 2}") for n in range(n_tracks)
    ]


def make_features(tracks, separation: float = 3.0, d: int = 6) -> dict[str, np.ndarray]:
    labels = sorted({track.label for track in tracks})
    random = np.random.default_rng(0)
    return {t.id: random.normal(size=d) + separation * np.eye(d)[labels.index(t.label)] for t in tracks}


def make_fold(split, number=0) -> Fold:
    return Fold(0, 0, number, None, split)


def run_baseline(name, cell, features, tracks, split, classes=CLASSES):
    baselines.run_baseline(name, features, cell, make_fold(split), tracks, classes)


@pytest.fixture
def collection() -> Collection:
    tracks = make_tracks(12)
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tuple(tracks), contents, dict.fromkeys(contents, 20.0), (), Home.from_environment())


@pytest.fixture
def thin_grids(monkeypatch):
    """Leave the ends and the middle of every axis of the grids: what a fit may see does not depend on how many."""
    for name, grid in baselines.GRIDS.items():
        thin = {key: tuple(dict.fromkeys((v[0], v[len(v) // 2], v[-1]))) for key, v in grid.items()}
        monkeypatch.setitem(baselines.GRIDS, name, thin)


# --- features -------------------------------------------------------------------------------------------------------


def test_mfcc_are_26_numbers_a_track(tmp_path, collection):
    store = Store(tmp_path)
    with pytest.raises(StoreError, match="12 of 12 missing"):
        baselines.read_mfcc(collection, store)
    frames = np.random.default_rng(0).normal(size=(1292, 13)).astype(np.float32)
    for content in collection.contents.values():
        store.write(content, frontends.MFCC, frames)
    vector = baselines.read_mfcc(collection, store)["t00"]
    np.testing.assert_allclose(vector, [*frames.mean(axis=0), *frames.std(axis=0)], rtol=1e-4)


# --- fitting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", baselines.GRIDS)
def test_scaler_and_model_know_the_tracks_given_and_no_other(name):
    tracks = make_tracks()
    features = make_features(tracks)
    settings = {key: values[-1] for key, values in baselines.GRIDS[name].items()}
    model = baselines.fit_baseline(name, settings, features, tracks[:24], CLASSES)
    rows = np.stack([features[track.id] for track in tracks[:24]])
    if name == "descriptors-svm":
        np.testing.assert_allclose(model["minmaxscaler"].data_min_, rows.min(axis=0))
        np.testing.assert_allclose(model["minmaxscaler"].data_max_, rows.max(axis=0))
    else:
        np.testing.assert_allclose(model[0].mean_, rows.mean(axis=0))
        np.testing.assert_allclose(model[0].scale_, rows.std(axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("name", baselines.GRIDS)
def test_test_tracks_change_nothing_but_their_own_rows(tmp_path, thin_grids, name):
    tracks = make_tracks()
    split = splits.fold_tracks(tracks, 4, 0.2, seed=0)[0]
    clean = make_features(tracks)
    spoiled = {**clean, **{track_id: np.full(6, 1e6) for track_id in split.test}}
    relabelled = [Track(t.id, t.path, CLASSES[0], t.artist) if t.id in split.test else t for t in tracks]
    found = []
    for number, (features, listing) in enumerate([(clean, tracks), (spoiled, relabelled)]):
        run_baseline(name, tmp_path / str(number), features, listing, split)
        with np.load(tmp_path / str(number) / "predictions.npz") as arrays:
            found.append({key: arrays[key] for key in arrays})
    seen = found[0]["roles"] != "test"
    np.testing.assert_array_equal(found[0]["probabilities"][seen], found[1]["probabilities"][seen])
    assert not np.array_equal(found[0]["probabilities"][~seen], found[1]["probabilities"][~seen])
    reports = [read_json(tmp_path / str(number) / "baseline.json") for number in range(2)]
    assert reports[0] == reports[1]
    assert reports[0]["n_fitted"] == len(split.train) + len(split.valid)


@pytest.mark.parametrize("name", baselines.GRIDS)
def test_every_fit_keeps_off_test_tracks_and_inner_folds_off_validation(tmp_path, thin_grids, monkeypatch, name):
    tracks = make_tracks()
    split = splits.fold_tracks(tracks, 4, 0.2, seed=1)[0]
    fitted, fit = [], baselines.fit_baseline

    def spy(name, settings, features, given, classes):
        fitted.append({track.id for track in given})
        return fit(name, settings, features, given, classes)

    monkeypatch.setattr(baselines, "fit_baseline", spy)
    run_baseline(name, tmp_path, make_features(tracks), tracks, split)
    assert fitted[-1] == {*split.train, *split.valid}
    assert all(ids < set(split.train) for ids in fitted[:-1])
    n_settings = np.prod([len(values) for values in baselines.GRIDS[name].values()])
    assert len(fitted) == n_settings * baselines.N_INNER_FOLDS + 1
    artist_of = {track.id: track.artist for track in tracks}
    for ids in fitted[:-1]:
        rest = set(split.train) - ids
        assert not {artist_of[i] for i in ids} & {artist_of[i] for i in rest}, "inner folds are grouped by artist"


@pytest.mark.slow
@pytest.mark.parametrize("name", baselines.GRIDS)
@pytest.mark.parametrize("classes", [CLASSES, ("a", "b", "c")])
def test_classes_that_differ_are_told_apart_in_the_layout_of_a_network(tmp_path, thin_grids, name, classes):
    tracks = make_tracks(48, classes)
    split = splits.fold_tracks(tracks, 4, 0.2, seed=0)[0]
    features = make_features(tracks, separation=6.0)
    run_baseline(name, tmp_path, features, tracks, split, classes)
    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"ids", "roles", "labels", "classes", "probabilities"}
        np.testing.assert_allclose(arrays["probabilities"].sum(axis=1), 1, atol=1e-6)
        assert arrays["probabilities"].dtype == np.float32
        assert {str(role): set(arrays["ids"][arrays["roles"] == role]) for role in ("train", "valid", "test")} == {
            side: set(getattr(split, side)) for side in ("train", "valid", "test")
        }
        guesses = np.array(classes)[arrays["probabilities"].argmax(axis=1)]
        assert np.mean(guesses == arrays["labels"]) > 0.95


def test_the_svm_guesses_what_scikit_learn_predicts():
    tracks = make_tracks(48, ("a", "b", "c"))
    features = make_features(tracks, separation=1.0)
    for classes, given in ((("a", "b", "c"), tracks), (("a", "b"), [t for t in tracks if t.label != "c"])):
        rows = np.stack([features[track.id] for track in given])
        model = baselines.fit_baseline("mfcc-svm", {"C": 1.0, "gamma": 0.1}, features, given, classes)
        guesses = baselines.predict_baseline(model, rows, len(classes)).argmax(axis=1)
        np.testing.assert_array_equal(guesses, model.predict(rows))


def test_the_mean_embedding_is_that_of_the_patches():
    rows = {"a": np.float32([[1, 2], [3, 6]]), "b": np.full((3, 2), 0.1, np.float32)}
    found = baselines.average(rows)
    assert found["a"].tolist() == [2, 4]
    assert found["b"].dtype == np.float64
    np.testing.assert_allclose(found["b"], np.float64(np.float32(0.1)))


def test_a_class_that_was_never_seen_has_a_probability_of_nothing():
    tracks = make_tracks()
    features = make_features(tracks)
    rows = np.stack([features[track.id] for track in tracks])
    for name in baselines.GRIDS:
        model = baselines.fit_baseline(name, baselines.USUAL[name], features, tracks, ("new", *CLASSES))
        found = baselines.predict_baseline(model, rows, 3)
        assert not found[:, 0].any(), name
        np.testing.assert_allclose(found.sum(axis=1), 1)


def test_mfcc_that_are_not_finite_are_told(tmp_path, collection):
    store = Store(tmp_path)
    frames = np.zeros((1292, 13), np.float32)
    frames[7, 3] = np.nan
    for content in collection.contents.values():
        store.write(content, frontends.MFCC, frames)
    with pytest.raises(DataError, match="t00"):
        baselines.read_mfcc(collection, store)


def fit_on(tracks):
    return lambda *given: baselines.run_baseline(*given, tracks, CLASSES)


def test_a_process_that_was_killed_stops_the_baselines(tmp_path):
    def fail():
        raise StepFailed("killed", 137)

    fold = make_fold(Split(("t00",), (), ("t01",)))
    with pytest.raises(StepFailed):
        baselines.run_baselines({"logreg": fail}, tmp_path, [fold], fit_on(make_tracks()), print)


def test_rare_classes_weigh_the_same():
    tracks = [track for n, track in enumerate(make_tracks(80)) if track.label == "non_sad" or n % 8 == 2]
    random = np.random.default_rng(1)
    features = {track.id: random.normal(size=1) + (track.label == "sad") for track in tracks}
    model = baselines.fit_baseline("logreg", {"C": 1.0}, features, tracks, CLASSES)
    rows = np.stack([features[track.id] for track in tracks])
    sad = np.array([track.label == "sad" for track in tracks])
    assert baselines.predict_baseline(model, rows, 2)[:, 1].mean() > 2 * sad.mean()


@pytest.mark.parametrize("name", baselines.GRIDS)
def test_too_few_artists_for_inner_folds_take_the_usual_settings(name):
    tracks = [Track(f"t{n}", f"/{n}", CLASSES[n % 2], artist=f"artist{n % 2}") for n in range(8)]
    settings, score = baselines.choose_settings(name, make_features(tracks), tracks, CLASSES, 0)
    assert (settings, score) == (baselines.USUAL[name], None)
    assert all(settings[key] in values for key, values in baselines.GRIDS[name].items())


@pytest.mark.slow
def test_of_equally_good_settings_a_support_vector_machine_keeps_off_the_corners_of_its_grid():
    tracks = make_tracks()
    features = make_features(tracks, separation=20.0)
    middle = {"kernel": "rbf", "C": 8.0, "gamma": 0.125}
    assert baselines.choose_settings("descriptors-svm", features, tracks, CLASSES, 0) == (middle, 1.0)
    assert baselines.choose_settings("logreg", features, tracks, CLASSES, 0) == ({"C": 0.0001}, 1.0)


def test_the_grid_of_the_descriptors_is_gaias():
    grid = baselines.GRIDS["descriptors-svm"]
    assert set(grid["kernel"]) == {"poly", "rbf"}
    assert [np.log2(value) for value in grid["C"]] == [-5, -3, -1, 1, 3, 5, 7, 9, 11]
    assert [np.log2(value) for value in grid["gamma"]] == [-11, -9, -7, -5, -3, -1, 1, 3]


def test_a_descriptor_that_is_constant_where_it_is_fitted_counts_for_nothing():
    tracks = make_tracks()
    features = {track_id: np.append(row, 7.0) for track_id, row in make_features(tracks).items()}
    settings = baselines.USUAL["descriptors-svm"]
    model = baselines.fit_baseline("descriptors-svm", settings, features, tracks[:24], CLASSES)
    rows = np.stack([features[track.id] for track in tracks[24:]])
    moved = rows.copy()
    moved[:, -1] = 1e9
    np.testing.assert_array_equal(
        baselines.predict_baseline(model, rows, 2), baselines.predict_baseline(model, moved, 2)
    )


def test_what_is_there_is_not_done_again_and_a_reader_that_fails_is_told(tmp_path, thin_grids):
    tracks = make_tracks()
    folds = [make_fold(split, number) for number, split in enumerate(splits.fold_tracks(tracks, 4, 0.2, seed=0))]
    asked = []

    def read():
        asked.append(1)
        return make_features(tracks)

    def fail():
        raise StoreError("MFCC: expected those of every track.")

    said = []
    readers = {"logreg": read, "mfcc-svm": fail}
    for _ in range(2):
        problems = baselines.run_baselines(readers, tmp_path, folds, fit_on(tracks), said.append)
        assert problems == {"mfcc-svm": "MFCC: expected those of every track."}
    assert asked == [1]
    (tmp_path / "logreg-0-2" / "predictions.npz").unlink()
    baselines.run_baselines(readers, tmp_path, folds, fit_on(tracks), said.append)
    assert said == ["logreg: 4 folds", "logreg: 1 folds"]


@pytest.mark.slow
def test_two_runs_give_the_same_bytes(tmp_path, thin_grids):
    tracks = make_tracks()
    split = Split(tuple(t.id for t in tracks[:24]), (), tuple(t.id for t in tracks[24:]))
    for number in range(2):
        for name in baselines.GRIDS:
            cell = tmp_path / f"{name}{number}"
            run_baseline(name, cell, make_features(tracks, 1.0), tracks, split)
    for name in baselines.GRIDS:
        with (
            np.load(tmp_path / f"{name}0/predictions.npz") as one,
            np.load(tmp_path / f"{name}1/predictions.npz") as two,
        ):
            np.testing.assert_array_equal(one["probabilities"], two["probabilities"])
