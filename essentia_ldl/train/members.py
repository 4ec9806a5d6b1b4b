"""The members of an ensemble: what makes networks fit one another, and the run folder that they make together.

In: folders of trained networks; out: a run folder like that of one network, whose ``weights.npz`` holds the weights of
every member under its number, and whose ``predictions.npz`` holds the patches of a track once a member, so that the
mean over its rows is what the graph answers.
"""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import labels as label_sources
from essentia_ldl.errors import DataError, StoreError, TrainingError, explain
from essentia_ldl.files import read_json, replacing, write_json
from essentia_ldl.records import LabelTable
from essentia_ldl.scores.calibration import NONE
from essentia_ldl.scores.logits import FILE as PREDICTIONS

MEMBERS = "members"  # key of the plan, and folder of the members of a run
# What of a plan's network decides which weights there are, and what they read.
SAME_NETWORK = ("backbone", "pretrained", "fine_tune", "hidden", "standardize", "extractor", "extractor_output")
_BY_TRACK = ("paths", "artists")  # mappings of a plan with a value a track


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

    @property
    def plan(self) -> dict[str, Any]:
        """Its plan.json."""
        return read_json(self.folder / "plan.json")

    def read_predictions(self) -> dict[str, np.ndarray]:
        """Read its predictions.npz.

        Raises
        ------
        StoreError
            When it is missing, damaged or without logits.
        """
        path = self.folder / PREDICTIONS
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ("ids", "roles", "labels", "patch_logits", "n_patches")}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            remedy = "Train that run to its end."
            raise StoreError(explain("predictions", "those of a network", str(error), path, remedy)) from None
        return arrays


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
        if plan.get(MEMBERS):
            remedy = "Name its members."
            raise DataError(explain("member", "a single network", "an ensemble", member.name, remedy))
        if plan.get("features"):
            remedy = "Name runs without artist groups."
            raise DataError(explain("member", "a network without transfer", "transfer", member.name, remedy))
        if plan.get("evaluation_hop_frames") is not None:
            rule, remedy = "patches as predict cuts them", "Cross-validate without --patch-hop."
            raise DataError(explain("patch hop", rule, plan["evaluation_hop_frames"], member.name, remedy))
        if not (member.folder / "weights.npz").is_file():
            remedy = "Train that run to its end."
            raise StoreError(explain("member", "trained weights", "none", member.folder, remedy))
        if plan["classes"] != first["classes"]:
            rule = f"the classes of {where}, {', '.join(first['classes'])}"
            found = ", ".join(plan["classes"])
            raise DataError(explain("classes", rule, found, member.name, "Name runs of one task."))
        for key in SAME_NETWORK:
            expected, found = first["network"].get(key), plan["network"].get(key)
            if found != expected:
                rule, remedy = f"{expected!r}, as in {where}", "Name runs of one network."
                raise DataError(explain(f"network.{key}", rule, found, member.name, remedy))
        if (plan.get("extractor") or {}).get("sha256") != (first.get("extractor") or {}).get("sha256"):
            remedy = "Name runs over one graph."
            raise DataError(explain("extractor", f"the bytes that {where} read", "others", member.name, remedy))


