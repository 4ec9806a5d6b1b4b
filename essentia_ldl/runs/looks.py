"""What a look inside a trained network leaves in its run: ``looks/<network>/<picture>[-<layer>].npz``, and a list.

In: arrays of the nets zone. Out: one record per file, checked when it is made, and ``looks/looks.json``, the files of
the last look in the order of the network's layers. A file tells what it was made of, so that a look that was stopped
goes on where it was, and one at other weights starts anew. Pictures of a record lie beside it, under its name.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.arrays import read_arrays
from essentia_ldl.choices import ASCENT, BANDS, EXCITATIONS, FILTERS, HARMONICS
from essentia_ldl.errors import DataError, StoreError, explain
from essentia_ldl.files import is_file_name, read_object, replacing, write_json

FOLDER = "looks"
LIST = "looks.json"
REMEDY = "Give the command again with --look all."
SILENT = 1e-6  # of the largest weight of a layer: a filter whose weights are all below that says nothing
_MADE_OF = "made_of"


@dataclasses.dataclass(frozen=True, eq=False)
class Spectra:
    """Spectra of the filters of a layer, in the order of their peaks.

    Parameters
    ----------
    layer : str
        Of the network.
    sample_rate_hz : int
        Of what it hears; the spectra reach to half of it.
    n_filters : int
        Filters of the layer, of which some may be shown only.
    n_samples : int
        Of the filters, or of the waveforms that excite them.
    numbers : np.ndarray [shape=(n_shown,), int64]
        Which filter each row is.
    spectra : np.ndarray [shape=(n_shown, n_bins), float32]
        Magnitudes, relative to the largest of the filter; zeros for a filter that answers nothing. Bins are as far from
        one another from 0 Hz on.
    """

    layer: str
    sample_rate_hz: int
    n_filters: int
    n_samples: int
    numbers: np.ndarray
    spectra: np.ndarray

    def __post_init__(self) -> None:
        shape = np.shape(self.spectra)
        fits = len(shape) == 2 and shape[1] > 1 and 0 < shape[0] == len(self.numbers) <= self.n_filters
        _check(fits and self.sample_rate_hz > 0, "spectra", "a row per filter", shape, self.layer)
        _check(bool(np.all(np.diff(self.peaks_hz) >= 0)), "spectra", "rows by peak", "others", self.layer)

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Frequencies of the bins, (n_bins,) float64."""
        return np.linspace(0.0, self.sample_rate_hz / 2, self.spectra.shape[1])

    @property
    def peaks_hz(self) -> np.ndarray:
        """Where each spectrum is largest, (n_shown,) float64."""
        return self.frequencies_hz[np.argmax(self.spectra, axis=1)]


