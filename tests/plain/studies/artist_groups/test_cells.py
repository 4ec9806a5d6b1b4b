"""Cells of the experiment on artist groups: which there are, which tracks test, and what a cell scores."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss

from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.files import read_json, write_json
from essentia_ldl.records import Track
from essentia_ldl.studies.artist_groups import cells
from essentia_ldl.studies.artist_groups.cells import (
    Trial,
    check_targets,
    draw_split,
    fit_targets,
    list_cells,
    plan_cells,
    read_rows,
    score_cell,
)
from essentia_ldl.studies.artist_groups.paper import COMBINATIONS, NETWORKS


def test_the_grid_is_that_of_the_paper():
    assert len(COMBINATIONS) == len(set(COMBINATIONS)) == 31
    listed = list_cells(COMBINATIONS, NETWORKS, ("stratified",), (0,))
    counts = {kind: sum(cell.networks == kind for cell in listed) for kind in NETWORKS}
    # a single target has no shared network: "N/A" in table 4; table 5 has wide networks for 2 to 5 targets
    assert counts == {"separate": 31, "shared": 26, "wide": 4}
    assert len({(cell.group, cell.name) for cell in listed}) == 61
    assert len(list_cells(["g", "gs"], ["separate", "shared"], ["artist"], range(5))) == 15


def test_letters_have_one_order_and_others_are_refused():
    assert check_targets("segdm") == "gmdes"
    for wrong in ("gx", ""):
        with pytest.raises(RecipeError, match="some of the letters gmdes"):
            check_targets(wrong)


def test_a_cell_sets_up_its_recipe(small):
    recipe = Trial("artist", 3, "shared", "gms").set_up(small.override(uncertainty__samples=0))
    assert recipe.sources == ("none", "agf-m", "agf-s")
    assert (recipe.target_networks, recipe.split.seed, recipe.calibration.method) == ("shared", 3, "none")


@pytest.mark.parametrize("seed", range(5))
def test_the_papers_split_is_stratified_and_knows_no_artists(make_tracks, seed):
    tracks = make_tracks()
    split = draw_split(tracks, "stratified", seed)
    assert not split.valid
    assert len(split.test) == round(0.15 * len(tracks))
    label_of = {track.id: track.label for track in tracks}
    assert sum(label_of[i] == "Folk" for i in split.test) == len(split.test) / 2
    artist_of = {track.id: track.artist for track in tracks}
    assert {artist_of[i] for i in split.test} & {artist_of[i] for i in split.train}
    assert draw_split(tracks[::-1], "stratified", seed) == split  # whatever the order
    with pytest.raises(DataError, match="two or more tracks per class"):
        draw_split([*tracks, Track("x", "/x", "Jazz")], "stratified", seed)


@pytest.mark.parametrize("seed", range(5))
def test_the_other_split_tests_artists_that_did_not_train(make_tracks, seed):
    tracks = make_tracks()
    split = draw_split(tracks, "artist", seed)
    artist_of = {track.id: track.artist for track in tracks}
    assert not {artist_of[i] for i in split.test} & {artist_of[i] for i in split.train}
    assert 0.1 <= len(split.test) / len(tracks) <= 0.2


def test_an_official_split_is_taken_as_it_is(make_tracks):
    tracks = make_tracks(split=True)
    split = draw_split(tracks, "artist", 7)
    assert set(split.test) == {track.id for track in tracks if track.split == "test"}
    assert set(split.train) == {track.id for track in tracks if track.split == "train"}
    stratified = draw_split(tracks, "stratified", 7)
    assert len(stratified.test) + len(stratified.train) == len(tracks)


def test_targets_are_fitted_once(tmp_path, collection, small, monkeypatch):
    split = draw_split(collection.tracks, "artist", 0)
    first = fit_targets(tmp_path, "gs", small, collection, split)
    assert set(first["s"].table.ids) == set(split.train)
    monkeypatch.setattr(cells, "fit_labels", lambda *_: pytest.fail("fitted again"))
    again = fit_targets(tmp_path, "gs", small, collection, split)
    assert np.array_equal(again["s"].table.distributions, first["s"].table.distributions)


def test_separate_networks_are_shared_by_the_cells_that_name_them(tmp_path, collection, small):
    split = draw_split(collection.tracks, "artist", 0)
    targets = fit_targets(tmp_path / "targets", "gs", small, collection, split)
    listed = list_cells(["g", "s", "gs"], NETWORKS, ["artist"], [0])
    plan_cells(tmp_path, listed, small, collection, split, targets)
    networks = {cell.name: cell.list_networks() for cell in listed}
    assert networks == {
        "separate-g": ["networks/g"],
        "separate-s": ["networks/s"],
        "separate-gs": ["networks/g", "networks/s"],
        "shared-gs": ["networks/shared-gs/shared"],
        "wide-2": ["networks/wide-2/wide"],
    }
    for cell in listed:
        folder = tmp_path / "cells" / cell.name
        plan = read_json(folder / "plan.json")
        assert [(folder / name).resolve() for name in plan["features"]] == [
            (tmp_path / name).resolve() for name in networks[cell.name]
        ]
        assert {track["role"] for track in plan["tracks"]} == {"train", "test"}
        assert all((tmp_path / name / "plan.json").is_file() for name in networks[cell.name])
    assert read_json(tmp_path / "networks/wide-2/wide/plan.json")["network"]["n_networks"] == 2
    assert read_json(tmp_path / "networks/shared-gs/shared/plan.json")["training"]["epochs"] == 20


def test_scores_are_those_of_scikit_learn(tmp_path):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 30).astype(np.float32)
    classes, truth = np.array(["a", "b", "c"]), rng.integers(0, 3, 30)
    roles = np.array(["test"] * 20 + ["train"] * 10)
    np.savez(
        tmp_path / "predictions.npz",
        ids=np.array([f"t{n}" for n in range(30)]),
        **{"roles": roles, "classes": classes, "labels": classes[truth], "probabilities": probabilities},
    )
    weights = {"logits/kernel": np.zeros((4, 3)), "logits/bias": np.zeros(3), "norm/moving_mean": np.zeros(50)}
    np.savez(tmp_path / "weights.npz", **weights)
    scores = score_cell(tmp_path, Trial("artist", 1, "wide", "gm"), [tmp_path])
    assert (scores["targets"], scores["n"], scores["n_test"], scores["n_train"]) == ("g", 2, 20, 10)
    assert scores["parameters"] == 2 * 15  # of the classifier and of its network
    tests = probabilities[:20].astype(np.float64)
    assert scores["log_loss"] == pytest.approx(log_loss(truth[:20], tests / tests.sum(1, keepdims=True)), rel=1e-5)
    assert scores["macro_f1"] == pytest.approx(f1_score(truth[:20], tests.argmax(1), average="macro"))
    assert list(read_rows(tmp_path)) == []  # it is no cell of a run


def test_a_cell_that_names_no_network_of_its_own_reads_those_of_its_group():
    cell = Trial("artist", 1, "separate", "gs")
    assert (cell.group, cell.name, cell.learned, cell.networks_folder) == ("artist-1", "separate-gs", "gs", "networks")
    wide = Trial("stratified", 0, "wide", "gmd")
    assert (wide.group, wide.name, wide.learned, wide.networks_folder) == (
        *("stratified-0", "wide-3", "g"),
        "networks/wide-3",
    )


def test_rows_are_those_of_cells_that_are_done(tmp_path):
    for name, scored in (("separate-g", True), ("wide-2", False)):
        folder = tmp_path / "artist-0" / "cells" / name
        folder.mkdir(parents=True)
        if scored:
            write_json(folder / "scores.json", {"networks": "separate"})
    assert list(read_rows(tmp_path)) == [{"networks": "separate"}]
