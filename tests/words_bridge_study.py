"""How tags of a tagger are best joined into an unseen word. ``python tests/words_bridge_study.py INDEX WEIGHTS``.

Every tag of a network is left out once, as if it were a word that the network does not know, and the tracks of an index
are ranked by the other tags. Nearness of tags is told by the network itself: the cosines of the weights of its output
layer (.weights.h5), which stand for a word space that fits well; noise of so many times their length makes it worse.
The table has the rank correlation with the tag's own probability, the mean over tags: of the weighted mean of
probabilities (raw), of logits standardised over the index (z), of ranks in it, and of the cosine of a word and the
place of a track (ConSE).
"""

from __future__ import annotations

import sys

import numpy as np

from essentia_ldl.search.bridge import place_tracks
from essentia_ldl.search.library import read_library

N_TAGS, SEED = (3, 10, 49), 0


def read_units(path: str) -> np.ndarray:
    """Read the weights of the output layer as one centred unit vector per tag."""
    import h5py

    found: list[np.ndarray] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(item[()]) if getattr(item, "shape", ())[1:] == (50,) else None)
    units = found[0].T - found[0].T.mean(axis=0)
    return units / np.linalg.norm(units, axis=1, keepdims=True)


def main(index: str, weights: str) -> None:
    """Print the table of an index."""
    from scipy.stats import rankdata, spearmanr

    shares, units = read_library(index).activations.astype(np.float64), read_units(weights)
    logits = np.log(shares / (1 - shares))
    ways = {
        "raw": shares,
        "z": (logits - logits.mean(axis=0)) / logits.std(axis=0),
        "ranks": np.apply_along_axis(rankdata, 0, shares) / len(shares),
    }
    random = np.random.default_rng(SEED)
    print(f"| noise | tags | {' | '.join(ways)} | ConSE |\n| --- | --- |{' --- |' * (len(ways) + 1)}")
    for noise in (0.0, 0.5, 1.0):
        drawn = units + noise * random.normal(size=units.shape) / np.sqrt(units.shape[1])
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        for n_tags in N_TAGS:
            found: dict[str, list[float]] = {name: [] for name in (*ways, "ConSE")}
            for tag in range(len(units)):
                others = np.flatnonzero(np.arange(len(units)) != tag)
                near = np.maximum(drawn[others] @ drawn[tag], 0)
                near[np.argsort(-near, kind="stable")[n_tags:]] = 0
                scores = {name: values[:, others] @ near for name, values in ways.items()}
                scores["ConSE"] = place_tracks(shares[:, others], drawn[others]) @ drawn[tag]
                for name, values in scores.items():
                    found[name].append(spearmanr(values, shares[:, tag])[0])
            numbers = " | ".join(f"{np.mean(values):.3f}" for values in found.values())
            print(f"| {noise} | {n_tags} | {numbers} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
