"""Write a recipe for the user's own classes. In: a task name and a collection; out: recipes/<task>.toml."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from essentia_ldl import datasets
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.files import Home
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import list_tasks, write_recipe


@dataclasses.dataclass(frozen=True)
class Created:
    """What `write_new_recipe` made: a recipe, the file that it is in, and how the data was understood."""

    path: Path
    recipe: Recipe
    notes: tuple[str, ...] = ()


def write_new_recipe(
    task: str,
    data: str | os.PathLike[str],
    home: Home,
    layout: str | None = None,
    options: Mapping[str, object] | None = None,
) -> Created:
    """Make a recipe whose classes are the labels of a collection.

    Parameters
    ----------
    task : str
        Name with letters, digits and hyphens.
    data : path
        Folder with one sub-folder per class, or a table.
    home : Home
        The recipe goes into its folder of recipes.
    layout : str or None
        Name of the layout, such as "folder" or "gtzan"; None finds it by looking at the data.
    options : Mapping[str, object] or None
        Options of the layout.

    Returns
    -------
    Created
        The file is in the home's folder of recipes. With more than two classes LMNN keeps 64 components and smoothing
        takes 10 neighbours, as the paper does for genres (section 4.2).

    Raises
    ------
    RecipeError
        When the task has a recipe already.
    DataError
        When the collection has fewer than two labels.
    """
    if task in list_tasks(home.recipes):
        raise RecipeError(explain("task", "a new name", task, "recipes", "Choose another name."))
    notes: list[str] = []
    tracks = datasets.read_tracks(Path(data), layout, options, say=notes.append)
    classes = tuple(sorted({track.label for track in tracks}))
    if len(classes) < 2:
        raise DataError(explain("collection", "two or more labels", list(classes), data, "Add tracks of another."))
    genre = {"n_components": 64, "n_neighbors": 10}
    settings = {source: dict(genre) for source in ("sb", "emb-lmnn")} if len(classes) > 2 else {}
    name = Path(data).resolve()
    recipe = Recipe(
        task=task,
        classes=classes,
        description=f"classification of music: {', '.join(classes)}",
        label_settings=settings,
    )
    recipe = recipe.override(card__dataset=name.name if name.is_dir() else name.parent.name)
    path = home.recipes / f"{task}.toml"
    write_recipe(recipe, path)
    return Created(path, recipe, tuple(notes))
