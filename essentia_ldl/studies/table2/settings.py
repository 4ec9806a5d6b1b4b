"""Which cells of table 2 are asked for, how they are trained and scored, and in what that is not the paper's way.

In: what the command was given and the recipes of the tasks; out: the recipe of a cell, and the heading of the table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import labels
from essentia_ldl.discover import unknown
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import folders, read_recipe
from essentia_ldl.studies.table2.cells import CellGroup
from essentia_ldl.studies.table2.paper import NETWORKS, SOURCES, STARTS, TASKS


@dataclasses.dataclass(frozen=True)
class Grid:
    """Which cells, and how they are trained.

    Parameters
    ----------
    networks, starts, sources, tasks : tuple[str, ...]
        Of those of `paper`.
    epochs : int or None
        Of every training; None is the recipe's (150 pretrained, 600 from scratch).
    fine_tune : str
        How a pretrained network is trained: "all" or "head".
    n_folds : int
        Folds of a 5F cell.
    patch_hop : int
        Frames between the patches that a 5F cell is scored on; 187, no overlap, as MTG's scripts do.
    seed : int or None
        None is the recipe's.
    external : bool
        Whether Ext. cells are measured.

    Raises
    ------
    UnknownNameError
        When a name is not in the table.
    """

    networks: tuple[str, ...] = NETWORKS
    starts: tuple[str, ...] = STARTS
    sources: tuple[str, ...] = SOURCES
    tasks: tuple[str, ...] = TASKS
    epochs: int | None = None
    fine_tune: str = "all"
    n_folds: int = 5
    patch_hop: int = 187
    seed: int | None = None
    external: bool = True

    @property
    def training(self) -> tuple[Any, ...]:
        """What another table would differ in: which cells are asked for does not matter."""
        return self.epochs, self.fine_tune, self.n_folds, self.patch_hop, self.seed

    def __post_init__(self) -> None:
        axes = (("network", self.networks, NETWORKS), ("start", self.starts, STARTS))
        for what, values, known in (*axes, ("label source", self.sources, SOURCES), ("task", self.tasks, TASKS)):
            for value in values:
                if value not in known:
                    raise unknown(f"{what} of table 2", value, known)
        if self.fine_tune not in ("all", "head"):
            raise unknown("fine-tuning of a pretrained network", self.fine_tune, ("all", "head"))


def set_up(recipe: Recipe, grid: Grid, network: str, start: str) -> Recipe:
    """Return the recipe of a task as the cells of a network and a start are trained."""
    return recipe.override(
        network__backbone=network,
        network__pretrained="msd",
        network__fine_tune="none" if start == "scratch" else grid.fine_tune,
        training__epochs=grid.epochs,
        training__epochs_from_scratch=grid.epochs,
        split__seed=grid.seed,
        calibration__method="none",  # the paper has none
    )


def describe_settings(root: Path, grid: Grid, groups: Sequence[CellGroup]) -> list[str]:
    """Say how the cells of groups are trained and scored, and in what that is not the paper's way."""
    epochs = []
    for start, words in (("pretrained", "pretrained"), ("scratch", "from scratch")):
        counts = sorted({group.recipe.n_epochs for group in groups if group.start == start})
        epochs += [f"{' or '.join(map(str, counts))} epochs {words}"] if counts else []
    hop = f"scored every {grid.patch_hop} frames"
    seed = [] if grid.seed is None else [f"seed {grid.seed}"]
    words = [f"{grid.n_folds} folds", *epochs, hop, f"pretrained networks fine-tuned: {grid.fine_tune}", *seed]
    others = [f"{grid.n_folds} folds"] if grid.n_folds != Grid.n_folds else []
    others += [] if grid.epochs is None else [f"{grid.epochs} epochs"]
    others += [] if grid.fine_tune == Grid.fine_tune else [f"fine-tuned: {grid.fine_tune}"]
    others += [] if grid.patch_hop == Grid.patch_hop else [hop]
    changes: dict[str, dict[str, None]] = {}
    for group in groups:
        changes.setdefault(group.task, {}).update(dict.fromkeys(_list_changes(group, grid)))
    others += [f"the recipe of {task} has another {', '.join(keys)}" for task, keys in changes.items() if keys]
    heading = [f"{root}: {', '.join(words)}"]
    if others:
        heading.append(f"NOT as in the paper, so the two columns cannot be compared: {'; '.join(others)}")
    return heading


def _list_changes(group: CellGroup, grid: Grid) -> list[str]:
    """Return the keys in which the recipe of a group is not the one that came with the package."""
    shipped = set_up(read_recipe(str(folders()[-1] / f"{group.task}.toml")), grid, group.network, group.start)
    ours, theirs = _flatten(group.recipe), _flatten(shipped)
    return [key for key in {**theirs, **ours} if ours.get(key) != theirs.get(key)]


def _flatten(recipe: Recipe) -> dict[str, Any]:
    """Return what decides the numbers of a cell, by the keys of the recipe's file; labels as far as the table goes."""
    sections = ("classes", "split", "network", "training")
    plain = {key: value for key, value in recipe.as_dict().items() if key in sections}
    plain |= {f"labels.{name}": labels.resolve(name, recipe.label_settings.get(name))[1] for name in SOURCES}
    return {
        key if name is None else f"{key}.{name}": value
        for key, values in plain.items()
        for name, value in (values.items() if isinstance(values, dict) else [(None, values)])
    }
