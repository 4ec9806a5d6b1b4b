"""What a training on music and its pictures asks for: `CoversSettings`, and `CoversPlan` with its plan.json.

In: what the command `covers` makes of a collection, or a folder. Out: frozen records, valid when they exist.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from essentia_ldl import bounds
from essentia_ldl.choices import MULTI_LABEL, SINGLE_LABEL
from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.files import read_object, write_json
from essentia_ldl.records import ROLES
from essentia_ldl.runs.names import PLAN
from essentia_ldl.runs.plan_parts import REMEDY, check_kinds, check_name, make_part

KIND = "covers"  # what plan.json calls such a training
ANSWERS = "answers.npz"  # per system the probabilities of the tracks that test, and their ids
AUDIO, IMAGE, VISUAL_AUDIO, AURAL_IMAGE = PARTS = ("audio", "image", "visual_audio", "aural_image")
MOST_SIZE = 2048  # numbers of an embedding of spectra, which a common space cannot add to
# The comparison of Oramas et al.: what stands side by side below a linear classifier.
SYSTEMS = {
    "audio": (AUDIO,),
    "image": (IMAGE,),
    "visually informed audio": (VISUAL_AUDIO,),
    "aurally informed image": (AURAL_IMAGE,),
    "audio + visually informed audio": (AUDIO, VISUAL_AUDIO),
    "all": PARTS,
}


@dataclasses.dataclass(frozen=True)
class CoversSettings:
    """How both networks, their common space and the classifiers on it are trained.

    Parameters
    ----------
    epochs, patience : int
        Epochs of a network at most, and how many may pass without a smaller validation loss; the best is kept.
    batch_size : int
        Tracks per step.
    rate : float
        Learning rate of Adam, for the two networks and their space.
    size : int
        Numbers of the common space.
    margin : float
        Of the triplets, in the unit of the cosine distance.
    width : float
        Filters of both networks, as a share of their own.
    linear_epochs, linear_patience, linear_rate : int, int and float
        Of the linear classifiers, which begin at nothing and are quick.
    dropout : float
        Before the linear classifiers.
    seed : int
        Of everything random.

    Raises
    ------
    TrainingError
        When a number is out of range or of another kind.
    """

    epochs: int = 100
    patience: int = 8
    batch_size: int = 32
    rate: float = 1e-3
    size: int = 128
    margin: float = 0.4
    width: float = 1.0
    linear_epochs: int = 200
    linear_patience: int = 20
    linear_rate: float = 1e-2
    dropout: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        check_kinds(CoversSettings, vars(self))
        for field in ("epochs", "patience", "batch_size", "size", "linear_epochs", "linear_patience"):
            _require(getattr(self, field) >= 1, field, "1 or more", getattr(self, field))
        for field in ("rate", "linear_rate"):
            _require(bounds.is_rate(getattr(self, field)), field, bounds.RATE, getattr(self, field))
        _require(bounds.is_cosine_margin(self.margin), "margin", bounds.COSINE_MARGIN, self.margin)
        _require(bounds.is_seed(self.seed), "seed", bounds.SEED, self.seed)
        _require(0 < self.width <= 1, "width", "above 0, at most 1", self.width)
        _require(self.size <= MOST_SIZE, "size", f"1 to {MOST_SIZE}, the numbers of the spectra's network", self.size)
        _require(0 <= self.dropout < 1, "dropout", "0 to below 1", self.dropout)


@dataclasses.dataclass(frozen=True)
class CoveredTrack:
    """A track with its picture.

    Parameters
    ----------
    id : str
        Of the track.
    audio, picture : str
        sha256 of the audio file and of the picture: their names in the store.
    role : str
        "train", "valid" or "test".
    labels : tuple[str, ...]
        Its genres: one, or any number of them.
    """

    id: str
    audio: str
    picture: str
    role: str
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))  # json knows lists only
        _require(self.role in ROLES, "role", ", ".join(ROLES), self.role)


@dataclasses.dataclass(frozen=True)
class CoversPlan:
    """One training on music and its pictures.

    Parameters
    ----------
    folder : Path
        Where its files are.
    name : str
        For people.
    kind : str
        "single_label" or "multi_label".
    classes : tuple[str, ...]
        Names of the genres, in the order of the columns.
    tracks : tuple[CoveredTrack, ...]
        All that train, validate and test.
    settings : CoversSettings
        How it is trained.
    store : Path
        Where spectra and pixels are.
    stem : str
        Of the exported files, without version; empty where no graph is wanted.
    image_weights : str
        The user's file of a network for pictures; empty for a small one from scratch.
    audio : tuple[str, ...]
        Files that the exported graph is heard on when it is verified.
    demo : bool
        Whether the collection is synthesised.

    Raises
    ------
    TrainingError
        When parts do not fit one another: a side is empty, a label has no column, or there is one genre only.
    """

    folder: Path
    name: str
    kind: str
    classes: tuple[str, ...]
    tracks: tuple[CoveredTrack, ...]
    settings: CoversSettings
    store: Path
    stem: str = ""
    image_weights: str = ""
    audio: tuple[str, ...] = ()
    demo: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "audio", tuple(self.audio))
        where = self.folder / PLAN
        _require(self.kind in (SINGLE_LABEL, MULTI_LABEL), "kind", f"{SINGLE_LABEL} or {MULTI_LABEL}", self.kind)
        rule = "two or more: what a picture tells of music shows only beside other music"
        _require(len(set(self.classes)) >= 2, "genres", rule, list(self.classes), where)
        if self.stem:
            check_name("stem", self.stem, where)
        for role in ("train", "valid"):
            _require(self.rows(role).size, "tracks", f"one or more with the role {role}", 0, where)
        unknown = {label for track in self.tracks for label in track.labels} - set(self.classes)
        _require(not unknown, "labels", "those of the classes", sorted(unknown), where)
        if self.kind == SINGLE_LABEL:
            _require(all(len(track.labels) == 1 for track in self.tracks), "labels", "one per track", "others", where)

    @property
    def targets(self) -> np.ndarray:
        """Labels as 0 and 1, (n_tracks, n_classes) float32."""
        return np.array([[name in track.labels for name in self.classes] for track in self.tracks], np.float32)

    def rows(self, role: str) -> np.ndarray:
        """Return the indices of the tracks of a role, shape (n,), int64."""
        return np.array([row for row, track in enumerate(self.tracks) if track.role == role], dtype=np.int64)


def write_covers_plan(plan: CoversPlan) -> None:
    """Write the plan.json of a plan into its folder."""
    fields = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}
    del fields["folder"]
    records = {
        "kind": KIND,
        "labels": plan.kind,
        "settings": dataclasses.asdict(plan.settings),
        "tracks": [dataclasses.asdict(track) for track in plan.tracks],
        "store": str(plan.store),
    }
    write_json(plan.folder / PLAN, {**fields, **records})


def read_covers_plan(folder: Path) -> CoversPlan:
    """Read and check the plan of a training; raise `TrainingError` or `StoreError` when it is none, or damaged."""
    folder = Path(folder).resolve()
    path = folder / PLAN
    fields = read_object(path)
    if fields.pop("kind", None) != KIND:
        raise TrainingError(explain("plan", "that of music and its pictures", "another run's", path, REMEDY))
    try:
        tracks = tuple(make_part(CoveredTrack, "tracks", track, path) for track in fields.pop("tracks"))
        settings = make_part(CoversSettings, "settings", fields.pop("settings"), path)
        store, kind = Path(fields.pop("store")), fields.pop("labels")
        return CoversPlan(folder=folder, kind=kind, tracks=tracks, settings=settings, store=store, **fields)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, TrainingError):
            raise
        raise TrainingError(explain("plan", "the keys of a training", error, path, REMEDY)) from None


def _require(holds: object, what: str, rule: str, value: object, where: object = KIND) -> None:
    if not holds:
        raise TrainingError(explain(what, rule, value, where, "Correct it."))
