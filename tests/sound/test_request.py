"""What a job asks for: json in, requests out, and what their cards say of them."""

from __future__ import annotations

import dataclasses
import json

import pytest

from essentia_ldl.errors import CardError
from essentia_ldl.frontends import MUSICNN
from essentia_ldl.models.card import GraphCard
from essentia_ldl.sound.request import Request

BASE = "msd-vgg-1"


@pytest.fixture
def head(load_request) -> Request:
    """A head on an extractor; only cards, no graph of its own."""
    extractor = load_request(BASE)
    fields = {
        "name": "mood sad",
        "type": "multi-class classifier",
        "classes": ["non_sad", "sad"],
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredict2D"},
    }
    return Request("sad-1", "/graphs/sad-1.pb", GraphCard(fields), extractor)


def as_json(request: Request) -> dict:
    extractor = {} if request.extractor is None else {"extractor": as_json(request.extractor)}
    names = {name: getattr(request, name) for name in ("name", "graph", "proved")}
    return {**names, "card": dict(request.card.fields), **extractor}


def test_a_request_survives_json(head):
    for request in (head, dataclasses.replace(head.extractor, proved=True)):
        found = Request.from_json(json.loads(json.dumps(as_json(request))))
        assert as_json(found) == as_json(request)


def test_front_end_of_a_request(load_request):
    assert load_request("msd-vgg-1").front_end == MUSICNN


def test_a_head_reads_what_its_extractor_reads(head):
    assert head.source == head.extractor
    assert head.front_end == head.extractor.front_end
    assert head.patch_source == (head.extractor.graph, head.extractor.card.output("embeddings"))
    assert head.extractor.patch_source == (head.extractor.graph, head.extractor.card.output("predictions"))


def test_a_head_reads_the_node_that_it_was_trained_on(head):
    fields = {**head.card.fields, "essentia_ldl": {"extractor": {"node": "another"}}}
    trained = dataclasses.replace(head, card=GraphCard(fields))
    assert trained.patch_source == (head.extractor.graph, "another")


def test_a_head_is_proved_with_its_extractor_only(head):
    assert not dataclasses.replace(head, proved=True).is_proved
    both = dataclasses.replace(head, proved=True, extractor=dataclasses.replace(head.extractor, proved=True))
    assert both.is_proved


def test_an_extractor_without_embeddings_is_refused(head):
    with pytest.raises(CardError, match="an output for embeddings"):
        _ = dataclasses.replace(head, extractor=dataclasses.replace(head, extractor=None)).patch_source
