"""A recipe for the user's own classes, made from her folder or table."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.errors import DataError, EssentiaLdlError, RecipeError
from essentia_ldl.files import Home
from essentia_ldl.recipe.new import write_new_recipe
from essentia_ldl.recipe.toml import list_tasks, read_recipe

here = Home.from_environment  # the fixtures set the variable


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))


def make_folder(root: Path, *classes: str) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        (root / name / "a.wav").touch()
    return root


@pytest.mark.parametrize("name", ["my music", "Müsik", "🎵 music"])
def test_a_folder_becomes_a_recipe_that_reads(tmp_path, name):
    done = write_new_recipe("energy", make_folder(tmp_path / name, "low", "high"), here())
    path, recipe = done.path, done.recipe
    assert path == tmp_path / "home" / "recipes" / "energy.toml"
    assert recipe.classes == ("high", "low")
    assert recipe.card.dataset == name
    assert recipe.label_settings == {}
    assert read_recipe("energy", here().recipes) == recipe
    assert "energy" in list_tasks(here().recipes)


def test_a_table_becomes_a_recipe_named_after_its_folder(tmp_path):
    make_folder(tmp_path / "songs", "x")
    (tmp_path / "songs" / "index.csv").write_text("path,label\nx/a.wav,calm\nx/b.wav,tense\n")
    recipe = write_new_recipe("tension", tmp_path / "songs" / "index.csv", here()).recipe
    assert (recipe.classes, recipe.card.dataset) == (("calm", "tense"), "songs")


def test_more_than_two_classes_take_the_papers_settings_for_genres(tmp_path):
    recipe = write_new_recipe("genre", make_folder(tmp_path / "d", "jazz", "blues", "rock"), here()).recipe
    assert recipe.classes == ("blues", "jazz", "rock")
    genre = {"n_components": 64, "n_neighbors": 10}
    assert recipe.label_settings == {"sb": genre, "emb-lmnn": genre}
    assert read_recipe("genre", here().recipes) == recipe


@pytest.mark.parametrize("classes", [("R&B", "rock'n'roll"), ('say "hi"', "x\\y"), ("música", "🎸")])
def test_classes_keep_their_names(tmp_path, classes):
    recipe = write_new_recipe("odd", make_folder(tmp_path / "d", *classes), here()).recipe
    assert recipe.classes == tuple(sorted(classes))
    assert read_recipe("odd", here().recipes) == recipe


def test_a_task_that_has_a_recipe_is_refused(tmp_path):
    data = make_folder(tmp_path / "d", "a", "b")
    with pytest.raises(RecipeError, match=r"task: expected a new name; got 'mood-sad'"):
        write_new_recipe("mood-sad", data, here())
    path = write_new_recipe("mine", data, here()).path
    before = path.read_bytes()
    with pytest.raises(RecipeError, match=r"task: expected a new name; got 'mine'"):
        write_new_recipe("mine", data, here())
    assert path.read_bytes() == before


@pytest.mark.parametrize("task", ["", "../up", "a b", "a/b", "a.toml"])
def test_a_task_that_is_no_name_writes_nothing(tmp_path, task):
    with pytest.raises(RecipeError, match="expected letters, digits and hyphens"):
        write_new_recipe(task, make_folder(tmp_path / "d", "a", "b"), here())
    assert not (tmp_path / "home").exists()


def test_fewer_than_two_labels_are_no_task(tmp_path):
    with pytest.raises(DataError, match="two sub-folders or more"):
        write_new_recipe("one", make_folder(tmp_path / "d", "a"), here())
    (tmp_path / "t.csv").write_text("path,label\nd/a/a.wav,calm\n")
    with pytest.raises(EssentiaLdlError, match="two or more"):
        write_new_recipe("one", tmp_path / "t.csv", here())
    assert not (tmp_path / "home").exists()


def test_a_recipe_of_tags_or_numbers_has_what_can_be_learned(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    table, home = tmp_path / "t.csv", Home(tmp_path / "home")
    table.write_text('path,tags\na.wav,"rock,music"\nb.wav,"music"\n')
    created = write_new_recipe("tags", table, home, kind="multi_label")
    assert (created.recipe.kind, created.recipe.classes) == ("multi_label", ("rock",))
    assert created.notes == ("tags that all tracks have are left out: music",)
    assert read_recipe("tags", home.recipes) == created.recipe
    table.write_text("path,valence,arousal\na.wav,1,5\nb.wav,2,4\n")
    created = write_new_recipe("mood", table, home, kind="regression")
    assert created.recipe.classes == ("valence", "arousal")
    table.write_text("path,tags\na.wav,music\nb.wav,music\n")
    with pytest.raises(DataError, match="collection: expected a tag that some tracks have and others have not"):
        write_new_recipe("none", table, home, kind="multi_label")
    with pytest.raises(RecipeError, match="kind: expected single_label, multi_label or regression; got 'tags'"):
        write_new_recipe("other", table, home, kind="tags")
