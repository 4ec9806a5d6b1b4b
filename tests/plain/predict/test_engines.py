"""What is remembered of the processor, and what is tried."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.predict import engines, worker
from essentia_ldl.predict.ask import Question, predict_files


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    engines.refuse_onednn()
    assert not engines.is_onednn_refused()


def test_the_settings_of_onednn(monkeypatch):
    assert engines.list_settings() == ("1", "0")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "x")
    assert engines.list_settings() == ("x",)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    engines.refuse_onednn()
    assert engines.list_settings() == ("0",)


def test_comparisons_are_added_and_kept_by_version(monkeypatch):
    assert engines.recall_comparisons() == {}
    first = {"a": {"graph": "sad-1", "agrees": True, "difference": 1e-7}}
    second = {"b": {"graph": "sad-2", "agrees": False, "reason": "it differs"}}
    engines.remember_comparisons(first)
    engines.remember_comparisons({})
    engines.remember_comparisons(second)
    assert engines.recall_comparisons() == first | second
    monkeypatch.setattr(engines, "_find_version", lambda package: "another")
    assert engines.recall_comparisons() == {}


@pytest.mark.parametrize("text", ["", "[]", "no json"])
def test_a_memory_of_comparisons_that_is_broken_is_none(tmp_path, text):
    engines.remember_comparisons({"a": {"agrees": True}})
    [path] = tmp_path.rglob("openvino-*.json")
    path.write_text(text)
    assert engines.recall_comparisons() == {}
    engines.remember_comparisons({"a": {"agrees": True}})
    assert engines.recall_comparisons() == {"a": {"agrees": True}}


def test_a_version_is_found_or_none(monkeypatch):
    def refuse(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", lambda package: "2026.4")
    assert engines.find_openvino() == "2026.4"
    monkeypatch.setattr(importlib.metadata, "version", refuse)
    assert engines.find_openvino() is None


@pytest.mark.parametrize("changed", [{"engine": "tensorrt"}, {"precision": "f16"}])
def test_an_engine_that_is_unknown_is_refused(changed):
    with pytest.raises(DataError, match="expected one of"):
        Question(**changed)


def test_bf16_in_essentia_is_refused():
    with pytest.raises(DataError, match="f32 in Essentia; got 'bf16'"):
        Question(engine="essentia", precision="bf16")
    assert Question(precision="bf16").engine == "auto"


def test_what_the_process_has_found_is_kept_and_given_to_the_next(ask, answers):
    finding = {"a": {"graph": "sad-1", "agrees": True, "difference": 1e-7}}

    def script(job):
        yield {"ready": True, "found": finding, "warnings": [], "runs_essentia": False}
        yield {"start": "a"}
        yield answers("a")

    _, played = ask(["a"], script)
    assert (played.jobs[0]["engine"], played.jobs[0]["precision"], played.jobs[0]["remembered"]) == ("auto", "f32", {})
    assert not engines.is_onednn_accepted(), "OpenVINO proves nothing of oneDNN"
    _, played = ask(["a"], script)
    assert played.jobs[0]["remembered"] == finding
    _, played = ask(["a"], script, question=Question(engine="essentia"))
    assert played.jobs[0]["remembered"] == {}


def test_bf16_is_a_note_of_every_prediction(ask, all_well):
    results, _ = ask(["a"], all_well, question=Question(precision="bf16"))
    assert results[0][0].notes == ("padded", engines.BF16_NOTE)
    results, _ = ask(["a"], all_well)
    assert results[0][0].notes == ("padded",)


def test_warnings_of_the_process_are_passed_on(answers, make_model, monkeypatch):
    def converse(job, process):
        yield {"ready": True, "warnings": ["sad-1 runs in OpenVINO, unproved: it differs."]}
        yield {"start": "a"}
        yield answers("a")

    monkeypatch.setattr(worker, "_converse", converse)
    monkeypatch.setattr(worker, "start_worker", lambda setting: setting)
    for warnings in ([], None):
        warn = None if warnings is None else warnings.append
        assert len(list(predict_files([make_model()], ["a"], Path("/nowhere"), Question(), None, warn))) == 1
        assert warnings in (None, ["sad-1 runs in OpenVINO, unproved: it differs."])
