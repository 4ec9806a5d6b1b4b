"""The members of an ensemble: what makes networks fit one another, and the run folder that they make together.

In: folders of trained networks; out: a run folder like that of one network, whose ``weights.npz`` holds the weights of
every member under its number, and whose ``predictions.npz`` holds the patches of a track once per member, so that the
mean over its rows is what the graph answers.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.arrays import read_arrays
from essentia_ldl.choices import SINGLE_LABEL
from essentia_ldl.errors import DataError, StoreError, TrainingError, explain
from essentia_ldl.files import replacing
from essentia_ldl.records import LabelTable
from essentia_ldl.runs.names import WEIGHTS
from essentia_ldl.runs.outcome import copy_history
from essentia_ldl.runs.plan import Plan, PlannedTrack, read_plan, write_plan
from essentia_ldl.runs.predictions import Predictions, read_predictions, write_predictions
from essentia_ldl.runs.targets import name_table, read_report, read_table, write_report, write_table

MEMBERS = "members"  # folder of the members of a run
# What of a plan's network decides which weights there are, and what they read.
SAME_NETWORK = (
    *("backbone", "pretrained", "fine_tune", "hidden", "standardize", "extractor", "extractor_output"),
    *("backbones", "layers", "n_vectors"),
)
_TRAIN_IT = "Train that run to its end."


@dataclasses.dataclass(frozen=True)
class Member:
    """A trained network.

    Parameters
    ----------
    name : str
        For the card.
    folder : Path
        With plan.json, labels.csv, weights.npz and predictions.npz.
    """

    name: str
    folder: Path

    @functools.cached_property
    def plan(self) -> Plan:
        """Its plan."""
        return read_plan(self.folder)

    def read_predictions(self) -> Predictions:
        """Read its predictions.

        Raises
        ------
        StoreError
            When they are missing, damaged or without logits.
        """
        try:
            found = read_predictions(self.folder)
        except DataError as error:
            raise StoreError(str(error)) from None
        if found.patch_logits is None:
            raise StoreError(explain("predictions", "those of a network", "no logits", self.folder, _TRAIN_IT))
        return found


def check_members(members: Sequence[Member]) -> None:
    """Check that members can be one model.

    Raises
    ------
    DataError
        When there are fewer than two, one is there twice or is an ensemble itself, or classes or networks differ.
    StoreError
        When one has no weights.
    """
    if len(members) < 2:
        rule, remedy = "two networks or more", "Name another run, or use train --members."
        raise DataError(explain("ensemble", rule, len(members), "members", remedy))
    first, where = members[0].plan, members[0].name
    seen: set[Path] = set()
    for member in members:
        plan = member.plan
        if member.folder in seen:
            raise DataError(explain("ensemble", "each network once", member.name, "members", "Name it once."))
        seen.add(member.folder)
        if plan.members:
            remedy = "Name its members."
            raise DataError(explain("member", "a single network", "an ensemble", member.name, remedy))
        if plan.features:
            remedy = "Name runs without artist groups."
            raise DataError(explain("member", "a network with one target", "several targets", member.name, remedy))
        if plan.evaluation_hop_frames is not None:
            rule, remedy = "patches as predict cuts them", "Cross-validate without --patch-hop."
            raise DataError(explain("patch hop", rule, plan.evaluation_hop_frames, member.name, remedy))
        if not (member.folder / WEIGHTS).is_file():
            raise StoreError(explain("member", "trained weights", "none", member.folder, _TRAIN_IT))
        if plan.classes != first.classes:
            rule = f"the classes of {where}, {', '.join(first.classes)}"
            raise DataError(explain("classes", rule, ", ".join(plan.classes), member.name, "Name runs of one task."))
        for key in SAME_NETWORK:
            expected, found = getattr(first.network, key), getattr(plan.network, key)
            if found != expected:
                rule, remedy = f"{expected!r}, as in {where}", "Name runs of one network."
                raise DataError(explain(f"network.{key}", rule, found, member.name, remedy))
        if _list_digests(plan) != _list_digests(first):
            remedy = "Name runs over one graph."
            raise DataError(explain("extractor", f"the bytes that {where} read", "others", member.name, remedy))


def _list_digests(plan: Plan) -> list[str]:
    """List the digests of the user's graphs that a network stands on."""
    extractor = [] if plan.extractor is None else [plan.extractor]
    return [one.sha256 for one in (*extractor, *plan.network.published)]


