"""What the run of an embedding space asks for: `SpaceSettings`, and `SpacePlan` with its plan.json.

In: what `spaces` makes of a command, or a run folder. Out: frozen records, valid when they exist. A space is learned
from groups of tracks, such as artists, or from their labels; its graph knows neither.

References
----------
J. Park, J. Lee, J. Park, J.-W. Ha and J. Nam, "Representation learning of music using artist labels" (ISMIR 2018),
section 2: the networks called "basic" and "siamese" here, and the numbers of `PUBLISHED`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl import bounds, frontends, taps
from essentia_ldl.choices import (
    BASIC,
    CONTRASTIVE,
    COSINE,
    DISTANCES,
    NEGATIVES,
    RANDOM,
    SIAMESE,
    SPACE_LOSSES,
    TAGS,
    TRIPLET,
    WORD_LOSSES,
)
from essentia_ldl.discover import unknown
from essentia_ldl.errors import TrainingError, explain
from essentia_ldl.files import read_object, write_json
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.names import PLAN
from essentia_ldl.runs.plan_parts import REMEDY, Places, PlannedAudio, PlannedTrack, check_kinds, check_name, make_part
from essentia_ldl.stages import OPTIMIZERS

KIND = "space"  # what plan.json calls such a run
MOST_NEGATIVES = 100  # the embeddings of all of them are in memory at once
VECTORS = "vectors.npz"  # what the trained network makes of every track of the plan
# What each loss has for its own where nothing is asked for: hinges of 4 negatives as published, of a triplet one; pairs
# on the cosine distance cost nothing from a right angle on.
OWN: dict[str, dict[str, Any]] = {
    SIAMESE: {"margin": 0.4, "n_negatives": 4},
    TRIPLET: {"margin": 0.4, "n_negatives": 1},
    CONTRASTIVE: {"margin": 1.0, "n_negatives": 1},
    BASIC: {},
    TAGS: {},
    **{loss: {"margin": 0.4, "n_negatives": 1, "size": 100, "epochs": 200, "rate": 1e-3} for loss in WORD_LOSSES},
}
WITH_OUTPUTS = (BASIC, TAGS)  # losses with an output for each group or label
COMPARED = {"margin", "distance", "negatives", "n_negatives"}  # what only losses have that compare tracks
# Of a whole network: Park et al., in the authors' code (https://github.com/jongpillee/ismir2018-artist), but for epochs
PUBLISHED: dict[str, Any] = {
    **{"optimizer": "sgd", "rate": 0.1, "batch_size": 15, "l2": 1e-5, "itself": False},
    "epochs": 200,
}
# Of a whole network on words: Choi et al. (2019), in the authors' code (https://github.com/kunimi00/ZSL_music_tagging),
# but for a rate that falls
PUBLISHED_ON_WORDS: dict[str, Any] = {"optimizer": "sgd", "rate": 1e-3, "batch_size": 64, "patience": 20, "epochs": 200}


@dataclasses.dataclass(frozen=True)
class SpaceSettings:
    """How an embedding space is learned.

    Parameters
    ----------
    loss : str
        "siamese": the sum of the hinges of several negatives; "triplet": the hinge of one, or the mean of several;
        "contrastive": pairs that are alike and pairs that are not; "basic": a softmax over the groups; "tags":
        a sigmoid for every label. The last two have an output layer in training, which leaves with the groups.
        "words" and "devise" compare tracks with words, see `nets.metric.words`.
    distance : str
        "cosine" or "l2", of the first three.
    margin : float
        In the unit of the distance.
    negatives : str
        "random", or "semi-hard": of `n_candidates` times as many, the hardest that are farther than the positive.
    itself : bool
        Whether a track is a positive of itself, too, by another patch of it.
    n_negatives, n_candidates : int
        Negatives per anchor, at most `MOST_NEGATIVES`, and how many are looked at for each that is taken.
    size : int
        Numbers of an embedding; 0 is as many as the networks below have, or of a whole network its own.
    epochs, patience : int
        Epochs at most, 0 for a projection as it begins; and how many may pass without a better validation before the
        last. The best epoch is kept.
    batch_size : int
        Anchors per step; with "basic" and "tags" tracks.
    optimizer : str
        "adam", or "sgd" with Nesterov's momentum of 0.9.
    rate, l2 : float
        Learning rate; half the sum of the squares of every kernel, less the one that a projection begins with, costs
        that much.
    seed : int
        Of everything random.

    Raises
    ------
    UnknownNameError
        When a loss, a distance, a way to choose negatives or an optimiser does not exist.
    TrainingError
        When a number is out of range or of another kind.
    """

    loss: str = SIAMESE
    distance: str = COSINE
    margin: float = 0.4
    negatives: str = RANDOM
    itself: bool = True
    n_negatives: int = 4
    n_candidates: int = 4
    size: int = 0
    epochs: int = 10
    patience: int = 40
    batch_size: int = 32
    optimizer: str = "adam"
    rate: float = 3e-5
    l2: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_kinds(SpaceSettings, vars(self))
        named = {
            "loss": (*SPACE_LOSSES, *WORD_LOSSES),
            "distance": DISTANCES,
            "negatives": NEGATIVES,
            "optimizer": OPTIMIZERS,
        }
        for field, known in named.items():
            if getattr(self, field) not in known:
                raise unknown(field, getattr(self, field), known)
        least = {"n_negatives": 1, "n_candidates": 1, "size": 0, "epochs": 0, "patience": 1, "batch_size": 1, "l2": 0}
        for field, bound in least.items():
            if not bound <= getattr(self, field) < math.inf:
                raise _error(field, f"{bound} or more", getattr(self, field))
        if not bounds.is_rate(self.rate):
            raise _error("rate", bounds.RATE, self.rate)
        if not bounds.is_seed(self.seed):
            raise _error("seed", bounds.SEED, self.seed)
        if self.distance == COSINE and not bounds.is_cosine_margin(self.margin):
            raise _error("margin", bounds.COSINE_MARGIN, self.margin)
        if not 0 < self.margin < math.inf:
            raise _error("margin", "above 0", self.margin)
        if self.n_negatives > MOST_NEGATIVES:
            raise _error("n_negatives", f"{MOST_NEGATIVES} or fewer", self.n_negatives)

    @property
    def compares(self) -> bool:
        """Whether tracks are compared with one another, and not with an output for each group or label."""
        return self.loss not in (*WITH_OUTPUTS, *WORD_LOSSES)


def make_settings(loss: str = SIAMESE, *, whole: bool = False, **given: Any) -> SpaceSettings:
    """Make the settings of a loss: what is not given is its own.

    Parameters
    ----------
    loss : str
        One of `choices.SPACE_LOSSES`.
    whole : bool
        Whether a whole network trains, by the published numbers, and not a projection.
    **given
        Fields of `SpaceSettings`; None is as if it were not given.

    Raises
    ------
    UnknownNameError
        As `SpaceSettings`.
    TrainingError
        As `SpaceSettings`, and when a field of `COMPARED` is given to a loss that compares no tracks.

    Examples
    --------
    >>> make_settings("triplet").n_negatives, make_settings("siamese", whole=True).rate
    (1, 0.1)
    """
    if loss not in OWN:
        raise unknown("loss", loss, OWN)
    known = {key: value for key, value in given.items() if value is not None}
    without = sorted(COMPARED & known.keys()) if loss in WITH_OUTPUTS else []
    if without:
        rule, remedy = f"none with the loss {loss}, which compares no tracks", "Leave it out, or take another loss."
        raise TrainingError(explain(without[0], rule, known[without[0]], "space", remedy))
    published = PUBLISHED_ON_WORDS if loss in WORD_LOSSES else PUBLISHED
    return SpaceSettings(**{"loss": loss, **OWN[loss], **(published if whole else {}), **known})


@dataclasses.dataclass(frozen=True)
class SpacePlan:
    """The run of one embedding space.

    Parameters
    ----------
    folder : Path
        The run folder.
    name, description : str
        For people.
    stem : str
        Of the exported files, without version; empty where no graph is wanted.
    settings : SpaceSettings
        How it is learned.
    tracks : tuple[PlannedTrack, ...]
        Their `label` is the group, such as the artist; those that train come before the others or among them.
    places : Places
        Where things are.
    backbones : tuple[str, ...]
        Frozen networks below a projection, side by side; empty where a whole network trains.
    layers : str
        What of them is read, see `taps`.
    published : tuple[taps.Published, ...]
        The user's extractors among them.
    network : str
        The network that trains as a whole; empty above frozen ones.
    tags : Mapping[str, Any]
        By id of a track the list of its labels, with "tags", or of its words.
    card : Mapping[str, Any]
        Fields for the card.

    Raises
    ------
    TrainingError
        When parts do not fit one another.
    UnknownNameError
        When there is no such network.
    """

    folder: Path
    name: str
    description: str
    stem: str
    settings: SpaceSettings
    tracks: tuple[PlannedTrack, ...]
    places: Places
    backbones: tuple[str, ...] = ()
    layers: str = taps.EMBEDDING
    published: tuple[taps.Published, ...] = ()
    network: str = ""
    tags: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    card: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        where = self.folder / PLAN
        check_kinds(SpacePlan, vars(self), where)
        object.__setattr__(self, "backbones", tuple(self.backbones))  # json knows lists only
        if bool(self.backbones) == bool(self.network):
            found = [*self.backbones, self.network]
            raise _error("network", "frozen networks, or one that trains", found, where)
        if self.network:
            frontends.get_network(self.network)
        taps.check_backbones(self.networks, str(where))
        taps.check_layers(self.layers, str(where))
        if self.stem:
            check_name("stem", self.stem, where)
        if self.settings.loss in (TAGS, *WORD_LOSSES):
            named = (self.tags.get(track.id) for track in self.tracks)
            if not all(isinstance(one, list | tuple) and all(isinstance(name, str) for name in one) for one in named):
                raise _error("tags", "a list of labels for every track", dict(self.tags), where)
        if not self.rows("train").size:
            raise _error("tracks", "at least one to train on", 0, where)

    @property
    def store(self) -> Path:
        """Where features are."""
        return self.places.store

    @property
    def graphs(self) -> Path:
        """Where base graphs are."""
        return self.places.graphs

    @property
    def networks(self) -> tuple[str | taps.Network, ...]:
        """The frozen networks: names, and the user's extractors as networks."""
        return taps.place_extractors(self.backbones, self.published)

    @property
    def front_end(self) -> FrontEnd:
        """What the graph reads."""
        if self.network:
            return frontends.of_network(self.network)
        return taps.describe_network(self.networks[0]).front_end

    @property
    def groups(self) -> np.ndarray:
        """Number of the group of every track, (n_tracks,) int64: places in the sorted list of names."""
        return np.unique([track.label for track in self.tracks], return_inverse=True)[1].astype(np.int64)

    def rows(self, role: str) -> np.ndarray:
        """Return the indices of the tracks of a role, shape (n,), int64."""
        return np.array([row for row, track in enumerate(self.tracks) if track.role == role], dtype=np.int64)


