"""What the nets zone trains on, written into a run folder: targets of every track, and the plan.

In: a recipe, a collection and a split; out: ``labels.csv``, ``labels.json`` and ``plan.json``. Targets of training
tracks come from the label source, fitted on them alone; those of the others are one-hot.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl import labels as label_sources
from essentia_ldl.collection import splits
from essentia_ldl.collection.read import Collection
from essentia_ldl.errors import DataError, RecipeError, StoreError, explain
from essentia_ldl.features import embeddings
from essentia_ldl.features.extractors import plan_extractor, read_extractor
from essentia_ldl.features.reader import TrackFeatures
from essentia_ldl.features.store import open_store
from essentia_ldl.files import graphs_folder, read_json, write_json
from essentia_ldl.recipe.recipe import Recipe, read_nothing
from essentia_ldl.records import LabelTable, Split
from essentia_ldl.train import multi_target as transfer

N_VERIFIED_TRACKS = 2


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
    wide = recipe.targets.networks == transfer.WIDE
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
    return LabelTable(ids, recipe.classes, rows), source.report


def build_source(
    recipe: Recipe, name: str, read_features: label_sources.ReadFeatures = read_nothing
) -> label_sources.LabelSource:
    """Make a label source of a recipe, not fitted yet."""
    overrides = recipe.label_settings.get(name)
    return label_sources.build(name, recipe.classes, read_features, overrides, recipe.split.seed)


def check_sampling(recipe: Recipe) -> None:
    """Raise `RecipeError` when a recipe wants dropout samples of a network without dropout."""
    network = recipe.network
    transferred = recipe.target_networks != "none"
    key, rate = ("targets.dropout", recipe.targets.dropout) if transferred else ("network.dropout", network.dropout)
    if recipe.uncertainty.samples and (transferred or network.fine_tune == "head") and not rate:
        rule, remedy = "above 0, because dropout makes the samples", "Set it, such as 0.3, or uncertainty.samples to 0."
        raise RecipeError(explain(key, rule, 0.0, f"recipe {recipe.task}", remedy))


def write_plan(
    run: Path,
    recipe: Recipe,
    collection: Collection,
    split: Split,
    *,
    source: str | None = None,
    is_demo: bool = False,
    export: bool = True,
    max_hours: float | None = None,
    patch_hop: int | None = None,
    halvings: Sequence[int] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Write what the nets zone reads: labels.csv and plan.json, the plan last.

    Parameters
    ----------
    run : Path
        Run folder.
    recipe, collection, split
        What to train on.
    source : str or None
        Label source; None is the recipe's.
    is_demo, export : bool
        Whether the model's name says demo, and whether graphs are exported.
    max_hours : float or None
        Stop training after that long.
    patch_hop : int or None
        Frames between the patches that are scored; None is the front-end's.
    halvings : sequence of int or None
        Epochs after which the learning rate halves; None lets the plateau rule decide.
    metrics : Mapping[str, float] or None
        What the card says of the collection as a measure, in Essentia's names.
    """
    recipe = recipe.override(labels=source)
    n_networks = transfer.count_networks(recipe)
    table, report = fit_labels(recipe, recipe.main_source, collection, split)
    plan = compose_plan(recipe, collection, split, run.name, is_demo=is_demo, export=export, metrics=metrics)
    plan["max_hours"] = None if max_hours is None else max_hours / (n_networks + 1)
    plan["evaluation_hop_frames"] = patch_hop
    plan["training"]["halvings"] = None if halvings is None else list(halvings)
    reports = {"source": recipe.labels, **report}
    if n_networks:
        targets, fitted = fit_targets(recipe, collection, split, {recipe.main_source: (table, report)})
        reports |= {"targets": fitted}
        names = transfer.write_networks(run / transfer.FOLDER, recipe, targets, plan)
        plan |= transfer.plan_classifier(recipe, plan, [f"{transfer.FOLDER}/{name}" for name in names])
    label_sources.write_table(table, run / "labels.csv")
    write_json(run / "labels.json", reports)
    write_json(run / "plan.json", plan)


def fit_targets(
    recipe: Recipe, collection: Collection, split: Split, known: Mapping[str, tuple[LabelTable, Mapping[str, Any]]]
) -> tuple[dict[str, transfer.Target], dict[str, Mapping[str, Any]]]:
    """Fit what the networks of a transfer learn.

    Parameters
    ----------
    recipe, collection, split
        What to train on.
    known : Mapping[str, tuple[LabelTable, Mapping[str, Any]]]
        Tables and reports that are fitted already, by source.

    Returns
    -------
    targets : dict[str, transfer.Target]
        By letter, in the order of the recipe's sources; of wide networks, which learn the first only, that one.
    reports : dict[str, Mapping[str, Any]]
        What each source measured, by letter.
    """
    targets, reports = {}, {}
    for source in recipe.learned:
        table, report = known[source] if source in known else fit_labels(recipe, source, collection, split)
        name = transfer.name_target(source)
        targets[name], reports[name] = transfer.Target(name, source, table), report
    return targets, reports


