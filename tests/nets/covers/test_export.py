"""The extractor of a training: its golden answers are the projection of the network's embedding."""

from __future__ import annotations

import numpy as np

from essentia_ldl.frontends import CQT
from essentia_ldl.models.answers import read_answers
from essentia_ldl.models.card import find_front_end
from essentia_ldl.models.folder import digest_graph, read_model
from essentia_ldl.nets.backbones import cqtcnn
from essentia_ldl.nets.covers.export import export_audio
from essentia_ldl.nets.covers.space import build_projection


def test_a_graph_goes_from_patches_to_vectors(make_covers_plan):
    body = cqtcnn.build(n_filters=4)
    embeddings = np.random.default_rng(0).normal(size=(10, 128)).astype(np.float32)
    projection = build_projection(embeddings, 8, "audio")
    plan = make_covers_plan(stem="small-covers")
    graph = export_audio(plan, body, projection)
    answers = read_answers(graph, digest_graph(str(graph)))
    expected = np.asarray(projection(body(answers.inputs)))
    np.testing.assert_allclose(answers.values["model/embeddings"], expected, rtol=1e-4, atol=1e-4)
    card = read_model(graph).card
    assert find_front_end(card, "small-covers") == CQT
    assert card.fields["schema"]["outputs"][0]["shape"] == [8]
    assert card.extra["tensorflow_ops"] == ["1.15.5", "2.5.0"] or "2.5.0" in card.extra["tensorflow_ops"]
