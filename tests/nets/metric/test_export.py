"""An exported space: its graph answers the trained network's vectors, and its card is an extractor's."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.arrays import read_arrays
from essentia_ldl.files import digest_file
from essentia_ldl.models.answers import read_answers
from essentia_ldl.models.folder import read_model
from essentia_ldl.nets.metric.export import NODE, export_space
from essentia_ldl.nets.metric.train import learn
from essentia_ldl.nets.metric.updates import build_space, open_network
from essentia_ldl.nets.runtime import tf
from essentia_ldl.nets.trained_weights import read_weights


def run_graph(path, patches: np.ndarray) -> np.ndarray:
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as imported, tf.compat.v1.Session(graph=imported) as session:
        tf.import_graph_def(graph, name="")
        return session.run(f"{NODE.name}:0", {"model/Placeholder:0": patches})


def test_a_projection_is_exported_with_the_network_below(make_space):
    plan = make_space(settings={"size": 16, "epochs": 1}, card={"licence": "CC0", "author": "Ann"})
    learn(plan.folder)
    path = export_space(plan.folder)
    assert path == plan.folder / "export" / "mine-musicnn.pb"
    model = read_model(path)
    [output] = model.card.fields["schema"]["outputs"]
    assert (output["name"], output["shape"], output["output_purpose"]) == (NODE.name, [16], "embeddings")
    assert (model.card.algorithm, model.card.sample_rate_hz) == ("TensorflowPredictMusiCNN", 16000)
    assert model.card.fields["schema"]["inputs"][0]["shape"] == [187, 96]
    assert model.is_base
    assert model.card.classes == ()
    assert (model.card.extra["licence"], model.card.fields["author"]) == ("CC0", "Ann")
    assert model.card.extra["space"]["loss"] == "siamese"
    told = path.with_suffix(".json").read_text("utf-8")
    assert "artist 0" not in told, "nothing of the artists who trained is in it"
    golden = read_arrays(path.with_name("mine-musicnn.golden.npz"), "golden")
    found = run_graph(path, golden["patches_1"])
    np.testing.assert_allclose(found, golden["model__embeddings_1"], rtol=1e-4, atol=1e-4)
    assert read_answers(path, digest_file(path)) is not None
    projection = build_space(plan, 200)
    read_weights(plan.folder / "weights.npz", projection)
    expected = projection(open_network(plan).model(golden["patches_0"], training=False), training=False).numpy()
    np.testing.assert_allclose(golden["model__embeddings_0"], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_a_whole_network_is_exported_for_the_general_algorithm(make_space):
    plan = make_space(network="artists", n_artists=4, roles=("train",), settings={"loss": "basic", "epochs": 1})
    learn(plan.folder)
    card = read_model(export_space(plan.folder)).card
    assert (card.algorithm, card.extra["front_end"], card.extra["backbone"]) == (
        "TensorflowPredict",
        "artists",
        "artists",
    )
    assert card.extra["analysis"]["compression"] == "log10(1 + 10 x)"
    assert card.fields["schema"]["outputs"][0]["shape"] == [256]
