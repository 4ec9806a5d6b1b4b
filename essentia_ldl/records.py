"""The records that flow between the steps: frozen, and checked when they are made. A record that exists is valid.

Conventions: class order is the column order everywhere; `content` is the sha256 of a file's bytes; seconds, samples
and frames are told apart by the suffix of the name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from essentia_ldl.errors import DataError, explain

FRONT_END_KINDS = ("mel", "waveform", "embedding", "mfcc", "cqt", "image")
COMPRESSIONS = ("", "decibel", "log-10")
ROLES = ("train", "valid", "test")
# As `choices.KINDS`: records need no other module, and choices do without the numpy that records load.
_LABEL, _TAGS, _NUMBERS = TABLE_KINDS = ("single_label", "multi_label", "regression")


@dataclasses.dataclass(frozen=True)
class Track:
    """One recording with what is known of it: a label, tags or numbers.

    Parameters
    ----------
    id : str
        Unique within its collection: the path as the collection writes it.
    path : str
        Absolute path of the audio file.
    label : str
        Class name; empty only where tags or numbers are given.
    artist : str or None
        Who made it; None when not known.
    split : str or None
        "train", "valid" or "test" when the collection fixes it.
    columns : Mapping[str, str]
        Every other column of the collection's table.
    tags : tuple[str, ...] or None
        Of a multi-label collection, the tags that it has: sorted, each once; () is none of them. None elsewhere.
    numbers : Mapping[str, float] or None
        Of a regression, its number in each dimension. None elsewhere.

    Raises
    ------
    DataError
        When the label is empty without tags or numbers, the split is not one of `ROLES`, a tag is empty, or a number
        is not finite.
    """

    id: str
    path: str
    label: str
    artist: str | None = None
    split: str | None = None
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] | None = None
    numbers: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if not self.label and self.tags is None and self.numbers is None:
            raise DataError(explain("label", "a class name", self.label, self.id, "Give every track a label."))
        if self.split is not None and self.split not in ROLES:
            raise DataError(
                explain("split", "train, valid or test", self.split, self.id, "Correct the column, or leave it empty.")
            )
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        if self.tags is not None:
            if isinstance(self.tags, str) or not all(isinstance(tag, str) and tag for tag in self.tags):
                raise DataError(explain("tags", "names, none of them empty", self.tags, self.id, "Correct the tags."))
            object.__setattr__(self, "tags", tuple(sorted(set(self.tags))))
        if self.numbers is not None:
            numbers = {name: float(value) for name, value in self.numbers.items()}
            for name, value in numbers.items():
                if not math.isfinite(value):
                    raise DataError(explain(name, "a finite number", value, self.id, "Correct it, or drop the track."))
            object.__setattr__(self, "numbers", MappingProxyType(numbers))

    @property
    def kind(self) -> str:
        """What is known of it, one of `TABLE_KINDS`: a label, tags or numbers."""
        if self.tags is not None:
            return _TAGS
        return _LABEL if self.numbers is None else _NUMBERS

    @property
    def told(self) -> str:
        """What is known of it, in words."""
        if self.numbers is not None:
            return ", ".join(f"{name} {value:g}" for name, value in self.numbers.items())
        return ", ".join(self.names) or "no tags"

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that it is in: its label, or its tags; none where it has numbers."""
        return (self.label,) if self.kind == _LABEL else self.tags or ()


@dataclasses.dataclass(frozen=True)
class Split:
    """Which tracks train, validate and test; one artist on two sides cannot exist.

    Parameters
    ----------
    train, valid, test : tuple[str, ...]
        Track ids; `valid` and `test` may be empty.
    artists : Mapping[str, str]
        Artist of each track id, for the ids whose artist is known.

    Raises
    ------
    DataError
        When a track or an artist stands on two sides, or nothing is left to train on.
    """

    train: tuple[str, ...]
    valid: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    artists: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "artists", MappingProxyType(dict(self.artists)))
        if not self.train:
            raise DataError(explain("split", "at least one training track", 0, "Split", "Use more tracks."))
        side_of: dict[tuple[str, str], str] = {}
        object.__setattr__(self, "_side_of", {i: side for side in ROLES for i in getattr(self, side)})
        for side in ROLES:
            ids = getattr(self, side)
            if len(set(ids)) != len(ids):
                raise DataError(explain("split", "each track once", len(ids), side, "Drop the repeated tracks."))
            for track_id in ids:
                self._claim(side_of, ("track", track_id), side)
                if track_id in self.artists:
                    self._claim(side_of, ("artist", self.artists[track_id]), side)

    @staticmethod
    def _claim(side_of: dict[tuple[str, str], str], key: tuple[str, str], side: str) -> None:
        if side_of.setdefault(key, side) != side:
            raise DataError(
                explain(
                    f"{key[0]} in a split",
                    "one side only",
                    key[1],
                    f"in {side_of[key]} and in {side}",
                    "Group the split by artist, or correct the split column.",
                )
            )

    def role(self, track_id: str) -> str:
        """Return "train", "valid" or "test" for a track id; raise `DataError` when it is on no side."""
        if track_id in self._side_of:
            return self._side_of[track_id]
        raise DataError(explain("track", "an id of this split", track_id, "Split.role", "Check the ids."))


