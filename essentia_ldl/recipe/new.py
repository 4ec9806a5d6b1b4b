"""Write a recipe for the user's own classes. In: a task name and a collection; out: recipes/<task>.toml."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from essentia_ldl import datasets
from essentia_ldl.choices import KINDS, MULTI_LABEL, REGRESSION, SINGLE_LABEL, join_choices
from essentia_ldl.errors import DataError, RecipeError, explain
from essentia_ldl.files import Home
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import list_tasks, write_recipe
from essentia_ldl.records import Track

_WORDS = {
    SINGLE_LABEL: "classification of music",
    MULTI_LABEL: "tags of music",
    REGRESSION: "numbers that describe music",
}


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
    kind: str = SINGLE_LABEL,
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
    kind : str
        One of `choices.KINDS`: what the collection tells of a track.

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
        When the collection has fewer than two labels, or no tag or number that can be learned.
    """
    if task in list_tasks(home.recipes):
        raise RecipeError(explain("task", "a new name", task, "recipes", "Choose another name."))
    if kind not in KINDS:
        raise RecipeError(explain("kind", join_choices(KINDS), kind, task, "Take one of them."))
    notes: list[str] = []
    tracks = datasets.read_tracks(Path(data), layout, options, say=notes.append, kind=kind)
    classes = list_classes(tracks, kind, data, notes)
    if len(classes) < 2 and kind == SINGLE_LABEL:
        raise DataError(explain("collection", "two or more labels", list(classes), data, "Add tracks of another."))
    genre = {"n_components": 64, "n_neighbors": 10}
    is_genre = len(classes) > 2 and kind == SINGLE_LABEL
    settings = {source: dict(genre) for source in ("sb", "emb-lmnn")} if is_genre else {}
    name = Path(data).resolve()
    recipe = Recipe(
        task=task,
        classes=classes,
        description=f"{_WORDS[kind]}: {', '.join(classes)}",
        label_settings=settings,
        kind=kind,
    )
    recipe = recipe.override(card__dataset=name.name if name.is_dir() else name.parent.name)
    path = home.recipes / f"{task}.toml"
    write_recipe(recipe, path)
    return Created(path, recipe, tuple(notes))


def list_classes(tracks: Sequence[Track], kind: str, data: object, notes: list[str]) -> tuple[str, ...]:
    """List labels, tags that some tracks have and some have not, or dimensions in the order of the columns."""
    if kind == SINGLE_LABEL:
        return tuple(sorted({track.label for track in tracks}))
    if kind == REGRESSION:
        return tuple(tracks[0].numbers or ())
    counts = Counter(tag for track in tracks for tag in track.tags or ())
    found = tuple(sorted(tag for tag, n in counts.items() if n < len(tracks)))
    everywhere = sorted(set(counts) - set(found))
    if everywhere:
        notes.append(f"tags that all tracks have are left out: {', '.join(everywhere)}")
    if not found:
        rule, remedy = "a tag that some tracks have and others have not", "Add tracks."
        raise DataError(explain("collection", rule, sorted(counts), data, remedy))
    return found
