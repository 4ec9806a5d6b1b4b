"""Groups of artists that use the same words: the second half of artist group factors.

In: `Bags`; out: a distribution over groups for every artist with words, and what is to be said of the groups.

References
----------
Kim, Won, Serra, Liem, "Transfer learning of artist group factors to musical genre classification" (WWW 2018
companion), section 3.1; Blei, Ng, Jordan, "Latent Dirichlet allocation" (JMLR 2003).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from essentia_ldl.errors import DataError, explain
from essentia_ldl.labels._words import Bags

N_SHOWN = 5  # artists and words per group
LEAST_SHARE = 0.001  # of the tracks: the groups below it are counted, not shown


@dataclasses.dataclass(frozen=True)
class Groups:
    """What LDA found.

    Parameters
    ----------
    names : tuple[str, ...]
        "m01", "m02", …
    artists : tuple[str, ...]
        Those with words, sorted.
    distributions : np.ndarray [shape=(n_artists, n_groups), float64]
        Rows sum to 1.
    words : np.ndarray [shape=(n_groups, n_words), float64]
        Distribution of each group over the words; rows sum to 1.
    perplexity : float
        On the bags that it was fitted on.
    model : LatentDirichletAllocation or None
        What was fitted, for artists that come later.
    """

    names: tuple[str, ...]
    artists: tuple[str, ...]
    distributions: np.ndarray
    words: np.ndarray
    perplexity: float
    model: Any = dataclasses.field(default=None, repr=False, compare=False)


def name_groups(letter: str, n_groups: int) -> tuple[str, ...]:
    """Return the names of groups, all as long as the last one needs: "m01" to "m40"."""
    width = len(str(n_groups))
    return tuple(f"{letter}{number:0{width}d}" for number in range(1, n_groups + 1))


def fit_groups(bags: Bags, letter: str, n_groups: int, seed: int, where: str) -> Groups:
    """Fit latent Dirichlet allocation to bags of words; artists without a word are left out.

    Parameters
    ----------
    bags : Bags
        Counts, whole numbers or not.
    letter : str
        Letter of the target.
    n_groups : int
        Topics.
    seed : int
        Of their start; every other value is scikit-learn's, as in the authors' code.
    where : str
        Key of the settings in a recipe, for the message.

    Returns
    -------
    Groups

    Raises
    ------
    DataError
        When fewer artists have words than there are groups.
    """
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import LatentDirichletAllocation

    rows = np.flatnonzero(bags.counts.sum(axis=1) > 0)
    check_artists(len(rows), n_groups, where, "artists with words")
    model = LatentDirichletAllocation(n_components=n_groups, random_state=seed)
    distributions = model.fit_transform(csr_matrix(bags.counts[rows]))
    words = model.components_ / model.components_.sum(axis=1, keepdims=True)
    artists = tuple(bags.artists[row] for row in rows)
    return Groups(name_groups(letter, n_groups), artists, distributions, words, float(model.bound_), model)


def check_artists(n_artists: int, n_groups: int, where: str, what: str = "artists") -> None:
    """Raise `DataError` when there are more groups than artists."""
    if n_artists < n_groups:
        rule = f"at most {n_artists}, as the {n_artists} {what} of the training tracks give"
        remedy = f"Lower {where}.n_groups, or add artists."
        raise DataError(explain("artist groups", rule, n_groups, f"{where}.n_groups", remedy))


def describe_groups(groups: Groups, bags: Bags) -> dict[str, Any]:
    """Say what the groups are, ready for json.

    Parameters
    ----------
    groups : Groups
        What `fit_groups` made of these bags.
    bags : Bags
        The bags.

    Returns
    -------
    dict[str, Any]
        n_artists, n_tracks (with a target), n_words and n_words_used, artists_without_words (names),
        n_artists_with_one_track, perplexity, entropy_mean of the artists' distributions in nats, n_groups_used (with
        `LEAST_SHARE` of the tracks or more), and groups, the largest first: name, share of the tracks, artists and
        words, each a list of name and weight: an artist's share of the group, a word's probability in it.
    """
    row_of = {artist: row for row, artist in enumerate(bags.artists)}
    n_tracks = np.array([bags.n_tracks[row_of[artist]] for artist in groups.artists])
    shares = n_tracks @ groups.distributions / n_tracks.sum()
    logs = np.log(groups.distributions, out=np.zeros_like(groups.distributions), where=groups.distributions > 0)
    order = np.argsort(-shares, kind="stable")
    found = [
        {
            "name": groups.names[k],
            "share": float(shares[k]),
            "artists": _list_heaviest(groups.artists, groups.distributions[:, k], n_tracks),
            "words": _list_heaviest(bags.words, groups.words[k], np.zeros(len(bags.words))),
        }
        for k in order
    ]
    return {
        "n_artists": len(bags.artists),
        "n_tracks": int(n_tracks.sum()),
        "n_words": len(bags.words),
        "n_words_used": int((bags.counts.sum(axis=0) > 0).sum()),
        "artists_without_words": sorted(set(bags.artists) - set(groups.artists)),
        "n_artists_with_one_track": sum(n == 1 for n in bags.n_tracks),
        "perplexity": groups.perplexity,
        "entropy_mean": float(-(groups.distributions * logs).sum(axis=1).mean()),
        "n_groups_used": int((shares >= LEAST_SHARE).sum()),
        "groups": found,
        **bags.report,
    }


def _list_heaviest(names: Sequence[str], weights: np.ndarray, ties: np.ndarray) -> list[dict[str, Any]]:
    """Return the names of highest weight; of those within a hundredth, the one of more tracks stands first."""
    order = sorted(range(len(names)), key=lambda i: (-round(float(weights[i]), 2), -ties[i], -weights[i], names[i]))
    return [{"name": names[i], "weight": float(weights[i])} for i in order[:N_SHOWN]]
