"""What the terminal shows of a recipe. In: a `Recipe`; out: lines of TOML."""

from __future__ import annotations

from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import CHANGED, render_recipe, render_short


def describe_recipe(recipe: Recipe, everything: bool) -> list[str]:
    """Write what is a recipe's own and the keys that people change, or every key, each explained."""
    text = render_recipe(recipe) if everything else render_short(recipe, CHANGED, explained=True)
    return text.splitlines()
