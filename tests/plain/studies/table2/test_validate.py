"""An external validation goes on where it was, and learns and scores what the cell is about. Zones are replaced."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from essentia_ldl.collection.read import Source
from essentia_ldl.errors import DataError
from essentia_ldl.files import Home, write_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.studies.table2 import validate
from essentia_ldl.studies.table2.validate import Sets, read_annotations, validate_externally

RECIPE = Recipe("mood-sad", ("non_sad", "sad")).override(labels="sb")


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Replace training, export and evaluation by what they leave; gives what was asked."""
    asked = []

    def prepare(recipe, source, needs, home, n_jobs, say):
        asked.append(("prepare", source.data, needs.labels, n_jobs))
        return SimpleNamespace(tracks=())

    def run_zone(module, cell):
        asked.append(module)
        if module == "essentia_ldl.sound":
            write_json(Path(cell) / "export" / "verify.json", {})

    def evaluate(graph, source, home, output):
        asked.append(("evaluate", Path(graph).name, source.data, source.layout, dict(source.options)))
        write_json(Path(output) / "scores.json", {"balanced_accuracy": 0.6})
        return SimpleNamespace(folder=Path(output))

    monkeypatch.setattr(validate, "prepare", prepare)
    monkeypatch.setattr(validate, "open_folder", lambda *_: None)
    monkeypatch.setattr(validate, "draw_split", lambda *_: None)
    monkeypatch.setattr(validate, "plan_run", lambda cell, *_: asked.append("plan"))
    monkeypatch.setattr(validate, "update_places", lambda *_: asked.append("places"))
    monkeypatch.setattr(validate, "read_plan", lambda cell: SimpleNamespace(stems={"full": "mood_sad-vgg"}))
    monkeypatch.setattr(validate, "run_zone", run_zone)
    monkeypatch.setattr(validate, "evaluate", evaluate)
    return asked


def run_cell(tmp_path, **options) -> Path:
    sets = Sets(Source("sets/mood-sad"), Path("sets/mtg-jamendo"))
    return validate_externally(tmp_path / "cell", RECIPE, sets, Home(tmp_path), say=lambda line: None, **options)


def test_a_model_is_trained_on_the_data_set_and_scored_on_the_annotations(tmp_path, work):
    scores = run_cell(tmp_path, n_jobs=3)
    assert scores == tmp_path / "cell" / "evaluation" / "scores.json"
    assert work == [
        ("prepare", "sets/mood-sad", ("sb",), 3),
        *("plan", "essentia_ldl.nets", "essentia_ldl.sound"),
        ("evaluate", "mood_sad-vgg.pb", "sets/mtg-jamendo", "mtg_jamendo", {"taxonomy": "mood-sad"}),
    ]


def test_it_goes_on_where_it_was_and_repeats_nothing(tmp_path, work):
    first = run_cell(tmp_path)
    work.clear()
    assert run_cell(tmp_path) == first
    assert work == []
    first.unlink()
    assert run_cell(tmp_path) == first
    assert [entry[0] for entry in work] == ["evaluate"]


def test_a_training_that_was_killed_keeps_its_plan(tmp_path, work, monkeypatch):
    monkeypatch.setattr(validate.runs, "is_planned", lambda cell: True)
    run_cell(tmp_path)
    assert work[1:4] == ["places", "essentia_ldl.nets", "essentia_ldl.sound"]


def test_annotations_are_those_of_the_task(tmp_path):
    folder = tmp_path / "00"
    folder.mkdir()
    lines = ["TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"]
    for number, label in enumerate(("sad", "not_sad", "sad")):
        (folder / f"{number}.mp3").write_bytes(b"music")
        tags = f"mood_sad---{label},{label},{label}"
        lines.append(f"track_{number}\tartist_{number}\talbum_0\t00/{number}.mp3\t200.0\t{tags}")
    (tmp_path / "music-classification-annotations-clean.tsv").write_text("\n".join(lines) + "\n")
    assert sorted(track.label for track in read_annotations(tmp_path, "mood-sad")) == ["non_sad", "sad", "sad"]
    with pytest.raises(DataError, match="mood_sad"):
        read_annotations(tmp_path, "mood-happy")
