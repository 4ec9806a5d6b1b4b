"""Training patches changed at random: masks, gain, mixtures, small shifts, and variants of the audio.

In: the mel bands of a track and of its variants, both of the store, and what a plan says under "augment". Out: batches
of patches, or of what frozen lower layers make of them, with the targets that belong to them. All draws of an epoch
come from the generator that it is given, so that an epoch is the same whenever it is trained. Validation and test
patches never come from here.

References
----------
D. S. Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition" (Interspeech 2019),
section 2: masks of time and frequency, one of each here; what is hidden gets the mean of the patch. H. Zhang, M. Cisse,
Y. N. Dauphin and D. Lopez-Paz, "mixup: beyond empirical risk minimization" (ICLR 2018), equation 1.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.choices import AUDIO_VARIANTS, TOP
from essentia_ldl.frontends import DECIBEL_FLOOR
from essentia_ldl.nets.inputs.lower import LowerPart
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.records import FrontEnd
from essentia_ldl.runs.plan import Plan

VGGISH_OFFSET = 0.01  # TensorflowInputVGGish: ln(x + 0.01) of the bands' magnitude
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


def hide_stretches(patches: np.ndarray, share: float, axis: int, random: np.random.Generator) -> np.ndarray:
    """Hide a stretch of frames or bands of every patch: it gets the mean of the patch.

    Parameters
    ----------
    patches : np.ndarray [shape=(n, n_frames, n_bands) or (n, n_samples), float32]
        Left as they are.
    share : float
        Of the axis, at most; how much is drawn uniformly from nothing to that.
    axis : int
        1 for frames, 2 for bands.
    random : np.random.Generator
        Drawn from twice.

    Returns
    -------
    np.ndarray [shape=(n, n_frames, n_bands), float32]
    """
    size = patches.shape[axis]
    widths = random.integers(0, int(share * size) + 1, len(patches))
    starts = random.integers(0, size - widths + 1)
    places = np.arange(size)
    hidden = (places >= starts[:, None]) & (places < (starts + widths)[:, None])
    if patches.ndim == 3:
        hidden = hidden[:, :, None] if axis == 1 else hidden[:, None, :]
    whole = tuple(range(1, patches.ndim))
    return np.where(hidden, patches.mean(axis=whole, keepdims=True, dtype=np.float32), patches)


def change_gain(patches: np.ndarray, gains_db: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Return the bands that louder or softer audio would have had.

    Parameters
    ----------
    patches : np.ndarray [shape=(n, n_frames, n_bands), float32]
        As the front-end compresses them.
    gains_db : np.ndarray [shape=(n,), float64]
        Of the audio of each patch.
    front_end : FrontEnd
        Says how bands are compressed.

    Returns
    -------
    np.ndarray [shape=(n, n_frames, n_bands), float32]
    """
    if front_end.kind == "waveform":
        return (patches * 10 ** (np.asarray(gains_db)[:, None] / 20)).astype(np.float32)
    gains_db = np.asarray(gains_db, dtype=np.float64)[:, None, None]
    if front_end.compression == "decibel":
        return np.maximum(patches + gains_db, 10 * np.log10(DECIBEL_FLOOR)).astype(np.float32)
    if front_end.input_algorithm == "TensorflowInputVGGish":
        magnitudes = np.maximum(np.exp(patches.astype(np.float64)) - VGGISH_OFFSET, 0)
        return np.log(magnitudes * 10 ** (gains_db / 20) + VGGISH_OFFSET).astype(np.float32)
    halved = 2 if dict(front_end.input_parameters).get("type") == "magnitude" else 1
    scaled = (10.0 ** patches.astype(np.float64) - 1) * 10 ** (gains_db / (10 * halved))  # whichever the scale
    return np.log10(1 + scaled).astype(np.float32)


def mix_tracks(batch: Batch, alpha: float, random: np.random.Generator) -> Batch:
    """Mix every patch with another of the batch, and their targets and weights in the same shares.

    Parameters
    ----------
    batch : tuple of np.ndarray
        Patches (n, ...), targets (n, n_classes) and weights (n,), float32.
    alpha : float
        Both parameters of the beta distribution of the shares; small ones mix little.
    random : np.random.Generator
        Drawn from twice.
    """
    n = len(batch[0])
    order, shares = random.permutation(n), random.beta(alpha, alpha, n)
    shares = np.maximum(shares, 1 - shares)  # a patch is mostly itself

    def mix(values: np.ndarray) -> np.ndarray:
        own = shares.reshape(n, *[1] * (values.ndim - 1)).astype(np.float32)
        return own * values + (1 - own) * values[order]

    patches, targets, weights = batch
    return mix(patches), mix(targets), mix(weights)


class Augmenter:
    """The batches of a training whose patches are changed.

    Parameters
    ----------
    plan : Plan
        What it says under "augment" is done.
    bands : BandSource
        Of the same tracks.
    lower : LowerPart or None
        Frozen layers that the changed patches go through.
    """

    def __init__(self, plan: Plan, bands: BandSource, lower: LowerPart | None = None) -> None:
        self._settings, self._bands, self._lower = plan.augment, bands, lower
        self._on_grid = plan.network.fine_tune == TOP
        self._variants = ("", *(name for kind in plan.augment.audio for name in AUDIO_VARIANTS[kind]))
        # with frozen lower layers patches are those of the grid, and a shift is what moves them
        self.n_choices = bands.n_patches if self._on_grid else bands.n_choices

    def take(self, rows: np.ndarray, choices: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return a patch of each of some tracks, of any of its variants, shape (n_rows, n_frames, n_bands), float32."""
        variants = random.integers(0, len(self._variants), len(rows))
        starts = self._bands.place_grid(choices) if self._on_grid else choices
        if self._on_grid and self._settings.shift_frames:
            most = self._settings.shift_frames
            starts = starts + random.integers(-most, most + 1, len(rows))
            starts = np.clip(starts, 0, self._bands.n_choices[rows] - 1)
        return np.stack(
            [
                self._bands.cut_variant(row, start, self._variants[variant])
                for row, start, variant in zip(rows, starts, variants, strict=True)
            ]
        )

    def change(self, batch: Batch, random: np.random.Generator) -> Batch:
        """Change patches (n, n_frames, n_bands), with their targets and weights, as the plan says."""
        settings, (patches, targets, weights) = self._settings, batch
        if settings.gain_db:
            gains_db = random.uniform(-settings.gain_db, settings.gain_db, len(patches))
            patches = change_gain(patches, gains_db, self._bands.front_end)
        for share, axis in ((settings.time_mask, 1), (settings.band_mask, 2)):
            if share:
                patches = hide_stretches(patches, share, axis, random)
        if settings.mixup:
            patches, targets, weights = mix_tracks((patches, targets, weights), settings.mixup, random)
        return (patches if self._lower is None else self._lower.compute(patches)), targets, weights
