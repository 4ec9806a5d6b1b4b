"""What a run folder asks for: `plan.json` and `labels.csv`, read and checked before anything is built.

In: a folder written by the plain zone. Out: a frozen `Plan`. Rows of `targets` follow `Plan.tracks`, columns follow
`Plan.classes`.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import frontends
from essentia_ldl.errors import DataError, TrainingError, explain
from essentia_ldl.files import digest_file, read_json
from essentia_ldl.models import folder as models
from essentia_ldl.records import FrontEnd, LabelTable
from essentia_ldl.runs.plan_parts import (
    BACKBONES,
    REMEDY,
    ExtractorPlan,
    NetworkPlan,
    PlannedTrack,
    TaskPlan,
    TrainingPlan,
)
from essentia_ldl.scores.calibration import METHODS, NONE

__all__ = ["BACKBONES", "ExtractorPlan", "NetworkPlan", "Plan", "PlannedTrack", "TaskPlan", "TrainingPlan", "read_plan"]


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
        The analysis.
    network : NetworkPlan
        What is trained.
    training : TrainingPlan
        How.
    tracks : tuple[PlannedTrack, ...]
        All tracks, at least one of them to train on.
    targets : np.ndarray [shape=(n_tracks, n_classes), float32]
        Label distributions, smoothed or one-hot.
    store, graphs : Path
        Where features and base graphs are.
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
        What a network with shared layers learns, each from ``labels-<name>.csv``; `classes` and `targets` are those of
        the first. Empty for a network with one target.
    features : tuple[Path, ...]
        Folders of trained networks whose penultimate layers, side by side, are what this classifier reads; "head" only.
        They replace the backbone's pretrained weights.
    predictions : bool
        Whether predictions.npz is written; networks that only serve as features write none.
    transfer : Mapping[str, Any]
        With features: networks ("separate", …) and targets (letters), for the card.
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
    targets: np.ndarray
    store: Path
    graphs: Path
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
    transfer: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "members", tuple(self.members))  # json knows lists only
        if self.calibration not in METHODS:
            raise TrainingError(explain("calibration", ", ".join(METHODS), self.calibration, self.folder, REMEDY))
        if len(self.classes) < 2:
            raise TrainingError(explain("classes", "two or more", list(self.classes), self.folder, REMEDY))
        if not self.rows("train").size:
            raise TrainingError(explain("tracks", "at least one to train on", 0, self.folder, "Use more tracks."))
        if self.extractor is not None:
            if self.network.fine_tune != "head":
                raise TrainingError(
                    explain("fine_tune", "head, over an extractor", self.network.fine_tune, self.folder, REMEDY)
                )
        elif self.features and self.network.fine_tune != "head":
            found = self.network.fine_tune
            raise TrainingError(explain("fine_tune", "head, over features", found, self.folder, REMEDY))
        elif self.front_end.kind != "mel" or self.front_end != self.network.module.FRONT_END:
            raise TrainingError(
                explain(
                    "front_end",
                    self.network.module.FRONT_END.name,
                    self.front_end.name,
                    self.network.backbone,
                    "Use the front-end that the network was made for.",
                )
            )

    def rows(self, role: str) -> np.ndarray:
        """Return the indices of the tracks of a role, shape (n,), int64."""
        return np.array([row for row, track in enumerate(self.tracks) if track.role == role], dtype=np.int64)

    @property
    def size(self) -> dict[str, Any]:
        """Keyword arguments of the backbone's `build` that the pretrained weights, or `n_networks`, ask for."""
        network = self.network
        if network.n_networks > 1:
            return network.widen(len(self.classes))
        if network.pretrained is not None and (network.backbone, network.pretrained) in models.USERS_GRAPHS:
            from essentia_ldl.nets.pretrained import frozen  # TensorFlow only where a graph is read

            path = models.weights_file(self.graphs, network.backbone, network.pretrained)
            return frozen.read_size(path, network.module)
        return dict(network.module.CHECKPOINT_SIZES.get(network.pretrained, {}))

    @property
    def embedding_size(self) -> int:
        """Numbers of an embedding, which are what a head reads."""
        if self.extractor is not None:
            return self.extractor.size
        if self.features:
            from essentia_ldl.nets.trained_weights import count_features  # TensorFlow only where weights are read

            return sum(count_features(folder) for folder in self.features)
        return int(self.size.get("n_embedding", self.network.module.EMBEDDING_SIZE))

    @property
    def loss(self) -> str:
        """The loss that "auto" means: mean absolute error on smoothed labels, cross-entropy on one-hot ones."""
        if self.training.loss != "auto":
            return self.training.loss
        return "cross_entropy" if self.labels_source == "none" else "mae"

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

    @property
    def digest(self) -> str:
        """Digest of all that decides the numbers of an epoch; `epochs`, `max_hours` and the card do not."""
        training = dataclasses.asdict(self.training)
        training.pop("epochs")
        parts = {
            "classes": self.classes,
            "front_end": self.front_end.key,
            "network": dataclasses.asdict(self.network),
            "extractor": None if self.extractor is None else self.extractor.folder,
            "training": training,
            "loss": self.loss,
            "seed": self.seed,
            "tracks": [dataclasses.astuple(track) for track in self.tracks],
            "targets": hashlib.sha256(self.targets.tobytes()).hexdigest(),
        }
        if self.tasks:
            parts["tasks"] = [
                (
                    task.name,
                    task.classes,
                    hashlib.sha256(task.targets.tobytes()).hexdigest(),
                    task.loss,
                    task.class_weights,
                )
                for task in self.tasks
            ]
        if self.features:
            parts["features"] = [digest_file(folder / "weights.npz") for folder in self.features]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_plan(folder: Path) -> Plan:
    """Read and check the plan of a run.

    Parameters
    ----------
    folder : Path
        Holds `plan.json` and `labels.csv` (header `id` and the classes, one row a track).

    Returns
    -------
    Plan
        The run.

    Raises
    ------
    TrainingError
        When a key is missing, unknown or out of range.
    DataError
        When `labels.csv` does not fit the plan, or a row of it is not a distribution.
    StoreError
        When `plan.json` cannot be read.
    UnknownNameError
        When the front-end or the backbone does not exist.
    """
    folder = Path(folder).resolve()
    fields = read_json(folder / "plan.json")
    try:
        classes = tuple(fields["classes"])
        tracks = tuple(PlannedTrack(**track) for track in fields["tracks"])
        ids = [track.id for track in tracks]
        tasks = tuple(_read_task(folder, task, ids) for task in fields.get("tasks") or ())
        network, training = NetworkPlan(**fields["network"]), TrainingPlan(**fields["training"])
        extractor = ExtractorPlan(**fields["extractor"]) if fields.get("extractor") else None
        front_end = frontends.get(fields["front_end"])
        if extractor is not None:
            numbers = ("patch_frames", "patch_hop_frames", "resample_quality")
            front_end = dataclasses.replace(front_end, **{name: getattr(extractor, name) for name in numbers})
        optional = ["labels_source", "seed", "max_hours", "export", "stems", "card"]
        optional += ["evaluation_hop_frames", "calibration", "samples", "members", "predictions", "transfer"]
        return Plan(
            folder=folder,
            task=fields["task"],
            name=fields["name"],
            description=fields["description"],
            classes=classes,
            front_end=front_end,
            network=network,
            training=training,
            tracks=tracks,
            targets=tasks[0].targets if tasks else _read_targets(folder / "labels.csv", classes, ids),
            tasks=tasks,
            features=tuple((folder / name).resolve() for name in fields.get("features") or ()),
            store=Path(fields["store"]),
            graphs=Path(fields["graphs"]),
            extractor=extractor,
            **{key: fields[key] for key in optional if key in fields},
        )
    except (KeyError, TypeError) as error:
        raise TrainingError(explain("plan", "the keys of a run", str(error), folder / "plan.json", REMEDY)) from None


