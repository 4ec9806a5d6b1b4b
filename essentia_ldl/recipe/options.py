"""What the options of a training make of a recipe. In: a recipe and named values; out: another recipe.

The command line and the Python API say the same by the same names; what is None or missing changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from essentia_ldl import frontends, taps
from essentia_ldl.choices import CHOSEN, HEAD
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.recipe.augment import read_augmentations
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.recipe.toml import change_recipe

PAPER = "sb"  # labels of the paper that the recipes are of


def is_descended(options: Mapping[str, Any]) -> bool:
    """Tell whether options ask for a network that only descent can train.

    Parameters
    ----------
    options : Mapping[str, Any]
        Options of a training by name, such as fine_tune, network, extractor, epochs, members, and changes.
    """
    changes = options.get("changes") or {}
    sections = {key.partition(".")[0] for key in changes}
    keys = {key for key in changes if key.startswith("network.")} - {"network.backbones", "network.layers"}
    return bool(
        options.get("fine_tune") not in (None, HEAD)
        or options.get("network") not in (None, "musicnn", "vgg")
        or keys
        or sections & {"training", "targets", "uncertainty"}
        or any(options.get(name) for name in ("extractor", "dropout", "samples", "epochs", "members", "augment"))
    )


def list_networks(options: Mapping[str, Any]) -> tuple[str, ...]:
    """List the pretrained networks that options leave to choose among; empty where they name none."""
    backbone, dataset = options.get("network"), options.get("pretrained")
    if backbone is None and dataset is None:
        return ()
    return tuple(name for name, (b, d) in taps.NETWORKS.items() if backbone in (None, b) and dataset in (None, d))


def check_options(options: Mapping[str, Any], recipe: Recipe) -> None:
    """Raise `RecipeError` when options contradict one another."""
    where, given = f"recipe {recipe.task}", options.get
    if given("extractor_output") and not given("extractor"):
        rule, remedy = "an extractor beside it", "Name the extractor too."
        raise RecipeError(explain("extractor_output", rule, given("extractor_output"), where, remedy))
    for other in ("network", "pretrained"):
        if given("extractor") and given(other):
            rule, remedy = "none beside an extractor, which stands in its place", f"Leave {other} out."
            raise RecipeError(explain(other, rule, given(other), where, remedy))
    if given("paper") and given("labels") in CHOSEN:
        rule, remedy = "labels of the paper", "Leave labels or paper out."
        raise RecipeError(explain("labels", rule, given("labels"), where, remedy))


def apply_options(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """Return a recipe with what the options of a training change in it.

    Parameters
    ----------
    recipe : Recipe
        What its file says.
    options : Mapping[str, Any]
        labels, sources, network, pretrained, extractor, extractor_output, fine_tune, augment (names, as
        `augment.read_augmentations` takes them), epochs, dropout, samples, seed, speed, music, paper, members;
        left_out, a column to choose by; and changes: keys of the recipe such as "network.hidden" and their values as
        TOML writes them.

    Returns
    -------
    Recipe
        Where labels are "auto" and an option, or the recipe's fine_tune, asks for what only descent can train, the
        labels are "none".

    Raises
    ------
    RecipeError
        When options contradict one another, or a key does not exist or has a value out of range.
    UnknownNameError
        When a label source or a network does not exist.
    """
    check_options(options, recipe)
    if options.get("network") and not options.get("pretrained") and options.get("fine_tune") != "none":
        options = {**options, "pretrained": _find_weights(options["network"], recipe.network.pretrained)}
    given, changes = options.get, options.get("changes") or {}
    if given("fine_tune") not in (None, HEAD):  # keys that only these allow, and that network, are read with them
        named = {"fine_tune": "fine_tune", "backbone": "network", "pretrained": "pretrained"}
        changes = {**{f"network.{key}": given(name) for key, name in named.items() if given(name)}, **changes}
    recipe = change_recipe(recipe, changes)
    augment = {} if given("augment") is None else read_augmentations(given("augment"))
    labels = given("labels")
    if given("paper"):
        labels = labels or (PAPER if recipe.is_solved else None)
    elif labels is None and recipe.is_solved and (is_descended(options) or recipe.network.fine_tune != HEAD):
        labels = "none"
    is_solved = recipe.override(labels=labels).is_solved
    if given("left_out") and not is_solved:
        rule, remedy = "none where labels do not choose", "Leave it out, or what asks for other labels."
        raise RecipeError(explain("leave-out", rule, given("left_out"), f"recipe {recipe.task}", remedy))
    if is_solved or given("sources"):
        recipe = recipe.override(choice__networks=list_networks(options) or None)
    return recipe.override(
        labels=labels,
        choice__speed=given("speed"),
        choice__music=given("music"),
        choice__leave_out=given("left_out"),
        network__backbone=given("network"),
        network__pretrained=given("pretrained"),
        network__fine_tune=given("fine_tune") or (HEAD if given("extractor") else None),
        **{f"augment__{key}": value for key, value in augment.items()},
        network__extractor=given("extractor"),
        network__extractor_output=given("extractor_output"),
        training__epochs=given("epochs"),
        training__epochs_from_scratch=given("epochs"),
        network__dropout=given("dropout"),
        uncertainty__samples=given("samples"),
        split__seed=given("seed"),
    )


def _find_weights(backbone: str, pretrained: str) -> str | None:
    """Return the data set of the weights of a network that an option names, where there are none of the recipe's.

    None leaves what the recipe says, which is checked later.
    """
    known = frontends.get_network(backbone).pretrained if backbone in frontends.NETWORKS else ()
    return known[0] if known and pretrained not in known else None
