"""What a benchmark compares: networks that exist, scales that fit, and recipes of tags."""

from __future__ import annotations

import dataclasses

import pytest

from essentia_ldl import frontends
from essentia_ldl.choices import DEFORMATIONS
from essentia_ldl.errors import DataError, RecipeError, UnknownNameError
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.studies.tagging import grid


@pytest.fixture
def recipe():
    return Recipe("mine", ("calm", "loud"), kind="multi_label", labels="none")


def test_the_networks_are_the_nine_of_the_paper_and_can_be_narrow():
    assert len(grid.NETWORKS) == 9
    assert all(frontends.get_network(name).is_narrowed for name in grid.NETWORKS)


@pytest.mark.parametrize("name", grid.SCALES)
def test_every_scale_makes_recipes(name, recipe):
    scale = grid.get_scale(name)
    recipes = grid.list_recipes(grid.adapt_recipe(recipe, scale, {}), scale.networks)
    for network, own in recipes.items():
        assert (own.network.backbone, own.network.width, own.network.hidden) == (network, scale.width, 0)
        assert own.training.stages == scale.stages
        assert own.labels == "none"
    known = {name for names in DEFORMATIONS.values() for name in names}
    assert set(scale.variants) <= known
    assert all(set(scale.variants) & set(names) for names in DEFORMATIONS.values()), "one of each kind"


def test_the_full_scale_is_published():
    """d.3 of the facts: Adam 1e-4, then SGD with Nesterov momentum 1e-3, 1e-4 and 1e-5; 16 a step, decay 1e-4."""
    scale = grid.SCALES[grid.FULL]
    assert (scale.width, scale.batch_size, len(scale.networks)) == (1.0, 16, 9)
    assert [stage.split()[:2] for stage in scale.stages] == [["adam", "1e-4"], *(["sgd", f"1e-{n}"] for n in (3, 4, 5))]
    assert grid.adapt_recipe(Recipe("x", ("a", "b"), kind="multi_label"), scale, {}).training.l2 == 1e-4


def test_what_the_user_wants_otherwise_counts(recipe):
    changed = grid.adapt_recipe(recipe, grid.SCALES["demo"], {"training.stages": '["adam 1e-3 2"]', "split.seed": "3"})
    assert (changed.training.stages, changed.split.seed, changed.n_epochs) == (("adam 1e-3 2",), 3, 2)
    with pytest.raises(RecipeError, match=r"stages: expected a list, each an optimiser"):
        grid.adapt_recipe(recipe, grid.SCALES["demo"], {"training.stages": '["adam"]'})


def test_names_that_are_none_are_told(recipe):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'fcn'"):
        grid.choose_networks(["fcnn"], grid.SCALES["demo"])
    with pytest.raises(UnknownNameError, match=r"scale: expected one of .*Did you mean 'demo'"):
        grid.get_scale("dem")
    assert grid.choose_networks(["crnn", "fcn"], grid.SCALES["demo"]) == ("fcn", "crnn")


def test_one_tag_and_classes_are_refused(recipe):
    with pytest.raises(DataError, match=r"^tags of a benchmark: expected two or more; got 'calm' \(mine\)\. Give a"):
        grid.adapt_recipe(dataclasses.replace(recipe, classes=("calm",)), grid.SCALES["demo"], {})
    with pytest.raises(DataError, match="task: expected one of tags, kind multi_label; got 'single_label'"):
        grid.adapt_recipe(Recipe("mood-sad", ("non_sad", "sad")), grid.SCALES["demo"], {})
