"""The command line of `train` and `ensemble`: options arrive, and what was made and left out is told."""

from __future__ import annotations

import dataclasses

import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Failure
from essentia_ldl.train import ensemble as ensemble_module
from essentia_ldl.train import train as train_module


def test_train_gets_the_options_and_says_what_to_do_next(monkeypatch, run, make_trained):
    asked = {}

    def train(recipe, source, home, effort, say):
        asked.update(recipe=recipe, data=source.data, **dataclasses.asdict(effort))
        return make_trained()

    monkeypatch.setattr(train_module, "train", train)
    options = ["--network", "vgg", "--pretrained", "mtt", "--fine-tune", "all", "--epochs", "3", "--seed", "9"]
    result = run("train", "mood-sad", "--data", "d", *options, "--labels", "sa", "--max-hours", "1.5", "--jobs", "2")
    assert result.exit_code == 0, result.stderr
    recipe = asked["recipe"]
    assert (recipe.network.backbone, recipe.network.pretrained, recipe.network.fine_tune) == ("vgg", "mtt", "all")
    assert (recipe.training.epochs, recipe.training.epochs_from_scratch, recipe.split.seed) == (3, 3, 9)
    assert (recipe.labels, asked["data"], asked["max_hours"], asked["n_jobs"], asked["again"]) == (
        "sa",
        "d",
        1.5,
        2,
        False,
    )
    assert "balanced accuracy 0.75 on 8 validation tracks" in result.stdout
    assert "recall: non_sad 1.00, sad 0.50" in result.stdout
    assert "predict --model sad-1 track.mp3" in result.stdout


def test_train_with_members_is_an_ensemble(monkeypatch, run, make_trained):
    asked = {}

    def train_members(recipe, source, n_members, home, effort, say):
        asked.update(recipe=recipe, n_members=n_members, again=effort.again)
        return make_trained()

    monkeypatch.setattr(ensemble_module, "train_members", train_members)
    result = run("train", "mood-sad", "--members", "5", "--dropout", "0.3", "--samples", "20", "--again")
    assert result.exit_code == 0, result.stderr
    assert (asked["n_members"], asked["again"]) == (5, True)
    assert (asked["recipe"].network.dropout, asked["recipe"].uncertainty.samples) == (0.3, 20)
    assert run("train", "mood-sad", "--members", "1").exit_code == 2


def test_ensemble_names_its_runs(monkeypatch, run, make_trained):
    asked = []

    def make_ensemble(name, sources, home, method, again, say):
        asked.append((name, sources, method, again))
        return make_trained()

    monkeypatch.setattr(ensemble_module, "make_ensemble", make_ensemble)
    result = run("ensemble", "my-sad", "a", "b", "--method", "none")
    assert result.exit_code == 0, result.stderr
    assert asked == [("my-sad", ("a", "b"), "none", False)]
    assert "use it: " in result.stdout
    assert run("ensemble", "my-sad").exit_code == 2


def test_train_without_options_is_the_recipe(monkeypatch, run, make_trained):
    asked = []
    monkeypatch.setattr(
        train_module, "train", lambda recipe, source, *_: asked.append((recipe, source)) or make_trained()
    )
    assert run("train", "mood-sad").exit_code == 0
    assert asked == [(read_recipe("mood-sad"), Source())]


def test_train_with_files_left_out_succeeds_aloud_and_ends_with_status_1(
    tmp_path, monkeypatch, run, check_error, make_trained
):
    done = make_trained(Failure("x", "features", "bad"))
    monkeypatch.setattr(train_module, "train", lambda *_: done)
    result = run("train", "mood-sad")
    assert "model: " in result.stdout
    check_error(result, "1 files were left out: see ", "failures.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--extractor-output", "x"), "needs --extractor"),
        (("--extractor", "a", "--network", "vgg"), "leave --network out"),
        (("--extractor", "a", "--pretrained", "msd"), "leave --pretrained out"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message, run):
    result = run("train", "mood-sad", *options)
    assert result.exit_code == 2
    assert message in result.stderr