def write_space_plan(plan: SpacePlan) -> None:
    """Write the plan.json of a plan into its folder."""
    fields = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}
    del fields["folder"], fields["places"]
    write_json(
        plan.folder / PLAN,
        {
            "kind": KIND,
            **fields,
            "settings": dataclasses.asdict(plan.settings),
            "tracks": [dataclasses.asdict(track) for track in plan.tracks],
            "published": [dataclasses.asdict(one) for one in plan.published],
            "tags": {track: list(names) for track, names in plan.tags.items()},
            "card": dict(plan.card),
            "store": str(plan.places.store),
            "graphs": str(plan.places.graphs),
            "audio": [dataclasses.asdict(audio) for audio in plan.places.audio],
        },
    )


def read_space_plan(folder: Path) -> SpacePlan:
    """Read and check the plan of a run.

    Raises
    ------
    TrainingError
        When it is no run of a space, or a key is missing, unknown or out of range.
    StoreError
        When plan.json cannot be read.
    UnknownNameError
        When it names a network or a loss that does not exist.
    """
    folder = Path(folder).resolve()
    path = folder / PLAN
    fields = read_object(path)
    if fields.pop("kind", None) != KIND:
        raise TrainingError(explain("plan", "that of an embedding space", "another run's", path, "Name another run."))
    try:
        audio = tuple(make_part(PlannedAudio, "audio", file, path) for file in fields.pop("audio"))
        places = Places(Path(fields.pop("store")), Path(fields.pop("graphs")), audio)
        parts = {
            "settings": make_part(SpaceSettings, "settings", fields.pop("settings"), path),
            "tracks": tuple(make_part(PlannedTrack, "tracks", track, path) for track in fields.pop("tracks")),
            "published": tuple(make_part(taps.Published, "published", one, path) for one in fields.pop("published")),
        }
        return SpacePlan(folder=folder, places=places, **parts, **fields)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise TrainingError(explain("plan", "the keys of a run", error, path, REMEDY)) from None


def _error(what: str, rule: str, value: object, where: object = "space") -> TrainingError:
    return TrainingError(explain(what, rule, value, where, "Correct it."))
