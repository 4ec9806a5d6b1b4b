"""Several targets become networks, and their penultimate layers become what a classifier reads.

In: a recipe with several label sources, and a collection with features; out: a folder per network below the run, each a
plan of its own that the nets zone trains before the classifier's. Targets of artist groups are fitted on the training
tracks alone and exist for them alone, so these networks know neither validation nor test tracks; they train for a fixed
number of epochs, and so does the classifier.

References
----------
Kim, Won, Serra and Liem, "Transfer learning of artist group factors to musical genre classification", WWW 2018,
section 3.2: single-task networks, a multi-task network that shares its first block, and a multilayer perceptron on the
features of all networks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import labels as label_sources
from essentia_ldl.choices import SEPARATE, SHARED, WIDE
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import LabelTable
from essentia_ldl.runs.plan import LearnedTargets, Plan, TaskPlan, TrainingPlan, choose_loss, write_plan
from essentia_ldl.runs.targets import name_table, write_table
from essentia_ldl.scores.calibration import NONE

FOLDER = "features"
MAIN = "g"  # the task's own classes, the paper's letter for genre
N_NAMED = 5  # artists
LOADED = "features"  # what a plan calls the weights below its classifier


@dataclasses.dataclass(frozen=True)
class Target:
    """What one network, or one branch of a shared one, learns.

    Parameters
    ----------
    name : str
        A letter of the paper: g, m, d, e or s.
    source : str
        Label source that made it.
    table : LabelTable
        Distributions of the tracks that it is learned from.
    """

    name: str
    source: str
    table: LabelTable


def name_target(source: str) -> str:
    """Return the paper's letter of a label source: "m" for "agf-m", "g" for a source of the task's own classes."""
    return source.removeprefix("agf-") if label_sources.is_auxiliary(source) else MAIN


def describe_left_out(reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say which artists and tracks taught a target nothing; one line per target that lacks some.

    Parameters
    ----------
    reports : Mapping[str, Mapping[str, Any]]
        What the label sources measured, by letter.
    """
    lines = []
    for letter, report in reports.items():
        silent, nameless = report.get("artists_without_words", ()), report.get("tracks_without_artist", 0)
        parts = [f"{nameless} tracks without artist"] if nameless else []
        refused = report.get("n_tracks_without_descriptors", 0)
        parts += [f"{refused} tracks that MusicExtractor refused"] if refused else []
        wordless = report.get("tracks_without_target", 0)
        parts += [f"{wordless} tracks without a word that has a vector"] if wordless else []
        if silent:
            named = ", ".join(silent[:N_NAMED]) + (", ..." if len(silent) > N_NAMED else "")
            parts.append(f"{len(silent)} artists without words ({named})")
        if parts:
            lines.append(f"target {letter} is not learned from {' and '.join(parts)}")
    return lines


def count_networks(recipe: Recipe) -> int:
    """Return how many networks a recipe trains below its classifier; 0 when it has one target."""
    networks = recipe.target_networks
    return {NONE: 0, SEPARATE: len(recipe.sources)}.get(networks, 1)


def write_networks(folder: Path, recipe: Recipe, targets: Mapping[str, Target], plan: Plan) -> list[Path]:
    """Write the plans of the networks that learn the targets.

    Parameters
    ----------
    folder : Path
        Gets a sub-folder per network: the letter of its target, "shared" or "wide".
    recipe : Recipe
        Its section training says how they are trained, its targets whether they are separate, shared or wide. A single
        target has a network of its own unless wide.
    targets : Mapping[str, Target]
        By letter, in the order of the recipe's sources.
    plan : Plan
        What every plan of the run says: task, tracks, network, places, seed and the like.

    Returns
    -------
    list[Path]
        The sub-folders, in the order in which a classifier reads them.
    """
    networks = recipe.target_networks
    found = list(targets.values())
    if networks == WIDE:
        return [_write_network(folder / WIDE, recipe, found[:1], plan, n_networks=len(recipe.sources))]
    if networks == SHARED and len(found) > 1:
        return [_write_network(folder / SHARED, recipe, found, plan)]
    return [_write_network(folder / target.name, recipe, [target], plan) for target in found]


