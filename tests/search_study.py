"""How much an index finds of what one looks for. ``python tests/search_study.py FILE``, of an index with artists.

Every track asks for its ten nearest others by cosine. Precision by artist is the share that is of its artist, among
tracks whose artist has others; by a column (and ``label``) the share of the same value, with all tracks and with the
artist's own left out. Chance is what a random order has on average, and the best possible what a perfect one has.
Intervals are bootstrapped over artists.
"""

from __future__ import annotations

import sys

import numpy as np

from essentia_ldl.search.library import read_library

N_NEAREST, N_RESAMPLES, SEED = 10, 2000, 20261129


def score(cosines: np.ndarray, relevant: np.ndarray, allowed: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the precision of every query, of a random order, and of the best one; NaN where nothing is relevant."""
    cosines = np.where(allowed, cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :N_NEAREST]
    found = np.take_along_axis(relevant & allowed, nearest, axis=1).mean(axis=1)
    n_relevant = (relevant & allowed).sum(axis=1)
    chance = n_relevant / allowed.sum(axis=1)
    best = np.minimum(n_relevant, N_NEAREST) / N_NEAREST
    return tuple(np.where(n_relevant > 0, values, np.nan) for values in (found, chance, best))


def resample(values: np.ndarray, artists: np.ndarray) -> tuple[float, float]:
    """Return a 95 % interval of the mean over tracks whose artists are drawn again and again."""
    rng, names = np.random.default_rng(SEED), np.unique(artists)
    rows = [values[artists == name] for name in names]
    draws = [np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))]) for _ in range(N_RESAMPLES)]
    low, high = np.percentile([np.nanmean(draw) for draw in draws], [2.5, 97.5])
    return float(low), float(high)


def main(path: str) -> None:
    """Print the table of an index."""
    library = read_library(path)
    units = np.stack([library.rows(row).mean(axis=0) for row in range(len(library.entries))])
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    centred = units - units.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    artists = np.array([entry.artist or entry.path for entry in library.entries])
    columns = {"label": [entry.label for entry in library.entries]}
    columns["genre"] = [entry.columns.get("genre", "") for entry in library.entries]
    others = ~np.eye(len(units), dtype=bool)
    same_artist = artists[:, np.newaxis] == artists
    cases = [("artist", same_artist, others)]
    for name, values in columns.items():
        same = np.array(values)[:, np.newaxis] == np.array(values)
        cases += [(name, same, others), (f"{name}, other artists", same, others & ~same_artist)]
    print(f"{len(units)} tracks of {len(np.unique(artists))} artists, {library.maker.model}\n")
    print("| relevant | precision at 10 | interval | of centred vectors | chance | best possible | tracks |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, relevant, allowed in cases:
        found, chance, best = score(units @ units.T, relevant, allowed)
        low, high = resample(found, artists)
        centred_found = np.nanmean(score(centred @ centred.T, relevant, allowed)[0])
        numbers = f"{np.nanmean(found):.3f} | {low:.3f} to {high:.3f} | {centred_found:.3f} | {np.nanmean(chance):.3f}"
        print(f"| {name} | {numbers} | {np.nanmean(best):.3f} | {np.isfinite(found).sum()} |")


if __name__ == "__main__":
    main(sys.argv[1])