def join_plans(run: Path, members: Sequence[Member]) -> Plan:
    """Return the plan of an ensemble: that of its first member with the tracks of all.

    A track validates when no member was trained on it, and tests when it tests all of them; all others count as trained
    on.

    Parameters
    ----------
    run : Path
        Run folder of the ensemble.
    members : sequence of Member
        Checked.

    Raises
    ------
    TrainingError
        When no track is left that trains.
    """
    plans = [member.plan for member in members]
    if plans[0].kind != SINGLE_LABEL:
        rule, remedy = "networks of tasks with one class per track", "Name other runs."
        raise TrainingError(explain("members", rule, plans[0].kind, run, remedy))
    roles: dict[str, list[str]] = {}
    tracks: dict[str, PlannedTrack] = {}
    for plan in plans:
        for track in plan.tracks:
            tracks.setdefault(track.id, track)
            roles.setdefault(track.id, []).append(track.role)
    sides = {name: _join_roles(found) for name, found in roles.items()}
    if "train" not in sides.values():
        remedy = "Name runs of one collection."
        raise TrainingError(explain("tracks", "at least one that trained a member", 0, run, remedy))
    places = dataclasses.replace(
        plans[0].places,
        paths={name: path for plan in reversed(plans) for name, path in plan.places.paths.items()},
        artists={name: artist for plan in reversed(plans) for name, artist in plan.places.artists.items()},
    )
    return dataclasses.replace(
        plans[0],
        folder=run,
        tracks=tuple(dataclasses.replace(track, role=sides[name]) for name, track in tracks.items()),
        places=places,
        export=True,
        samples=0,
        members=tuple(member.name for member in members),
    )


def assemble(plan: Plan, members: Sequence[Member]) -> None:
    """Write the run folder of an ensemble: what a training leaves, and the members' weights in one file.

    ``history.json`` is the first member's.

    Parameters
    ----------
    plan : Plan
        From `join_plans`; with another name, stems or calibration where these are wanted.
    members : sequence of Member
        Checked.

    Raises
    ------
    DataError
        When members read other patches of a track.
    StoreError
        When a file of a member is missing or damaged.
    """
    run, found = plan.folder, [member.read_predictions() for member in members]
    weights = {}
    for number, member in enumerate(members):
        arrays = read_arrays(member.folder / WEIGHTS, "weights", _TRAIN_IT)
        weights |= {f"{number}/{name}": array for name, array in arrays.items()}
    sides = {track.id: track.role for track in plan.tracks}
    predictions = stack_predictions(found, plan.classes, sides, plan.members)
    write_table(_join_labels(members), run / name_table())
    write_report(run, read_report(members[0].folder))
    copy_history(members[0].folder, run)
    with replacing(run / WEIGHTS) as file:
        np.savez(file, **weights)
    write_predictions(run, predictions)
    write_plan(plan)  # the last one: it names what is there


def _join_roles(roles: Sequence[str]) -> str:
    if "train" in roles:
        return "train"
    return "test" if set(roles) == {"test"} else "valid"


def _join_labels(members: Sequence[Member]) -> LabelTable:
    """Return the label distributions of all members' tracks, each from the first member that has it."""
    tables = [read_table(member.folder / name_table()) for member in members]
    rows = {name: row for table in reversed(tables) for name, row in zip(table.ids, table.distributions, strict=True)}
    return LabelTable(tuple(rows), tables[0].classes, np.stack(list(rows.values())))


def stack_predictions(
    members: Sequence[Predictions],
    classes: Sequence[str],
    sides: Mapping[str, str],
    names: Sequence[str],
) -> Predictions:
    """Put what members say of the same tracks behind one another, track by track.

    Parameters
    ----------
    members : sequence of Predictions
        With logits.
    classes : sequence of str
        Columns of the logits.
    sides : Mapping[str, str]
        Role of each track.
    names : sequence of str
        Of the members, for messages.

    Returns
    -------
    Predictions
        Of the tracks that all members answered for: n_patches counts every patch once per member.

    Raises
    ------
    DataError
        When no track is answered for by all, or members read other patches of one.
    """
    found = []
    for one in members:
        starts = np.cumsum(one.n_patches) - one.n_patches
        rows = zip(one.ids, one.labels, starts, one.n_patches, strict=True)
        found.append({str(i): (str(label), one.patch_logits[at : at + n]) for i, label, at, n in rows})
    ids = [str(i) for i in members[0].ids if all(str(i) in member for member in found)]
    if not ids:
        remedy = "Name runs of one collection."
        raise DataError(explain("tracks", "some that all members answer for", 0, names[0], remedy))
    for name, member in zip(names, found, strict=True):
        for track_id in ids:
            if member[track_id][1].shape != found[0][track_id][1].shape:
                shapes = (found[0][track_id][1].shape, member[track_id][1].shape)
                rule, remedy = f"patches {shapes[0]} of {track_id}, as {names[0]}", "Use one distance of patches."
                raise DataError(explain("patches", rule, shapes[1], name, remedy))
    logits = [np.concatenate([member[track_id][1] for member in found]) for track_id in ids]
    # Uncalibrated here; who calibrates the run replaces them.
    values = [np.exp(rows - rows.max(axis=1, keepdims=True)) for rows in logits]
    means = [(rows / rows.sum(axis=1, keepdims=True)).mean(axis=0) for rows in values]
    return Predictions(
        ids=np.array(ids),
        roles=np.array([sides[track_id] for track_id in ids]),
        labels=np.array([found[0][track_id][0] for track_id in ids]),
        classes=np.array(list(classes)),
        probabilities=np.stack(means).astype(np.float32),
        patch_logits=np.concatenate(logits),
        n_patches=np.array([len(rows) for rows in logits], dtype=np.int64),
    )
