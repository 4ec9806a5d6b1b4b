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
from types import ModuleType
from typing import Any

import numpy as np

from essentia_ldl import discover, frontends, models
from essentia_ldl.calibration import METHODS, NONE
from essentia_ldl.errors import DataError, TrainingError, explain
from essentia_ldl.records import ROLES, FrontEnd, LabelTable
from essentia_ldl.store import read_json

BACKBONES = "essentia_ldl.nets.backbones"
FINE_TUNE = ("head", "all", "none")
LOSSES = ("auto", "mae", "cross_entropy", "kl")
CLASS_WEIGHTS = ("none", "balanced")
REMEDY = "Start the run again with essentia-ldl train."


@dataclasses.dataclass(frozen=True)
class NetworkPlan:
    """The network: which backbone, from which weights, and what of it trains.

    Parameters
    ----------
    backbone : str
        Name of a module of `essentia_ldl.nets.backbones`.
    fine_tune : str
        "head": the backbone is frozen; "all": everything trains from pretrained weights; "none": from scratch.
    pretrained : str or None
        Data set of the weights, such as "msd"; not used when `fine_tune` is "none".
    hidden : int
        Units of the dense layer before the classes; 0 for none.
    standardize : bool
        With "head" only: shift and scale the embeddings by mean and deviation of the training patches.
    dropout : float
        Rate of a dropout before each dense layer of a head; in a whole network, before the last one.
    train_input_norm : bool
        Train scale and offset of the batch normalisation of the input too, at four times the cost of a step.
    extractor, extractor_output : str
        A published extractor in place of the backbone, and its node; empty for none. `Plan.extractor` has its numbers.
    """

    backbone: str
    fine_tune: str = "head"
    pretrained: str | None = None
    hidden: int = 100
    standardize: bool = False
    dropout: float = 0.0
    train_input_norm: bool = False
    extractor: str = ""
    extractor_output: str = ""

    def __post_init__(self) -> None:
        if self.fine_tune not in FINE_TUNE:
            raise TrainingError(explain("fine_tune", "head, all or none", self.fine_tune, "plan.json", REMEDY))
        if self.fine_tune != "none" and self.pretrained is None:
            raise TrainingError(
                explain("pretrained", "the name of weights", None, "plan.json", "Use fine_tune none to train without.")
            )
        if self.fine_tune == "none":
            object.__setattr__(self, "pretrained", None)

    @property
    def module(self) -> ModuleType:
        """The backbone's module; `UnknownNameError` when there is none."""
        return discover.load(BACKBONES, self.backbone)


@dataclasses.dataclass(frozen=True)
class ExtractorPlan:
    """A published extractor whose embeddings the sound zone has stored: what a head needs to know of it.

    Parameters
    ----------
    name, graph, algorithm, link : str
        Stem of its file, its path, the Essentia algorithm that runs it, and where its card says it is published.
    sha256 : str
        Of the graph.
    node : str
        The output that was read.
    size : int
        Numbers an embedding.
    folder : str
        Name of a folder of the store, one array a content.
    patch_frames, patch_hop_frames, resample_quality : int
        Of its front-end.
    """

    name: str
    graph: str
    algorithm: str
    link: str
    sha256: str
    node: str
    size: int
    folder: str
    patch_frames: int
    patch_hop_frames: int
    resample_quality: int


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast: see `essentia_ldl.nets.training` for what each number does."""

    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    l2: float = 1e-5
    patience: int = 75
    loss: str = "auto"
    class_weights: str = "none"
    halvings: tuple[int, ...] | None = None  # epochs after which the rate halves; None: by the plateau rule

    def __post_init__(self) -> None:
        if self.halvings is not None:
            object.__setattr__(self, "halvings", tuple(self.halvings))  # json knows lists only
        if self.class_weights not in CLASS_WEIGHTS:
            rule = " or ".join(CLASS_WEIGHTS)
            raise TrainingError(explain("class_weights", rule, self.class_weights, "plan.json", REMEDY))
        for field in ("epochs", "batch_size", "patience"):
            if getattr(self, field) < 1:
                raise TrainingError(explain(field, "at least 1", getattr(self, field), "plan.json", REMEDY))
        if self.loss not in LOSSES:
            raise TrainingError(explain("loss", " or ".join(LOSSES), self.loss, "plan.json", REMEDY))


@dataclasses.dataclass(frozen=True)
class PlannedTrack:
    """One track of a run: its id, the sha256 of its audio file, its side of the split and its class."""

    id: str
    content: str
    role: str
    label: str

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise TrainingError(explain("role", "train, valid or test", self.role, self.id, REMEDY))


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
        """Keyword arguments of the backbone's `build` that the pretrained weights ask for."""
        network = self.network
        if network.pretrained is not None and (network.backbone, network.pretrained) in models.USERS_GRAPHS:
            from essentia_ldl.nets import frozen  # TensorFlow only where a graph is read

            path = models.weights_file(self.graphs, network.backbone, network.pretrained)
            return frozen.read_size(path, network.module)
        return dict(network.module.CHECKPOINT_SIZES.get(network.pretrained, {}))

    @property
    def embedding_size(self) -> int:
        """Numbers of an embedding, which are what a head reads."""
        if self.extractor is not None:
            return self.extractor.size
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
        network, training = NetworkPlan(**fields["network"]), TrainingPlan(**fields["training"])
        extractor = ExtractorPlan(**fields["extractor"]) if fields.get("extractor") else None
        front_end = frontends.get(fields["front_end"])
        if extractor is not None:
            numbers = ("patch_frames", "patch_hop_frames", "resample_quality")
            front_end = dataclasses.replace(front_end, **{name: getattr(extractor, name) for name in numbers})
        optional = ["labels_source", "seed", "max_hours", "export", "stems", "card"]
        optional += ["evaluation_hop_frames", "calibration", "samples", "members"]
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
            targets=_read_targets(folder / "labels.csv", classes, [track.id for track in tracks]),
            store=Path(fields["store"]),
            graphs=Path(fields["graphs"]),
            extractor=extractor,
            **{key: fields[key] for key in optional if key in fields},
        )
    except (KeyError, TypeError) as error:
        raise TrainingError(explain("plan", "the keys of a run", str(error), folder / "plan.json", REMEDY)) from None


def _read_targets(path: Path, classes: tuple[str, ...], ids: list[str]) -> np.ndarray:
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            header, *rows = list(csv.reader(file))
        table = np.array([[float(value) for value in row[1:]] for row in rows], dtype=np.float32)
    except (OSError, ValueError) as error:
        raise DataError(explain("labels", "a readable table of numbers", str(error), path, REMEDY)) from None
    if tuple(header[1:]) != classes:
        raise DataError(explain("labels", f"the columns id, {', '.join(classes)}", header, path, REMEDY))
    return LabelTable(tuple(row[0] for row in rows), classes, table).rows(ids)
