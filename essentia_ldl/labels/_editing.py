"""Wilson's editing: which training tracks LMNN does not learn from, because their neighbours say another class.

A mislabelled track makes LMNN pull it to target neighbours that sound different, and push away its true peers as
impostors. The paper's conclusion asks for triplets that resist this. A track left out is no anchor, no target neighbour
and no impostor. It stays in the k-NN averaging that follows: there its label is one vote among k, and a track whose
neighbours disagree is the ambiguity that the distributions are to show.

The filter is as good as the features are. On 202 real tracks, sad or not, folds grouped by artist, one of ten training
labels corrupted: in embeddings it finds 63 % of the corrupted and also drops 34 % of the others, the training labels'
mass on the true class rises from 0.62 to 0.66 and that of held-out tracks from 0.60 to 0.62. In MFCC-P it drops 64 %
of the corrupted and 46 % of the others, which is little better than chance, and both fall (0.81 to 0.64, 0.54 to
0.52), although the corrupted tracks themselves recover (0.17 to 0.46). Without corrupted labels it gains nothing.

References
----------
Wilson, "Asymptotic properties of nearest neighbor rules using edited data" (IEEE Trans. SMC 2(3), 1972), who also takes
3 neighbours; Buisson, Alonso-Jiménez, Bogdanov (ICASSP 2022), section 6.
"""

from __future__ import annotations

import numpy as np


def edit_tracks(
    points: np.ndarray, targets: np.ndarray, n_neighbors: int, n_least_of_class: int = 0, n_least: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Find the tracks that agree with their neighbours, each looked at without itself.

    A track is left out when another class has more of its neighbours than its own has; a tie keeps it. All are judged
    on the unedited set. Where a class, or the whole, would fall below what LMNN needs, the tracks with the best
    balance of votes (own class minus the strongest other one) are put back, the first in order where they are equal.

    Parameters
    ----------
    points : np.ndarray [shape=(n_tracks, n_features), float64]
        Standardised features.
    targets : np.ndarray [shape=(n_tracks,), int64]
        Class index of each.
    n_neighbors : int
        Neighbours that vote; fewer than the tracks.
    n_least_of_class : int
        Tracks that every class keeps, or all that it has.
    n_least : int
        Tracks that are kept altogether, or all that there are.

    Returns
    -------
    kept : np.ndarray [shape=(n_tracks,), bool]
        Tracks to learn from.
    put_back : np.ndarray [shape=(n_tracks,), bool]
        Those of them that their neighbours voted out.
    """
    rows = np.arange(len(points))
    votes = np.zeros((len(points), targets.max() + 1))
    for row in rows:
        distances = np.square(points - points[row]).sum(axis=1)
        distances[row] = np.inf
        nearest = np.argsort(distances, kind="stable")[:n_neighbors]
        votes[row] = np.bincount(targets[nearest], minlength=votes.shape[1])
    own = votes[rows, targets]
    votes[rows, targets] = -1
    balance = own - votes.max(axis=1)
    agreeing = balance >= 0
    best_first = np.argsort(-balance, kind="stable")
    kept = agreeing.copy()
    for members, least in (
        *((targets == column, n_least_of_class) for column in np.unique(targets)),
        (np.ones(len(points), dtype=bool), n_least),
    ):
        candidates = [row for row in best_first if members[row] and not kept[row]]
        kept[candidates[: max(0, least - int(kept[members].sum()))]] = True
    return kept, kept & ~agreeing
