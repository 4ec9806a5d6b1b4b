"""What train, cross_validate and new_recipe hand on, and what they return."""

from __future__ import annotations

from pathlib import Path

import pytest

import essentia_ldl as ldl
from essentia_ldl.api import training
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, DiskError, EssentiaLdlError, RecipeError
from essentia_ldl.files import Home
from essentia_ldl.measure import crossval
from essentia_ldl.measure.crossval import Comparison, Folds, Measured
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.train import ensemble
from essentia_ldl.train import train as train_module
from essentia_ldl.train.train import Effort, Trained
from essentia_ldl.zones import StepFailed

RECIPE = Recipe("tension", ("calm", "tense"))
DONE = Trained(Path("/h/runs/tension-1"), ("tension-1",), {}, ())


@pytest.fixture
def asked(monkeypatch, collection):
    """What the commands were asked, in order."""
    found = []

    def answer(result):
        return lambda *arguments: found.append(arguments) or result

    monkeypatch.setattr(train_module, "train", answer(DONE))
    monkeypatch.setattr(ensemble, "train_members", answer(DONE))
    measured = Measured(Path("/h/runs/c"), {}, collection, (), "f")
    monkeypatch.setattr(crossval, "cross_validate", answer(measured))
    monkeypatch.setattr(training, "refit", answer(DONE))
    return found


def test_a_training_is_asked_for_with_all_that_is_given(asked, tmp_path):
    said = []
    done = training.train(
        RECIPE, tmp_path, "sa", tmp_path, said.append, layout="folder", jobs=2, max_hours=1, again=True, seed=3
    )
    recipe, source, home, effort, say = asked[0]
    assert recipe == RECIPE.override(labels="sa", split__seed=3)
    assert (source, home, effort) == (Source(str(tmp_path), "folder"), Home(tmp_path), Effort(2, 1.0, True))
    say("line")
    assert said == ["line"]
    assert isinstance(done, Trained)
    assert (done.as_dict()["run"], done.models) == ("/h/runs/tension-1", ("tension-1",))


def test_a_column_to_choose_by_and_music_to_adapt_to_are_handed_on(asked, tmp_path):
    training.train("mood-sad", tmp_path, home=tmp_path, leave_out="genre", adapt=tmp_path / "other", say=None)
    recipe, source = asked[0][:2]
    assert recipe.choice.leave_out == "genre"
    assert source.adapt == str(tmp_path / "other")
    training.cross_validate("mood-sad", tmp_path, home=tmp_path, leave_out="genre", say=None)
    recipe, _, comparison = asked[1][:3]
    assert (recipe.choice.leave_out, comparison.folds.leave_out) == ("", "genre")


def test_members_make_an_ensemble(asked, tmp_path, capsys):
    training.train("mood-sad", home=tmp_path, members=3, say=None)
    recipe, source, n_members, home, effort, say = asked[0]
    assert (recipe.labels, source, n_members, home, effort) == ("none", Source(), 3, Home(tmp_path), Effort())
    say("nothing")
    assert capsys.readouterr().out == ""


def test_a_cross_validation_compares_what_is_named(asked, tmp_path):
    done = training.cross_validate(
        RECIPE, labels=["none", "sa"], home=tmp_path, folds=3, repeats=2, truth_column="share", patch_hop=40, jobs=1
    )
    recipe, source, comparison, home, n_jobs, _ = asked[0]
    assert (recipe, source, home, n_jobs) == (RECIPE, Source(), Home(tmp_path), 1)
    assert comparison == Comparison(("none", "sa"), Folds(3, 2), 40, TruthColumn("share"))
    assert (done.final, done.as_dict()["run"]) == (None, "/h/runs/c")
    training.cross_validate(RECIPE, home=tmp_path, leave_out="style")
    assert asked[1][2] == Comparison(("auto",), Folds(leave_out="style"))
    training.cross_validate(RECIPE, home=tmp_path, baselines=["mfcc-svm"])
    assert asked[2][2] == Comparison(("auto",), baselines=("mfcc-svm",))
    with pytest.raises(DataError, match="baselines: expected a list; got 'mfcc-svm'"):
        training.cross_validate(RECIPE, home=tmp_path, baselines="mfcc-svm")


