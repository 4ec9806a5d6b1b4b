"""From mel bands to patches: the grid that evaluation uses, and the random patch of an epoch.

In: bands (n_frames, n_bands) float32. Out: patches (n_patches, patch_frames, n_bands) float32. A track shorter than a
patch is repeated until it fills one, as Essentia does with `lastPatchMode="repeat"`; on longer tracks the frames
after the last whole patch are left out, as with "discard".
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.features.samples import to_float
from essentia_ldl.records import FrontEnd


def pad_bands(bands: np.ndarray, n_frames: int) -> np.ndarray:
    """Repeat bands from their start until they have at least `n_frames` frames.

    Parameters
    ----------
    bands : np.ndarray [shape=(n, n_bands), float32]
        One frame or more.
    n_frames : int
        Frames wanted.

    Returns
    -------
    np.ndarray [shape=(max(n, n_frames), n_bands), float32]
        The same array when it is long enough.

    Raises
    ------
    DataError
        When there is no frame.
    """
    if len(bands) >= n_frames:
        return bands
    if not len(bands):
        raise DataError(explain("bands", "one frame or more", 0, "pad_bands", "Extract the features again."))
    return bands[np.arange(n_frames) % len(bands)]


def count_grid(n_frames: int, front_end: FrontEnd) -> int:
    """Return the number of patches of the grid of a track with `n_frames` frames; at least 1."""
    return max(0, n_frames - front_end.patch_frames) // front_end.patch_hop_frames + 1


def cut_grid(bands: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Cut a track into the patches that inference sees.

    Parameters
    ----------
    bands : np.ndarray [shape=(n_frames, n_bands), float32]
        One frame or more.
    front_end : FrontEnd
        Length of a patch and hop between patches.

    Returns
    -------
    np.ndarray [shape=(n_patches, patch_frames, n_bands), float32]
        A view where the track is long enough.
    """
    bands = pad_bands(bands, front_end.patch_frames)
    windows = np.lib.stride_tricks.sliding_window_view(bands, front_end.patch_frames, axis=0)
    return windows[:: front_end.patch_hop_frames].transpose(0, 2, 1)


class SamplePatches:
    """Patches of samples that stay on disk as int16 until some are taken: of an hour, as float32, 318 MB at 22.05 kHz.

    Parameters
    ----------
    patches : np.ndarray [shape=(n_patches, n_samples, 1), int16]
        A view of what the store holds.
    """

    def __init__(self, patches: np.ndarray) -> None:
        self._patches = patches
        self.shape = patches.shape[:2]

    def __len__(self) -> int:
        return len(self._patches)

    def __getitem__(self, places: int | slice) -> np.ndarray:
        """Read one patch (n_samples,) or some (n, n_samples), float32."""
        return to_float(self._patches[places])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        """Read all."""
        del copy  # it always is one
        return self[:].astype(dtype or np.float32, copy=False)


def read_grid(stored: np.ndarray, front_end: FrontEnd) -> np.ndarray | SamplePatches:
    """Cut what the store holds of a track into the patches that inference sees, as a network reads them.

    Parameters
    ----------
    stored : np.ndarray [shape=(n_frames, n_bands), float32, or (n_samples, 1), int16]
        Bands, or samples of a waveform.
    front_end : FrontEnd
        As that of `cut_grid`.

    Returns
    -------
    np.ndarray or SamplePatches [shape=(n_patches, *patch_shape), float32]
        Samples stay on disk until they are taken.
    """
    patches = cut_grid(stored, front_end)
    return SamplePatches(patches) if front_end.kind == "waveform" else patches


def cut_patch(bands: np.ndarray, start: int, front_end: FrontEnd) -> np.ndarray:
    """Cut one patch (patch_frames, n_bands) that begins at frame `start`."""
    return pad_bands(bands, front_end.patch_frames)[start : start + front_end.patch_frames]


def draw_epoch(seed: int, epoch: int, n_choices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw the order of the tracks and one patch of each; a function of its arguments alone.

    Parameters
    ----------
    seed : int
        Seed of the run.
    epoch : int
        Number of the epoch, from 0.
    n_choices : np.ndarray [shape=(n_tracks,), int]
        Patches that each track offers.

    Returns
    -------
    order : np.ndarray [shape=(n_tracks,), int64]
        Every track once.
    choices : np.ndarray [shape=(n_tracks,), int64]
        Patch of each track (in the order of `n_choices`), from 0 to its count - 1.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(n_choices))
    return order, random.integers(0, np.asarray(n_choices), dtype=np.int64)
