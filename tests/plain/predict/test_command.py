"""The command as a function: values in, a record out, and nothing that is read from the environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from essentia_ldl.errors import AudioError, GraphError, StoreError, UnknownNameError
from essentia_ldl.predict import worker
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.command import Predicted, predict
from essentia_ldl.predict.many import Workers
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
    assert done == Predicted(n_failures=1, n_noted=2)
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


# --- the file of -o --------------------------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path, monkeypatch, make_model) -> Path:
    """A folder with a model, and two good files and a bad one."""
    monkeypatch.chdir(tmp_path)
    write_graph(tmp_path / "graphs", make_model())
    for name in ("a.wav", "bad.wav", "c.wav"):
        Path(name).write_text("no matter")
    return tmp_path


def run(*audio: str, path: str = "out.csv", say=lambda line: None, again: bool = False) -> Predicted:
    return predict(audio, Question(), Output("csv", path, again), Path("graphs"), say, Workers(1))


def test_nothing_is_left_beside_the_output_but_the_failures(library, played):
    before = {*os.listdir(), "cache"}  # where it is kept that oneDNN runs
    assert run("a.wav", "bad.wav") == Predicted(n_failures=1, n_noted=1)
    assert set(os.listdir()) - before == {"out.csv", "out.failures.csv"}
    assert Path("out.failures.csv").read_text() == "path,reason\nbad.wav,silence (bad.wav).\n"
    assert run("a.wav") == Predicted(n_failures=0, n_noted=1)
    assert set(os.listdir()) - before == {"out.csv"}, "the table of an earlier run would be wrong"


def test_a_users_own_neighbours_are_not_touched(library, played):
    """Case A2: a user's own file beside the output was overwritten."""
    for name in ("out.part", "out.csv.part", "out.csv.tmp", "out.failures", "out.csv.failures.csv"):
        Path(name).write_text("mine")
    run("a.wav", "bad.wav")
    for name in ("out.part", "out.csv.part", "out.csv.tmp", "out.failures", "out.csv.failures.csv"):
        assert Path(name).read_text() == "mine"


def test_a_table_that_is_not_ours_is_not_replaced(library, played):
    Path("out.failures.csv").write_text("track,reason\n")
    with pytest.raises(StoreError, match=r"table of failures: .*; got 'another file' \(.*out\.failures\.csv\)"):
        run("a.wav", "bad.wav")
    assert Path("out.failures.csv").read_text() == "track,reason\n"
    assert played == []


def test_a_link_stays_and_its_target_is_written(library, played):
    """Case A2: a link was replaced by the document."""
    Path("real").mkdir()
    Path("real/moods.csv").write_text("before")
    os.chmod("real/moods.csv", 0o640)
    os.symlink("real/moods.csv", "out.csv")
    run("a.wav", "bad.wav")
    assert os.readlink("out.csv") == "real/moods.csv"
    assert Path("real/moods.csv").read_text().startswith("path,model")
    assert os.stat("real/moods.csv").st_mode & 0o777 == 0o640
    assert sorted(os.listdir("real")) == ["moods.csv", "moods.failures.csv"]
    os.symlink("real/new.csv", "dangling.csv")
    run("a.wav", path="dangling.csv")
    assert Path("real/new.csv").is_file()


def test_an_output_that_is_an_input_or_a_model_is_refused_before_anything_runs(library, played):
    """Case A1: nothing runs, and the files keep their bytes."""
    for path in ("a.wav", "./a.wav", "graphs/sad-1.json", "graphs/sad-1.pb"):
        before = Path(path).read_bytes()
        with pytest.raises(StoreError, match="output: expected a file that is not read; got 'an input'"):
            run("a.wav", "c.wav", path=path)
        assert Path(path).read_bytes() == before
    assert played == []


def test_many_failures_are_a_table_and_the_first_five_are_told(library, played):
    said: list[str] = []
    names = [f"bad{n}.wav" for n in range(20)]
    assert run(*names, "a.wav", say=said.append).n_failures == 20
    assert said == [f"error: silence (bad{n}.wav)." for n in range(5)]
    assert len(Path("out.failures.csv").read_text().splitlines()) == 21


def test_what_is_not_written_to_a_file_tells_every_failure(library, played, capsys):
    said: list[str] = []
    predict([f"bad{n}.wav" for n in range(20)], Question(), Output("csv"), Path("graphs"), said.append, Workers(1))
    assert len(said) == 20