def assemble(run: Path, members: Sequence[Member], changes: Mapping[str, Any] | None = None) -> None:
    """Write the run folder of an ensemble: what a training leaves, and the members' weights in one file.

    A track validates when no member was trained on it, and tests when it tests all of them; all others count as trained
    on. ``history.json`` is the first member's.

    Parameters
    ----------
    run : Path
        Run folder.
    members : sequence of Member
        Checked.
    changes : Mapping[str, Any] or None
        Keys of the plan that differ from the first member's.

    Raises
    ------
    DataError
        When members read other patches of a track.
    StoreError
        When a file of a member is missing or damaged.
    TrainingError
        When no track is left that trains.
    """
    plans = [member.plan for member in members]
    arrays = [member.read_predictions() for member in members]
    roles: dict[str, list[str]] = {}
    tracks: dict[str, dict[str, Any]] = {}
    for plan in plans:
        for track in plan["tracks"]:
            tracks.setdefault(track["id"], track)
            roles.setdefault(track["id"], []).append(track["role"])
    sides = {name: _join_roles(found) for name, found in roles.items()}
    if "train" not in sides.values():
        remedy = "Name runs of one collection."
        raise TrainingError(explain("tracks", "at least one that trained a member", 0, run, remedy))
    weights = {}
    for number, member in enumerate(members):
        path = member.folder / "weights.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                weights |= {f"{number}/{name}": file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            remedy = "Train that run to its end."
            raise StoreError(explain("weights", "a readable file", str(error), path, remedy)) from None
    predictions = stack_predictions(arrays, plans[0]["classes"], sides, [member.name for member in members])
    first = plans[0]
    plan = {
        **first,
        "run": run.name,
        "tracks": [{**track, "role": sides[name]} for name, track in tracks.items()],
        **{key: {k: v for plan in reversed(plans) for k, v in plan.get(key, {}).items()} for key in _BY_TRACK},
        "export": True,
        "samples": 0,
        "calibration": first.get("calibration", NONE),
        MEMBERS: [member.name for member in members],
        **(changes or {}),
    }
    label_sources.write_table(_join_labels(members), run / "labels.csv")
    for name in ("labels.json", "history.json"):
        write_json(run / name, read_json(members[0].folder / name))
    with replacing(run / "weights.npz") as file:
        np.savez(file, **weights)
    with replacing(run / PREDICTIONS) as file:
        np.savez(file, **predictions)
    write_json(run / "plan.json", plan)  # the last one: it names what is there


def _join_roles(roles: Sequence[str]) -> str:
    if "train" in roles:
        return "train"
    return "test" if set(roles) == {"test"} else "valid"


def _join_labels(members: Sequence[Member]) -> LabelTable:
    """Return the label distributions of all members' tracks, each from the first member that has it."""
    tables = [label_sources.read_table(member.folder / "labels.csv") for member in members]
    rows = {name: row for table in reversed(tables) for name, row in zip(table.ids, table.distributions, strict=True)}
    return LabelTable(tuple(rows), tables[0].classes, np.stack(list(rows.values())))


def stack_predictions(
    arrays: Sequence[Mapping[str, np.ndarray]],
    classes: Sequence[str],
    sides: Mapping[str, str],
    names: Sequence[str],
) -> dict[str, np.ndarray]:
    """Put what members say of the same tracks behind one another, track by track.

    Parameters
    ----------
    arrays : sequence of Mapping[str, np.ndarray]
        predictions.npz of each member.
    classes : sequence of str
        Columns of the logits.
    sides : Mapping[str, str]
        Role of each track.
    names : sequence of str
        Of the members, for messages.

    Returns
    -------
    dict[str, np.ndarray]
        A predictions.npz of the tracks that all members answered for: n_patches counts every patch once a member.

    Raises
    ------
    DataError
        When no track is answered for by all, or members read other patches of one.
    """
    found = []
    for one in arrays:
        starts = np.cumsum(one["n_patches"]) - one["n_patches"]
        rows = zip(one["ids"], one["labels"], starts, one["n_patches"], strict=True)
        found.append({str(i): (str(label), one["patch_logits"][at : at + n]) for i, label, at, n in rows})
    ids = [str(i) for i in arrays[0]["ids"] if all(str(i) in member for member in found)]
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
    return {
        "ids": np.array(ids),
        "roles": np.array([sides[track_id] for track_id in ids]),
        "labels": np.array([found[0][track_id][0] for track_id in ids]),
        "classes": np.array(list(classes)),
        "probabilities": np.stack(means).astype(np.float32),
        "patch_logits": np.concatenate(logits),
        "n_patches": np.array([len(rows) for rows in logits], dtype=np.int64),
    }