def compose_plan(
    recipe: Recipe,
    collection: Collection,
    split: Split,
    name: str,
    *,
    is_demo: bool = False,
    export: bool = True,
    metrics: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Compose what plan.json says; parameters as those of `write_plan`, and the name of the run."""
    sides = splits.describe(split, collection.tracks)
    training = dataclasses.asdict(recipe.training)
    training["epochs"] = recipe.n_epochs
    training.pop("epochs_from_scratch")
    network = dataclasses.asdict(recipe.network)
    if network["fine_tune"] == "none":
        network["pretrained"] = None
    card = _card_fields(recipe, collection, is_demo)
    if metrics:
        card["dataset"]["metrics"] = dict(metrics)
    return {
        "run": name,
        "task": recipe.task,
        "name": recipe.task.replace("-", " "),
        "description": recipe.description,
        "classes": list(recipe.classes),
        "front_end": frontends.of_network(recipe.network.backbone).name,
        "network": network,
        **_describe_extractor(recipe, collection),
        "training": training,
        "labels_source": recipe.labels,
        "seed": recipe.split.seed,
        "max_hours": None,
        "export": export,
        "stems": name_stems(recipe, is_demo),
        "card": card,
        "evaluation_hop_frames": None,
        "calibration": recipe.calibration.method,
        "samples": recipe.uncertainty.samples,
        "tracks": [
            {
                "id": track.id,
                "content": collection.contents[track.id],
                "role": split.role(track.id),
                "label": track.label,
            }
            for track in collection.tracks
        ],
        "split": {"grouped": sides.grouped},
        **find_places(collection),
    }


def _describe_extractor(recipe: Recipe, collection: Collection) -> dict[str, Any]:
    network = recipe.network
    if not network.extractor:
        return {"extractor": None}
    extractor = read_extractor(network)
    first = collection.contents[collection.tracks[0].id]
    return {
        "front_end": extractor.front_end.name,
        "extractor": plan_extractor(extractor, open_store(), first),
    }


def is_planned(run: Path) -> bool:
    """Tell whether a run folder holds all that `write_plan` writes; what is damaged has to be written again."""
    try:
        plan = read_json(run / "plan.json")
        for name in plan.get("features", ()):
            network = read_json(run / name / "plan.json")
            tables = [f"labels-{task['name']}.csv" for task in network.get("tasks", ())] or ["labels.csv"]
            for table in tables:
                label_sources.read_table(run / name / table)
    except (StoreError, DataError, AttributeError, KeyError, TypeError):  # json of another shape
        return False
    return True


def update_places(folder: Path, collection: Collection) -> None:
    """Write where things are into the plan of a folder, and of its networks, again: they may have moved since."""
    for network in sorted((folder / transfer.FOLDER).glob("*/plan.json")):
        update_places(network.parent, collection)
    plan = {**read_json(folder / "plan.json"), **find_places(collection)}
    extractor = plan.get("extractor")
    if extractor and not Path(extractor["graph"]).is_file():
        extractor["graph"] = str(graphs_folder() / f"{extractor['name']}.pb")
    write_json(folder / "plan.json", plan)


def identify_tracks(recipe: Recipe, collection: Collection) -> list[list[Any]]:
    """Return what of every track decides the numbers of a run: id, content, label, artist, columns that labels read."""
    columns = sorted({name for preset in label_sources.presets() for name in build_source(recipe, preset).columns})
    return [
        [track.id, collection.contents[track.id], track.label, track.artist, [track.columns.get(c) for c in columns]]
        for track in collection.tracks
    ]


def find_places(collection: Collection) -> dict[str, Any]:
    """Return what a plan says of where things are: it may change between a stop and going on."""
    shortest = sorted(collection.tracks, key=lambda track: collection.durations_s[track.id])[:N_VERIFIED_TRACKS]
    return {
        "store": str(open_store().root),
        "graphs": str(graphs_folder()),
        "audio": [{"path": track.path, "content": collection.contents[track.id]} for track in shortest],
        "paths": {track.id: track.path for track in collection.tracks},
        "artists": {track.id: track.artist for track in collection.tracks if track.artist is not None},
    }


def name_stems(recipe: Recipe, is_demo: bool) -> dict[str, str | None]:
    """Name the exported files, without version: the full graph, and the head of a frozen network.

    Returns
    -------
    dict
        full ``mood_sad-musicnn-msd`` and head ``mood_sad-msd-musicnn`` (the middle parts swap, as Essentia's do); only
        the head, ``mood_sad-discogs-effnet``, over a published extractor; only the full graph,
        ``genre_fma-dcnn-agf``, over networks that learned artist groups.
    """
    prefix = f"{'demo-' if is_demo else ''}{recipe.file_task}"
    network = recipe.network
    if recipe.target_networks != "none":
        learned = any(label_sources.is_auxiliary(source) for source in recipe.learned)
        return {"full": f"{prefix}-{network.backbone}-{'agf' if learned else 'transfer'}", "head": None}
    if network.fine_tune == "none":
        return {"full": f"{prefix}-{network.backbone}-scratch", "head": None}
    if network.extractor:
        return {"full": None, "head": f"{prefix}-{read_extractor(network).stem}"}
    full = f"{prefix}-{network.backbone}-{network.pretrained}"
    head = f"{prefix}-{network.pretrained}-{network.backbone}" if network.fine_tune == "head" else None
    return {"full": full, "head": head}


def _card_fields(recipe: Recipe, collection: Collection, is_demo: bool) -> dict[str, Any]:
    counts = "/".join(str(sum(t.label == name for t in collection.tracks)) for name in recipe.classes)
    card = recipe.card
    return {
        "author": card.author,
        "email": card.email,
        "release_date": datetime.date.today().isoformat(),
        "dataset": {
            "name": "essentia-ldl demo (synthetic)" if is_demo else card.dataset or "unnamed",
            "size": f"{len(collection.tracks)} tracks, {counts} per class",
        },
        "licence": card.licence,
        "training_data_rights": "synthetic, no rights attached" if is_demo else card.training_data_rights,
        "demo": is_demo,
        "recipe_hash": recipe.digest,
    }
