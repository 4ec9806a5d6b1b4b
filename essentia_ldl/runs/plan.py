"""What a run folder asks for: `Plan`, and `plan.json`, which is written and read here alone.

In: what `train.compose` makes of a resolved recipe, or a run folder. Out: a frozen `Plan`, valid when it exists, which
changes by `dataclasses.replace` only. Rows of targets follow `Plan.tracks`, columns follow `Plan.classes`. A plan holds
no arrays and needs no library: targets are read by `targets.read_targets`, sizes of networks by the nets zone.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.choices import AUTO_LOSS, HEAD, KINDS, SINGLE_LABEL, TOP, join_choices
from essentia_ldl.errors import StoreError, TrainingError, explain
from essentia_ldl.files import read_object, write_json
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.names import PLAN as FILE
from essentia_ldl.runs.names import STATE
from essentia_ldl.runs.plan_parts import (
    BACKBONES,
    REMEDY,
    AugmentPlan,
    ExtractorPlan,
    LearnedTargets,
    NetworkPlan,
    Places,
    PlannedAudio,
    PlannedTrack,
    TaskPlan,
    TrainingPlan,
    check_kinds,
    check_name,
    choose_loss,
    make_part,
)
from essentia_ldl.scores.calibration import METHODS, NONE

__all__ = [
    "BACKBONES",
    "FILE",
    "AugmentPlan",
    "ExtractorPlan",
    "LearnedTargets",
    "NetworkPlan",
    "Places",
    "Plan",
    "PlannedAudio",
    "PlannedTrack",
    "TaskPlan",
    "TrainingPlan",
    "choose_loss",
    "read_plan",
    "write_plan",
]

_OF_EXTRACTOR = ("patch_frames", "patch_hop_frames", "resample_quality")
# Keys of plan.json that are fields of the plan as they are, and may be missing: old runs have not all of them.
_OPTIONAL = (
    *("labels_source", "seed", "max_hours", "export", "stems", "card", "evaluation_hop_frames", "calibration"),
    *("samples", "members", "predictions"),
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """One run.

    Parameters
    ----------
    folder : Path
        The run folder.
    task, name, description : str
        Name of the task in recipes ("mood-sad") and for people ("mood sad"), and one sentence.
    classes : tuple[str, ...]
        Class names in the order of the columns.
    front_end : FrontEnd
        The analysis; over an extractor with the patches and the resampling that its card names.
    network : NetworkPlan
        What is trained.
    training : TrainingPlan
        How.
    tracks : tuple[PlannedTrack, ...]
        All tracks, at least one of them to train on.
    places : Places
        Where things are.
    labels_source : str
        "none" or the name of the smoothing.
    seed : int
        Seed of everything random.
    max_hours : float or None
        Training stops after the epoch that passes it.
    export : bool
        Whether a graph is wanted.
    stems : Mapping[str, str or None]
        "full" and "head" -> stem of the exported files, without version.
    card : Mapping[str, Any]
        Fields for the card.
    evaluation_hop_frames : int or None
        Distance between the patches that predictions.npz is made of; None is the front-end's.
    extractor : ExtractorPlan or None
        The extractor under the head, in place of a backbone.
    calibration : str
        "temperature", "vector" or "none": what stands between logits and softmax of the exported graph.
    samples : int
        Dropout samples behind the extra outputs of the exported graph; 0 for none.
    members : tuple[str, ...]
        Names of the networks of an ensemble, whose weights `weights.npz` holds; empty for a single network.
    tasks : tuple[TaskPlan, ...]
        What a network with shared layers learns; `classes` are those of the first. Empty for a network with one target.
    features : tuple[Path, ...]
        Folders of trained networks whose penultimate layers, side by side, are what this classifier reads; "head" only.
        They replace the backbone's pretrained weights.
    predictions : bool
        Whether predictions.npz is written; networks that only serve as features write none.
    learned : LearnedTargets or None
        With features: what their networks have learned, for the card.
    grouped : bool
        Whether no artist is on two sides of the split.
    augment : AugmentPlan
        How training patches are changed; of networks with one target whose layers train.
    kind : str
        One of `choices.KINDS`: what the columns of targets are.
    """

    folder: Path
    task: str
    name: str
    description: str
    classes: tuple[str, ...]
    front_end: FrontEnd
    network: NetworkPlan
    training: TrainingPlan
    tracks: tuple[PlannedTrack, ...]
    places: Places
    labels_source: str = "none"
    seed: int = 0
    max_hours: float | None = None
    export: bool = True
    stems: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    card: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    evaluation_hop_frames: int | None = None
    extractor: ExtractorPlan | None = None
    calibration: str = NONE
    samples: int = 0
    members: tuple[str, ...] = ()
    tasks: tuple[TaskPlan, ...] = ()
    features: tuple[Path, ...] = ()
    predictions: bool = True
    learned: LearnedTargets | None = None
    grouped: bool = False
    augment: AugmentPlan = dataclasses.field(default_factory=AugmentPlan)
    kind: str = SINGLE_LABEL

    def __post_init__(self) -> None:
        where = self.folder / FILE
        check_kinds(Plan, vars(self), where)
        for name in ("classes", "members"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # json knows lists only
        if self.calibration not in METHODS:
            raise TrainingError(explain("calibration", ", ".join(METHODS), self.calibration, where, REMEDY))
        if self.kind not in KINDS or (self.kind != SINGLE_LABEL and self.tasks):
            rule = f"{join_choices(KINDS)}, of several targets the first"
            raise TrainingError(explain("kind", rule, self.kind, where, REMEDY))
        if len(self.classes) < (2 if self.kind == SINGLE_LABEL else 1):
            raise TrainingError(explain("classes", "two or more", list(self.classes), where, REMEDY))
        if not self.rows("train").size:
            raise TrainingError(explain("tracks", "at least one to train on", 0, where, "Use more tracks."))
        for stem in self.stems.values():
            if stem is not None:
                check_name("stems", stem, where)
        needs_head = "an extractor" if self.extractor is not None else "features" if self.features else ""
        if needs_head and self.network.fine_tune != "head":
            rule, found = f"head, over {needs_head}", self.network.fine_tune
            raise TrainingError(explain("fine_tune", rule, found, where, REMEDY))
        if self.tasks and self.network.fine_tune == TOP:
            raise TrainingError(explain("fine_tune", "all or none, with several targets", TOP, where, REMEDY))
        if self.training.mixed_precision and (self.tasks or self.network.fine_tune in (HEAD, TOP)):
            rule = "false unless one whole network with one target trains"
            raise TrainingError(explain("mixed_precision", rule, True, where, REMEDY))
        if self.training.stages and (self.tasks or self.network.fine_tune in (HEAD, TOP)):
            rule = "none unless one whole network with one target trains"
            raise TrainingError(explain("stages", rule, list(self.training.stages), where, REMEDY))
        if self.augment != AugmentPlan() and (self.tasks or self.network.fine_tune == HEAD):
            rule = "nothing unless layers of a network with one target train"
            raise TrainingError(explain("augment", rule, self.network.fine_tune, where, REMEDY))
        own = frontends.of_network(self.network.backbone)
        if not needs_head and (self.front_end.kind not in ("mel", "cqt", "waveform") or self.front_end != own):
            remedy = "Use the front-end that the network was made for."
            found = self.front_end.name
            raise TrainingError(explain("front_end", own.name, found, self.network.backbone, remedy))
        if own.kind == "waveform" and self.augment.band_mask:
            rule, remedy = "0 where a network reads samples, which have no bands", "Leave band-mask out."
            raise TrainingError(explain("augment.band_mask", rule, self.augment.band_mask, where, remedy))

    @property
    def store(self) -> Path:
        """Where features are."""
        return self.places.store

    @property
    def graphs(self) -> Path:
        """Where base graphs are."""
        return self.places.graphs

    def rows(self, role: str) -> np.ndarray:
        """Return the indices of the tracks of a role, shape (n,), int64."""
        return np.array([row for row, track in enumerate(self.tracks) if track.role == role], dtype=np.int64)

    @property
    def loss(self) -> str:
        """The loss, where the training says "auto" the one that its targets ask for."""
        if self.kind != SINGLE_LABEL and self.training.loss == "auto":
            return AUTO_LOSS[self.kind]
        return choose_loss(self.training.loss, is_smoothed=self.labels_source != "none")

    @property
    def patch_hop_frames(self) -> int:
        """Frames between the patches that predictions.npz is made of."""
        return self.evaluation_hop_frames or self.front_end.patch_hop_frames

    @property
    def weights(self) -> np.ndarray:
        """Weight of each track in the loss, (n_tracks,) float32: that of its own class, however it is smoothed.

        With class_weights "balanced", n / (k n_c) for a class with n_c of the n training tracks of k classes, so that
        every class weighs the same and the mean over training tracks is 1; otherwise 1. Validation tracks have the
        weights of the training side, so that the plateau rule follows the cost that is trained on.
        """
        if self.training.class_weights == "none":
            return np.ones(len(self.tracks), dtype=np.float32)
        counts = Counter(self.tracks[row].label for row in self.rows("train"))
        n_tracks = counts.total()
        by_class = {label: n_tracks / (len(counts) * count) for label, count in counts.items()}
        return np.array([by_class.get(track.label, 1.0) for track in self.tracks], dtype=np.float32)


def write_plan(plan: Plan) -> None:
    """Write the plan.json of a plan into its folder."""
    places = plan.places
    write_json(
        plan.folder / FILE,
        {
            "run": plan.folder.name,
            "task": plan.task,
            "name": plan.name,
            "description": plan.description,
            **({} if plan.kind == SINGLE_LABEL else {"kind": plan.kind}),
            "classes": list(plan.classes),
            "front_end": plan.front_end.name,
            "network": dataclasses.asdict(plan.network),
            "extractor": None if plan.extractor is None else dataclasses.asdict(plan.extractor),
            "training": dataclasses.asdict(plan.training),
            "augment": dataclasses.asdict(plan.augment),
            **{key: _to_json(getattr(plan, key)) for key in _OPTIONAL},
            "tasks": [dataclasses.asdict(task) for task in plan.tasks],
            # relative, so that a run may be moved
            "features": [os.path.relpath(path.resolve(), plan.folder.resolve()) for path in plan.features],
            "learned": None if plan.learned is None else dataclasses.asdict(plan.learned),
            "tracks": [dataclasses.asdict(track) for track in plan.tracks],
            "split": {"grouped": plan.grouped},
            "store": str(places.store),
            "graphs": str(places.graphs),
            "audio": [dataclasses.asdict(audio) for audio in places.audio],
            "paths": dict(places.paths),
            "artists": dict(places.artists),
        },
    )


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def read_plan(folder: Path) -> Plan:
    """Read and check the plan of a run.

    Parameters
    ----------
    folder : Path
        Holds `plan.json`.

    Returns
    -------
    Plan
        The run.

    Raises
    ------
    TrainingError
        When a key is missing, unknown or out of range.
    StoreError
        When `plan.json` cannot be read, or names a network outside the run.
    UnknownNameError
        When the front-end or the backbone does not exist.
    """
    folder = Path(folder).resolve()
    path = folder / FILE
    fields = read_object(path)

    def make(kind: type, what: str) -> Any:
        return make_part(kind, what, fields[what], path)

    try:
        extractor = make(ExtractorPlan, "extractor") if fields.get("extractor") else None
        front_end = frontends.get(fields["front_end"])
        if extractor is not None:
            front_end = dataclasses.replace(front_end, **{name: getattr(extractor, name) for name in _OF_EXTRACTOR})
        learned = next((name for name in ("learned", "transfer") if fields.get(name)), None)  # now, and until 2026
        return Plan(
            folder=folder,
            task=fields["task"],
            name=fields["name"],
            description=fields["description"],
            classes=fields["classes"],
            front_end=front_end,
            network=make(NetworkPlan, "network"),
            training=make(TrainingPlan, "training"),
            tracks=tuple(make_part(PlannedTrack, "tracks", track, path) for track in fields["tracks"]),
            places=_read_places(fields, path),
            tasks=tuple(make_part(TaskPlan, "tasks", task, path) for task in fields.get("tasks") or ()),
            features=_find_features(folder, fields.get("features") or []),
            extractor=extractor,
            learned=make(LearnedTargets, learned) if learned else None,
            augment=make_part(AugmentPlan, "augment", fields.get("augment") or {}, path),
            grouped=bool(fields.get("split", {}).get("grouped", False)),
            kind=fields.get("kind", SINGLE_LABEL),
            **{key: fields[key] for key in _OPTIONAL if key in fields},
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TrainingError(explain("plan", "the keys of a run", error, path, REMEDY)) from None


def _read_places(fields: Mapping[str, Any], path: Path) -> Places:
    audio = tuple(make_part(PlannedAudio, "audio", file, path) for file in fields.get("audio") or ())
    told = {name: fields.get(name) or {} for name in ("paths", "artists")}
    check_kinds(Places, told, path)
    return Places(Path(fields["store"]), Path(fields["graphs"]), audio, **{key: dict(told[key]) for key in told})


def _find_features(folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """Return the folders of networks, which are inside the run: the folder, or one above it, that has a run.json."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TrainingError(explain("features", "a list of folders", names, folder / FILE, REMEDY))
    root = next((place for place in (folder, *list(folder.parents)[:3]) if (place / STATE).is_file()), folder)
    found = tuple((folder / name).resolve() for name in names)
    for name, path in zip(names, found, strict=True):
        if not path.is_relative_to(root):
            raise StoreError(explain("features", f"a folder of the run {root}", name, folder / FILE, REMEDY))
    return found
