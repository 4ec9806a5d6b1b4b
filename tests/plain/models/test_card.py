"""The card of a graph: names that become paths stay in the folder of the card."""

from __future__ import annotations

import json

import pytest

from essentia_ldl.errors import CardError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import find_extractor, list_models, read_model


def make_fields(name: object) -> dict:
    return {
        "name": "mood sad",
        "type": "multi-class classifier",
        "classes": ["non_sad", "sad"],
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": {
            "sample_rate": 16000,
            "algorithm": "TensorflowPredict2D",
            "embedding_model": {"algorithm": "TensorflowPredictMusiCNN", "model_name": name},
        },
    }


@pytest.mark.parametrize("name", ["../secret", "/etc/secret", "a/b", "a/", "..", ".", "a\0b", 3, ["a"]])
def test_an_extractors_name_that_leads_out_of_the_folder_is_one_sentence(name, tmp_path):
    folder = tmp_path / "graphs"
    folder.mkdir()
    for path in (tmp_path / "secret", folder / "head-1"):
        path.with_suffix(".pb").touch()
        path.with_suffix(".json").write_text(json.dumps(make_fields(name)))
    rule = r"inference\.embedding_model\.model_name: expected a file name without folders, because it becomes a path"
    with pytest.raises(CardError, match=rf"^{rule}; got .* \(mood sad\)\. [^.]+\. The card is .*head-1\.json\.$"):
        read_model(folder / "head-1.pb")
    models, problems = list_models(folder)
    assert (models, len(problems)) == ([], 1)


@pytest.mark.parametrize("name", ["msd-musicnn-1", "discogs-effnet-bs64-1", "a name.of 1", "", None])
def test_an_ordinary_name_is_not(name):
    assert GraphCard(make_fields(name)).embedding_model["model_name"] == name


def test_an_extractor_is_looked_for_beside_the_head_and_among_the_graphs(tmp_path):
    fields = make_fields("base-1")
    for folder, stem in (("here", "head-1"), ("graphs", "base-1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{stem}.pb").touch()
        own = fields if stem == "head-1" else {**fields, "inference": {"sample_rate": 16000, "algorithm": "X"}}
        (tmp_path / folder / f"{stem}.json").write_text(json.dumps(own))
    found = find_extractor(read_model(tmp_path / "here" / "head-1.pb"), tmp_path / "graphs")
    assert found.graph == str(tmp_path / "graphs" / "base-1.pb")
