"""What the terminal shows of a recipe is a recipe."""

from __future__ import annotations

import tomllib

import pytest

from essentia_ldl.cli.text.recipe import describe_recipe
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.sections import SECTIONS
from essentia_ldl.recipe.toml import read_recipe


@pytest.mark.parametrize("everything", [True, False])
def test_what_is_shown_reads_as_the_same_recipe(tmp_path, everything):
    recipe = read_recipe("genre-fma")
    (tmp_path / "x.toml").write_text("\n".join(describe_recipe(recipe, everything)))
    assert read_recipe(str(tmp_path / "x.toml")) == recipe


def test_everything_is_every_section_and_else_what_people_change():
    recipe = Recipe("tension", ("calm", "tense"))
    whole = tomllib.loads("\n".join(describe_recipe(recipe, True)))
    assert set(SECTIONS) < set(whole)
    short = tomllib.loads("\n".join(describe_recipe(recipe, False)))
    assert list(short) == ["task", "description", "classes", "labels", "choice", "card"]
    assert list(short["choice"]) == ["speed", "music"]
