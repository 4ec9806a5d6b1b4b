"""A recipe resolved into a plan: what the nets zone trains on, written into a run folder.

In: a recipe, a collection and a split; out: a `Plan`, written with the targets of every track as ``labels.csv``,
``labels.json`` and, the last, ``plan.json``. Targets of training tracks come from the label source, fitted on them
alone; those of the others are one-hot. No room below asks the recipe again for network, front-end or extractor.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl import frontends
from essentia_ldl import labels as label_sources
from essentia_ldl.choices import REGRESSION, SINGLE_LABEL
from essentia_ldl.collection import splits
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import RecipeError, explain
from essentia_ldl.features.beside import find_networks, identify_networks
from essentia_ldl.features.extractors import Extractor, identify_weights, plan_extractor, read_extractor
from essentia_ldl.features.store import Store
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Split
from essentia_ldl.runs.plan import (
    AugmentPlan,
    ExtractorPlan,
    NetworkPlan,
    Places,
    Plan,
    PlannedAudio,
    PlannedTrack,
    TrainingPlan,
    read_plan,
    write_plan,
)
from essentia_ldl.runs.targets import name_table, write_report, write_table, write_truth
from essentia_ldl.taps import Network, Published
from essentia_ldl.train import multi_target
from essentia_ldl.train.adapt import describe_adaptation
from essentia_ldl.train.auto import fit_solved, solve_plan
from essentia_ldl.train.targets import build_source, fit_labels, fit_targets

N_VERIFIED_TRACKS = 2


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is asked of one training beside its recipe.

    Parameters
    ----------
    export : bool
        Whether graphs are exported.
    max_hours : float or None
        Stop training after that long.
    patch_hop : int or None
        Frames between the patches that are scored; None is the front-end's.
    halvings : tuple[int, ...] or None
        Epochs after which the learning rate halves; None lets the plateau rule decide.
    metrics : Mapping[str, float]
        What the card says of the collection as a measure, in Essentia's names.
    """

    export: bool = True
    max_hours: float | None = None
    patch_hop: int | None = None
    halvings: tuple[int, ...] | None = None
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)


PLAIN = Wanted()


def check_sampling(recipe: Recipe) -> None:
    """Raise `RecipeError` when a recipe wants dropout samples of a network without dropout."""
    network = recipe.network
    several = recipe.target_networks != "none"
    key, rate = ("targets.dropout", recipe.targets.dropout) if several else ("network.dropout", network.dropout)
    if recipe.uncertainty.samples and (several or network.fine_tune == "head") and not rate:
        rule, remedy = "above 0, because dropout makes the samples", "Set it, such as 0.3, or uncertainty.samples to 0."
        raise RecipeError(explain(key, rule, 0.0, f"recipe {recipe.task}", remedy))


def plan_run(
    folder: Path,
    recipe: Recipe,
    collection: Collection,
    split: Split,
    wanted: Wanted = PLAIN,
    say: Callable[[str], None] = print,
) -> Plan:
    """Fit the targets of a training, and write them and the plan into its folder, the plan last.

    Parameters
    ----------
    folder : Path
        Run folder, or the cell of a cross-validation.
    recipe, collection, split
        What to train on.
    wanted : Wanted
        What is asked of it.
    say : callable
        Gets a line on what was chosen.

    Returns
    -------
    Plan
        What the nets zone reads.
    """
    if recipe.is_solved:
        found = fit_solved(folder, recipe, collection, split, say if wanted.export else None)
        plan = solve_plan(compose_plan(folder, found, collection, split, wanted))
        write_plan(plan)
        return plan
    n_networks = multi_target.count_networks(recipe)
    table, report = fit_labels(recipe, recipe.main_source, collection, split)
    plan = compose_plan(folder, recipe, collection, split, wanted)
    if plan.max_hours is not None:
        plan = dataclasses.replace(plan, max_hours=plan.max_hours / (n_networks + 1))
    reports = {"source": recipe.labels, **report}
    if n_networks:
        targets, fitted = fit_targets(recipe, collection, split, {recipe.main_source: (table, report)})
        reports |= {"targets": fitted}
        networks = multi_target.write_networks(folder / multi_target.FOLDER, recipe, targets, plan)
        plan = multi_target.plan_classifier(recipe, plan, networks)
    write_table(table, folder / name_table())
    if recipe.kind != SINGLE_LABEL:
        write_truth(folder, build_source(recipe, "none")(collection.tracks))
    write_report(folder, reports)
    write_plan(plan)
    return plan


