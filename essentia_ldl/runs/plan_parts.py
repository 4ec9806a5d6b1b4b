"""The parts of a plan: network, extractor, training, tracks, tasks and places, checked when they are made.

In: what a recipe says, or tables of `plan.json`. Out: frozen records that `plan.Plan` holds. Every value is of the kind
that its field is annotated with, and a name that becomes part of a path cannot lead out of its folder.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from essentia_ldl import choices, frontends, taps
from essentia_ldl.choices import AUDIO_VARIANTS, CLASS_WEIGHTS, DESCENT, LOSSES, SOLVERS, is_loss, join_choices
from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.files import is_file_name
from essentia_ldl.records import ROLES
from essentia_ldl.runs.kinds import find_wrong, list_kinds
from essentia_ldl.runs.names import PLAN
from essentia_ldl.stages import RULE, are_stages

BACKBONES = "essentia_ldl.nets.backbones"
REMEDY = "Start the run again with essentia-ldl train."


def check_kinds(kind: type, values: Mapping[str, Any], where: object = PLAN) -> None:
    """Raise `TrainingError` when a value is not what the field of its name is annotated with.

    Parameters
    ----------
    kind : type
        A dataclass of a plan; fields that hold records or paths are not looked at.
    values : Mapping[str, Any]
        By name of the field; those that are missing have their defaults.
    where : object
        The file.
    """
    found = find_wrong(list_kinds(kind), values)
    if found is not None:
        raise TrainingError(explain(*found, where, REMEDY))


def make_part(kind: type, what: str, values: object, where: object) -> Any:
    """Make a part of a plan of an object of its file.

    Parameters
    ----------
    kind : type
        A record.
    what : str
        Key of the file.
    values : object
        What json holds there; a record is what it is.
    where : object
        The file, for the message.

    Raises
    ------
    TrainingError
        When it is no object, or a value in it is of another kind or out of range.
    TypeError
        When a key is missing or unknown.
    """
    if isinstance(values, kind):
        return values
    if not isinstance(values, Mapping):
        raise TrainingError(explain(what, "an object", values, where, REMEDY))
    check_kinds(kind, values, where)
    return kind(**values)


def check_name(what: str, name: object, where: object = PLAN) -> None:
    """Raise `TrainingError` when a name of a plan would lead out of its folder as part of a path."""
    if not is_file_name(name):
        raise TrainingError(explain(what, "a plain name without folders", name, where, REMEDY))


def choose_loss(loss: str, *, is_smoothed: bool) -> str:
    """Return the loss that "auto" means: mean absolute error on smoothed labels, cross-entropy on other ones."""
    return ("mae" if is_smoothed else "cross_entropy") if loss == "auto" else loss


@dataclasses.dataclass(frozen=True)
class NetworkPlan:
    """The network: which backbone, from which weights, and what of it trains.

    Parameters
    ----------
    backbone : str
        Name of a module of `essentia_ldl.nets.backbones`.
    fine_tune : str
        "head": the backbone is frozen; "top": its last layers train; "all": everything trains from pretrained weights;
        "none": from scratch.
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
    activation : str
        Of the hidden layer: "relu" or "elu".
    n_networks : int
        Above 1: a network made wider until it has as many parameters as so many networks, where its backbone knows how.
    backbones : tuple[str, ...]
        Frozen networks side by side, such as ("msd-musicnn", "msd-vgg"); `backbone` and `pretrained` are those of the
        first. Empty for a single network of which the embedding is read.
    layers : str
        What of them is read: "embedding", "deep", "all", or some of the digits 1 to 5.
    width : float
        From scratch only: layers so many times as wide.
    published : tuple[taps.Published, ...]
        The user's extractors among them.
    frozen_until : str
        With "top", the last layer that stays frozen; empty for the network's own.
    n_vectors : int
        Support vectors of a solved machine with a radial kernel; 0 for a head without one.
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
    activation: str = "relu"
    n_networks: int = 1
    backbones: tuple[str, ...] = ()
    layers: str = taps.EMBEDDING
    width: float = 1.0
    published: tuple[taps.Published, ...] = ()
    frozen_until: str = ""
    n_vectors: int = 0

    def __post_init__(self) -> None:
        check_kinds(NetworkPlan, vars(self))
        object.__setattr__(self, "backbones", tuple(self.backbones))  # json knows lists only
        published = (make_part(taps.Published, "network.published", one, PLAN) for one in self.published)
        object.__setattr__(self, "published", tuple(published))
        taps.check_backbones(self.networks, PLAN)
        taps.check_layers(self.layers, PLAN)
        if self.backbones and self.fine_tune != "head":
            raise TrainingError(explain("fine_tune", "head, with backbones", self.fine_tune, PLAN, REMEDY))
        if not 0 < self.width <= 1 or (self.width != 1 and self.fine_tune != "none"):
            raise TrainingError(explain("width", "above 0, at most 1, from scratch", self.width, PLAN, REMEDY))
        if self.activation not in choices.ACTIVATIONS:
            raise TrainingError(explain("activation", "relu or elu", self.activation, PLAN, REMEDY))
        if self.fine_tune not in choices.FINE_TUNE:
            raise TrainingError(explain("fine_tune", join_choices(choices.FINE_TUNE), self.fine_tune, PLAN, REMEDY))
        if self.fine_tune != "none" and self.pretrained is None:
            remedy = "Use fine_tune none to train without."
            raise TrainingError(explain("pretrained", "the name of weights", None, PLAN, remedy))
        if self.fine_tune == "none":
            object.__setattr__(self, "pretrained", None)
        if self.pretrained is not None:
            check_name("pretrained", self.pretrained)
        if self.frozen_until and self.fine_tune == choices.TOP:
            frontends.check_depth(self.backbone, self.frozen_until)

    @property
    def networks(self) -> tuple[str | taps.Network, ...]:
        """What stands side by side: names, and the user's extractors as networks."""
        return taps.place_extractors(self.backbones, self.published)


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
        Numbers per embedding.
    folder : str
        Name of a folder of the store, one array per content.
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

    def __post_init__(self) -> None:
        check_kinds(ExtractorPlan, vars(self))
        check_name("extractor.name", self.name)
        check_name("extractor.folder", self.folder)


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """How long and how fast: see `essentia_ldl.nets.training.train` for what each number does."""

    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    l2: float = 1e-5
    patience: int = 75
    loss: str = "auto"
    class_weights: str = "none"
    halvings: tuple[int, ...] | None = None  # epochs after which the rate halves; None: by the plateau rule
    solver: str = DESCENT  # "solved": no epochs, the linear head is that of solution.npz
    rate_factor: float = 1.0  # from the rate of a group of layers to that of the one below it, above a frozen part
    warmup_epochs: int = 0  # the first of them, in which what is above the embedding trains alone
    mixed_precision: bool = False  # layers compute in 16 bits
    stages: tuple[str, ...] = ()  # optimisers one after the other, see `stages`; empty: Adam and the plateau rule

    def __post_init__(self) -> None:
        check_kinds(TrainingPlan, vars(self))
        if self.halvings is not None:
            object.__setattr__(self, "halvings", tuple(self.halvings))  # json knows lists only
        if self.class_weights not in CLASS_WEIGHTS:
            raise TrainingError(explain("class_weights", " or ".join(CLASS_WEIGHTS), self.class_weights, PLAN, REMEDY))
        if self.solver not in SOLVERS:
            raise TrainingError(explain("solver", '"" or solved', self.solver, PLAN, REMEDY))
        for field, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("warmup_epochs", 0)):
            if getattr(self, field) < least:
                raise TrainingError(explain(field, f"at least {least}", getattr(self, field), PLAN, REMEDY))
        object.__setattr__(self, "stages", tuple(self.stages))
        if not are_stages(self.stages) or (self.stages and self.halvings is not None):
            raise TrainingError(explain("stages", f"each {RULE}", list(self.stages), PLAN, REMEDY))
        if not 0 < self.rate_factor <= 1:
            raise TrainingError(explain("rate_factor", "above 0, at most 1", self.rate_factor, PLAN, REMEDY))
        if not is_loss(self.loss):
            raise TrainingError(explain("loss", " or ".join(LOSSES), self.loss, PLAN, REMEDY))


