"""A model answers with its embedding, and patches become vectors."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import CardError
from essentia_ldl.records import Prediction
from essentia_ldl.search.embedding import find_embedder, find_tagger, shorten


def build_prediction(n_patches: int) -> Prediction:
    """Make a prediction whose patches are counted."""
    segments = np.arange(n_patches, dtype=np.float32)[:, np.newaxis]
    return Prediction("a.wav", "m-1", ("0",), segments.mean(axis=0), segments, 3.0)


def test_the_classes_are_the_numbers_of_the_embedding(graphs):
    model, node = find_embedder("msd-musicnn-1", "", graphs)
    assert (node, model.card.classes, model.card.output("predictions")) == ("emb", ("0", "1"), "emb")


def test_tokens_of_a_transformer_are_three_vectors(write_model, tmp_path):
    write_model("maest-1", shape=(1, 1, 290, 4))
    assert len(find_embedder("maest-1", "", tmp_path / "graphs")[0].card.classes) == 12


def test_several_outputs_are_chosen_among_and_the_size_must_be_known(write_model, tmp_path):
    write_model("two-1", nodes=("emb", "more"))
    with pytest.raises(CardError, match=r"one output for embeddings.*--extractor-output"):
        find_embedder("two-1", "", tmp_path / "graphs")
    assert find_embedder("two-1", "more", tmp_path / "graphs")[1] == "more"
    write_model("bare-1", shape=())
    with pytest.raises(CardError, match="shape of the output: expected how many numbers it has"):
        find_embedder("bare-1", "", tmp_path / "graphs")


@pytest.mark.parametrize(
    ("n_vectors", "expected"), [(1, [2.0]), (2, [1.0, 3.5]), (5, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])]
)
def test_parts_are_equally_long(n_vectors, expected):
    [found] = shorten([build_prediction(5)], n_vectors)
    assert found.segments[:, 0].tolist() == expected


def test_a_tagger_is_the_model_itself_where_it_names_classes(write_model, tmp_path):
    write_model("tags-1", tags=("sad", "piano"))
    write_model("bare-1")
    found = find_tagger("tags-1", tmp_path / "graphs")
    assert (found.name, found.card.classes, found.card.output("predictions")) == ("tags-1", ("sad", "piano"), "tags")
    assert find_tagger("bare-1", tmp_path / "graphs") is None
