"""`predict` on the command line: documents, failures, outputs that appear whole, and what it starts."""

from __future__ import annotations

import json
import os
import time
from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.errors import GraphError
from essentia_ldl.predict import many as predict_many
from essentia_ldl.predict import worker
from essentia_ldl.records import Failure, Prediction


class Process:
    """Stands for the process that `predict` starts early."""

    calls: ClassVar[list[str]] = []

    def __init__(self, setting: str | None = None, engine: str = "essentia") -> None:
        self.calls.append("start")

    def kill(self) -> None:
        self.calls.append("kill")

    def wait(self) -> None:
        self.calls.append("wait")


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(worker, "start_worker", Process)
    Process.calls.clear()


def run(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def check_error(result, *parts: str) -> None:
    """One sentence and no traceback."""
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert all(part in line for part in parts), line


def raising(error: BaseException):
    def fail(*_arguments, **_settings):
        raise error

    return fail


@pytest.fixture
def predicted(tmp_path, monkeypatch, write_model):
    """Replace the process that predicts: a file whose name holds "bad" fails."""
    write_model(tmp_path / "home" / "graphs", "sad-1")
    for name in ("a.wav", "bad.wav", "c.wav"):
        (tmp_path / name).touch()
    segments = np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)

    def predict_files(models, files, graphs, patch_hop_frames=None, started=None, warn=None, *, uncertainty=False):
        for path in files:
            if "bad" in path:
                yield Failure(path, "predict", f"audio: expected sound; got 'silence' ({path}). Leave it out.")
            else:
                yield [Prediction(path, "sad-1", ("non_sad", "sad"), segments.mean(axis=0), segments, 4.5)]

    monkeypatch.setattr(predict_many, "predict_files", predict_files)
    return tmp_path


def test_predict_writes_what_the_model_says(predicted):
    result = run("predict", "a.wav", "c.wav")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[1] == "  sad-1   sad 0.62   non_sad 0.38"


def test_a_bad_file_is_one_line_and_status_1_and_the_rest_is_there(predicted):
    result = run("predict", "a.wav", "bad.wav", "c.wav", "--format", "json")
    assert [row["path"] for row in json.loads(result.stdout)] == ["a.wav", "c.wav"]
    check_error(result, "got 'silence' (bad.wav)")
    result = run("predict", "bad.wav", "./bad.wav", "c.wav", "--format", "csv")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr.splitlines()[-1] == "error: 2 files could not be used."


@pytest.mark.parametrize("arguments", [("a.wav",), ("a.wav", "-m", "none-such"), ("bad.wav",), ("none/",), ("*.xyz",)])
def test_the_process_that_was_started_early_is_always_ended(predicted, arguments):
    run("predict", *arguments)
    assert Process.calls == ["start", "kill", "wait"]


def test_an_output_appears_whole(predicted):
    result = run("predict", "a.wav", "--format", "csv", "--segments", "-o", "out.csv")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (predicted / "out.csv").read_text().splitlines()[0] == "path,model,start_s,end_s,class,probability"
    assert not list(predicted.glob("*.part"))


@pytest.mark.parametrize(("name", "start"), [("out.csv", "path,model"), ("out.json", "["), ("out.jsonl", '{"path"')])
def test_the_suffix_of_an_output_chooses_the_format(predicted, name, start):
    assert run("predict", "a.wav", "-o", name).exit_code == 0
    assert (predicted / name).read_text().startswith(start)
    assert run("predict", "a.wav", "-o", name, "--format", "text").exit_code == 0
    assert (predicted / name).read_text().startswith("a.wav  (4.5 s)")


def test_notes_are_a_column_when_they_are_wanted(predicted):
    result = run("predict", "a.wav", "--format", "csv", "--notes")
    assert result.stdout.splitlines()[:2] == ["path,model,class,probability,notes", "a.wav,sad-1,non_sad,0.375000,"]


