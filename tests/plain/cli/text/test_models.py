"""A folder of models as lines of text."""

from __future__ import annotations

from pathlib import Path

import pytest

from essentia_ldl.cli.text.models import describe_models, describe_problems, program_name, show_path
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model


def make_model(name: str, n_classes: int = 2, **extra) -> Model:
    fields = {
        "name": name,
        "type": "multi-class classifier",
        "classes": [f"c{number}" for number in range(n_classes)],
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
        "essentia_ldl": {"sha256": "0", **extra},
    }
    return Model(name, f"/graphs/{name}.pb", GraphCard(fields))


def test_a_model_is_one_line_with_its_score():
    models = [
        make_model("a-1", scores={"valid": {"balanced_accuracy": 0.875}}),
        make_model("long-name-1", 11, scores={"valid": {}, "crossval": {"balanced_accuracy_mean": 0.5}}),
        make_model("b-1"),
    ]
    assert describe_models(models, Path("/graphs")) == [
        "a-1          full  c0, c1  balanced accuracy 0.88 (validation)",
        "long-name-1  full  11 classes  balanced accuracy 0.50 (cross-validation)",
        "b-1          full  c0, c1",
    ]
    assert describe_models([make_model("a-1", 0)], Path("/graphs")) == ["a-1  full  embeddings"]


def test_an_empty_folder_says_what_to_do(monkeypatch):
    monkeypatch.setattr("sys.argv", ["essentia-ldl"])
    assert describe_models([], Path("/nowhere/graphs")) == [
        "no models in /nowhere/graphs. Run `essentia-ldl graphs build` or train one, or set ESSENTIA_LDL_HOME to the "
        "folder in which your graphs/ is."
    ]


@pytest.mark.parametrize(
    ("called", "shown"),
    [("/usr/bin/python", "essentia-ldl"), ("/elsewhere/bin/essentia-ldl", "/elsewhere/bin/essentia-ldl")],
)
def test_the_program_is_named_as_it_was_called(called, shown, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [called])
    assert program_name() == shown
    monkeypatch.setattr("sys.argv", [str(tmp_path / ".venv" / "bin" / "essentia-ldl")])
    assert program_name() == ".venv/bin/essentia-ldl"


def test_a_path_is_relative_below_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert show_path(tmp_path / "runs" / "r") == "runs/r"
    assert show_path(tmp_path.parent) == str(tmp_path.parent)


def test_what_is_wrong_is_told_line_by_line():
    assert describe_problems(["card: x.", "graph: y."]) == ["error: card: x.", "error: graph: y."]
    assert describe_problems([]) == []
