"""Where the inputs of a training come from: embeddings in memory, or mel bands on disk. Both answer the same calls.

In: a `Plan`. Out: one random patch of each track for an epoch, and every patch of the grid for an evaluation. An
extractor whose `lazy` is True holds more than fits into memory: it is asked for the embeddings of a track whenever they
are taken, by its `read(content)` -> (n_patches, d), and beforehand for their numbers, by its `count(contents)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from essentia_ldl.features.samples import to_float
from essentia_ldl.features.store import Store, find_variant
from essentia_ldl.nets.inputs.embeddings import FrozenNetwork
from essentia_ldl.nets.inputs.patches import SamplePatches, count_grid, cut_patch, read_grid
from essentia_ldl.runs.plan import Plan

PIECE_SAMPLES = 1 << 20


class EmbeddingSource:
    """Embeddings of all tracks of a run, for a head on a frozen network.

    Parameters
    ----------
    plan : Plan
        The run.
    extractor : FrozenNetwork
        The frozen network.
    """

    evaluation_batch = 4096

    def __init__(self, plan: Plan, extractor: FrozenNetwork) -> None:
        self._extractor = extractor if getattr(extractor, "lazy", False) else None
        self.reads_disk = self._extractor is not None
        self._contents = [track.content for track in plan.tracks]
        if self._extractor is not None:
            self.n_patches = np.asarray(extractor.count(self._contents), dtype=np.int64)
            self.shape = extractor.read(self._contents[0]).shape[1:]
        else:
            embeddings = extractor.load(self._contents)
            self.n_patches = np.array([len(e) for e in embeddings], dtype=np.int64)
            self._stack = np.concatenate(embeddings)
            self.shape = self._stack.shape[1:]
        self.n_choices = self.n_patches
        self._first = np.cumsum(self.n_patches) - self.n_patches

    def take(self, rows: np.ndarray, choices: np.ndarray) -> np.ndarray:
        """Return one embedding of each of some tracks, shape (n_rows, d), float32."""
        if self._extractor is not None:
            return np.stack([self.grid(row)[choice] for row, choice in zip(rows, choices, strict=True)])
        return self._stack[self._first[rows] + choices]

    def grid(self, row: int) -> np.ndarray:
        """Return all embeddings of a track, shape (n_patches, d), float32."""
        if self._extractor is not None:
            return self._extractor.read(self._contents[row])
        return self._stack[self._first[row] : self._first[row] + self.n_patches[row]]

    def measure(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of every dimension over all embeddings of some tracks, each (d,), float32."""
        return measure_frames(self.grid(row) for row in rows)


class BandSource:
    """Mel bands, or samples, of all tracks of a run, mapped from disk, for a network that trains as a whole.

    Parameters
    ----------
    plan : Plan
        The run.
    """

    evaluation_batch = 8
    reads_disk = True

    def __init__(self, plan: Plan) -> None:
        self.front_end = plan.front_end
        self.shape = plan.front_end.patch_shape
        self._store = Store(plan.store)
        self._contents = [track.content for track in plan.tracks]
        n_frames = [len(self._store.read(content, self.front_end)) for content in self._contents]
        self.n_patches = np.array([count_grid(n, self.front_end) for n in n_frames], dtype=np.int64)
        self.n_choices = np.array([max(1, n - self.front_end.patch_frames + 1) for n in n_frames], dtype=np.int64)

    def take(self, rows: np.ndarray, choices: np.ndarray) -> np.ndarray:
        """Return the patch that begins at a frame of each of some tracks, shape (n_rows, *patch_shape)."""
        return np.stack([self._cut(self._bands(row), start) for row, start in zip(rows, choices, strict=True)])

    def cut_variant(self, row: int, start: int, variant: str) -> np.ndarray:
        """Return a patch of a variant of a track, or of itself where that is "", of the front-end's `patch_shape`.

        Parameters
        ----------
        row : int
            Of the track.
        start : int
            Frame of the track; a variant of another length is cut at the same share of it.
        variant : str
            Name of a variant of the audio, one of `choices.AUDIO_VARIANTS`; "" is the track itself.
        """
        if not variant:
            return self._cut(self._bands(row), start)
        bands = self._store.read(self._contents[row], *find_variant(self.front_end, variant))
        n_choices = max(1, len(bands) - self.front_end.patch_frames + 1)
        return self._cut(bands, start * n_choices // int(self.n_choices[row]))

    def place_grid(self, choices: np.ndarray) -> np.ndarray:
        """Return the first frames of patches of the grid."""
        return choices * self.front_end.patch_hop_frames

    def grid(self, row: int) -> np.ndarray | SamplePatches:
        """Return all patches of the grid of a track, shape (n_patches, *patch_shape), float32, mapped from disk."""
        return read_grid(self._bands(row), self.front_end)

    def measure(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of every band over all frames of some tracks, each (n_bands,), float32."""
        if self.front_end.kind == "waveform":
            return measure_frames(piece for row in rows for piece in self._iterate_samples(row))
        return measure_frames(self._bands(row) for row in rows)

    def _iterate_samples(self, row: int) -> Iterator[np.ndarray]:
        """Yield the samples of a track a million at a time, (n, 1) float32: tracks may be hours long."""
        samples = self._bands(row)
        for start in range(0, len(samples), PIECE_SAMPLES):
            yield to_float(samples[start : start + PIECE_SAMPLES])[:, np.newaxis]

    def name_grid(self, row: int) -> tuple[str, int]:
        """Name the patches of a track, for who keeps what is made of them: content, frames from one to the next."""
        return self._contents[row], self.front_end.patch_hop_frames

    def _cut(self, bands: np.ndarray, start: int) -> np.ndarray:
        return self._read_patches(cut_patch(bands, start, self.front_end))

    def _read_patches(self, patches: np.ndarray) -> np.ndarray:
        """Return patches as the network reads them: samples of a waveform become float32."""
        return to_float(patches) if self.front_end.kind == "waveform" else patches

    def _bands(self, row: int) -> np.ndarray:
        return self._store.read(self._contents[row], self.front_end)


def measure_frames(arrays: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Measure mean and variance over the rows of many arrays, one array in memory at a time.

    Parameters
    ----------
    arrays : iterable of np.ndarray [shape=(n, d), float32]
        At least one row in all.

    Returns
    -------
    mean, variance : np.ndarray [shape=(d,), float32]
        Over all rows, each counting once.

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances" (1979), equation 2.1: the sum of two sets' squared deviations.
    """
    n_rows, mean, squares = 0, np.zeros(()), np.zeros(())
    for array in arrays:
        if not len(array):
            continue
        values = np.asarray(array, dtype=np.float64)
        n_new, mean_new = len(values), values.mean(axis=0)
        step, n_rows = mean_new - mean, n_rows + n_new
        squares = squares + ((values - mean_new) ** 2).sum(axis=0) + step**2 * ((n_rows - n_new) * n_new / n_rows)
        mean = mean + step * (n_new / n_rows)
    return mean.astype(np.float32), (squares / n_rows).astype(np.float32)


def iterate_grid(source: EmbeddingSource | BandSource, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield every patch of some tracks, one track after the other, in batches of at most `evaluation_batch`."""
    held: list[np.ndarray] = []
    n_held = 0
    for row in rows:
        grid = source.grid(row)
        for start in range(0, len(grid), source.evaluation_batch):
            piece = grid[start : start + source.evaluation_batch]
            if n_held + len(piece) > source.evaluation_batch:
                yield np.concatenate(held)
                held, n_held = [], 0
            held.append(piece)
            n_held += len(piece)
    if held:
        yield np.concatenate(held)
