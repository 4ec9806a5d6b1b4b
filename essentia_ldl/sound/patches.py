"""Patches of mel bands or samples, cut in numpy as Essentia's VectorRealToTensor does. In: bands; out: blocks of them.

Bands are an array, or a file of raw frames that Essentia has written (`StoredBands`): ten hours of bands are 860 MB,
of which only the frames of a block are ever in memory.
"""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from essentia_ldl.errors import find_full_disk
from essentia_ldl.features.samples import to_float
from essentia_ldl.records import FrontEnd
from essentia_ldl.sound.decoder import SPAN


@dataclasses.dataclass(frozen=True)
class StoredBands:
    """Bands, or a signal, in a file of raw float32 frames.

    Parameters
    ----------
    path : Path
        Essentia's FileOutput wrote it; where there are no frames it need not exist.
    n_frames : int
        Frames that count.
    n_bands : int
        Numbers of a frame; 1 of a signal.
    first_frame : int
        The first frame that counts; what stands before it is of an earlier run.
    """

    path: Path
    n_frames: int
    n_bands: int
    first_frame: int = 0

    def __len__(self) -> int:
        return self.n_frames

    def __getitem__(self, frames: slice) -> np.ndarray:
        """Read frames; (n, n_bands) float32."""
        first, last, _ = frames.indices(self.n_frames)
        n_values = max(0, last - first) * self.n_bands
        if not n_values:
            return np.zeros((0, self.n_bands), np.float32)
        offset = 4 * self.n_bands * (self.first_frame + first)
        return np.fromfile(self.path, np.float32, n_values, offset=offset).reshape(-1, self.n_bands)


def find_stored(pool: Mapping[str, np.ndarray], name: str, path: Path, n_bands: int) -> StoredBands:
    """Find what a pass wrote to a file by `decoder.Source.collect`.

    Parameters
    ----------
    pool : Mapping[str, np.ndarray]
        Of the pass, which must be gone: Essentia writes the last frames when it is freed.
    name : str
        Of the stream.
    path : Path
        Its file.
    n_bands : int
        Numbers of a frame.

    Returns
    -------
    StoredBands
        Exactly what the run that counts has written, also where the file was read twice; no frame where none ran.

    Raises
    ------
    DiskError
        When the file is shorter: Essentia writes to a full disk without a word.
    """
    first, last = (int(place) for place in pool.get(f"{SPAN}{name}", (0, 0)))
    if last and (not path.is_file() or path.stat().st_size < 4 * n_bands * last):
        raise find_full_disk(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)))
    return StoredBands(path, last - first, n_bands, first)


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


def cut_stored(stored: np.ndarray, front_end: FrontEnd, size: int, last_patch: str = "discard") -> Iterator[np.ndarray]:
    """Cut what the store holds of a track into patches as a network reads them.

    Parameters
    ----------
    stored : np.ndarray [shape=(n_frames, n_bands), float32, or (n_samples, 1), int16]
        Bands, or samples of a waveform.
    front_end : FrontEnd
        Length of a patch, and from one to the next.
    size, last_patch
        As those of `cut_patches`.

    Yields
    ------
    np.ndarray [shape=(<= size, *patch_shape), float32]
    """
    waves = front_end.kind == "waveform"
    for block in cut_patches(stored, front_end.patch_frames, front_end.patch_hop_frames, size, last_patch):
        yield to_float(block) if waves else np.asarray(block, dtype=np.float32)


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
