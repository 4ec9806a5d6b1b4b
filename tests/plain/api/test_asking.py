"""What predict, evaluate and report hand on, and that predictions come one after another."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from essentia_ldl.api import asking
from essentia_ldl.api.outcomes import TrainedModel, WrittenPredictions
from essentia_ldl.collection.read import Source
from essentia_ldl.errors import AudioError, DataError, GraphError, StoreError, UnknownNameError
from essentia_ldl.files import Home
from essentia_ldl.measure import evaluate as evaluate_module
from essentia_ldl.measure.evaluate import Evaluated
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.predict import many, worker
from essentia_ldl.report.command import Reported
from essentia_ldl.report.looks import LookRequest

CARD = {
    "name": "sad-1",
    "type": "multi-class classifier",
    "classes": ["non_sad", "sad"],
    "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
    "inference": {"sample_rate": 16000, "algorithm": "TensorflowPredictMusiCNN"},
    "essentia_ldl": {},
}


@pytest.fixture
def home(tmp_path) -> Home:
    """A home with one model."""
    home = Home(tmp_path / "home")
    home.graphs.mkdir(parents=True)
    (home.graphs / "sad-1.pb").touch()
    (home.graphs / "sad-1.json").write_text(json.dumps(CARD))
    return home


@pytest.fixture
def played(monkeypatch, tmp_path):
    """Files that a process was asked for; one whose name holds "bad" fails."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    answered = []

    def converse(job, process):
        yield {"ready": True, "warnings": ["slow machine."]}
        for path in job["files"]:
            answered.append(path)
            yield {"start": path}
            if "bad" in path:
                yield {"failure": path, "reason": f"silence ({path})."}
                continue
            one = {"path": path, "model": "sad-1", "classes": CARD["classes"], "segments": [[0.25, 0.75]] * 2}
            yield {"result": path, "predictions": [{**one, "duration_s": 4.5, "notes": [], "uncertainty": {}}]}

    monkeypatch.setattr(worker, "_converse", converse)
    monkeypatch.setattr(worker, "start_worker", lambda setting: setting)
    return answered


def test_predictions_come_one_after_another(home, played):
    said = []
    stream = asking.predict(["a.wav", Path("bad.wav"), "c.wav"], "sad-1", home=home, say=said.append)
    assert (len(stream), stream.models, played) == (3, ("sad-1",), []), "nothing starts before it is asked for"
    first = next(stream)
    assert (first.path, first.probabilities) == ("a.wav", {"sad-1": {"non_sad": 0.25, "sad": 0.75}})
    assert played == ["a.wav"]
    assert [one.failure for one in stream] == ["silence (bad.wav).", ""]
    assert said == ["warning: slow machine."]


def test_a_library_is_never_held(home, played):
    """Of ten thousand files no more are predicted than were asked for."""
    names = [f"{n}.wav" for n in range(10_000)]
    with asking.predict(names, home=home, jobs=1, say=None) as stream:
        found = list(itertools.islice(stream, 3))
    assert [one.path for one in found] == names[:3]
    assert len(played) <= 4
    assert list(stream) == []


def test_a_stream_shows_how_it_is_read(home, played, check_html):
    text = asking.predict("a.wav", home=home)._repr_html_()
    check_html(text)
    assert "predictions of 1 files" in text


def test_a_file_is_written_where_there_is_an_output(home, played, tmp_path):
    out = tmp_path / "out.csv"
    done = asking.predict(["a.wav", "bad.wav"], ["sad-1"], out, home, say=None, notes=True)
    assert done == WrittenPredictions(1, 0, path=str(out))
    lines = out.read_text().splitlines()
    assert lines[0] == "path,model,class,probability,notes"
    assert len(lines) == 3
    asking.predict(["a.wav"], None, tmp_path / "out.txt", home, say=None, format="jsonl", segments=True)
    assert len(json.loads((tmp_path / "out.txt").read_text())["segments"]) == 2


def test_it_works_beside_a_tensorflow(home, played, monkeypatch):
    """Essentia is in a process of its own, so that what the notebook has imported does not matter."""
    monkeypatch.setitem(sys.modules, "tensorflow", ModuleType("tensorflow"))
    assert next(asking.predict("a.wav", home=home, say=None)).probabilities
    assert "essentia" not in sys.modules


