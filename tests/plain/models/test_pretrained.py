"""Pretrained networks that are there: what counts as whole."""

from __future__ import annotations

import json

import pytest

from essentia_ldl.files import digest_file
from essentia_ldl.models import pretrained
from essentia_ldl.models.answers import RANGES, write_answers
from essentia_ldl.models.folder import BASE_MODELS, TAG_HEADS


@pytest.fixture
def graphs(tmp_path):
    """A folder with every pretrained network as bytes that nothing runs."""
    for stem in (*BASE_MODELS, *TAG_HEADS.values()):
        graph, weights = tmp_path / f"{stem}.pb", tmp_path / f"{stem}.weights.h5"
        graph.write_bytes(stem.encode())
        weights.write_bytes(f"weights of {stem}".encode())
        sums = {"sha256": digest_file(graph), "weights_sha256": digest_file(weights)}
        sums["format"] = pretrained.describe_format(stem.split("-")[-2])
        graph.with_suffix(".json").write_text(json.dumps({"essentia_ldl": sums}))
        write_answers(graph, sums["sha256"], "p", (4, 2), RANGES[next(iter(RANGES))], lambda patches: {"o": patches})
    return tmp_path


def test_whole_networks_are_built(graphs):
    assert pretrained.are_built(graphs)


@pytest.mark.parametrize("suffix", [".pb", ".json", ".weights.h5", ".answers.npz"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_networks_with_a_damaged_file_are_not(graphs, suffix, damage):
    damage(graphs / f"{BASE_MODELS[2]}{suffix}")
    assert not pretrained.are_built(graphs)


@pytest.mark.parametrize("suffix", [".pb", ".json", ".answers.npz"])
def test_without_a_head_of_tags_they_are_built_again(graphs, suffix):
    (graphs / f"mtt-mtt-musicnn-1{suffix}").unlink()
    assert not pretrained.are_built(graphs)


def test_networks_that_other_code_wrote_are_not(graphs, monkeypatch):
    monkeypatch.setattr(pretrained, "CARD_FORMAT", 0)
    assert not pretrained.are_built(graphs)


def test_every_network_has_a_format_of_its_own():
    assert pretrained.describe_format("musicnn") != pretrained.describe_format("vgg")


def test_other_sources_or_layers_are_other_weights(monkeypatch):
    before = pretrained.describe_weights()
    assert pretrained.describe_weights() == before
    pretrained.describe_weights.cache_clear()
    monkeypatch.setattr(pretrained, "CARD_FORMAT", 0)
    other = pretrained.describe_weights()
    pretrained.describe_weights.cache_clear()
    monkeypatch.setattr(pretrained, "WEIGHT_FILES", ("frozen.py",))
    assert pretrained.describe_weights() not in (before, other)
    pretrained.describe_weights.cache_clear()
    assert other != before