def _read_targets(path: Path, classes: tuple[str, ...], ids: list[str]) -> np.ndarray:
    return _read_table(path, classes).rows(ids)


def _read_task(folder: Path, fields: Mapping[str, Any], ids: list[str]) -> TaskPlan:
    """Read the targets of one task; a track that its table lacks has none."""
    classes = tuple(fields["classes"])
    table = _read_table(folder / f"labels-{fields['name']}.csv", classes)
    row_of = {track_id: row for row, track_id in enumerate(ids)}
    targets = np.zeros((len(ids), len(classes)), dtype=np.float32)
    for track_id, row in zip(table.ids, table.distributions, strict=True):
        if track_id not in row_of:
            raise DataError(explain("track", "an id of the plan", track_id, f"labels-{fields['name']}.csv", REMEDY))
        targets[row_of[track_id]] = row
    return TaskPlan(fields["name"], classes, targets, fields.get("loss", ""), fields.get("class_weights", ""))


def _read_table(path: Path, classes: tuple[str, ...]) -> LabelTable:
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            header, *rows = list(csv.reader(file))
        table = np.array([[float(value) for value in row[1:]] for row in rows], dtype=np.float32)
    except (OSError, ValueError) as error:
        raise DataError(explain("labels", "a readable table of numbers", str(error), path, REMEDY)) from None
    if tuple(header[1:]) != classes:
        raise DataError(explain("labels", f"the columns id, {', '.join(classes)}", header, path, REMEDY))
    return LabelTable(tuple(row[0] for row in rows), classes, table)
