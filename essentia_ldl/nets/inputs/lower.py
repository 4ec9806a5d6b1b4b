"""What the frozen lower layers of a network make of patches, computed once for a run where it fits into memory.

In: a source of mel bands, and the lower part of a network (`classifier.split_model`), which does not learn and treats
every patch alone. Out: a source of the inputs of its upper part. A training then costs what the upper part costs, and
its patches are those of the grid. Where a collection would need more than `KEPT_BYTES`, a patch is computed whenever it
is taken: slower, with the same memory whatever the size of the collection.
"""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from essentia_ldl.nets.inputs.embeddings import BATCH_PATCHES
from essentia_ldl.nets.inputs.sources import BandSource
from essentia_ldl.nets.runtime import keras, tf
from essentia_ldl.progress import hides_bars

KEPT_BYTES = 2**31  # MusiCNN: 18 000 clips of 30 s, VGG: 800


class LowerPart:
    """The lower layers of a network, and what they have made of tracks.

    Parameters
    ----------
    model : keras.Model
        Patches -> activations.
    patch : tuple[int, ...]
        Shape of a patch.
    """

    def __init__(self, model: keras.Model, patch: tuple[int, ...]) -> None:
        self.shape = tuple(model.compute_output_shape((1, *patch))[1:])  # of the activations of a patch
        self.kept: dict[tuple[str, int], np.ndarray] = {}
        self._compute = tf.function(
            lambda x: model(x, training=False),
            input_signature=[tf.TensorSpec(model.input_shape, tf.float32)],
            autograph=False,
        )

    def compute(self, patches: np.ndarray) -> np.ndarray:
        """Compute the activations of patches (n, n_frames, n_bands), as (n, ...) float32."""
        starts = range(0, len(patches), BATCH_PATCHES)
        pieces = [self._compute(np.ascontiguousarray(patches[i : i + BATCH_PATCHES])).numpy() for i in starts]
        return np.concatenate(pieces)


class LowerSource:
    """A source of activations in place of patches; parameters are the source of bands and the lower part.

    Parameters
    ----------
    bands : BandSource
        Patches of the grid.
    lower : LowerPart
        May hold what it made for other runs.
    """

    evaluation_batch = 64

    def __init__(self, bands: BandSource, lower: LowerPart) -> None:
        self.bands, self.lower = bands, lower
        self.shape = lower.shape
        self.n_patches = self.n_choices = bands.n_patches
        self.keeps = int(bands.n_patches.sum()) * int(np.prod(self.shape)) * 4 <= KEPT_BYTES
        self.reads_disk = not self.keeps
        if self.keeps:
            missing = [row for row in range(len(self.n_patches)) if bands.name_grid(row) not in lower.kept]
            for row in tqdm(missing, desc="lower layers", unit="track", disable=hides_bars()):
                lower.kept[bands.name_grid(row)] = lower.compute(bands.grid(row))

    def take(self, rows: np.ndarray, choices: np.ndarray) -> np.ndarray:
        """Return the activations of one patch of the grid of each of some tracks, shape (n_rows, ...), float32."""
        if self.keeps:
            return np.stack([self.grid(row)[choice] for row, choice in zip(rows, choices, strict=True)])
        patches = [self.bands.grid(row)[choice] for row, choice in zip(rows, choices, strict=True)]
        return self.lower.compute(np.stack(patches))

    def grid(self, row: int) -> np.ndarray:
        """Return the activations of all patches of a track, shape (n_patches, ...), float32."""
        if self.keeps:
            return self.lower.kept[self.bands.name_grid(row)]
        return self.lower.compute(self.bands.grid(row))
