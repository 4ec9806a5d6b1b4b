"""What a search by words finds. ``python tests/words_study.py FILE...``, of indices with label, artist and genre.

The words are those that the tables of the indices use: the values of the column genre, and the label "sad". Of each the
table tells the precision of the ten best tracks, and the area under the ROC curve of all, with a 95 % interval
bootstrapped over artists; chance is the share of tracks that are so. Where tracks have a sadness_share, the share of
listeners who chose sadness, the search for "sad" is correlated with it too. ``--words VECTORS`` goes through vectors.
"""

from __future__ import annotations

import argparse

import numpy as np

from essentia_ldl.errors import UnknownNameError
from essentia_ldl.scores.multi_label import score_roc_auc
from essentia_ldl.scores.retrieval import score_precision_at
from essentia_ldl.search.bridge import Bridge, fold
from essentia_ldl.search.library import Library, read_library
from essentia_ldl.search.words import VectorFile, score_tracks

N_RESAMPLES, SEED = 2000, 20261130


def find_interval(truth: np.ndarray, scores: np.ndarray, artists: np.ndarray) -> tuple[float, float]:
    """Return a 95 % interval of the area under the curve over artists that are drawn again and again."""
    rng, names = np.random.default_rng(SEED), np.unique(artists)
    rows, found = [np.flatnonzero(artists == name) for name in names], []
    for _ in range(N_RESAMPLES):
        drawn = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        if 0 < truth[drawn].sum() < len(drawn):
            found.append(float(score_roc_auc(truth[drawn, None], scores[drawn, None])[0]))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def study(library: Library, vectors: VectorFile) -> None:
    """Print the rows of an index."""
    from scipy.stats import spearmanr

    genres = np.array([entry.columns.get("genre", "") for entry in library.entries])
    artists = np.array([entry.artist or entry.path for entry in library.entries])
    shares = np.array([float(entry.columns.get("sadness_share") or "nan") for entry in library.entries])
    cases = {"sad": np.array([entry.label == "sad" for entry in library.entries])}
    cases |= {genre: genres == genre for genre in np.unique(genres)}
    bridge = Bridge(library.tags, vectors.read([*cases, *map(fold, library.tags)]))
    for word, truth in cases.items():
        try:
            scores = score_tracks(library, bridge.understand(word).weights).astype(np.float64)
        except UnknownNameError:
            print(f"| {library.maker.model} | {word} | no such tag | {truth.mean():.3f} | | | |")
            continue
        targets = truth.astype(int)[:, None]
        precision, area = (float(f(targets, scores[:, None], *more)[0]) for f, more in _MEASURES)
        low, high = find_interval(targets[:, 0], scores, artists)
        share = f"{spearmanr(scores, shares, nan_policy='omit')[0]:.3f}" if word == "sad" else ""
        numbers = f"{precision:.3f} | {truth.mean():.3f} | {area:.3f} | {low:.3f} to {high:.3f} | {share}"
        print(f"| {library.maker.model} | {word} | {numbers} |")


_MEASURES = ((score_precision_at, (10,)), (score_roc_auc, ()))


def main() -> None:
    """Print the table of some indices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("indices", nargs="+")
    parser.add_argument("--words")
    given = parser.parse_args()
    print("| model | word | precision at 10 | chance | AUC | interval | listeners' share |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for path in given.indices:
        study(read_library(path), VectorFile(given.words))


if __name__ == "__main__":
    main()
