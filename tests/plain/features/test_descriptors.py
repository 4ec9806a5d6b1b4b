"""Descriptors in the store: where they are, what is missing, and what is damaged."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, StoreError, UnknownNameError
from essentia_ldl.features import descriptors, profiles
from essentia_ldl.features.store import Store, array_path
from essentia_ldl.files import Home, write_json
from essentia_ldl.measure import baselines
from essentia_ldl.records import Failure, Track

here = Home.from_environment  # the fixtures set the variable


@pytest.fixture
def collection(tmp_path, monkeypatch) -> Collection:
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    tracks = tuple(Track(f"t{n}", f"/{n}", "a") for n in range(3))
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tracks, contents, dict.fromkeys(contents, 20.0), (), here())


def store_vector(collection: Collection, track_id: str, vector) -> None:
    folder = descriptors.descriptor_folder(Store(here().store))
    write_json(folder / "names.json", ["lowlevel.x", "tonal.key=C"])
    path = array_path(folder, collection.contents[track_id])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(vector, dtype=np.float32))


def test_what_is_stored_is_read_with_its_names(collection):
    for number, track in enumerate(collection.tracks):
        store_vector(collection, track.id, [number, 1])
    vectors, names = descriptors.read_descriptors(collection)
    assert names == ("lowlevel.x", "tonal.key=C")
    assert {track_id: vector.tolist() for track_id, vector in vectors.items()} == {
        "t0": [0, 1],
        "t1": [1, 1],
        "t2": [2, 1],
    }


def test_a_track_without_descriptors_is_told_with_the_reason_of_the_first(collection):
    store_vector(collection, "t1", [0, 1])
    assert [track.id for track in descriptors.list_missing(collection)] == ["t0", "t2"]
    with pytest.raises(StoreError, match=r"got '2 of 3 missing' .*Run the same command again"):
        descriptors.read_descriptors(collection)
    failures = [Failure("/0", "descriptors", "/0 is silent.")]
    with pytest.raises(StoreError, match=r"First: /0 is silent\."):
        descriptors.read_descriptors(collection, failures)


@pytest.mark.parametrize("vector", [[1, 2, 3], [[1, 2]]])
def test_a_vector_of_another_shape_is_removed_and_told(collection, vector):
    for track in collection.tracks:
        store_vector(collection, track.id, vector if track.id == "t1" else [0, 1])
    with pytest.raises(StoreError, match="expected 2 numbers"):
        descriptors.read_descriptors(collection)
    assert [track.id for track in descriptors.list_missing(collection)] == ["t1"]


def test_a_damaged_file_is_removed_and_told(collection):
    for track in collection.tracks:
        store_vector(collection, track.id, [0, 1])
    folder = descriptors.descriptor_folder(Store(here().store))
    array_path(folder, collection.contents["t2"]).write_bytes(b"no array")
    with pytest.raises(StoreError, match="a readable array"):
        descriptors.read_descriptors(collection)
    assert [track.id for track in descriptors.list_missing(collection)] == ["t2"]


def test_a_value_that_is_not_finite_is_told_by_name(collection):
    for track in collection.tracks:
        store_vector(collection, track.id, [0, np.nan if track.id == "t2" else 1])
    with pytest.raises(DataError, match=r"a finite number; got 'tonal\.key=C' \(t2\)"):
        descriptors.read_descriptors(collection)


def test_other_settings_are_another_folder(collection, monkeypatch):
    before = descriptors.descriptor_folder(Store(here().store))
    monkeypatch.setitem(profiles.SETTINGS, "rhythmMethod", "multifeature")
    assert descriptors.descriptor_folder(Store(here().store)) != before


def test_a_refused_file_is_average_and_not_the_end_of_the_baseline(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    tracks = tuple(Track(f"t{n:02}", f"/{n}", "ab"[n % 2]) for n in range(20))
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    collection = Collection(tracks, contents, dict.fromkeys(contents, 20.0), (), here())
    for number, track in enumerate(tracks[1:]):
        store_vector(collection, track.id, [number % 2, number])
    failures = [Failure("/0", "descriptors", "/0 is silent.")]
    vectors, _ = descriptors.read_descriptors(collection, failures)
    assert np.isnan(vectors["t00"]).all()
    settings = {"kernel": "rbf", "C": 1.0, "gamma": 1.0}
    model = baselines.fit_baseline("descriptors-svm", settings, vectors, tracks, ("a", "b"))
    rows = np.stack([vectors["t00"], np.mean([vectors[track.id] for track in tracks[1:]], axis=0)])
    answers = baselines.predict_baseline(model, rows, 2)
    np.testing.assert_allclose(answers[0], answers[1])


def test_a_few_refused_files_are_too_many_for_few_tracks(collection):
    store_vector(collection, "t1", [0, 1])
    store_vector(collection, "t2", [0, 1])
    with pytest.raises(StoreError, match="1 of 3 missing"):
        descriptors.read_descriptors(collection, [Failure("/0", "descriptors", "/0 is silent.")])


# --- the profile "all" ----------------------------------------------------------------------------------------------


def store_all(collection: Collection, track_id: str, vector, names=("lowlevel.x", "tonal.key=C")) -> None:
    folder = descriptors.descriptor_folder(Store(here().store), "all")
    write_json(folder / "names.json", {"essentia": "2.1", "names": list(names)})
    path = array_path(folder, collection.contents[track_id])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(vector, dtype=np.float32))


def test_profiles_have_folders_of_their_own_and_that_of_gaia_stays(monkeypatch):
    monkeypatch.setattr(descriptors, "find_essentia", lambda: "2.1b6.dev1389")
    folders = [descriptors.descriptor_folder(Store("/x"), *profile).name for profile in ((), ("gaia",), ("all",))]
    assert folders[0] == folders[1] == "descriptors-677174a2"
    assert folders[2] != folders[0]
    monkeypatch.setattr(descriptors, "find_essentia", lambda: "2.1b6.dev1400")
    assert descriptors.descriptor_folder(Store("/x"), "all").name != folders[2]
    with pytest.raises(UnknownNameError, match=r"profile of descriptors: .*'al'"):
        descriptors.descriptor_folder(Store("/x"), "al")


def test_all_may_have_gaps_and_files_without_any(collection):
    store_all(collection, "t0", [0, np.nan])
    store_vector(collection, "t1", [5, 6])  # of the other profile
    failures = [Failure(f"/{n}", "descriptors", f"/{n} is silent.") for n in (1, 2)]
    vectors, names = descriptors.read_descriptors(collection, failures, profile="all")
    assert names == ("lowlevel.x", "tonal.key=C")
    np.testing.assert_array_equal(
        np.stack([vectors[f"t{n}"] for n in range(3)]), [[0, np.nan], [np.nan] * 2, [np.nan] * 2]
    )
    one = descriptors.read_vector(Store(here().store), collection.contents["t0"])
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, [0, np.nan])
    np.testing.assert_array_equal(descriptors.read_vector(Store(here().store), collection.contents["t1"]), [np.nan] * 2)
    np.testing.assert_array_equal(
        descriptors.read_vector(Store(here().store), collection.contents["t1"], "gaia"), [5, 6]
    )


def test_all_without_a_reason_for_a_gap_or_with_every_file_refused_is_told(collection):
    with pytest.raises(StoreError, match="descriptors: expected those of one file or more; got 'none'"):
        descriptors.read_vector(Store(here().store), collection.contents["t0"])
    failures = [Failure(f"/{n}", "descriptors", f"/{n} is silent.") for n in range(3)]
    with pytest.raises(StoreError, match=r"got '3 of 3 missing' .*First: /0 is silent\."):
        descriptors.read_descriptors(collection, failures, "all")
    store_all(collection, "t0", [0, 1])
    with pytest.raises(StoreError, match=r"got '2 of 3 missing' .*First: /1 is silent\."):
        descriptors.read_descriptors(collection, failures[1:2], "all")


def test_another_length_is_removed_and_told_and_changed_names_are_read_again(collection):
    store_all(collection, "t0", [0, 1])
    assert descriptors.read_vector(Store(here().store), collection.contents["t0"]).tolist() == [0, 1]
    store_all(collection, "t1", [0, 1, 2], ("a", "b", "c"))
    assert descriptors.read_vector(Store(here().store), collection.contents["t1"]).tolist() == [
        0,
        1,
        2,
    ]
    with pytest.raises(StoreError, match=r"descriptors: expected 3 numbers; got \(2,\)"):
        descriptors.read_vector(Store(here().store), collection.contents["t0"])
    assert [track.id for track in descriptors.list_missing(collection, "all")] == ["t0", "t2"]
