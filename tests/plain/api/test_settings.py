"""What keyword arguments mean: homes, recipes, sources, and errors that a notebook can read."""

from __future__ import annotations

import os

import numpy as np
import pytest

from essentia_ldl.api.settings import (
    HowToCompare,
    HowToEvaluate,
    HowToPredict,
    HowToRead,
    HowToTrain,
    check_settings,
    check_writable,
    find_home,
    find_recipe,
    find_source,
    find_truth,
    telling,
)
from essentia_ldl.cli.main import main
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, DiskError, RecipeError, UnknownNameError
from essentia_ldl.files import Home
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.progress import be_silent, find_listener
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import read_recipe, write_recipe
from essentia_ldl.zones import StepFailed


def test_settings_are_kept_and_none_is_not_given():
    given = check_settings({"epochs": np.int64(3), "dropout": 1, "network": None, "changes": {"a.b": 1}}, HowToTrain)
    assert given == {"epochs": 3, "dropout": 1.0, "changes": {"a.b": 1}}
    assert [type(value) for value in given.values()] == [int, float, dict]
    assert check_settings({"corrections": "a.csv", "layout": "gtzan"}, HowToRead)["corrections"] == "a.csv"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": "3"}, "epochs: expected a whole number; got '3'"),
        ({"epochs": True}, "epochs: expected a whole number"),
        ({"epochs": 0}, "epochs: expected 1 or more"),
        ({"dropout": "a"}, "dropout: expected a number"),
        ({"max_hours": 0}, "max_hours: expected a finite number above 0"),
        ({"max_hours": float("nan")}, "max_hours: expected a finite number"),
        ({"members": 1}, "members: expected 2 or more"),
        ({"paper": 1}, "paper: expected True or False"),
        ({"network": 3}, "network: expected a text"),
        ({"changes": [("a", 1)]}, "changes: expected a dict"),
        ({"corrections": 3}, "corrections: expected a path"),
    ],
)
def test_a_value_of_another_kind_is_one_sentence(settings, message):
    with pytest.raises(ValueError, match=message):
        check_settings(settings, HowToTrain)


def test_an_unknown_setting_gets_the_nearest():
    with pytest.raises(LookupError, match="'epochs'"):
        check_settings({"epoch": 3}, HowToTrain)
    with pytest.raises(UnknownNameError, match="setting"):
        check_settings({"members": 3}, HowToCompare)


@pytest.mark.parametrize(
    ("command", "kind", "given_otherwise"),
    [
        # data, labels, --cluster and --share are arguments or the home's; --set is changes, --for is music
        ("train", HowToTrain, {"task", "data", "labels", "cluster", "share"}),
        ("crossval", HowToCompare, {"task", "data", "sources", "cluster", "share"}),
        ("evaluate", HowToEvaluate, {"model", "data", "mapping", "output"}),
        ("predict", HowToPredict, {"audio", "names", "output", "cluster"}),
    ],
)
def test_the_settings_are_the_options_of_the_command_line(command, kind, given_otherwise):
    renamed = {
        "n_folds": "folds",
        "form": "format",
        "patch_hop_frames": "patch_hop",
        "to_refit": "refit",
        "left_out": "leave_out",
    }
    options = {renamed.get(one.name, one.name) for one in main.commands[command].params} - given_otherwise
    assert options == set(kind.__annotations__)


def test_a_home_is_a_value_a_folder_or_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "environment"))
    assert find_home(None) == Home(tmp_path / "environment")
    assert find_home(str(tmp_path)) == find_home(tmp_path) == Home(tmp_path)
    assert find_home(Home(tmp_path, "dask://a:1")).cluster == "dask://a:1"


def test_a_home_that_cannot_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    assert check_writable(Home(tmp_path / "new" / "home")).root.is_dir()
    with pytest.raises(DiskError, match=r"^The home .*file/home cannot be written: Not a directory\. Give another"):
        check_writable(Home(tmp_path / "file" / "home"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OSError, match="no permission to write"):
        check_writable(Home(tmp_path))


def test_a_recipe_is_found_by_its_name_its_file_or_is_one(tmp_path):
    own = Recipe("tension", ("calm", "tense"))
    home = Home(tmp_path)
    write_recipe(own, home.recipes / "tension.toml")
    assert find_recipe("mood-sad", None, {}, home) == read_recipe("mood-sad")
    assert find_recipe("tension", None, {}, home) == own
    assert find_recipe(str(home.recipes / "tension.toml"), None, {}, home) == own
    assert find_recipe(own, "sa", {}, home) == own.override(labels="sa")


def test_changes_are_values_of_python(tmp_path):
    own = Recipe("tension", ("calm", "tense"))
    changes = {"network.hidden": 0, "labels.sa.n_neighbors": 5, "choice.networks": ["msd-vgg"], "card.author": "me"}
    recipe = find_recipe(own, "sa", {"changes": changes}, Home(tmp_path))
    assert (recipe.network.hidden, recipe.label_settings, recipe.card.author) == (0, {"sa": {"n_neighbors": 5}}, "me")
    assert recipe.choice.networks == ("msd-vgg",)
    with pytest.raises(RecipeError, match="hidden: expected a int; got 'ten'"):
        find_recipe(own, None, {"changes": {"network.hidden": "ten"}}, Home(tmp_path))
    with pytest.raises(RecipeError, match="recipe value: expected a text, a number"):
        find_recipe(own, None, {"changes": {"network.hidden": object()}}, Home(tmp_path))


@pytest.mark.parametrize(
    ("task", "labels", "message"),
    [(3, None, "task: expected the name of a task, or a Recipe"), ("mood-sad", ["sa"], "labels: expected a text")],
)
def test_what_is_no_task_or_no_label_source_is_refused(tmp_path, task, labels, message):
    with pytest.raises(RecipeError, match=message):
        find_recipe(task, labels, {}, Home(tmp_path))


def test_a_source_is_a_path_with_what_the_settings_say(tmp_path):
    assert find_source(None, {}) == Source()
    given = {"layout": "fma", "options": {"subset": "small"}, "corrections": tmp_path / "c.csv"}
    assert find_source(tmp_path, given) == Source(str(tmp_path), "fma", {"subset": "small"}, str(tmp_path / "c.csv"))
    with pytest.raises(DataError, match="the path of a folder or of a table; got 'list'"):
        find_source(["a.wav"], {})


def test_a_truth_is_a_column_and_perhaps_a_class():
    assert find_truth({}) is None
    assert find_truth({"truth_column": "share", "truth_class": "sad"}) == TruthColumn("share", "sad")


def test_silence_says_nothing(capsys):
    be_silent("a line")
    assert capsys.readouterr().out == ""


def test_the_error_of_a_step_is_raised_as_itself():
    with pytest.raises(DataError, match=r"^no tracks$"), telling(be_silent):
        raise StepFailed("", 1, DataError("no tracks"))
    with (
        pytest.raises(StepFailed, match=r"^A step ended with exit status 3\. Run the same again with say=print, which"),
        telling(be_silent),
    ):
        raise StepFailed("", 3)
    with pytest.raises(StepFailed, match=r"exit status 3, and said last 'KeyError: 1'\. Run the same"), telling(print):
        raise StepFailed("", 3, said="KeyError: 1")
    with pytest.raises(StepFailed, match="killed"), telling(be_silent):
        raise StepFailed("killed", 1)


def test_what_steps_print_goes_to_who_asked():
    with telling(print):
        assert find_listener() is print
    assert find_listener() is None
