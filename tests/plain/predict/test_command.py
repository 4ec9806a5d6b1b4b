"""The command as a function: values in, a record out, and nothing that is read from the environment."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from essentia_ldl.errors import AudioError, GraphError, UnknownNameError
from essentia_ldl.predict import worker
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.command import Predicted, predict
from essentia_ldl.predict.write import Output


def write_graph(folder: Path, model) -> None:
    """Put a model's card and an empty graph into a folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{model.name}.pb").touch()
    (folder / f"{model.name}.json").write_text(json.dumps(dict(model.card.fields)))


@pytest.fixture
def played(monkeypatch, answers):
    """The jobs of a process that answers for every file, but for those whose name holds "bad"."""
    jobs = []

    def converse(job, process):
        jobs.append(job)
        yield {"ready": True}
        for path in list(job["files"]):
            yield {"start": path}
            yield {"failure": path, "reason": f"silence ({path})."} if "bad" in path else answers(path)

    monkeypatch.setattr(worker, "_converse", converse)
    monkeypatch.setattr(worker, "start_worker", lambda setting: setting)
    return jobs


def test_rows_and_failures_are_counted_and_told_as_they_are_met(tmp_path, played, make_model):
    write_graph(tmp_path / "graphs", make_model())
    (tmp_path / "graphs" / "lonely.json").write_text("{}")
    said: list[str] = []
    output = Output("csv", str(tmp_path / "out.csv"))
    done = predict(["a.wav", "bad.wav", "c.wav"], Question(), output, tmp_path / "graphs", said.append)
    assert done == Predicted(n_failures=1)
    assert [line.split(":")[0] for line in said] == ["warning", "error"]
    assert said[1] == "error: silence (bad.wav)."
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "path,model,class,probability",
        "a.wav,sad-1,non_sad,0.375000",
        "a.wav,sad-1,sad,0.625000",
        "c.wav,sad-1,non_sad,0.375000",
        "c.wav,sad-1,sad,0.625000",
    ]


def test_two_folders_of_graphs_work_in_one_process(tmp_path, played, make_model, monkeypatch):
    monkeypatch.delenv("ESSENTIA_LDL_HOME")
    for name in ("one", "two"):
        write_graph(tmp_path / name, make_model())
        predict(["a.wav"], Question(("sad-1",)), Output("csv", os.devnull), tmp_path / name, pytest.fail)
    assert [job["models"][0]["graph"] for job in played] == [str(tmp_path / n / "sad-1.pb") for n in ("one", "two")]


def test_what_is_wanted_reaches_the_process(tmp_path, played, make_model):
    write_graph(tmp_path, make_model())
    question = Question(patch_hop_frames=40, uncertainty=True)
    predict(["a.wav"], question, Output("csv", os.devnull), tmp_path, pytest.fail)
    assert (played[0]["patch_hop_frames"], played[0]["uncertainty"]) == (40, True)


def test_no_model_or_no_file_is_an_error_before_the_output_is_opened(tmp_path, make_model):
    output = Output("csv", str(tmp_path / "out.csv"))
    with pytest.raises(GraphError, match="models: expected at least one"):
        predict(["a.wav"], Question(), output, tmp_path, pytest.fail)
    with pytest.raises(UnknownNameError):
        predict(["a.wav"], Question(("none-such",)), output, tmp_path, pytest.fail)
    write_graph(tmp_path, make_model())
    with pytest.raises(AudioError, match="at least one audio file"):
        predict(["*.none"], Question(), output, tmp_path, pytest.fail)
    assert not (tmp_path / "out.csv").exists()
