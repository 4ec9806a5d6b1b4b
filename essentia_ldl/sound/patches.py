"""Patches of mel bands, cut in numpy as Essentia's VectorRealToTensor cuts them. In: bands; out: blocks of patches.

Bands are an array, or a file of raw frames that Essentia has written (`StoredBands`): ten hours of bands are 860 MB,
of which only the frames of a block are ever in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np


@dataclasses.dataclass(frozen=True)
class StoredBands:
    """Bands in a file of raw float32 frames.

    Parameters
    ----------
    path : Path
        Essentia's FileOutput wrote it.
    n_frames : int
        The last ones of the file that count; what stands before them is of an earlier run.
    n_bands : int
        Numbers of a frame.
    """

    path: Path
    n_frames: int
    n_bands: int

    def __len__(self) -> int:
        return self.n_frames

    def __getitem__(self, frames: slice) -> np.ndarray:
        """Read frames; (n, n_bands) float32."""
        first, last, _ = frames.indices(self.n_frames)
        n_before = self.path.stat().st_size // (4 * self.n_bands) - self.n_frames
        n_values = max(0, last - first) * self.n_bands
        values = np.fromfile(self.path, np.float32, n_values, offset=4 * self.n_bands * (n_before + first))
        return values.reshape(-1, self.n_bands)


def cut_patches(
    bands: np.ndarray | StoredBands, n_frames: int, hop_frames: int, size: int, last_patch: str = "discard"
) -> Iterator[np.ndarray]:
    """Cut bands into patches.

    Parameters
    ----------
    bands : np.ndarray or StoredBands [shape=(n, n_bands), float32]
        Frames of a track.
    n_frames, hop_frames : int
        Frames of a patch, and from one start to the next.
    size : int
        Patches of a block.
    last_patch : str
        "discard", or "repeat" to fill an unfinished patch with its own frames, again and again.

    Yields
    ------
    np.ndarray [shape=(<= size, n_frames, n_bands), float32]
        Only the last block may have fewer patches.
    """
    n_patches = max(0, (len(bands) - n_frames) // hop_frames + 1)
    left = bands[n_patches * hop_frames :] if last_patch == "repeat" else bands[:0]
    n_all = n_patches + (len(left) > 0)
    for first in range(0, n_all, size):
        block = []
        last = min(first + size, n_patches)
        if first < last:
            frames = bands[first * hop_frames : (last - 1) * hop_frames + n_frames]
            block = [frames[i * hop_frames : i * hop_frames + n_frames] for i in range(last - first)]
        if len(left) and first + size >= n_all:
            block.append(np.resize(left, (n_frames, left.shape[1])))
        yield np.stack(block)


def cut_blocks(
    bands: np.ndarray | StoredBands, n_frames: int, hop_frames: int, size: int, last_patch: str = "discard"
) -> Iterator[np.ndarray]:
    """Cut bands into stretches that hold whole patches.

    Parameters
    ----------
    bands : np.ndarray or StoredBands [shape=(n, n_bands), float32]
        Frames of a track.
    n_frames, hop_frames : int
        Frames of a patch, and from one start to the next.
    size : int
        Patches of a stretch.
    last_patch : str
        "discard", or "repeat" to fill an unfinished patch with its own frames, again and again.

    Yields
    ------
    np.ndarray [shape=(n, n_bands), float32]
        ``(n - n_frames) // hop_frames + 1`` patches, and nothing behind the last; an unfinished patch stands alone.
    """
    n_patches = max(0, (len(bands) - n_frames) // hop_frames + 1)
    for first in range(0, n_patches, size):
        last = min(first + size, n_patches)
        yield bands[first * hop_frames : (last - 1) * hop_frames + n_frames]
    left = bands[n_patches * hop_frames :] if last_patch == "repeat" else bands[:0]
    if len(left):
        yield np.resize(left, (n_frames, left.shape[1]))
