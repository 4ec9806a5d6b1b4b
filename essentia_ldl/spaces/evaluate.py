"""The command `evaluate-embeddings`: models and a collection in, measures of their embeddings out.

In: names of models with embeddings, and a collection in any layout. Out: `Measured` rows, and pictures on request.
Tracks that one of the models cannot use are left out for all, so that all answer for the same ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from essentia_ldl import datasets
from essentia_ldl.collection.alike import list_alike
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError, explain
from essentia_ldl.files import Home
from essentia_ldl.predict.many import ANYBODY, Workers
from essentia_ldl.records import Failure
from essentia_ldl.spaces.measure import MeasureTerms, Standing, choose_columns, measure_vectors
from essentia_ldl.spaces.pictures import draw_pictures
from essentia_ldl.spaces.vectors import embed_tracks


@dataclasses.dataclass(frozen=True)
class MeasuredEmbeddings:
    """What `evaluate_embeddings` found.

    Parameters
    ----------
    data : str
        The collection.
    n_tracks, n_artists : int
        That all models could embed, and how many known artists they have.
    k : int
        Length of the lists whose precision is told.
    rows : tuple[Standing, ...]
        Models in their order, by column and filter.
    pictures : tuple[Path, ...]
        Pictures that were drawn.
    failures : tuple[Failure, ...]
        Files that could not be used.
    """

    data: str
    n_tracks: int
    n_artists: int
    k: int
    rows: tuple[Standing, ...]
    pictures: tuple[Path, ...]
    failures: tuple[Failure, ...]


def evaluate_embeddings(
    models: Sequence[str],
    source: Source,
    terms: MeasureTerms,
    home: Home,
    say: Callable[[str], object] = print,
    workers: Workers = ANYBODY,
) -> MeasuredEmbeddings:
    """Measure the embeddings of models on a collection.

    Parameters
    ----------
    models : sequence of str
        Names in graphs/ or .pb files; ``name:node`` names another output than the embeddings of the card.
    source : Source
        The collection.
    terms : MeasureTerms
        By what tracks are alike, and how that is measured.
    home : Home
        Whose graphs and store are meant.
    say : callable
        Gets a line for every model or file that cannot be used.
    workers : Workers
        How many processes embed.

    Raises
    ------
    DataError
        When there is no data, no such column, or no track that all models can use.
    EssentiaLdlError
        When a model does not exist, or cannot run.
    """
    tracks = datasets.read_tracks(source.place, source.layout, source.options, say=say)
    columns = choose_columns(tracks, terms.by)
    for column in columns:  # before the long work
        list_alike(tracks, column)
    vectors, failures = {}, {}
    for model in models:
        vectors[model], failed = embed_tracks(model, tracks, home, workers, say)
        failures |= {one.path: one for one in failed}
    used = [track for track in tracks if all(track.id in found for found in vectors.values())]
    if not used:
        first = next(iter(failures.values())).reason if failures else "no files"
        raise DataError(explain("tracks", "one that all models can use", 0, source.place, f"First: {first}"))
    rows, drawn = [], []
    for model, found in vectors.items():
        stacked = np.stack([found[track.id] for track in used])
        rows += measure_vectors(model, used, stacked, dataclasses.replace(terms, by=columns))
        if terms.pictures is not None:
            drawn += draw_pictures(terms.pictures, model, used, stacked, columns)
    n_artists = len({track.artist for track in used} - {None})
    left_out = tuple(sorted(failures.values(), key=lambda one: one.path))
    return MeasuredEmbeddings(source.place, len(used), n_artists, terms.k, tuple(rows), tuple(drawn), left_out)