@dataclasses.dataclass(frozen=True)
class FrontEnd:
    """How audio becomes patches: the numbers of one analysis.

    Parameters
    ----------
    name : str
        Name in recipes and cards.
    kind : str
        "mel", "cqt", "waveform", "embedding", "mfcc", or "image", a picture that belongs to a track.
    sample_rate_hz, frame_samples, hop_samples : int
        Sampling rate, analysis window and distance between window starts.
    n_bands : int
        Values a frame: mel bands, bins of a constant-Q transform, or coefficients.
    patch_frames, patch_hop_frames : int
        Frames a patch and distance between patch starts. For "mfcc": the texture window. For "waveform", where a frame
        is one sample: samples. For "image": rows, and `n_bands` are three numbers for each pixel of a row.
    input_algorithm, predict_algorithm : str
        Essentia's algorithms that make the frames and run a graph on them.
    fft_samples : int or None
        FFT size when larger than the window.
    segment_offset_s, segment_duration_s : float or None
        The part of the track that is analysed; None is the whole track.
    resample_quality : int
        libsamplerate quality of Essentia's Resample, 0 (best) to 4 (linear).
    input_parameters : tuple[tuple[str, str | float | bool], ...]
        Name and value of the parameters of `input_algorithm` that no other number decides; pairs.
    patch_hop_samples : int or None
        Distance between patch starts where patches are cut from the signal, each around its centre; None: from frames.
    compression : str
        How bands are compressed that no TensorflowInput* algorithm makes: "decibel", 10 log10(max(x, 1e-10)), "",
        log10(1 + 10000 x), or "log-10", log10(1 + 10 x); kind "embedding" has a rule of its own.

    Raises
    ------
    DataError
        When the kind or the compression is unknown or a number is not positive.
    """

    name: str
    kind: str
    sample_rate_hz: int
    frame_samples: int
    hop_samples: int
    n_bands: int
    patch_frames: int
    patch_hop_frames: int
    input_algorithm: str
    predict_algorithm: str = ""
    fft_samples: int | None = None
    segment_offset_s: float | None = None
    segment_duration_s: float | None = None
    resample_quality: int = 4
    input_parameters: tuple[tuple[str, str | float | bool], ...] = ()
    patch_hop_samples: int | None = None
    compression: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "input_parameters", tuple(map(tuple, self.input_parameters)))  # json knows lists only
        if self.kind not in FRONT_END_KINDS:
            raise DataError(
                explain("front-end kind", " or ".join(FRONT_END_KINDS), self.kind, self.name, "Correct frontends.py.")
            )
        if self.compression not in COMPRESSIONS:
            rule = " or ".join(map(repr, COMPRESSIONS))
            raise DataError(explain("compression", rule, self.compression, self.name, "Correct frontends.py."))
        for field in ("sample_rate_hz", "frame_samples", "hop_samples", "n_bands", "patch_frames", "patch_hop_frames"):
            if getattr(self, field) < 1:
                raise DataError(
                    explain(field, "a positive integer", getattr(self, field), self.name, "Correct frontends.py.")
                )

    @property
    def key(self) -> str:
        """Folder name in the store: `numbers_key`, and of sound the version of Essentia, so that none are mixed."""
        if self.kind == "image":
            return self.numbers_key
        from essentia_ldl.versions import find_essentia  # records themselves need nothing

        return f"{self.numbers_key}-{find_essentia()}"

    @property
    def numbers_key(self) -> str:
        """The name and a digest of every number, so that a changed number is a new key."""
        numbers = dataclasses.asdict(self)
        # came later: stores from before keep their keys
        for field in ("input_parameters", "patch_hop_samples", "compression"):
            if not numbers[field]:
                del numbers[field]
        digest = hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()
        return f"{self.name}-{digest[:8]}"

    @property
    def patch_samples(self) -> int:
        """Samples of the shortest signal that fills one patch (Essentia's FrameCutter centres the first frame)."""
        return (self.patch_frames - 1) * self.hop_samples + (self.kind == "waveform")

    @property
    def patch_shape(self) -> tuple[int, ...]:
        """Shape of a patch as a network reads it: (n_frames, n_bands), (n_samples,), or (n_rows, n_columns, 3)."""
        if self.kind == "image":
            return (self.patch_frames, self.n_bands // 3, 3)
        return (self.patch_frames,) if self.kind == "waveform" else (self.patch_frames, self.n_bands)

    @property
    def patch_step_samples(self) -> int:
        """Samples between the starts of two patches."""
        return self.patch_hop_samples or self.patch_hop_frames * self.hop_samples


@dataclasses.dataclass(frozen=True)
class LabelTable:
    """Targets: one row per track, one column per class, tag or dimension.

    Parameters
    ----------
    ids : tuple[str, ...]
        Track ids, one per row.
    classes : tuple[str, ...]
        Names of the columns.
    distributions : np.ndarray [shape=(n_tracks, n_classes), float32]
        Of "single_label", rows of probabilities that sum to 1; of "multi_label", independent values from 0 to 1; of
        "regression", any finite numbers.
    kind : str
        One of `choices.KINDS`.

    Raises
    ------
    DataError
        When the shape does not fit, an id repeats, the kind is unknown, or a row is not as its kind says.
    """

    ids: tuple[str, ...]
    classes: tuple[str, ...]
    distributions: np.ndarray
    kind: str = _LABEL

    def __post_init__(self) -> None:
        if self.kind not in TABLE_KINDS:
            rule = " or ".join(TABLE_KINDS)
            raise DataError(explain("kind of a label table", rule, self.kind, "LabelTable", "Check the source."))
        table = np.ascontiguousarray(self.distributions, dtype=np.float32)
        shape = (len(self.ids), len(self.classes))
        if table.shape != shape:
            raise DataError(explain("label table", f"shape {shape}", table.shape, "LabelTable", "Check the source."))
        if len(set(self.ids)) != len(self.ids):
            raise DataError(explain("label table", "ids that differ", len(self.ids), "LabelTable", "Drop repeats."))
        rule, is_wrong = _find_wrong_rows(table, self.kind)
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            raise DataError(explain("label row", rule, table[row].tolist(), self.ids[row], "Check it."))
        table.setflags(write=False)
        object.__setattr__(self, "distributions", table)

    def rows(self, ids: tuple[str, ...] | list[str]) -> np.ndarray:
        """Return the rows of some ids, in their order, shape (n_ids, n_classes), float32."""
        index = {track_id: row for row, track_id in enumerate(self.ids)}
        missing = [i for i in ids if i not in index]
        if missing:
            raise DataError(explain("track", "an id of the label table", missing[0], "LabelTable.rows", "Fit again."))
        return self.distributions[[index[i] for i in ids]]


def _find_wrong_rows(table: np.ndarray, kind: str) -> tuple[str, np.ndarray]:
    """Return what rows of a kind must be, and which are not, (n_tracks,) bool."""
    is_wrong = ~np.isfinite(table).all(axis=1)
    if kind == _NUMBERS:
        return "finite numbers", is_wrong
    with np.errstate(invalid="ignore"):
        if kind == _TAGS:
            return "values from 0 to 1", is_wrong | (table < 0).any(axis=1) | (table > 1 + 1e-6).any(axis=1)
        sums = table.sum(axis=1)
        return "probabilities that sum to 1", is_wrong | (np.abs(sums - 1) > 1e-4) | (table < 0).any(axis=1)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What one model says of one file.

    Parameters
    ----------
    path : str
        The audio file.
    model : str
        Stem of the graph file.
    classes : tuple[str, ...]
        Class names, one per column.
    probabilities : np.ndarray [shape=(n_classes,), float32]
        Mean over the patches.
    segments : np.ndarray [shape=(n_patches, n_classes), float32]
        One row per patch.
    duration_s : float
        Seconds of audio decoded.
    notes : tuple[str, ...]
        What the user should know, such as "padded".
    uncertainty : Mapping[str, float]
        Entropies in nats that the graph answers itself, by name, each the mean over the patches; empty where it was
        not asked or has none.
    """

    path: str
    model: str
    classes: tuple[str, ...]
    probabilities: np.ndarray
    segments: np.ndarray
    duration_s: float
    notes: tuple[str, ...] = ()
    uncertainty: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.segments.ndim != 2 or self.segments.shape[1] != len(self.classes):
            raise DataError(
                explain(
                    "prediction",
                    f"{len(self.classes)} columns",
                    self.segments.shape,
                    f"{self.model} on {self.path}",
                    "The card does not fit its graph; export it again.",
                )
            )
        if not np.all(np.isfinite(self.segments)):
            raise DataError(
                explain("prediction", "finite numbers", "NaN", f"{self.model} on {self.path}", "Check the audio.")
            )


@dataclasses.dataclass(frozen=True)
class Failure:
    """One file that could not be used, and why; a row of failures.csv."""

    path: str
    step: str
    reason: str
