"""Targets: what every track of a split is trained towards, by the label sources of a recipe.

In: a recipe, a collection and a split; out: label distributions. A source is fitted on the training tracks alone;
validation and test tracks stay one-hot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from essentia_ldl import labels as label_sources
from essentia_ldl.collection.read import Collection
from essentia_ldl.features import embeddings
from essentia_ldl.features.reader import TrackFeatures
from essentia_ldl.recipe.recipe import Recipe, read_nothing
from essentia_ldl.records import LabelTable, Split
from essentia_ldl.train import multi_target


def label_front_ends(recipe: Recipe, sources: Sequence[str]) -> list[str]:
    """Return the names of the front-ends whose features some label sources read.

    Raises
    ------
    RecipeError
        When one of them reads embeddings and the network has none.
    """
    needed = set()
    for source in list_sources(recipe, sources):
        needed |= set(build_source(recipe, source).front_ends)
    if embeddings.NAME in needed:
        embeddings.check_network(recipe.network)
    return sorted(needed)


def list_sources(recipe: Recipe, sources: Sequence[str]) -> list[str]:
    """Return every source of a list in which some stand for several, each once; of wide networks the first of each."""
    wide = recipe.targets.networks == multi_target.WIDE
    named = [label_sources.expand(source)[: 1 if wide else None] for source in sources]
    return list(dict.fromkeys(name for names in named for name in names))


def fit_labels(
    recipe: Recipe, source_name: str, collection: Collection, split: Split
) -> tuple[LabelTable, Mapping[str, Any]]:
    """Make the targets of every track: the source's for training tracks, one-hot for the others.

    Returns
    -------
    table : LabelTable
        Every track of the split; of a source with columns of its own, the training tracks that it has a target for.
    report : Mapping[str, Any]
        What the source measured while fitting.
    """
    read_features = TrackFeatures(collection, recipe.network)
    by_id = {track.id: track for track in collection.tracks}
    train = [by_id[track_id] for track_id in split.train]
    others = [by_id[track_id] for track_id in (*split.valid, *split.test)]
    source = build_source(recipe, source_name, read_features).fit(train)
    if label_sources.is_auxiliary(source_name):
        return source([track for track in train if source.covers(track)]), source.report
    tables = [source(train)]
    if others:
        tables.append(build_source(recipe, "none", read_features).fit(train)(others))
    ids = tuple(track_id for table in tables for track_id in table.ids)
    rows = np.concatenate([table.distributions for table in tables])
    return LabelTable(ids, recipe.classes, rows, recipe.kind), source.report


def build_source(
    recipe: Recipe, name: str, read_features: label_sources.ReadFeatures = read_nothing
) -> label_sources.LabelSource:
    """Make a label source of a recipe, not fitted yet."""
    overrides = recipe.label_settings.get(name)
    return label_sources.build(name, recipe.classes, read_features, overrides, recipe.split.seed, recipe.kind)


def list_slow(recipe: Recipe) -> list[str]:
    """Return the sources of a training that keep one core busy for seconds while they are fitted."""
    sources = list_sources(recipe, (recipe.main_source, *recipe.learned))
    return [name for name in sources if getattr(build_source(recipe, name), "is_slow", False)]


def fit_targets(
    recipe: Recipe, collection: Collection, split: Split, known: Mapping[str, tuple[LabelTable, Mapping[str, Any]]]
) -> tuple[dict[str, multi_target.Target], dict[str, Mapping[str, Any]]]:
    """Fit what the networks below a classifier learn.

    Parameters
    ----------
    recipe, collection, split
        What to train on.
    known : Mapping[str, tuple[LabelTable, Mapping[str, Any]]]
        Tables and reports that are fitted already, by source.

    Returns
    -------
    targets : dict[str, multi_target.Target]
        By letter, in the order of the recipe's sources; of wide networks, which learn the first only, that one.
    reports : dict[str, Mapping[str, Any]]
        What each source measured, by letter.
    """
    targets, reports = {}, {}
    for source in recipe.learned:
        table, report = known[source] if source in known else fit_labels(recipe, source, collection, split)
        name = multi_target.name_target(source)
        targets[name], reports[name] = multi_target.Target(name, source, table), report
    return targets, reports