@dataclasses.dataclass(frozen=True, eq=False)
class Excitations:
    """What the blocks of a network scale their channels by: numbers between 0 and 1.

    Parameters
    ----------
    role : str
        "test", "valid" or "train": the tracks that were heard.
    blocks : tuple[str, ...]
        From the bottom.
    sizes : np.ndarray [shape=(n_blocks,), int64]
        Channels of each.
    classes : tuple[str, ...]
        Classes or tags that some of the tracks have; none for a network of numbers.
    n_tracks : np.ndarray [shape=(n_classes,), int64]
        Tracks of each.
    means : np.ndarray [shape=(n_classes, n_channels), float32]
        Mean over the tracks of a class, the channels of all blocks side by side; a track is the mean of its segments.
    loudness_db : np.ndarray [shape=(n_segments,), float32]
        Root mean square of a segment, of full scale.
    labels : np.ndarray [shape=(n_segments,), int64]
        Class of its track; -1 where a track may have several, or none.
    first : np.ndarray [shape=(n_segments, n_first), float32]
        Of the channels of the first block.
    """

    role: str
    blocks: tuple[str, ...]
    sizes: np.ndarray
    classes: tuple[str, ...]
    n_tracks: np.ndarray
    means: np.ndarray
    loudness_db: np.ndarray
    labels: np.ndarray
    first: np.ndarray

    def __post_init__(self) -> None:
        n_segments = len(self.loudness_db)
        shapes = (self.means.shape, self.first.shape, self.sizes.shape, self.labels.shape, self.n_tracks.shape)
        told = (
            *((len(self.classes), int(np.sum(self.sizes))), (n_segments, int(self.sizes[0]))),
            *((len(self.blocks),), (n_segments,), (len(self.classes),)),
        )
        _check(shapes == told and n_segments > 0, "excitations", f"shapes {told}", shapes, ", ".join(self.blocks))

    def block(self, number: int) -> np.ndarray:
        """Return the means of a block, (n_classes, n_channels) float32."""
        end = int(np.cumsum(self.sizes)[number])
        return self.means[:, end - int(self.sizes[number]) : end]

    @property
    def deviations(self) -> np.ndarray:
        """Standard deviation over the classes, the mean over the channels of each block, (n_blocks,) float64."""
        blocks = [np.asarray(self.block(number), dtype=np.float64) for number in range(len(self.blocks))]
        return np.array([block.std(axis=0).mean() if len(block) else np.nan for block in blocks])

    @property
    def correlations(self) -> np.ndarray:
        """Pearson's correlation of each channel of the first block with the loudness, (n_first,); NaN if either rests.

        float64, over all segments.
        """
        loudness = self.loudness_db - np.mean(self.loudness_db, dtype=np.float64)
        first = self.first - np.mean(self.first, axis=0, dtype=np.float64)
        scale = np.sqrt((loudness**2).sum() * (first**2).sum(axis=0))
        return np.where(scale > 0, loudness @ first / np.where(scale > 0, scale, 1.0), np.nan)


@dataclasses.dataclass(frozen=True, eq=False)
class Harmonics:
    """Harmonic filters, triangles around multiples of some frequencies: Won et al. 2020, section 2.

    Parameters
    ----------
    sample_rate_hz : int
        Of what the network hears.
    n_harmonics : int
        Multiples of each frequency.
    fundamentals_hz : np.ndarray [shape=(n_bands,), float32]
        Rising.
    alpha, beta, q : float
        As learnt: a triangle around f is (alpha f + beta) / q wide.
    start : np.ndarray [shape=(3,), float64]
        The same before training.
    """

    sample_rate_hz: int
    n_harmonics: int
    fundamentals_hz: np.ndarray
    alpha: float
    beta: float
    q: float
    start: np.ndarray

    def __post_init__(self) -> None:
        fits = self.fundamentals_hz.ndim == 1 and self.fundamentals_hz.size and self.start.shape == (3,)
        _check(bool(fits) and self.q != 0 != self.start[2], "harmonics", "frequencies and q", self.q, "filters")

    def widths_hz(self, frequencies_hz: np.ndarray, *, learnt: bool = True) -> np.ndarray:
        """Return how wide triangles around frequencies are, as learnt or as they were before training, float64."""
        alpha, beta, q = (self.alpha, self.beta, self.q) if learnt else self.start
        return (alpha * np.asarray(frequencies_hz, dtype=np.float64) + beta) / q


@dataclasses.dataclass(frozen=True, eq=False)
class Bands:
    """First filters of a network that reads mel bands.

    Parameters
    ----------
    layer : str
        "timbral..." for filters of many bands and few frames, "temporal..." for long ones of a single band.
    frame_rate_hz : float
        Of the frames.
    n_all : int
        Bands that there are.
    kernels : np.ndarray [shape=(n_filters, n_frames, n_bands), float32]
        Weights; a temporal filter has one band.
    """

    layer: str
    frame_rate_hz: float
    n_all: int
    kernels: np.ndarray

    def __post_init__(self) -> None:
        shape = self.kernels.shape
        fits = len(shape) == 3 and min(shape) > 0 and shape[2] <= self.n_all and self.frame_rate_hz > 0
        _check(fits, "filters of bands", "(n_filters, n_frames, n_bands)", shape, self.layer)

    @property
    def active(self) -> np.ndarray:
        """The kernels with weights: regularisation may have let others shrink to nothing; all where all have none."""
        largest = np.abs(self.kernels).max(axis=(1, 2))
        kept = largest > SILENT * largest.max()
        return self.kernels[kept] if kept.any() else self.kernels

    @property
    def is_temporal(self) -> bool:
        """Whether the filters are long and have a single band."""
        return self.kernels.shape[2] == 1


