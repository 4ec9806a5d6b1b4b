"""Which tracks are nearest: exactly, or through a graph of neighbours where there are very many.

In: unit vectors (n_vectors, d), float32, one or more per track, and those of a query. Out: a score per track, the mean
over the query's vectors of the best cosine with any vector of the track. Up to `EXACT_UP_TO` vectors one product of
matrices answers. Above it voyager (the extra ``search``) names candidates, whose scores are computed exactly again.

References
----------
Y. Malkov, D. Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small
world graphs" (IEEE TPAMI 2020), the graph that voyager builds.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from essentia_ldl.errors import Reason, StoreError, explain

EXACT_UP_TO = 50_000  # vectors: above it a product of matrices takes longer than people like to wait
N_LINKS, EF_CONSTRUCTION, EF_QUERY = 16, 200, 200  # M and ef of the paper's sections 4.1 and 4.2
SEED = 20261129
N_SORTED = 1000
BLOCK_ROWS = 65_536  # of vectors that are multiplied at once, so that memory does not grow with the index


def has_graphs() -> bool:
    """Tell whether voyager is installed."""
    return importlib.util.find_spec("voyager") is not None


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Return rows of length 1.

    Parameters
    ----------
    vectors : np.ndarray [shape=(n, d), float]
        Rows of zeros stay as they are: they are like nothing.

    Returns
    -------
    np.ndarray [shape=(n, d), float32]

    Examples
    --------
    >>> normalise(np.array([[3.0, 4.0], [0.0, 0.0]])).round(1).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def score_tracks(units: np.ndarray, starts: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Score every track exactly.

    Parameters
    ----------
    units : np.ndarray [shape=(n_vectors, d), float32]
        Vectors of tracks, those of one track side by side.
    starts : np.ndarray [shape=(n_tracks,), int64]
        Row of the first vector of each track, ascending.
    query : np.ndarray [shape=(n_queries, d), float32]
        Unit vectors of what is sought.

    Returns
    -------
    np.ndarray [shape=(n_tracks,), float32]
        Mean over the query's vectors of the best cosine with any vector of the track.
    """
    cosines = np.empty((len(units), len(query)), np.float32)
    for start in range(0, len(units), BLOCK_ROWS):
        cosines[start : start + BLOCK_ROWS] = units[start : start + BLOCK_ROWS] @ query.T
    if len(starts) < len(units):
        cosines = np.maximum.reduceat(cosines, starts, axis=0)
    return cosines.mean(axis=1)


def order_scores(scores: np.ndarray) -> Iterator[int]:
    """Yield the places of scores, the highest first; the first `N_SORTED` without sorting the others.

    Parameters
    ----------
    scores : np.ndarray [shape=(n,), float32]
        Equal ones come in the order of their places.

    Examples
    --------
    >>> list(order_scores(np.array([0.5, 0.9, 0.5])))
    [1, 0, 2]
    """
    done = 0
    if len(scores) > 4 * N_SORTED:
        least = np.partition(scores, -N_SORTED)[-N_SORTED]
        first = np.flatnonzero(scores >= least)
        yield from first[np.argsort(-scores[first], kind="stable")].tolist()
        done = len(first)
    yield from np.argsort(-scores, kind="stable")[done:].tolist()


def build_graph(units: np.ndarray) -> bytes:
    """Build a graph of neighbours over vectors.

    Parameters
    ----------
    units : np.ndarray [shape=(n_vectors, d), float32]
        Unit vectors.

    Returns
    -------
    bytes
        What `open_graph` reads. It holds the vectors in 8 bits each, so that it adds less to an index than the vectors.
    """
    import voyager

    graph = voyager.Index(
        voyager.Space.InnerProduct,
        units.shape[1],
        M=N_LINKS,
        ef_construction=EF_CONSTRUCTION,
        random_seed=SEED,
        max_elements=len(units),
        storage_data_type=voyager.StorageDataType.E4M3,
    )
    graph.add_items(units)
    return graph.as_bytes()


def open_graph(data: bytes, n_vectors: int, where: object) -> Any:
    """Open a graph.

    Parameters
    ----------
    data : bytes
        Of `build_graph`.
    n_vectors : int
        How many it must hold.
    where : object
        The index, for messages.

    Returns
    -------
    voyager.Index
        For `find_candidates`.

    Raises
    ------
    StoreError
        When it is damaged, or of other vectors.
    """
    import voyager

    remedy = "Index the same music again with --again."
    try:
        graph = voyager.Index.load(io.BytesIO(data))
    except Exception as error:  # voyager raises whatever its C++ raises
        raise StoreError(explain("graph of neighbours", "a whole one", Reason(error), where, remedy)) from None
    if len(graph) != n_vectors:
        raise StoreError(explain("graph of neighbours", f"{n_vectors} vectors", len(graph), where, remedy))
    return graph


def find_candidates(graph: Any, query: np.ndarray, n_wanted: int) -> np.ndarray:
    """Ask a graph for the vectors that are nearest to any of a query's.

    Parameters
    ----------
    graph : voyager.Index
        Of `open_graph`.
    query : np.ndarray [shape=(n_queries, d), float32]
        Unit vectors.
    n_wanted : int
        How many per vector of the query; at most as many as there are.

    Returns
    -------
    np.ndarray [shape=(n,), int64]
        Rows, ascending, each once.
    """
    n_wanted = min(n_wanted, len(graph))
    rows, _ = graph.query(np.ascontiguousarray(query), k=n_wanted, query_ef=max(EF_QUERY, n_wanted))
    return np.unique(rows.astype(np.int64))
