"""A plane on which tracks that sound alike are near one another. In: features; out: two coordinates per track.

t-SNE of scikit-learn, seeded, so that the same run gives the same picture; up to four tracks by their principal axes.
Distances on the plane are a help for the eye and enter no number.

References
----------
L. van der Maaten, G. Hinton, "Visualizing data using t-SNE" (JMLR 2008).
"""

from __future__ import annotations

import numpy as np

FEWEST = 5  # tracks that t-SNE is asked for
LARGEST = 1e12  # scikit-learn keeps squared distances in 32 bits
PERPLEXITY = 30.0  # scikit-learn's default; the authors advise 5 to 50


def place_tracks(points: np.ndarray, seed: int) -> np.ndarray:
    """Place tracks on a plane.

    Parameters
    ----------
    points : np.ndarray [shape=(n_tracks, d), float64]
        Features, all on one scale.
    seed : int
        Of t-SNE.

    Returns
    -------
    np.ndarray [shape=(n_tracks, 2), float64]
        Centred on 0; all zero when all tracks are the same.
    """
    points = np.asarray(points, dtype=np.float64)
    centered = points - points.mean(axis=0)
    largest = np.abs(centered).max()
    if not largest > 0:
        return np.zeros((len(points), 2))
    if largest > LARGEST:  # of damaged features: the picture is the same on another scale
        points = centered = centered / largest
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    axes = np.zeros((len(points), 2))
    axes[:, : min(2, len(sizes))] = left[:, :2] * sizes[:2]
    if len(points) < FEWEST:
        return axes

    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # the principal axes as the start keep the picture's large structure and make it the same every time
    start = (axes / axes[:, 0].std() * 1e-4).astype(np.float32)
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    with threadpool_limits(1):  # sums in one order; and on a busy machine threads wait for one another
        placed = TSNE(2, perplexity=perplexity, init=start, random_state=seed, n_jobs=1).fit_transform(points)
    return placed.astype(np.float64) if np.all(np.isfinite(placed)) else axes