def compose_plan(folder: Path, recipe: Recipe, collection: Collection, split: Split, wanted: Wanted = PLAIN) -> Plan:
    """Resolve a recipe into the plan of one training; parameters as those of `plan_run`. Nothing is written."""
    network, training = recipe.network, recipe.training
    beside = find_networks(network.backbones, collection.home.graphs)
    planned = NetworkPlan(**dataclasses.asdict(network), published=_list_published(beside))
    front_end = frontends.of_network(network.backbone)
    if beside and beside[0].front_end != front_end:  # that of networks of the user's own
        front_end = beside[0].front_end
        planned = dataclasses.replace(planned, backbone=beside[0].published.backbone)
    extractor = read_extractor(network, collection.home.graphs) if network.extractor else None
    card = _card_fields(recipe, collection)
    if wanted.metrics:
        card["dataset"]["metrics"] = dict(wanted.metrics)
    return Plan(
        folder=Path(folder),
        task=recipe.task,
        name=recipe.task.replace("-", " "),
        description=recipe.description,
        classes=recipe.classes,
        front_end=front_end if extractor is None else extractor.front_end,
        network=planned,
        training=TrainingPlan(
            epochs=recipe.n_epochs,
            batch_size=training.batch_size,
            learning_rate=training.learning_rate,
            l2=training.l2,
            patience=training.patience,
            loss=training.loss,
            class_weights=training.class_weights,
            halvings=None if training.stages else wanted.halvings,
            stages=training.stages,
            rate_factor=training.rate_factor,
            warmup_epochs=training.warmup_epochs,
            mixed_precision=training.mixed_precision,
        ),
        augment=AugmentPlan(**dataclasses.asdict(recipe.augment)),
        tracks=tuple(
            PlannedTrack(track.id, collection.contents[track.id], split.role(track.id), track.label)
            for track in collection.tracks
        ),
        places=find_places(collection),
        labels_source=recipe.labels,
        seed=recipe.split.seed,
        max_hours=wanted.max_hours,
        export=wanted.export,
        stems=name_stems(recipe, collection.is_demo, extractor),
        card=card,
        evaluation_hop_frames=wanted.patch_hop,
        extractor=None if extractor is None else _describe_extractor(extractor, collection),
        calibration=recipe.calibration.method,
        samples=recipe.uncertainty.samples,
        grouped=splits.describe(split, collection.tracks).grouped,
        kind=recipe.kind,
    )


def _list_published(networks: Sequence[Network]) -> tuple[Published, ...]:
    return tuple(network.published for network in networks if network.published is not None)


def _describe_extractor(extractor: Extractor, collection: Collection) -> ExtractorPlan:
    first = collection.contents[collection.tracks[0].id]
    return ExtractorPlan(**plan_extractor(extractor, Store(collection.home.store), first))


def update_places(folder: Path, collection: Collection) -> None:
    """Write where things are into the plan of a folder, and of its networks, again: they may have moved since."""
    plan = read_plan(folder)
    for network in plan.features:
        if network.is_relative_to(plan.folder):
            update_places(network, collection)
    extractor = plan.extractor
    if extractor is not None and not Path(extractor.graph).is_file():
        extractor = dataclasses.replace(extractor, graph=str(collection.home.graphs / f"{extractor.name}.pb"))
    write_plan(dataclasses.replace(plan, places=find_places(collection), extractor=extractor))


def identify_tracks(recipe: Recipe, collection: Collection) -> list[list[Any]]:
    """Return what of every track decides the numbers of a run: id, content, label, artist, columns that labels read."""
    if recipe.kind != SINGLE_LABEL:
        return [
            [track.id, collection.contents[track.id], list(track.names), dict(track.numbers or {}), track.artist]
            for track in collection.tracks
        ]
    columns = sorted({name for preset in label_sources.presets() for name in build_source(recipe, preset).columns})
    return [
        [track.id, collection.contents[track.id], track.label, track.artist, [track.columns.get(c) for c in columns]]
        for track in collection.tracks
    ]