@dataclasses.dataclass(frozen=True)
class AugmentPlan:
    """How training patches are changed: see `recipe.sections.AugmentSettings`, whose keys these are."""

    time_mask: float = 0.0
    band_mask: float = 0.0
    mixup: float = 0.0
    gain_db: float = 0.0
    shift_frames: int = 0
    audio: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_kinds(AugmentPlan, vars(self))
        object.__setattr__(self, "audio", tuple(self.audio))  # json knows lists only
        for name in ("time_mask", "band_mask"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(explain(name, "0 to 1, below 1", getattr(self, name), PLAN, REMEDY))
        for name in ("mixup", "gain_db", "shift_frames"):
            if not 0 <= getattr(self, name) < math.inf:
                raise TrainingError(explain(name, "at least 0", getattr(self, name), PLAN, REMEDY))
        for name in self.audio:
            if name not in AUDIO_VARIANTS:
                raise TrainingError(explain("audio", join_choices(tuple(AUDIO_VARIANTS)), name, PLAN, REMEDY))


@dataclasses.dataclass(frozen=True)
class PlannedTrack:
    """One track of a run: its id, the sha256 of its audio file, its side of the split and its class."""

    id: str
    content: str
    role: str
    label: str

    def __post_init__(self) -> None:
        check_kinds(PlannedTrack, vars(self))
        if self.role not in ROLES:
            raise TrainingError(explain("role", "train, valid or test", self.role, self.id, REMEDY))
        check_name("content", self.content, self.id)


@dataclasses.dataclass(frozen=True)
class PlannedAudio:
    """An audio file that an exported graph is verified on: its path, and the sha256 of its bytes."""

    path: str
    content: str

    def __post_init__(self) -> None:
        check_kinds(PlannedAudio, vars(self))
        check_name("content", self.content, self.path)


@dataclasses.dataclass(frozen=True)
class Places:
    """Where things are, which may change between a stop and going on.

    Parameters
    ----------
    store, graphs : Path
        Folders of features, and of base graphs.
    audio : tuple[PlannedAudio, ...]
        What an exported graph is verified on.
    paths : Mapping[str, str]
        Path of every track's file, by id; empty where an old run did not keep them.
    artists : Mapping[str, str]
        Artist of every track whose artist is known, by id.
    """

    store: Path
    graphs: Path
    audio: tuple[PlannedAudio, ...] = ()
    paths: Mapping[str, str] = dataclasses.field(default_factory=dict)
    artists: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kinds(Places, vars(self))


@dataclasses.dataclass(frozen=True)
class LearnedTargets:
    """What the networks below a classifier have learned, for its card.

    Parameters
    ----------
    networks : str
        "separate", "shared" or "wide".
    targets : tuple[str, ...]
        Letters of the targets.
    fine_tune, pretrained : str or None
        Of these networks; the plan's own are those of the classifier.
    """

    networks: str | None = None
    targets: tuple[str, ...] = ()
    fine_tune: str | None = None
    pretrained: str | None = None

    def __post_init__(self) -> None:
        check_kinds(LearnedTargets, vars(self))
        object.__setattr__(self, "targets", tuple(self.targets))  # json knows lists only


@dataclasses.dataclass(frozen=True)
class TaskPlan:
    """One of several targets that a network with shared layers learns.

    Parameters
    ----------
    name : str
        Short name, such as "g" or "m": prefix of its layers.
    classes : tuple[str, ...]
        Names of its columns.
    loss : str
        "mae", "cross_entropy" or "kl"; empty for the plan's.
    class_weights : str
        "balanced" or "none"; empty for the plan's.
    """

    name: str
    classes: tuple[str, ...]
    loss: str = ""
    class_weights: str = ""

    def __post_init__(self) -> None:
        check_kinds(TaskPlan, vars(self))
        object.__setattr__(self, "classes", tuple(self.classes))  # json knows lists only
        check_name("task", self.name)
        if self.loss and self.loss not in LOSSES[1:]:
            raise TrainingError(explain("loss", " or ".join(LOSSES[1:]), self.loss, f"task {self.name}", REMEDY))
        if self.class_weights and self.class_weights not in CLASS_WEIGHTS:
            rule = " or ".join(CLASS_WEIGHTS)
            raise TrainingError(explain("class_weights", rule, self.class_weights, f"task {self.name}", REMEDY))