def test_two_homes_have_models_of_their_own(home, played, tmp_path):
    other = Home(tmp_path / "other")
    assert next(asking.predict("a.wav", "sad-1", home=home, say=None)).predictions
    with pytest.raises(UnknownNameError):
        asking.predict("a.wav", "sad-1", home=other)


@pytest.mark.parametrize(
    ("audio", "settings", "kind", "message"),
    [
        ("*.none", {}, AudioError, "at least one audio file"),
        (3, {}, DataError, "path: expected a text or a path; got 'int'"),
        ([3], {}, DataError, "path: expected a text or a path; got 'int'"),
        ("a.wav", {"engine": "fast"}, DataError, "engine: expected one of"),
        ("a.wav", {"min_confidence": 2}, DataError, "min_confidence: expected 0 to 1"),
        ("a.wav", {"patch_hop": 0}, DataError, "patch_hop: expected 1 or more"),
        ("a.wav", {"segment": True}, UnknownNameError, "'segments'"),
        ("a.wav", {"models": "none-such"}, UnknownNameError, "none-such"),
    ],
)
def test_bad_input_is_told_before_anything_starts(home, played, audio, settings, kind, message):
    with pytest.raises(kind, match=message):
        asking.predict(audio, home=home, **settings)
    assert played == []


def test_a_home_without_models_and_an_output_that_cannot_be_are_told(home, played, tmp_path):
    with pytest.raises(GraphError, match="models: expected at least one"):
        asking.predict("a.wav", home=tmp_path / "empty")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        asking.predict("a.wav", out=tmp_path / "file" / "out.csv", home=home)


def test_many_files_go_to_many_processes(home, monkeypatch, make_prediction):
    asked = []

    def predict_many(models, files, graphs, question, workers, warn):
        asked.append((len(files), workers.n_jobs))
        yield from ((n, [make_prediction(files[n])]) for n in (1, 0))

    monkeypatch.setattr(many, "predict_many", predict_many)
    found = list(asking.predict(["a.wav", "b.wav"], home=home, jobs=2))
    assert [one.path for one in found] == ["a.wav", "b.wav"]
    assert asked == [(2, 2)]


def test_an_evaluation_is_asked_for_with_all_that_is_given(monkeypatch, tmp_path):
    asked = []
    done = Evaluated(tmp_path, {"accuracy": np.float64(1)}, ())
    monkeypatch.setattr(evaluate_module, "evaluate", lambda *arguments: asked.append(arguments) or done)
    given = {"layout": "gtzan", "truth_column": "share"}
    found = asking.evaluate("sad-1", tmp_path, tmp_path, {"gay": "happy"}, tmp_path / "out", **given)
    source = Source(str(tmp_path), "gtzan")
    truth = TruthColumn("share")
    assert asked == [("sad-1", source, Home(tmp_path), {"gay": "happy"}, truth, str(tmp_path / "out"))]
    assert found.as_dict() == {"folder": str(tmp_path), "scores": {"accuracy": 1.0}, "failures": []}


def test_a_report_is_of_a_result_a_name_or_the_last_run(monkeypatch, tmp_path):
    asked = []
    done = Reported((), (), tmp_path / "report.html", tmp_path / "audit.csv")
    monkeypatch.setattr(asking, "write_report", lambda *arguments: asked.append(arguments) or done)
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "environment"))
    run = tmp_path / "home" / "runs" / "sad-1"
    assert asking.report(TrainedModel(run, (), {}, ())).page == tmp_path / "report.html"
    asking.report("sad-1", tmp_path / "other", 5, 7)
    asking.report()
    asking.report("sad-1", tmp_path, looks="all")
    asking.report("sad-1", tmp_path, looks=["filters", "ascent"], layers=["stem"])
    assert asked == [
        (str(run), Home(tmp_path / "home"), None, 40, None),
        ("sad-1", Home(tmp_path / "other"), 5, 7, None),
        (None, Home(tmp_path / "environment"), None, 40, None),
        ("sad-1", Home(tmp_path), None, 40, LookRequest()),
        ("sad-1", Home(tmp_path), None, 40, LookRequest(("filters", "ascent"), ("stem",))),
    ]
    with pytest.raises(UnknownNameError, match="look: expected one of all, ascent, bands"):
        asking.report("sad-1", tmp_path, looks="filter")