def test_the_terminal_names_the_table_of_failures(predicted):
    for number in range(8):
        (predicted / f"bad{number}.wav").touch()
    result = run("predict", ".", "-o", "out.csv")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("passed over: 2 files that are no audio (")
    assert lines[-1] == f"error: 9 files could not be used: see {predicted / 'out.failures.csv'}."
    assert len((predicted / "out.failures.csv").read_text().splitlines()) == 10


def test_a_stopped_predict_goes_on_or_starts_anew(predicted, monkeypatch):
    time.sleep(0.02)
    real, asked = predict_many.predict_files, []

    def predict_files(models, files, *more):
        asked.append(list(files))
        yield from real(models, files[:1], *more)
        if len(files) > 1 and len(asked) % 2:
            raise KeyboardInterrupt
        yield from real(models, files[1:], *more)

    monkeypatch.setattr(predict_many, "predict_files", predict_files)
    command = ("predict", "a.wav", "c.wav", "-o", "out.csv")
    assert run(*command).exit_code == 130
    result = run(*command)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "1 of 2 files were done before; going on with the others.\n"
    assert run(*command).exit_code == 130
    result = run(*command, "--again")
    assert (result.exit_code, result.stderr) == (0, "")
    assert asked == [["a.wav", "c.wav"], ["c.wav"], ["a.wav", "c.wav"], ["a.wav", "c.wav"]]


@pytest.mark.parametrize("url", ["ray://host:10001", "host:8786", "spark://host"])
def test_a_cluster_that_cannot_be_used_is_one_sentence_and_starts_no_process(predicted, url):
    check_error(run("predict", "a.wav", "--cluster", url, "-o", "out.csv"), "cluster: expected dask://host:port; got ")
    assert Process.calls == []
    assert not list(predicted.glob("out*")), "nothing is left of a command that could not begin"


def test_audio_is_not_written_over(predicted):
    (predicted / "s.mp3").write_bytes(b"ID3\x04\x00\x00\x00\x00")
    check_error(run("predict", "s.mp3", "-o", "s.mp3"), "output: expected a file that is not read; got 'an input'")
    check_error(run("predict", "a.wav", "-o", "s.mp3"), "output: expected a new file or an earlier document")
    assert (predicted / "s.mp3").read_bytes() == b"ID3\x04\x00\x00\x00\x00"


@pytest.mark.parametrize("error", [GraphError("graph: expected a graph."), KeyboardInterrupt()])
def test_an_output_that_is_not_finished_does_not_appear_or_replace(predicted, monkeypatch, error):
    (predicted / "out.csv").write_text("before")
    monkeypatch.setattr(predict_many, "predict_files", raising(error))
    result = run("predict", "a.wav", "--format", "csv", "-o", "out.csv")
    assert result.exit_code == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert (predicted / "out.csv").read_text() == "before"


def test_an_output_that_cannot_be_opened_is_one_sentence(predicted):
    check_error(run("predict", "a.wav", "-o", "nowhere/out.csv"), "out.csv' cannot be written: No such file")
    (predicted / "folder").mkdir()
    check_error(run("predict", "a.wav", "-o", "folder"), "output: expected a file to write")


def test_a_file_whose_name_is_not_utf8_is_answered(predicted):
    name = os.fsdecode(b"caf\xe9.wav")
    (predicted / name).touch()
    for form in ("json", "csv", "text"):
        result = run("predict", name, "-o", f"out.{form}", "--format", form)
        assert result.exit_code == 0, repr(result.exception)
        assert b"caf" in (predicted / f"out.{form}").read_bytes()


def test_predict_passes_on_what_is_asked_of_uncertainty(predicted, monkeypatch):
    result = run("predict", "a.wav", "--uncertainty", "--min-confidence", "0.7")
    assert result.exit_code == 0, result.stderr
    assert "uncertain   sad 0.62" in result.stdout
    assert "entropy 0.66 nats" in result.stdout
    assert run("predict", "a.wav", "--min-confidence", "1.5").exit_code == 2
