"""What a solved plan needs beside itself: solution, answers out of fold, targets, and the choice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.features.beside import find_networks
from essentia_ldl.features.joint import joint_folders, read_joint
from essentia_ldl.linear.choose import Fitted
from essentia_ldl.linear.solution import Solution
from essentia_ldl.machines.fit import MachineSetting
from essentia_ldl.machines.radial import RadialSolution
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split
from essentia_ldl.runs.calibrate import list_nested
from essentia_ldl.runs.kind_scores import read_kind_run
from essentia_ldl.runs.plan import read_plan
from essentia_ldl.runs.predictions import read_side
from essentia_ldl.runs.solution import read_solution
from essentia_ldl.runs.targets import read_targets, read_truth
from essentia_ldl.train.auto import check_size, describe_choice, fit_solved, summarize_again, summarize_choice
from essentia_ldl.train.compose import plan_run
from essentia_ldl.train.solved import make_feature_set

CLASSES = ("non_sad", "sad")
BOTH = ("msd-musicnn", "mtt-vgg")


@pytest.fixture(scope="module")
def recipe():
    return Recipe("mood-sad", CLASSES).override(choice__networks=BOTH, choice__layers="deep")


@pytest.fixture(scope="module")
def solved(write_collection, recipe, tmp_path_factory):
    """A run folder of 40 tracks, of which the last 8 test, and its lines; to be read only."""
    folder = tmp_path_factory.mktemp("solved")
    collection = write_collection(folder, BOTH, n_tracks=40)
    ids = tuple(track.id for track in collection.tracks)
    split = Split(ids[:28], ids[28:32], ids[32:])
    lines: list[str] = []
    plan_run(folder / "run", recipe, collection, split, say=lines.append)
    return folder / "run", collection, lines


def test_validation_tracks_train_and_test_tracks_do_not(solved):
    run, collection, _ = solved
    plan = read_plan(run)
    assert [track.role for track in plan.tracks] == ["train"] * 32 + ["test"] * 8
    assert plan.training.solver == "solved"
    assert read_side(run / "out-of-fold", "test").ids == tuple(track.id for track in collection.tracks[:32])


@pytest.mark.slow
def test_test_tracks_change_nothing(solved, collection_with_features, recipe, tmp_path):
    run, collection, _ = solved
    tracks = tuple(
        dataclasses.replace(track, label=CLASSES[n % 2 == 0]) if n >= 32 else track
        for n, track in enumerate(collection.tracks)
    )
    ids = tuple(track.id for track in tracks)
    other = dataclasses.replace(collection, tracks=tracks)
    fit_solved(tmp_path / "other", recipe, other, Split(ids[:28], ids[28:32], ids[32:]), lambda line: None)
    assert read_solution(tmp_path / "other").digest == read_solution(run).digest


def test_the_solution_knows_the_classes_of_test_tracks(solved):
    run, collection, _ = solved
    plan = read_plan(run)
    folders = joint_folders(plan.network.backbones, plan.network.layers, collection.home, 4)
    right = []
    for n, track in enumerate(collection.tracks[32:], 32):
        logits = read_solution(run).score(read_joint(folders, collection.contents[track.id], plan.network.layers))
        right.append(logits.mean(axis=0).argmax() == n % 2)
    assert np.mean(right) > 0.9


def test_targets_are_those_it_was_fitted_on(solved):
    run, _, _ = solved
    (targets,) = read_targets(read_plan(run))
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    assert np.all(targets.argmax(axis=1) == np.arange(40) % 2)
    np.testing.assert_array_equal(targets[32:], np.eye(2)[np.arange(32, 40) % 2])


def test_a_line_says_what_was_chosen_among_how_much(solved):
    _, _, lines = solved
    assert len(lines) == 1
    assert lines[0].startswith("chosen among 42 settings: ")
    assert "on the folds that chose it" in lines[0]


def test_scores_are_of_tracks_that_no_choice_has_seen(solved, recipe):
    run, collection, _ = solved
    told = summarize_choice(run, recipe, collection)
    assert told["n_folds"] == 5
    assert told["balanced_accuracy_mean"] > 0.8
    assert told["grouped_by_artist"]
    assert told["findings"] == []
    assert told["calibration"]["after"]["nll"]["value"] < 0.7
    again = summarize_again(run, {"crossval": {**told, "balanced_accuracy_mean": 0.0}})["crossval"]
    assert again["balanced_accuracy_mean"] == told["balanced_accuracy_mean"]


@pytest.mark.slow
def test_classes_that_nothing_explains_are_told(collection_with_features, recipe, tmp_path):
    collection = collection_with_features(BOTH, n_tracks=40)
    random = np.random.default_rng(0)
    labels = random.permutation([CLASSES[n % 2] for n in range(40)])
    tracks = tuple(dataclasses.replace(t, label=str(label)) for t, label in zip(collection.tracks, labels, strict=True))
    collection = dataclasses.replace(collection, tracks=tracks)
    split = Split(tuple(track.id for track in tracks), (), ())
    fit_solved(tmp_path / "run", recipe.override(choice__networks=BOTH[:1]), collection, split, lambda line: None)
    told = summarize_choice(tmp_path / "run", recipe, collection)
    assert told["balanced_accuracy_pooled"] < 0.7
    assert bool(told["findings"]) == (told["balanced_accuracy_pooled"] <= 0.5 + told["balanced_accuracy_error"])


def test_a_class_of_one_artist_has_a_model_and_no_score(collection_with_features, recipe, tmp_path):
    collection = collection_with_features(BOTH, artist=lambda n: CLASSES[n % 2])
    split = Split(tuple(track.id for track in collection.tracks), (), ())
    lines: list[str] = []
    plan_run(tmp_path / "run", recipe, collection, split, say=lines.append)
    assert lines == ["no choice of settings: a class has too few artists for folds"]
    assert summarize_choice(tmp_path / "run", recipe, collection) == {}
    assert read_solution(tmp_path / "run").n_classes == 2
    assert not (tmp_path / "run" / "out-of-fold").exists()


def test_one_embedding_has_the_interface_of_a_head(collection_with_features, recipe, tmp_path):
    alone = recipe.override(choice__networks=BOTH[:1], choice__layers="embedding")
    collection = collection_with_features(BOTH[:1])
    split = Split(tuple(track.id for track in collection.tracks), (), ())
    plan = plan_run(tmp_path / "run", alone, collection, split, say=lambda line: None)
    assert plan.network.backbones == ()
    assert (plan.network.backbone, plan.network.pretrained, plan.network.hidden) == ("musicnn", "msd", 100)
    assert plan.stems == {"full": "mood_sad-musicnn-msd", "head": "mood_sad-msd-musicnn"}


def test_what_is_faster_is_told_with_what_it_costs():
    one = {"backbones": ["msd-musicnn"], "layers": "deep", "smoothing": 0.0, "strength": 0.01, "cost": 1.0}
    scores = {"log_loss": 0.5, "balanced_accuracy": 0.7}
    four = {**one, "backbones": ["msd-musicnn", "mtt-vgg"], "cost": 2.0, "log_loss": 0.45, "balanced_accuracy": 0.75}
    text = describe_choice({"n_settings": 9, "chosen": four, "cheapest": {**one, **scores}})
    assert text.endswith("; 2.0 times faster with msd-musicnn: log loss 0.500, balanced accuracy 0.700")


@pytest.mark.parametrize("names", [("net-1",), ("msd-musicnn", "net-1")])
def test_an_extractor_stands_in_the_plan_with_all_that_the_card_says(names, collection_with_features, tmp_path):
    recipe = Recipe("mood-sad", CLASSES, labels="joint").override(network__backbones=names)
    collection = collection_with_features(names, n_tracks=24)
    split = Split(tuple(track.id for track in collection.tracks), (), ())
    plan = plan_run(tmp_path / "run", recipe, collection, split, say=lambda line: None)
    assert (plan.network.backbones, plan.network.layers, plan.network.hidden) == (names, "embedding", 0)
    assert plan.stems == {"full": f"mood_sad-joint-{len(names)}", "head": None}
    (known,) = read_plan(tmp_path / "run").network.published
    assert known == find_networks(("net-1",), collection.home.graphs)[0].published
    assert (known.link, known.licence) == ("https://example.org/net-1.pb", "CC0")
    assert len(read_solution(tmp_path / "run").mean) == 6 + 200 * (len(names) - 1)


# --- tags and numbers -----------------------------------------------------------------------------------------------


def give_kind(collection, kind):
    """Give the tracks of a collection a tag, or a number, that follows their features, and one that does not."""
    tracks = []
    for n, track in enumerate(collection.tracks):
        told = {"tags": ("sad",) * (n % 2) + ("odd",) * (n % 3 == 0)}
        if kind == "regression":
            told = {"numbers": {"sad": 10.0 + 5 * (n % 2)}}
        tracks.append(dataclasses.replace(track, label="", **told))
    return dataclasses.replace(collection, tracks=tuple(tracks))


@pytest.mark.parametrize(("kind", "classes"), [("multi_label", ("odd", "sad")), ("regression", ("sad",))])
def test_tags_and_numbers_are_solved_chosen_and_scored_in_folds(collection_with_features, tmp_path, kind, classes):
    collection = give_kind(collection_with_features(BOTH[:1], n_tracks=40), kind)
    recipe = Recipe("x", classes, kind=kind).override(choice__networks=BOTH[:1], choice__layers="embedding")
    ids, lines = tuple(track.id for track in collection.tracks), []
    plan_run(tmp_path / "run", recipe, collection, Split(ids[:32], (), ids[32:]), say=lines.append)
    plan = read_plan(tmp_path / "run")
    assert (plan.kind, plan.classes, plan.training.solver) == (kind, classes, "solved")
    assert read_solution(tmp_path / "run", kind).n_classes == len(classes)
    truth = read_truth(plan)
    (targets,) = read_targets(plan)
    np.testing.assert_array_equal(targets[32:], truth[32:])  # test tracks are as they are
    summary = summarize_choice(tmp_path / "run", recipe, collection)
    column = summary["by_class"]["sad"]
    if kind == "multi_label":
        assert column["roc_auc"] > 0.9
        assert summary["roc_auc"] == pytest.approx(np.mean([one["roc_auc"] for one in summary["by_class"].values()]))
        assert "ROC-AUC" in lines[-1]
    else:
        assert column["r2"] > 0.5
        assert "R2" in lines[-1]
    assert summary["findings"] == []
    assert summary["changed_by_resampling"] is None
    calibrated = [read_kind_run(path) for path in list_nested(tmp_path / "run")]
    assert len(calibrated) == 5
    assert all(one.n_tracks < 32 for one in calibrated)  # each on the tracks of the others


def test_noise_is_told_to_be_no_better_than_chance(collection_with_features, tmp_path):
    collection = collection_with_features(BOTH[:1], n_tracks=40)
    random = np.random.default_rng(5)
    tracks = tuple(dataclasses.replace(t, label="", numbers={"x": float(random.normal())}) for t in collection.tracks)
    collection = dataclasses.replace(collection, tracks=tracks)
    recipe = Recipe("x", ("x",), kind="regression").override(choice__networks=BOTH[:1], choice__layers="embedding")
    ids = tuple(track.id for track in tracks)
    plan_run(tmp_path / "run", recipe, collection, Split(ids, (), ()), say=lambda line: None)
    (finding,) = summarize_choice(tmp_path / "run", recipe, collection)["findings"]
    assert finding.startswith("nothing beats chance: R2 ")


# --- support vectors ------------------------------------------------------------------------------------------------


def test_a_radial_machine_larger_than_its_networks_is_refused(tmp_path):
    """In one sentence with the reason; what is as large as they are is not."""
    numbers = {"mean": (4,), "vectors": (10, 4), "dual": (10, 2), "bias": (2,)}
    machine = RadialSolution(**{k: np.ones(v) for k, v in numbers.items()}, scale=np.ones(4), gamma=1.0)
    fitted = Fitted(MachineSetting(make_feature_set(("msd-vgg", "mine-1"), "12345"), "rbf", 2.0), machine, np.eye(2))
    room = 4 * machine.n_numbers
    (tmp_path / "msd-vgg-1.pb").write_bytes(bytes(room - 100))
    (tmp_path / "mine-1.pb").write_bytes(bytes(100))
    check_size(fitted, tmp_path)
    (tmp_path / "mine-1.pb").write_bytes(bytes(99))
    with pytest.raises(
        DataError, match=r"rbf machine: expected at most the .* MB of the networks below it; got .*10 supp"
    ):
        check_size(fitted, tmp_path)
    linear = Solution(np.zeros(4), np.ones(4), np.ones((4, 2)), np.zeros(2))
    check_size(dataclasses.replace(fitted, solution=linear), tmp_path)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_machines_are_planned_as_any_solved_head(kernel, write_collection, tmp_path):
    collection = write_collection(tmp_path, BOTH[:1], n_tracks=40)
    (collection.home.graphs / "msd-musicnn-1.pb").write_bytes(bytes(10**6))
    recipe = Recipe("mood-sad", CLASSES, labels="svm").override(
        choice__networks=BOTH[:1], choice__layers="deep", choice__kernels=(kernel,)
    )
    ids = tuple(track.id for track in collection.tracks)
    lines: list[str] = []
    plan = plan_run(tmp_path / "run", recipe, collection, Split(ids[:28], ids[28:32], ids[32:]), say=lines.append)
    assert (plan.network.backbones, plan.network.layers, plan.network.hidden) == (BOTH[:1], "deep", 0)
    solution = read_solution(tmp_path / "run")
    assert plan.network.n_vectors == (solution.n_vectors if kernel == "rbf" else 0)
    assert f"{kernel} kernel, C " in lines[0]