def test_a_command_that_was_stopped_goes_on(library, played):
    time.sleep(0.02)
    run("a.wav", "bad.wav", "c.wav")
    whole, table = Path("out.csv").read_bytes(), Path("out.failures.csv").read_bytes()
    Path("out.csv").write_text("before")

    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("a.wav", "bad.wav", "c.wav", say=interrupt)  # at the failure
    assert Path("out.csv").read_text() == "before"
    assert Path("out.csv.journal").is_file()
    said: list[str] = []
    assert run("a.wav", "bad.wav", "c.wav", say=said.append) == Predicted(n_failures=1, n_kept=1, n_noted=2)
    assert said[0] == "1 of 3 files were done before; going on with the others."
    assert played[-1]["files"] == ["bad.wav", "c.wav"]
    assert (Path("out.csv").read_bytes(), Path("out.failures.csv").read_bytes()) == (whole, table)
    assert not Path("out.csv.journal").exists()


def test_a_command_killed_while_it_writes_the_document_leaves_no_half_one(library, played, monkeypatch):
    time.sleep(0.02)
    run("a.wav", "c.wav")
    whole, names = Path("out.csv").read_bytes(), set(os.listdir())
    Path("out.csv").unlink()

    def die(*_):
        raise SystemExit  # with what a process that is killed cannot do left out

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", die)
        patch.setattr(os, "unlink", lambda path: None)
        with pytest.raises(SystemExit):
            run("a.wav", "c.wav")
    assert len(set(os.listdir()) - names) == 2, "the journal and a part"
    assert run("a.wav", "c.wav") == Predicted(n_failures=0, n_kept=2, n_noted=2)
    assert Path("out.csv").read_bytes() == whole
    assert set(os.listdir()) == names


def test_a_model_that_cannot_run_leaves_nothing(library, monkeypatch):
    monkeypatch.setattr(worker, "start_worker", lambda setting: setting)
    monkeypatch.setattr(worker, "_converse", lambda job, process: iter(()))
    with pytest.raises(GraphError, match="ended before its first file"):
        run("a.wav")
    assert not list(library.glob("out*"))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_answers(library, played):
    """Case A9. Only names may: some hundred bytes per file, where an answer takes kilobytes."""
    names = [f"{n:06}.wav" for n in range(4000)]
    peaks = []
    for n_files in (1000, 4000):
        tracemalloc.start()
        run(*names[:n_files])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 3000 < 600, peaks


DRIVER = """
import sys, time
from pathlib import Path
from essentia_ldl.predict import worker
from essentia_ldl.predict.ask import Question
from essentia_ldl.predict.command import predict
from essentia_ldl.predict.many import Workers
from essentia_ldl.predict.write import Output

def converse(job, process, feed=None):
    yield {"ready": True}
    for path in job["files"] or iter(lambda: feed.popleft() if feed else None, None):
        yield {"start": path}
        time.sleep(float(sys.argv[2]))
        if "bad" in path:
            yield {"failure": path, "reason": "silence"}
            continue
        number = int(path.rpartition("/")[2][:2])
        rows = [[number / 97, 1 - number / 97]]
        told = {"path": path, "model": "sad-1", "classes": ["non_sad", "sad"], "duration_s": 3.0, "notes": []}
        yield {"result": path, "predictions": [{**told, "uncertainty": {}, "segments": rows}]}

worker._converse, worker.start_worker = converse, lambda setting: None
form = sys.argv[1].rpartition(".")[2]
output = Output(form, sys.argv[1])
done = predict(["music"], Question(), output, Path("graphs"), lambda line: None, Workers(int(sys.argv[3])))
print(done.n_kept)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "n_jobs"),
    [*((form, "1") for form in ("csv", "json", "jsonl", "text")), ("csv", "3"), ("text", "3")],
)
def test_killed_again_and_again_it_ends_with_the_same_bytes(library, form, n_jobs):
    Path("music").mkdir()
    for name in (*(f"{n:02}.wav" for n in range(30)), "07bad.wav"):
        Path("music", name).write_text(name)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", DRIVER]
    subprocess.run([*command, f"whole.{form}", "0", "1"], check=True, env=environment, stdout=subprocess.DEVNULL)
    n_kills = 0
    for n_lines in (2, 9, 15, 25):  # a head and so many answers
        with subprocess.Popen(
            [*command, f"out.{form}", "0.01", n_jobs], env=environment, stdout=subprocess.PIPE
        ) as process:
            journal, until = Path(f"out.{form}.journal"), time.monotonic() + 30
            while process.poll() is None and time.monotonic() < until:
                if journal.exists() and journal.read_bytes().count(b"\n") > n_lines:
                    process.send_signal(signal.SIGKILL)
                    n_kills += 1
                    break
                time.sleep(0.001)
        assert not Path(f"out.{form}").exists()
    done = subprocess.run(
        [*command, f"out.{form}", "0", n_jobs], check=True, env=environment, capture_output=True, text=True
    )
    n_kept = int(done.stdout)
    assert n_kills == 4
    assert 20 < n_kept < 31
    assert Path(f"out.{form}").read_bytes() == Path(f"whole.{form}").read_bytes()
    assert Path("out.failures.csv").read_bytes() == Path("whole.failures.csv").read_bytes()
    assert not Path(f"out.{form}.journal").exists()
