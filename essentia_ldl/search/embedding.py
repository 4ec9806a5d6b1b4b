"""A model whose answer is its embedding, so that whatever predicts can make an index: engines, jobs and clusters.

In: a model of graphs/ or a .pb with its card. Out: the same graph with a card whose classes are the numbers of the
embedding; and the vectors of a track, of its patches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from essentia_ldl.choices import REGRESSION
from essentia_ldl.errors import CardError, explain
from essentia_ldl.features.extractors import choose_output
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model, find_model, refuse_head
from essentia_ldl.records import Prediction

TOKENS = 3  # vectors that are made of a transformer's tokens: two of its own, and the mean of the others


def find_embedder(name: str, node: str, graphs: Path) -> tuple[Model, str]:
    """Find a model, and make its embedding what it answers.

    Parameters
    ----------
    name : str
        In graphs/, or a .pb file.
    node : str
        The output to read; empty takes the card's output of purpose "embeddings".
    graphs : Path
        The folder of models.

    Returns
    -------
    model : Model
        Whose classes are the numbers of an embedding: "0", "1" and so on.
    node : str
        The output that is read.

    Raises
    ------
    CardError
        When it is a head, or its card tells no such output or not how many numbers that has.
    EssentiaLdlError
        When there is no such model.
    """
    model = find_model(name, graphs)
    refuse_head(model)
    node = choose_output(model, node)
    fields = model.card.fields
    shapes = [output.get("shape") or [] for output in fields["schema"]["outputs"] if output["name"] == node]
    shape = shapes[0] if shapes else []
    if not shape or type(shape[-1]) is not int or shape[-1] < 1:
        remedy = "Write it into the card, or name another output with --extractor-output."
        raise CardError(explain("shape of the output", "how many numbers it has", shape, f"{name}, {node}", remedy))
    has_tokens = len(shape) == 4 and shape[-2] not in (1, None)
    size = shape[-1] * (TOKENS if has_tokens else 1)
    output = {"name": node, "type": "float", "shape": [1, size], "output_purpose": "predictions"}
    card = GraphCard(
        {
            **fields,
            "type": "embedding extractor",
            "classes": [str(number) for number in range(size)],
            "schema": {**fields["schema"], "outputs": [output]},
        }
    )
    return dataclasses.replace(model, card=card), node


def find_tagger(name: str, graphs: Path) -> Model | None:
    """Find the same model as it is when it names classes, whose probabilities are what its music is told in words by.

    Parameters
    ----------
    name : str
        In graphs/, or a .pb file.
    graphs : Path
        The folder of models.

    Returns
    -------
    Model or None
        None where the model has embeddings alone, or answers numbers.
    """
    model = find_model(name, graphs)
    has_classes = model.card.classes and model.card.output("predictions") and model.card.kind != REGRESSION
    return model if has_classes else None


def shorten(predictions: Sequence[Prediction], n_vectors: int) -> list[Prediction]:
    """Make at most some vectors of the patches of a track: the means of parts that are equally long.

    Parameters
    ----------
    predictions : sequence of Prediction
        Whose segments are embeddings.
    n_vectors : int
        1 is the mean of all patches.

    Returns
    -------
    list[Prediction]
        With as many segments, or fewer where there are fewer patches.
    """
    found = []
    for one in predictions:
        parts = np.array_split(one.segments, min(n_vectors, len(one.segments)))
        found.append(dataclasses.replace(one, segments=np.stack([part.mean(axis=0) for part in parts])))
    return found