def test_a_cross_validation_may_end_with_a_model(asked, tmp_path):
    done = training.cross_validate(RECIPE, labels="sa", home=tmp_path, refit=True)
    assert asked[0][2].to_refit
    assert done.final.models == ("tension-1",)
    assert done.as_dict()["final"]["models"] == ["tension-1"]


def test_two_homes_in_one_process_share_nothing(asked, tmp_path):
    for name in ("one", "two"):
        training.train(RECIPE, home=tmp_path / name)
    assert [call[2].root for call in asked] == [tmp_path / "one", tmp_path / "two"]


def test_bad_input_is_told_before_the_work(asked, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"^The home .* cannot be written: Not a directory\. Give another folder"):
        training.train(RECIPE, home=tmp_path / "file" / "x")
    with pytest.raises(DiskError):
        training.cross_validate(RECIPE, home=tmp_path / "file" / "x")
    with pytest.raises(ValueError, match="epochs"):
        training.train(RECIPE, home=tmp_path, epochs=-1)
    with pytest.raises(DataError, match="labels: expected a text, or a list of texts"):
        training.cross_validate(RECIPE, labels=[3], home=tmp_path)
    with pytest.raises(RecipeError, match="paper"):
        training.train(RECIPE, labels="auto", home=tmp_path, paper=True)
    assert asked == []


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: ldl.Home(3), ValueError, "home: expected a path; got 'int'"),
        (lambda: ldl.train(RECIPE, home=3), ValueError, "home: expected a path; got 'int'"),
        (lambda: ldl.train(RECIPE, 3), ValueError, "data: expected the path of a folder or of a table; got 'int'"),
        (lambda: ldl.read_tracks(3), ValueError, "data: expected the path of a folder or of a table; got 'int'"),
        (lambda: ldl.Recipe(3, ("a", "b")), ValueError, "task: expected letters"),
        (lambda: ldl.Recipe("x", "ab"), ValueError, "classes: expected a list of names; got 'ab'"),
        (lambda: ldl.Recipe.read("moods"), LookupError, "task: expected one of .*; got 'moods'"),
        (lambda: RECIPE.override(network__hiden=3), LookupError, r"key of \[network\]: .* Did you mean 'hidden'"),
        (lambda: RECIPE.override(lables="sa"), LookupError, "key of a recipe: .* Did you mean 'labels'"),
        (lambda: RECIPE.override(net__hidden=3), LookupError, "section of a recipe: .* Did you mean 'network'"),
        (lambda: ldl.evaluate("m", "x", home="/dev/null/x"), OSError, "The home /dev/null/x cannot be written: "),
    ],
)
def test_what_does_not_fit_is_an_error_of_ours_and_the_builtin_one(call, kind, message):
    with pytest.raises(kind, match=message) as caught:
        call()
    assert isinstance(caught.value, EssentiaLdlError)


def test_a_recipe_that_does_not_fit_the_data_is_told(tmp_path, music):
    with pytest.raises(DataError, match="one of non_sad, sad, as the recipe mood-sad lists; got 'calm'"):
        training.train("mood-sad", music, home=tmp_path / "home", say=None)
    with pytest.raises(ValueError, match="class: expected at least one track"):
        training.train(Recipe("x", ("calm", "tense", "wild")), music, home=tmp_path / "home", say=None)


def test_an_error_of_a_process_is_raised_here(monkeypatch, tmp_path):
    def fail(*arguments):
        raise StepFailed("", 1, DataError("labels are missing. Add them."))

    monkeypatch.setattr(train_module, "train", fail)
    with pytest.raises(DataError, match="labels are missing"):
        training.train(RECIPE, home=tmp_path)


def test_a_new_recipe_is_one_that_train_takes(tmp_path, music):
    recipe = training.new_recipe("tension", music, tmp_path)
    assert recipe.classes == ("calm", "tense")
    assert Recipe.read("tension", Home(tmp_path)) == recipe
    with pytest.raises(RecipeError, match="a new name"):
        training.new_recipe("tension", music, tmp_path)
    with pytest.raises(DiskError, match="Not a directory"):
        training.new_recipe("tension", music, music / "calm" / "a.wav")
