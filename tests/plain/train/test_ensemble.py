"""The commands that make one model of several networks, with the work of the other zones replaced."""

from __future__ import annotations

import json

import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, RecipeError
from essentia_ldl.files import Home, read_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.runs import calibrate as calibrate_module
from essentia_ldl.runs.predictions import read_side
from essentia_ldl.train import ensemble as ensemble_module

here = Home.from_environment  # the fixtures set the variable

CLASSES = ["non_sad", "sad"]


@pytest.fixture
def _without_zones(tmp_path, monkeypatch):
    """What the nets and the sound zone do is left out."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    monkeypatch.setattr(ensemble_module, "run_zone", lambda *arguments: None)

    def deliver(run, measured, graphs):
        return (read_json(run / "plan.json")["stems"]["full"],), {}

    monkeypatch.setattr(ensemble_module, "deliver", deliver)


@pytest.mark.usefixtures("_without_zones")
def test_an_ensemble_of_runs_has_its_own_name(write_member):
    for number in range(2):
        folder = write_member(f"mood-sad-{number}", number).folder
        (folder / "scores.json").write_text(json.dumps({"classes": CLASSES}))
    said = []
    done = ensemble_module.make_ensemble("my-sad", ["mood-sad-0", "mood-sad-1"], here(), say=said.append)
    plan = read_json(done.run / "plan.json")
    assert done.run.name.startswith("my-sad-")
    assert plan["stems"] == {"full": "my_sad-musicnn-msd", "head": "my_sad-msd-musicnn"}
    assert plan["members"] == ["mood-sad-0", "mood-sad-1"]
    assert said[0] == "ensemble of 2: mood-sad-0, mood-sad-1"
    assert read_json(done.run / "calibration.json")["n_tracks"] == 2  # too few, so that T stays 1 and says why
    assert "too few" in read_json(done.run / "calibration.json")["reason"]


@pytest.mark.usefixtures("_without_zones")
def test_the_folds_of_a_cross_validation_are_calibrated_on_what_each_tested(tmp_path, write_member):
    for number in range(3):
        roles = ["train"] * 6
        roles[2 * number : 2 * number + 2] = ["test", "test"]
        write_member(f"mood-sad-crossval/none-0-{number}", number, roles=roles)
    scores = {
        "folds": [{"seed": 0, "fold": number} for number in range(3)],
        "sources": {"none": {"balanced_accuracy_mean": 0.5}},
    }
    (tmp_path / "runs" / "mood-sad-crossval" / "scores.json").write_text(json.dumps(scores))
    done = ensemble_module.make_ensemble("folds", ["mood-sad-crossval"], here())
    plan, kept = read_json(done.run / "plan.json"), done.run / calibrate_module.OUT_OF_FOLD
    assert len(plan["members"]) == 3
    assert {track["role"] for track in plan["tracks"]} == {"train"}
    assert sorted(read_side(kept, "test").ids) == [f"t{n}" for n in range(6)]
    assert read_json(done.run / "calibration.json")["fitted_on"] == "out-of-fold tracks"


@pytest.mark.usefixtures("_without_zones")
def test_a_cross_validation_stands_alone(tmp_path, write_member):
    folder = write_member("mood-sad-0", 0).folder
    (folder / "scores.json").write_text(json.dumps({"classes": CLASSES}))
    crossval = tmp_path / "runs" / "cv"
    crossval.mkdir()
    (crossval / "scores.json").write_text(json.dumps({"folds": [], "sources": {}}))
    with pytest.raises(DataError, match="runs of train, or one cross-validation"):
        ensemble_module.make_ensemble("x", ["mood-sad-0", "cv"], here())


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", "a" * 101])
def test_a_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(DataError, match="name: expected letters, digits and hyphens, at most 100 of them"):
        ensemble_module.make_ensemble(name, ["a", "b"], here())


def test_tags_have_no_members(tmp_path):
    recipe = Recipe("x", ("rock",), kind="multi_label", labels="none")
    with pytest.raises(RecipeError, match="members: expected none where the kind is multi_label; got 3"):
        ensemble_module.train_members(recipe, Source(tmp_path), 3, Home(tmp_path))