def _write_network(folder: Path, recipe: Recipe, targets: list[Target], plan: Plan, n_networks: int = 1) -> Path:
    """Write labels and plan of one network; with several targets it is one with shared layers."""
    known = {track_id for target in targets for track_id in target.table.ids}
    tracks = tuple(track for track in plan.tracks if track.role == "train" and track.id in known)
    letters = "".join(target.name for target in targets)
    shared = len(targets) > 1
    for target in targets:
        table = _take_rows(target.table, [track.id for track in tracks])
        write_table(table, folder / name_table(target.name if shared else ""))
    write_plan(
        dataclasses.replace(
            plan,
            folder=folder,
            name=f"{plan.name}, {letters}{f' with the parameters of {n_networks}' if n_networks > 1 else ''}",
            classes=targets[0].table.classes,
            network=dataclasses.replace(plan.network, n_networks=n_networks),
            extractor=None,
            training=plan_training(recipe, recipe.n_epochs * len(targets), targets[0].source),
            labels_source="+".join(target.source for target in targets),
            export=False,
            stems={},
            calibration=NONE,
            samples=0,
            evaluation_hop_frames=None,
            predictions=False,
            tracks=tracks,
            tasks=tuple(_plan_task(recipe, target) for target in targets) if shared else (),
        )
    )
    return folder


def _plan_task(recipe: Recipe, target: Target) -> TaskPlan:
    """Return what the plan of a shared network says of a target: it is learned as by a network of its own."""
    training = plan_training(recipe, 1, target.source)
    return TaskPlan(target.name, target.table.classes, training.loss, training.class_weights)


def _take_rows(table: LabelTable, ids: Sequence[str]) -> LabelTable:
    """Keep the rows of some tracks, those that the table has."""
    known = set(table.ids)
    kept = tuple(track_id for track_id in ids if track_id in known)
    return LabelTable(kept, table.classes, table.rows(kept))


def plan_training(recipe: Recipe, n_epochs: int, source: str) -> TrainingPlan:
    """Return how long and how fast one of several networks trains: a fixed number of epochs, as the paper's.

    Targets of artist groups are distributions over groups, learned by cross-entropy (public code of the paper).
    """
    training, auxiliary = recipe.training, label_sources.is_auxiliary(source)
    return TrainingPlan(
        epochs=n_epochs,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        l2=training.l2,
        patience=training.patience,
        loss=choose_loss(training.loss, is_smoothed=not auxiliary and source != "none"),
        class_weights="none" if auxiliary else training.class_weights,
        halvings=(),
    )


def plan_classifier(recipe: Recipe, plan: Plan, networks: Sequence[Path]) -> Plan:
    """Return the plan of a classifier on the features of networks (paper, 3.2.3).

    Parameters
    ----------
    recipe : Recipe
        Its section targets is meant.
    plan : Plan
        What every plan of the run says: task, tracks, network, places, seed and the like.
    networks : sequence of Path
        Folders of the networks that it reads.
    """
    below, settings = plan.network, recipe.targets
    return dataclasses.replace(
        plan,
        network=dataclasses.replace(
            below,
            fine_tune="head",
            pretrained=LOADED,
            hidden=settings.hidden,
            standardize=False,
            dropout=settings.dropout,
            activation="elu",
        ),
        training=plan_training(recipe, settings.epochs, recipe.main_source),
        features=tuple(networks),
        learned=LearnedTargets(
            networks=recipe.target_networks,
            targets=tuple(name_target(source) for source in recipe.learned),
            fine_tune=below.fine_tune,
            pretrained=below.pretrained,
        ),
    )
