"""Embeddings of a frozen network become one vector per track, the smoothing space of the paper's footnote 4.

References
----------
Buisson, Alonso-Jiménez, Bogdanov, "Ambiguity modelling with label distribution learning for music classification"
(ICASSP 2022), footnote 4: embeddings of the pretrained MusiCNN led to similar results.
"""

from __future__ import annotations

import numpy as np

from essentia_ldl.errors import DataError, explain

EMBEDDING = "embedding"  # the same name as `essentia_ldl.features.embeddings.NAME`, which stands below this package


def average_patches(patches: np.ndarray, where: str = "patches") -> np.ndarray:
    """Return the mean of a track's embeddings over its patches.

    Parameters
    ----------
    patches : np.ndarray [shape=(n_patches, d), float32]
        Embeddings of the patch grid.
    where : str
        Track, for the message.

    Returns
    -------
    np.ndarray [shape=(d,), float64]
        The mean.

    Raises
    ------
    DataError
        When there is no patch, the shape is another one or a value is not finite.
    """
    patches = np.asarray(patches, dtype=np.float64)
    remedy = "Run the same command again, or leave this track out."
    if patches.ndim != 2 or not patches.size:
        raise DataError(explain("embeddings", "one or more patches, (n_patches, d)", patches.shape, where, remedy))
    if not np.all(np.isfinite(patches)):
        raise DataError(explain("embeddings", "finite numbers", "NaN or infinity", where, remedy))
    return patches.mean(axis=0)
