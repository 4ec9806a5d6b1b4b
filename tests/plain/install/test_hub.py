"""The page of a model for hubs: a head that is YAML, and the entry for Essentia's list."""

from __future__ import annotations

import yaml

from essentia_ldl.install.hub import read_scores, write_page
from essentia_ldl.install.official import parse_name

CROSSVAL = {
    "balanced_accuracy_pooled": 0.8,
    "balanced_accuracy_error": 0.02,
    "n_folds": 5,
    "n_tracks": 90,
    "grouped_by_artist": True,
    "calibration": {"after": {"ece": {"value": 0.05, "interval": [0.01, 0.09]}}},
}


def test_a_page_has_a_head_that_hubs_read(make_model, tmp_path):
    below = make_model("msd-musicnn-1")
    model = make_model(
        "mood_sad-msd-musicnn-1",
        below="msd-musicnn-1",
        licence="CC BY: 4.0",
        scores={"crossval": CROSSVAL},
        notes=["a note"],
    )
    write_page(model, tmp_path, parse_name(model.name), below)
    page = (tmp_path / "README.md").read_text()
    _, head, body = page.split("---\n", 2)
    told = yaml.safe_load(head)
    assert (told["license_name"], told["library_name"]) == ("CC BY: 4.0", "essentia")
    [result] = told["model-index"][0]["results"]
    assert [one["type"] for one in result["metrics"]] == ["balanced_accuracy", "expected_calibration_error"]
    assert result["metrics"][0]["value"] == 0.8
    assert "0.800, 95 % interval 0.761 to 0.839; 5 folds of 90 tracks, artists kept apart" in body
    assert "Classes, in the order of the columns: non_sad, sad" in body
    assert 'TensorflowPredict2D(graphFilename="mood_sad-msd-musicnn-1.pb"' in body
    assert 'graphFilename="msd-musicnn-1.pb"' in body
    assert "- a note" in body
    assert yaml.safe_load((tmp_path / "models.yaml").read_text()) == {
        "classification-heads": {"mood_sad": {"outputs": ["predictions"], "models": ["mood_sad-msd-musicnn-1"]}}
    }


def test_a_full_graph_names_its_algorithm(make_model, tmp_path):
    model = make_model("mine-1", task="mine")
    write_page(model, tmp_path, None)
    assert yaml.safe_load((tmp_path / "models.yaml").read_text()) == {
        "classifiers": {
            "mine-1": {
                "algo_name": "TensorflowPredictMusiCNN",
                "sample_rate": 16000,
                "outputs": ["predictions"],
                "models": ["mine-1"],
            }
        }
    }
    page = (tmp_path / "README.md").read_text()
    assert "Licence of the model: not said" in page
    assert "## Measured" not in page
    assert read_scores(model.card) == []
