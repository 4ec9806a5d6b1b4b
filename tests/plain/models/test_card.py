"""The card of a graph: what it must say, what is read from it, and the front-end that it tells of."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from essentia_ldl import frontends
from essentia_ldl.errors import CardError
from essentia_ldl.models.algorithms import BY_PREDICTOR
from essentia_ldl.models.card import GraphCard, find_front_end

FIELDS = {
    "name": "mood sad",
    "type": "multi-class classifier",
    "classes": ["non_sad", "sad"],
    "schema": {
        "inputs": [{"name": "model/Placeholder", "shape": [187, 96]}],
        "outputs": [
            {"name": "model/Softmax", "output_purpose": "predictions", "shape": [1, 2]},
            {"name": "model/dense/BiasAdd", "output_purpose": "embeddings", "shape": [1, 200]},
        ],
    },
    "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
}


def change(path: str, value: object) -> dict:
    """Return the fields with one value changed; ... removes it."""
    fields = copy.deepcopy(FIELDS)
    *above, key = path.split("/")
    place = fields
    for name in above:
        place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return fields


def test_what_a_card_says():
    card = GraphCard(FIELDS)
    assert (card.name, card.classes, card.input_name) == ("mood sad", ("non_sad", "sad"), "model/Placeholder")
    assert (card.algorithm, card.sample_rate_hz, card.embedding_model) == ("TensorflowPredictMusiCNN", 16000, None)
    assert card.output("predictions") == "model/Softmax"
    assert card.output("embeddings") == "model/dense/BiasAdd"
    assert card.output("logits") is None
    assert card.extra == {}
    head = {"algorithm": "TensorflowPredictMusiCNN", "model_name": "msd-musicnn-1"}
    assert GraphCard(change("inference/embedding_model", head)).embedding_model == head
    assert GraphCard(change("essentia_ldl", {"demo": True})).extra == {"demo": True}


def test_a_card_cannot_be_changed_from_outside():
    fields = copy.deepcopy(FIELDS)
    card = GraphCard(fields)
    fields["name"] = "another"
    assert card.name == "mood sad"
    with pytest.raises(TypeError):
        card.fields["name"] = "another"
    with pytest.raises(dataclasses.FrozenInstanceError):
        card.fields = {}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("name", ..., "card: expected the key 'name'"),
        ("type", ..., "card: expected the key 'type'"),
        ("schema", ..., "card: expected the key 'schema'"),
        ("inference", ..., "card: expected the key 'inference'"),
        ("name", 3, "name: expected a text; got 3"),
        ("schema", [], r"schema\.inputs: expected a list of named nodes"),
        ("schema/inputs", [], r"schema\.inputs: expected a list of named nodes; got \[\] \(mood sad\)"),
        ("schema/inputs", [{}], r"schema\.inputs"),
        ("schema/outputs", {"name": "x"}, r"schema\.outputs"),
        ("schema/outputs", [{"name": None}], r"schema\.outputs"),
        ("inference", "TensorflowPredict", "inference: expected sample_rate and algorithm"),
        ("inference/sample_rate", 0, r"inference\.sample_rate: expected a rate in Hz; got 0"),
        ("inference/sample_rate", 16000.0, r"inference\.sample_rate"),
        ("inference/sample_rate", True, r"inference\.sample_rate"),
        ("inference/algorithm", ["TensorflowPredict"], r"inference\.algorithm: expected the name of an algorithm"),
        ("inference/algorithm", 3, r"inference\.algorithm: expected the name of an algorithm; got 3"),
        ("inference/algorithm", None, r"inference\.algorithm: expected the name of an algorithm"),
        ("inference/embedding_model", {}, r"inference\.embedding_model"),
        ("inference/embedding_model", "msd-musicnn-1", r"inference\.embedding_model"),
        ("classes", "sad", "classes: expected a list of names"),
        ("classes", ["a", 1], "classes: expected a list of names"),
        ("classes", ["a", "b", "c"], "classes: expected 2 names, as model/Softmax has; got"),
        ("essentia_ldl", [], "essentia_ldl: expected a json object"),
        ("essentia_ldl/patch_hop_frames", 0, r"essentia_ldl\.patch_hop_frames: expected a positive integer; got 0"),
        ("essentia_ldl/patch_hop_frames", 1.5, r"essentia_ldl\.patch_hop_frames"),
        ("essentia_ldl/resample_quality", -1, r"essentia_ldl\.resample_quality"),
    ],
)
def test_a_card_that_exists_is_valid(path, value, message):
    with pytest.raises(CardError, match=message):
        GraphCard(change(path, value))


@pytest.mark.parametrize("fields", [None, [], "card", 3])
def test_what_is_no_object_is_no_card(fields):
    with pytest.raises(CardError, match="card: expected a json object"):
        GraphCard(fields)


def test_a_huge_value_is_not_echoed_whole():
    with pytest.raises(CardError) as caught:
        GraphCard(change("classes", [str(n) for n in range(5000)]))
    assert len(str(caught.value)) < 250


# --- the front-end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", BY_PREDICTOR)
def test_the_algorithm_tells_the_front_end(algorithm):
    fields = change("inference/algorithm", algorithm)
    del fields["schema"]["inputs"][0]["shape"]
    assert find_front_end(GraphCard(fields), "m-1") == BY_PREDICTOR[algorithm]


@pytest.mark.parametrize("algorithm", ["TensorflowPredictVGGish", "TensorflowPredictEffnetDiscogs"])
def test_an_algorithm_that_makes_other_patches_than_a_graph_of_ours_reads_is_refused(algorithm):
    """Case C8: it gave other numbers, or ended the process; shapes in cards of others are not always right."""
    fields = change("inference/algorithm", algorithm)
    assert find_front_end(GraphCard(fields), "m-1") == BY_PREDICTOR[algorithm]
    with pytest.raises(CardError, match=r"inference\.algorithm: expected one that makes patches of \[187, 96\], as"):
        find_front_end(GraphCard({**fields, "essentia_ldl": {"demo": True}}), "m-1")


@pytest.mark.parametrize("algorithm", ["TensorflowPredict", "Nope", ""])
def test_an_algorithm_that_nobody_knows_is_one_sentence(algorithm):
    """Case C8: "it ended early" was all that was told."""
    with pytest.raises(CardError, match=r"inference\.algorithm: expected one of .*; got .*Run it with Essentia\."):
        find_front_end(GraphCard(change("inference/algorithm", algorithm)), "m-1")


def test_hop_and_resampling_are_the_cards_own():
    card = GraphCard(change("essentia_ldl", {"patch_hop_frames": 50, "resample_quality": 1}))
    expected = dataclasses.replace(frontends.MUSICNN, patch_hop_frames=50, resample_quality=1)
    assert find_front_end(card, "m-1") == expected


@pytest.mark.parametrize(("seconds", "n_frames"), [(5, 316), (10, 626), (20, 1251), (30, 1876)])
def test_the_length_of_maest_is_that_of_its_input(seconds, n_frames):
    fields = change("inference/algorithm", "TensorflowPredictMAEST")
    fields["schema"]["inputs"][0]["shape"] = [1, n_frames, 96]
    front_end = find_front_end(GraphCard(fields), f"discogs-maest-{seconds}s")
    assert (front_end.patch_frames, front_end.patch_hop_frames) == (n_frames, n_frames - 1)
    assert front_end.patch_frames * front_end.hop_samples / front_end.sample_rate_hz == pytest.approx(seconds, abs=0.06)


@pytest.mark.parametrize("name", ["resnet", "dcnn"])
def test_an_algorithm_that_runs_any_graph_asks_the_card(name):
    fields = change("inference/algorithm", frontends.GENERAL) | {"essentia_ldl": {"front_end": name}}
    assert find_front_end(GraphCard(fields), "m-1") == frontends.ALL[name]
    with pytest.raises(CardError, match=r"inference\.algorithm: expected one of .*\(m-1\)"):
        find_front_end(GraphCard(change("inference/algorithm", frontends.GENERAL)), "m-1")


def test_openl3_is_known_by_its_name():
    card = GraphCard(change("inference/algorithm", frontends.GENERAL))
    assert find_front_end(card, "openl3-music-mel128-emb512-3") == frontends.OPENL3
    with pytest.raises(CardError, match="Take the one with mel128"):
        find_front_end(card, "openl3-music-mel256-emb512-3")
