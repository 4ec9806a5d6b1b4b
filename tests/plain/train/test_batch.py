"""The trainings of a cross-validation: one per label source and fold, shared out among processes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.features.store import Store
from essentia_ldl.files import Home
from essentia_ldl.frontends import MFCC
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Failure, Split, Track
from essentia_ldl.runs.folder import Fold
from essentia_ldl.train import batch
from essentia_ldl.train.compose import Wanted

RECIPE = Recipe("mood-sad", ("non_sad", "sad"), labels="none")


def test_each_source_is_trained_on_each_fold_with_its_seed(tmp_path):
    folds = [Fold(repeat, 3 + repeat, number, None, Split((str(number),))) for repeat in (0, 1) for number in (0, 1)]
    found = batch.list_trainings(tmp_path, RECIPE, folds, ["none", "sa"])
    assert [one.folder.name for one in found] == [
        *("none-3-0", "sa-3-0", "none-3-1", "sa-3-1", "none-4-0", "sa-4-0", "none-4-1", "sa-4-1"),
    ]
    assert [one.recipe.split.seed for one in found] == [3, 3, 3, 3, 4, 4, 4, 4]
    assert [one.recipe.labels for one in found] == ["none", "sa"] * 4
    assert [one.split.train for one in found[:4]] == [("0",), ("0",), ("1",), ("1",)]


@pytest.fixture
def shared(monkeypatch):
    """Folders by process, in place of the processes."""
    shares = []
    monkeypatch.setattr(batch, "update_places", lambda folder, collection: None)
    monkeypatch.setattr(batch.embeddings, "make_embeddings", lambda *_: None)
    monkeypatch.setattr(batch, "run_zone", lambda module, *folders: shares.append([[*folders]]))
    monkeypatch.setattr(batch, "run_zones", lambda module, lists, n_threads: shares.append([*map(list, lists)]))
    return shares


def test_heads_are_shared_out_and_what_is_done_is_left_alone(tmp_path, shared):
    said, folders = [], [tmp_path / name for name in "abc"]
    for name in ("predictions.npz", "calibration.json"):
        folders[1].mkdir(exist_ok=True)
        (folders[1] / name).touch()
    folders[2].mkdir()
    (folders[2] / "predictions.npz").touch()  # killed before its calibration
    batch.train_folders(folders, None, RECIPE.network, 2, said.append)
    assert shared == [[[str(folders[0])], [str(folders[2])]]]
    assert said == ["3 trainings, 2 to do"]


def test_whole_networks_train_in_one_process(tmp_path, shared):
    network = RECIPE.override(network__fine_tune="all").network
    batch.train_folders([tmp_path / "a", tmp_path / "b"], None, network, 2, print)
    assert shared == [[[str(tmp_path / "a"), str(tmp_path / "b")]]]


def test_the_hop_of_an_extractor_and_of_a_calibrated_final_model_is_its_own():
    batch.check_hop(RECIPE, 187)
    batch.check_hop(RECIPE, None, refit=True)
    with pytest.raises(RecipeError, match="patch hop: expected the network's own, with a final model"):
        batch.check_hop(RECIPE, 187, refit=True)
    with pytest.raises(RecipeError, match="a network whose hop is free"):
        batch.check_hop(RECIPE.override(network__extractor="effnet-1"), 187)


# --- labels that are slow to fit


@pytest.fixture
def collection(tmp_path):
    """60 tracks whose MFCC are in a store."""
    home, generator = Home(tmp_path / "home"), np.random.default_rng(0)
    store, tracks = Store(home.store), []
    for n in range(60):
        tracks.append(Track(f"t{n:02d}", f"/t{n:02d}", RECIPE.classes[n % 2], f"artist {n // 2}"))
        frames = generator.normal(generator.normal(size=13) + 0.5 * (n % 2), 1, (1292, 13))
        store.write(hashlib.sha256(tracks[-1].id.encode()).hexdigest(), MFCC, frames.astype(np.float32))
    contents = {track.id: hashlib.sha256(track.id.encode()).hexdigest() for track in tracks}
    return Collection(tuple(tracks), contents, dict.fromkeys(contents, 20.0), (), home)


def list_cells(run, collection, sources=("none", "sb"), **settings):
    settings = {"n_neighbors": 5, "n_components": 8, "max_iter": 100, **settings}
    recipe = Recipe("mood-sad", RECIPE.classes, label_settings={"sb": settings})
    ids = [track.id for track in collection.tracks]
    folds = [Fold(0, 0, number, None, Split(tuple(ids[:40]), tuple(ids[40:50]), tuple(ids[50:]))) for number in (0, 1)]
    return batch.list_trainings(run, recipe, folds, sources)


@pytest.mark.slow
def test_labels_do_not_depend_on_the_processes_that_fit_them(tmp_path, collection, monkeypatch):
    """One process at a time, and two: the same bytes; only sources that are slow go to the workers."""
    sent, run_jobs = [], batch.run_jobs

    def listen(function, jobs, *rest, **others):
        sent.append([job["training"].recipe.labels for job in jobs])
        return run_jobs(function, jobs, *rest, **others)

    found = {}
    for name, n_jobs in (("one", 1), ("two", 2)):
        said = []
        trainings = list_cells(tmp_path / name, collection)
        with monkeypatch.context() as changed:
            changed.setattr(batch, "run_jobs", listen)
            batch.plan_cells(trainings, collection, Wanted(export=False), n_jobs, said.append)
        assert said == ["labels of 2 trainings: LMNN for sb"]
        found[name] = {one.folder.name: (one.folder / "labels.csv").read_bytes() for one in trainings}
        assert all((one.folder / "plan.json").is_file() for one in trainings)
    assert found["one"] == found["two"]
    assert sent == [["sb", "sb"]] * 2
    with monkeypatch.context() as changed:
        changed.setattr(batch, "run_jobs", lambda *_, **__: pytest.fail("all is planned"))
        batch.plan_cells(list_cells(tmp_path / "two", collection), collection, Wanted(export=False), 2, pytest.fail)


def test_what_is_quick_stays_in_this_process(tmp_path, collection, monkeypatch):
    monkeypatch.setattr(batch, "run_jobs", lambda *_, **__: pytest.fail("nothing is slow"))
    batch.plan_cells(list_cells(tmp_path, collection, ("none",)), collection, Wanted(export=False), 2, pytest.fail)


def test_an_error_in_a_worker_is_told_as_what_it_is(tmp_path, collection, monkeypatch):
    trainings = list_cells(tmp_path, collection, lmnn_neighbors=30)
    monkeypatch.setattr(batch, "run_jobs", lambda *_, **__: iter([({}, Failure("x", "labels", "of a worker"))]))
    with pytest.raises(DataError, match="class 'non_sad': expected at least 31 training tracks"):
        batch.plan_cells(trainings, collection, Wanted(export=False), 2, [].append)