Look = Spectra | Excitations | Harmonics | Bands
_KINDS = {FILTERS: Spectra, ASCENT: Spectra, EXCITATIONS: Excitations, HARMONICS: Harmonics, BANDS: Bands}


@dataclasses.dataclass(frozen=True)
class Seen:
    """One file of a look.

    Parameters
    ----------
    network : str
        Whose folder it is in.
    picture : str
        One of `choices.LOOKS`.
    layer : str
        Empty where the picture is of the whole network.
    """

    network: str
    picture: str
    layer: str = ""

    def __post_init__(self) -> None:
        plain = all(is_file_name(name) for name in (self.network, self.layer or "-"))
        _check(plain and self.picture in _KINDS, "look", "names without folders", dataclasses.astuple(self), LIST)

    def path(self, run: Path) -> Path:
        """Return the file, without the suffix of arrays (.npz) or of the picture (.png)."""
        return Path(run) / FOLDER / self.network / "-".join(filter(None, (self.picture, self.layer)))


def write_look(run: Path, seen: Seen, look: Look, made_of: str) -> None:
    """Write the arrays of a look, atomically; `made_of` is a digest of what they were made of."""
    with replacing(_name(run, seen)) as file:
        np.savez(file, **{key: np.asarray(value) for key, value in vars(look).items()}, **{_MADE_OF: made_of})


def read_look(run: Path, seen: Seen) -> Look:
    """Read the arrays of a look; raise `StoreError` when they are missing, damaged or do not fit."""
    path, kind = _name(run, seen), _KINDS[seen.picture]
    arrays = read_arrays(path, "look", REMEDY)
    try:
        return kind(**{field.name: _read_field(arrays[field.name], field.type) for field in dataclasses.fields(kind)})
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise StoreError(explain("look", f"arrays of {seen.picture}", error, path, REMEDY)) from None


def is_seen(run: Path, seen: Seen, made_of: str) -> bool:
    """Tell whether the file of a look is there, whole, and made of the same."""
    with contextlib.suppress(StoreError):
        read_look(run, seen)
        return str(read_arrays(_name(run, seen), "look", REMEDY)[_MADE_OF]) == made_of
    return False


def write_list(run: Path, seen: Sequence[Seen], notes: Sequence[str]) -> None:
    """Write which files a look has made or found, and what it could not show, in sentences."""
    told = {"seen": [dataclasses.asdict(one) for one in seen], "notes": list(notes)}
    write_json(Path(run) / FOLDER / LIST, told)


def read_list(run: Path) -> tuple[tuple[Seen, ...], tuple[str, ...]]:
    """Read what `write_list` wrote; raise `StoreError` when it is missing or damaged."""
    path = Path(run) / FOLDER / LIST
    told = read_object(path)
    try:
        return tuple(Seen(**one) for one in told["seen"]), tuple(str(note) for note in told["notes"])
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(explain("look", "a list of its files", error, path, REMEDY)) from None


def _name(run: Path, seen: Seen) -> Path:
    return seen.path(run).with_name(f"{seen.path(run).name}.npz")


def _read_field(array: np.ndarray, kind: str) -> Any:
    if kind == "np.ndarray":
        return array
    if kind.startswith("tuple"):
        return tuple(str(one) for one in array)
    return {"str": str, "int": int, "float": float}[kind](array[()])


def _check(fits: bool, what: str, rule: str, value: object, where: str) -> None:
    if not fits:
        raise DataError(explain(what, rule, value, where, REMEDY))
