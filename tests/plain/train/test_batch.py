"""The trainings of a cross-validation: one per label source and fold, shared out among processes."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import RecipeError
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split
from essentia_ldl.runs.folder import Fold
from essentia_ldl.train import batch

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
