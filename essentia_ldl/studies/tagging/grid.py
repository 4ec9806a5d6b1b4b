"""What a benchmark compares and how large it is: networks, scales, and the recipe of each network.

References
----------
M. Won, A. Ferraro, D. Bogdanov and X. Serra, "Evaluation of CNN-based automatic music tagging models" (SMC 2020):
the networks, 16 chunks a step and the optimisers; the narrow scales are ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from essentia_ldl import stages
from essentia_ldl.choices import DEFORMATIONS, MULTI_LABEL
from essentia_ldl.discover import unknown
from essentia_ldl.errors import DataError, explain
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import change_recipe
from essentia_ldl.scores.calibration import NONE

NETWORKS = {  # rows of frontends.NETWORKS, and what the page calls them
    "fcn": "FCN",
    "crnn": "CRNN",
    "musicnn": "MusiCNN",
    "samplecnn": "SampleCNN",
    "samplecnn-se": "SampleCNN + SE",
    "harmoniccnn": "HarmonicCNN",
    "shortchunk": "Short-chunk",
    "shortchunk-res": "Short-chunk + Res",
    "attention": "Self-attention",
}
UNITS = {"pitch": "semitones", "tempo": "speed", "noise": "share of noise", "compression": "dynamic range compression"}
UNCHANGED = {"pitch": 0.0, "tempo": 1.0, "noise": 0.0, "compression": 0.0}  # the strength of the track itself
TEST_SHARE = 0.25  # where there is one fold and no split of the collection's own


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large a benchmark is.

    Parameters
    ----------
    width : float
        Share of the width of every layer.
    stages : tuple[str, ...]
        Optimisers, see `stages`.
    batch_size : int
        Tracks per step.
    networks : tuple[str, ...]
        Names of `NETWORKS`.
    variants : tuple[str, ...]
        Of `choices.DEFORMATIONS`.
    n_folds : int
        Where the collection has no split of its own; 1 is one test side.
    demo : tuple[int, float]
        Tracks, and seconds of each, of the collection that is synthesised.
    """

    width: float
    stages: tuple[str, ...]
    batch_size: int = 16
    networks: tuple[str, ...] = tuple(NETWORKS)
    variants: tuple[str, ...] = tuple(name for names in DEFORMATIONS.values() for name in names)
    n_folds: int = 1
    demo: tuple[int, float] = (120, 30.0)


FULL, DEMO, SMALLEST = "full", "demo", "smallest"
SCALES = {
    FULL: Scale(1.0, stages.PUBLISHED, n_folds=5),
    DEMO: Scale(
        0.125,
        ("adam 3e-3 12", "sgd 1e-2 2", "sgd 1e-3 1", "sgd 1e-4 1"),
        batch_size=8,
        demo=(64, 30.0),
        variants=(
            *("pitch-down-2", "pitch-up-2", "tempo-71", "tempo-141"),
            *("noise-1", "noise-10", "drc-music-standard", "drc-radio"),
        ),
    ),
    SMALLEST: Scale(
        0.0625,
        ("adam 3e-3 1", "sgd 1e-3 1"),
        batch_size=8,
        networks=("samplecnn", "shortchunk"),
        variants=("pitch-up-2", "tempo-141", "noise-10", "drc-radio"),
        demo=(24, 8.0),
    ),
}


def get_scale(name: str) -> Scale:
    """Return a scale; raise `UnknownNameError` when there is no such."""
    if name not in SCALES:
        raise unknown("scale", name, SCALES)
    return SCALES[name]


def choose_networks(asked: Sequence[str], scale: Scale) -> tuple[str, ...]:
    """Return the networks that are asked for, in the order of `NETWORKS`; raise `UnknownNameError` for others."""
    for name in asked:
        if name not in NETWORKS:
            raise unknown("network", name, NETWORKS)
    return tuple(name for name in NETWORKS if name in (asked or scale.networks))


def adapt_recipe(recipe: Recipe, scale: Scale, changes: Mapping[str, str]) -> Recipe:
    """Return the recipe that all networks share: the scale's, and what the user wants otherwise.

    Raises
    ------
    DataError
        When the recipe is not one of two tags or more.
    RecipeError
        When a change does not fit.
    """
    if recipe.kind != MULTI_LABEL:
        remedy = "Name another task, or leave it out: the tags are then those of the collection."
        raise DataError(explain("task", "one of tags, kind multi_label", recipe.kind, recipe.task, remedy))
    check_tags(recipe.classes, recipe.task)
    shared: dict[str, Any] = {
        "labels": NONE,
        "network__fine_tune": "none",
        "network__hidden": 0,
        "training__stages": scale.stages,
        "training__batch_size": scale.batch_size,
        "training__l2": 1e-4,
        "calibration__method": NONE,
        "demo__tracks": scale.demo[0],
        "demo__seconds": scale.demo[1],
    }
    return change_recipe(recipe.override(**shared, network__width=scale.width), changes)


def check_tags(tags: Sequence[str], where: object) -> None:
    """Raise `DataError` when there are fewer than two tags."""
    if len(tags) < 2:
        remedy = "Give a collection with more tags; one tag alone is what train and crossval are for."
        raise DataError(explain("tags of a benchmark", "two or more", ", ".join(tags) or "none", where, remedy))


def list_recipes(recipe: Recipe, networks: Sequence[str]) -> dict[str, Recipe]:
    """Return the recipe of each network."""
    return {name: recipe.override(network__backbone=name) for name in networks}