def identify_graphs(recipe: Recipe, graphs: Path) -> list[str]:
    """Return what of the user's own graphs decides the numbers of a run; nothing where the recipe names none."""
    beside = (*recipe.network.backbones, *recipe.choice.networks)
    return [*identify_weights(recipe.network, graphs), *identify_networks(beside, graphs)]


def find_places(collection: Collection) -> Places:
    """Return where the things are that a plan needs: it may change between a stop and going on."""
    shortest = sorted(collection.tracks, key=lambda track: collection.durations_s[track.id])[:N_VERIFIED_TRACKS]
    return Places(
        store=collection.home.store,
        graphs=collection.home.graphs,
        audio=tuple(PlannedAudio(track.path, collection.contents[track.id]) for track in shortest),
        paths={track.id: track.path for track in collection.tracks},
        artists={track.id: track.artist for track in collection.tracks if track.artist is not None},
    )


def name_stems(recipe: Recipe, is_demo: bool, extractor: Extractor | None = None) -> dict[str, str | None]:
    """Name the exported files, without version: the full graph, and the head of a frozen network.

    Parameters
    ----------
    recipe : Recipe
        Task, network and labels.
    is_demo : bool
        Whether the names begin with "demo-".
    extractor : Extractor or None
        What the recipe's extractor is, where it names one.

    Returns
    -------
    dict
        full ``mood_sad-musicnn-msd`` and head ``mood_sad-msd-musicnn`` (the middle parts swap, as Essentia's do); only
        the head, ``mood_sad-discogs-effnet``, over a published extractor; only the full graph, ``genre_fma-dcnn-agf``,
        over networks that learned artist groups, or whatever another target beside the classes is called, and
        ``mood_sad-joint-4`` over four pretrained ones, or extractors, side by side.
    """
    prefix = f"{'demo-' if is_demo else ''}{recipe.file_task}"
    network = recipe.network
    if recipe.target_networks != "none":
        beside = [source for source in recipe.learned if label_sources.is_auxiliary(source)]
        groups = any(source in label_sources.AGF for source in beside)
        learned = "agf" if groups else beside[0].replace("_", "-") if beside else "transfer"
        return {"full": f"{prefix}-{network.backbone}-{learned}", "head": None}
    if network.fine_tune == "none":
        return {"full": f"{prefix}-{network.backbone}-scratch", "head": None}
    if extractor is not None:
        return {"full": None, "head": f"{prefix}-{extractor.stem}"}
    if network.backbones:  # layers that no published extractor answers
        return {"full": f"{prefix}-joint-{len(network.backbones)}", "head": None}
    full = f"{prefix}-{network.backbone}-{network.pretrained}"
    head = f"{prefix}-{network.pretrained}-{network.backbone}" if network.fine_tune == "head" else None
    return {"full": full, "head": head}


def _card_fields(recipe: Recipe, collection: Collection) -> dict[str, Any]:
    is_demo = collection.is_demo
    counts = "/".join(str(sum(name in t.names for t in collection.tracks)) for name in recipe.classes)
    counts = "with numbers" if recipe.kind == REGRESSION else f"{counts} per class"
    card = recipe.card
    adapted = {} if collection.target is None else {"adapted": describe_adaptation(collection.target)}
    return {
        **adapted,
        "author": card.author,
        "email": card.email,
        "release_date": datetime.date.today().isoformat(),
        "dataset": {
            "name": "essentia-ldl demo (synthetic)" if is_demo else card.dataset or "unnamed",
            "size": f"{len(collection.tracks)} tracks, {counts}",
        },
        "licence": card.licence,
        "training_data_rights": "synthetic, no rights attached" if is_demo else card.training_data_rights,
        **({"base_url": card.base_url} if card.base_url else {}),
        "demo": is_demo,
        "recipe_hash": recipe.digest,
    }
