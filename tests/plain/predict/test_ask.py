"""The asking side of predict: which files, what a process that dies costs, and what the user sees."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl import errors
from essentia_ldl.errors import AudioError, CardError, DataError, GraphError
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.predict import ask as prediction
from essentia_ldl.predict import onednn
from essentia_ldl.predict.ask import Writer, expand_files, predict_files, segment_times
from essentia_ldl.predict.worker import start_worker
from essentia_ldl.records import Failure, Prediction

MUSICNN = "TensorflowPredictMusiCNN"


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    monkeypatch.delenv("ESSENTIA_LDL_VERBOSE", raising=False)


def make_model(name: str = "sad-1", classes=("non_sad", "sad"), needs: dict | None = None, **extra) -> Model:
    inference = {"sample_rate": 16000, "algorithm": "TensorflowPredict2D" if needs else MUSICNN}
    if needs:
        inference["embedding_model"] = needs
    fields = {
        "name": name,
        "type": "multi-class classifier",
        "classes": list(classes),
        "schema": {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "predictions"}]},
        "inference": inference,
        "essentia_ldl": extra,
    }
    return Model(name, f"/graphs/{name}.pb", GraphCard(fields))


def make_prediction(
    path="a.mp3", model="sad-1", classes=("non_sad", "sad"), segments=((0.25, 0.75), (0.5, 0.5)), **more
):
    segments = np.array(segments, dtype=np.float32)
    return Prediction(path, model, tuple(classes), segments.mean(axis=0), segments, more.pop("duration_s", 4.5), **more)


# --- files ----------------------------------------------------------------------------------------------------------


def test_files_folders_and_patterns_become_files_each_once(tmp_path, monkeypatch):
    for name in ("d/b.mp3", "d/a.wav", "d/sub/c.flac", "d/notes.txt", "d/.hidden.mp3", "x1.mp3", "x2.mp3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert expand_files(["d"]) == ["d/a.wav", "d/b.mp3", "d/sub/c.flac"]
    assert expand_files(["x2.mp3", "x?.mp3", "d/b.mp3", "d"]) == [
        "x2.mp3",
        "x1.mp3",
        "d/b.mp3",
        "d/a.wav",
        "d/sub/c.flac",
    ]
    assert expand_files(["d/**/*.flac"]) == ["d/sub/c.flac"]
    assert expand_files(["missing.mp3"]) == ["missing.mp3"], "the process that opens it says that it is missing"


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("live [1999].mp3").touch()
    assert expand_files(["live [1999].mp3"]) == ["live [1999].mp3"]


@pytest.mark.parametrize("argument", ["empty", "*.mp3", "none/**"])
def test_what_gives_no_file_is_an_error(tmp_path, monkeypatch, argument):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(AudioError, match="expected at least one audio file; got 'none'"):
        expand_files(["x.mp3", argument])


# --- the conversation -----------------------------------------------------------------------------------------------


class Worker:
    """Stands for the sound zone's process: one script a start, each a function of the job that yields answers."""

    def __init__(self, *scripts):
        self.scripts, self.jobs, self.settings = list(scripts), [], []

    def __call__(self, job, setting):
        self.jobs.append({**job, "files": list(job["files"])})
        self.settings.append(setting)
        yield from self.scripts.pop(0)(job)


def answers(path, value=0.25):
    value = {"path": path, "model": "sad-1", "classes": ["non_sad", "sad"], "duration_s": 3.0, "notes": ["padded"]}
    return {"result": path, "predictions": [{**value, "segments": [[0.25, 0.75], [0.5, 0.5]]}]}


def all_well(job):
    yield {"ready": True}
    for path in list(job["files"]):
        yield {"start": path}
        yield answers(path)


def dies_in(victim):
    def script(job):
        yield {"ready": True}
        for path in list(job["files"]):
            yield {"start": path}
            if path == victim:
                return
            yield answers(path)

    return script


def dies_at_once(job):
    return iter(())


def dies_when_ready(job):
    yield {"ready": True}


def ask(monkeypatch, files, *scripts, models=None, started=None):
    worker = Worker(*scripts)
    monkeypatch.setattr(prediction, "_converse", worker)
    monkeypatch.setattr(prediction, "start_worker", lambda setting: setting)
    results = list(predict_files(models or [make_model()], files, Path("/nowhere"), None, started))
    assert worker.scripts == [], "every process was needed"
    return results, worker


def test_a_patch_hop_that_leaves_frames_out_is_refused_for_the_model():
    long = list(predict_files([make_model()], [], Path("/nowhere"), 187))
    assert long == []  # no file, and nothing wrong
    with pytest.raises(DataError, match=r"patch hop: expected 1 to 187, the frames of a patch; got 188 \(sad-1\)"):
        list(predict_files([make_model()], [], Path("/nowhere"), 188))


def test_every_file_has_its_predictions_in_order(monkeypatch):
    results, worker = ask(monkeypatch, ["a", "b", "c"], all_well)
    assert [result[0].path for result in results] == ["a", "b", "c"]
    first = results[0][0]
    np.testing.assert_allclose(first.probabilities, [0.375, 0.625])
    assert first.segments.dtype == np.float32
    assert (first.duration_s, first.notes) == (3.0, ("padded",))
    (job,) = worker.jobs
    assert job["patch_hop_frames"] is None
    assert job["models"][0]["name"] == "sad-1"
    assert job["models"][0]["extractor"] is None
    assert json.loads(json.dumps(job)) == job


def test_a_file_that_fails_is_a_failure_and_the_rest_goes_on(monkeypatch):
    def script(job):
        yield {"ready": True}
        yield {"start": "a"}
        yield {"failure": "a", "reason": "audio: expected sound."}
        yield {"start": "b"}
        yield answers("b")

    results, _ = ask(monkeypatch, ["a", "b"], script)
    assert results[0] == Failure("a", "predict", "audio: expected sound.")
    assert results[1][0].path == "b"


@pytest.mark.parametrize("victim", ["a", "b", "c"])
def test_a_file_that_kills_the_process_is_a_failure_and_a_new_process_takes_the_rest(monkeypatch, victim):
    scripts = [dies_in(victim)] if victim == "c" else [dies_in(victim), all_well]
    results, worker = ask(monkeypatch, ["a", "b", "c"], *scripts)
    by_path = {r.path if isinstance(r, Failure) else r[0].path: r for r in results}
    assert list(by_path) == ["a", "b", "c"]
    assert "expected a file that the decoder survives; got 'the process died'" in by_path[victim].reason
    assert sum(isinstance(result, Failure) for result in results) == 1
    if victim != "c":
        assert worker.jobs[1]["files"] == ["a", "b", "c"]["abc".index(victim) + 1 :]
    assert not onednn.is_refused()


def test_two_files_that_kill_the_process_cost_two_processes(monkeypatch):
    results, _ = ask(monkeypatch, ["a", "b", "c"], dies_in("a"), dies_in("b"), all_well)
    assert [isinstance(result, Failure) for result in results] == [True, True, False]


def test_a_process_that_ends_between_two_files_is_started_again_for_the_rest(monkeypatch):
    def script(job):
        yield {"ready": True}
        yield {"start": "a"}
        yield answers("a")

    results, worker = ask(monkeypatch, ["a", "b"], script, all_well)
    assert [result[0].path for result in results] == ["a", "b"]
    assert worker.jobs[1]["files"] == ["b"]


def test_a_process_that_never_starts_a_file_is_an_error(monkeypatch):
    with pytest.raises(GraphError, match=r"expected a process that runs; got 'it ended early'.*doctor"):
        ask(monkeypatch, ["a"], dies_when_ready)


def test_a_head_takes_its_extractor_along(monkeypatch, tmp_path):
    head = make_model("head-1", needs={"algorithm": MUSICNN, "model_name": "msd-musicnn-1"})
    monkeypatch.setattr(prediction, "find_extractor", lambda model, folder: make_model("msd-musicnn-1"))
    _, worker = ask(monkeypatch, ["a"], all_well, models=[head])
    assert worker.jobs[0]["models"][0]["extractor"]["graph"] == "/graphs/msd-musicnn-1.pb"
    monkeypatch.undo()
    with pytest.raises(GraphError, match=r"expected msd-musicnn-1\.pb"):
        list(predict_files([head], ["a"], tmp_path))


# --- oneDNN ---------------------------------------------------------------------------------------------------------


def test_a_processor_that_onednn_kills_is_remembered(monkeypatch, tmp_path):
    results, worker = ask(monkeypatch, ["a"], dies_at_once, all_well)
    assert [result[0].path for result in results] == ["a"]
    assert worker.settings == ["1", "0"]
    assert onednn.is_refused()
    assert [path.parent.name for path in tmp_path.rglob("onednn-refused-*.json")] == ["essentia-ldl"]
    _, worker = ask(monkeypatch, ["a"], all_well)
    assert worker.settings == ["0"]


def test_a_process_that_dies_without_onednn_too_says_nothing_of_onednn(monkeypatch):
    with pytest.raises(GraphError, match="ended early"):
        ask(monkeypatch, ["a"], dies_at_once, dies_at_once)
    assert not onednn.is_refused()


@pytest.mark.parametrize("setting", ["0", "1"])
def test_the_users_own_setting_is_kept(monkeypatch, setting):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", setting)
    _, worker = ask(monkeypatch, ["a"], all_well)
    assert worker.settings == [setting]
    with pytest.raises(GraphError, match="ended early"):
        ask(monkeypatch, ["a"], dies_at_once)
    assert not onednn.is_refused()


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    onednn.refuse()
    assert not onednn.is_refused()


def test_a_process_that_was_started_early_is_used_once(monkeypatch):
    _, worker = ask(monkeypatch, ["a"], all_well, started="early")
    assert worker.settings == ["early"]
    results, worker = ask(monkeypatch, ["a", "b"], dies_in("a"), all_well, started="early")
    assert worker.settings == ["early", "1"]
    assert [isinstance(result, Failure) for result in results] == [True, False]
    _, worker = ask(monkeypatch, ["a"], dies_at_once, all_well, started="early")
    assert worker.settings == ["early", "0"]
    assert onednn.is_accepted()
    assert not onednn.is_refused(), "one death, of lack of memory say, does not undo what has run before"


def test_the_settings_of_onednn(monkeypatch):
    assert onednn.settings() == ("1", "0")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "x")
    assert onednn.settings() == ("x",)
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    onednn.refuse()
    assert onednn.settings() == ("0",)


# --- a real process -------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Start a program in the place of the sound zone's process; it gets the job as ``job``."""

    def start(body: str) -> None:
        path = tmp_path / "python"
        path.write_text(f"#!{sys.executable}\nimport json, os, signal, sys\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(path))

    return start


SAY = """
job = json.load(sys.stdin)
def say(**answer):
    print(json.dumps(answer), flush=True)
"""


@pytest.mark.parametrize("name", ["CardError", "GraphError", "AudioError", "StoreError"])
def test_an_error_of_the_process_is_raised_as_what_it_is(program, name):
    program(f"{SAY}\nsay(error='card: expected a key.', type={name!r})\nsys.exit(1)")
    with pytest.raises(getattr(errors, name), match=r"^card: expected a key\.$"):
        list(predict_files([make_model()], ["a"], Path("/nowhere")))


def test_an_error_of_no_known_type_is_a_graph_error(program):
    program(f"{SAY}\nsay(error='x', type='SomethingElse')")
    with pytest.raises(GraphError, match=r"^x$"):
        list(predict_files([make_model()], ["a"], Path("/nowhere")))


def test_an_error_after_some_files_is_raised_too(program):
    value = json.dumps(answers("a"))
    program(f"{SAY}\nsay(ready=True)\nsay(start='a')\nprint({value!r}, flush=True)\nsay(error='x', type='CardError')")
    results = predict_files([make_model()], ["a", "b"], Path("/nowhere"))
    assert next(results)[0].path == "a"
    with pytest.raises(CardError):
        next(results)


@pytest.mark.parametrize("half", ["", '{"resu', '{"result": "b", "predictions": [{"seg'])
def test_a_process_killed_in_a_file_costs_that_file_even_with_half_an_answer_written(program, half):
    body = f"""{SAY}
say(ready=True)
for path in job["files"]:
    say(start=path)
    if path == "b":
        os.write(1, {half!r}.encode())
        os.kill(os.getpid(), signal.SIGKILL)
    say(failure=path, reason="as told")
"""
    program(body)
    results = list(predict_files([make_model()], ["a", "b", "c"], Path("/nowhere")))
    assert [result.path for result in results] == ["a", "b", "c"]
    assert ["the process died" in result.reason for result in results] == [False, True, False]


def test_the_process_gets_the_setting_and_the_lean_environment(program):
    body = f"""{SAY}
say(ready=True)
say(start="a")
say(failure="a", reason=" ".join(os.environ[k] for k in ("TF_ENABLE_ONEDNN_OPTS", "ESSENTIA_LDL_LEAN")))
"""
    program(body)
    assert [r.reason for r in predict_files([make_model()], ["a"], Path("/nowhere"))] == ["1 1"]


def test_a_process_that_does_not_read_its_job_is_no_traceback(program):
    program("os.close(0)\nsys.exit(3)")
    with pytest.raises(GraphError, match="ended early"):
        list(predict_files([make_model()], ["x" * 200] * 5000, Path("/nowhere")))


def test_a_process_started_early_gets_the_job_later(program):
    program(f"{SAY}\nsay(ready=True)\nsay(start='a')\nsay(failure='a', reason=str(len(job['models'])))")
    process = start_worker()
    results = list(predict_files([make_model(), make_model("b")], ["a"], Path("/nowhere"), None, process))
    assert [result.reason for result in results] == ["2"]
    assert process.returncode == 0


def test_a_reader_that_stops_early_ends_the_process(program, tmp_path):
    body = f"""{SAY}
import time
open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
say(ready=True)
say(start="a")
say(failure="a", reason="x")
time.sleep(60)
"""
    program(body)
    results = predict_files([make_model()], ["a", "b"], Path("/nowhere"))
    next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


# --- times ----------------------------------------------------------------------------------------------------------


def test_segments_start_every_hop_and_last_a_patch():
    times = segment_times(make_model(), 3)
    np.testing.assert_allclose(times, [(0, 2.992), (1.488, 4.48), (2.976, 5.968)])
    np.testing.assert_allclose(segment_times(make_model(), 2, 187)[1], (2.992, 5.984))
    np.testing.assert_allclose(segment_times(make_model(patch_hop_frames=10), 2)[1], (0.16, 3.152))
    head = make_model(needs={"algorithm": MUSICNN, "model_name": "msd-musicnn-1"})
    np.testing.assert_allclose(segment_times(head, 3), times)


# --- formats --------------------------------------------------------------------------------------------------------


def write(form, *files, segments=False, models=None, hop=None):
    text = io.StringIO()
    writer = Writer(text.write, form, models or [make_model()], segments, hop)
    for predictions in files:
        writer.add(list(predictions))
    writer.close()
    return text.getvalue()


def test_text():
    two = make_prediction(model="other-model-1", classes=("x", "y"), segments=[[0.5, 0.5]])
    text = write("text", [make_prediction(notes=("padded", "mono")), two], [make_prediction("b.mp3")])
    assert text.splitlines() == [
        "a.mp3  (4.5 s)  [padded]  [mono]",
        "  sad-1           sad 0.62   non_sad 0.38",
        "  other-model-1   x 0.50   y 0.50",
        "b.mp3  (4.5 s)",
        "  sad-1   sad 0.62   non_sad 0.38",
    ]


def test_text_of_segments():
    text = write("text", [make_prediction()], segments=True)
    assert text.splitlines()[2:] == [
        "        0.00 -     2.99 s   sad 0.75   non_sad 0.25",
        "        1.49 -     4.48 s   non_sad 0.50   sad 0.50",
    ]


def test_text_of_many_classes_is_the_ten_best():
    classes = [f"tag{n:02}" for n in range(50)]
    values = np.linspace(0, 0.98, 50)
    lines = write("text", [make_prediction(classes=classes, segments=[values])]).splitlines()
    assert lines[1] == "  sad-1"
    assert len(lines) == 2 + 10
    assert lines[2] == "    0.98  tag49"
    assert lines[-1] == "    0.80  tag40"


def test_json():
    text = write(
        "json", [make_prediction(), make_prediction(model="n", notes=("padded",))], [make_prediction("ü, b.mp3")]
    )
    value = json.loads(text)
    assert value[0] == {
        "path": "a.mp3",
        "model": "sad-1",
        "duration_s": 4.5,
        "notes": [],
        "probabilities": {"non_sad": 0.375, "sad": 0.625},
    }
    assert [(row["path"], row["model"]) for row in value] == [("a.mp3", "sad-1"), ("a.mp3", "n"), ("ü, b.mp3", "sad-1")]
    assert value[1]["notes"] == ["padded"]
    assert "ü" in text
    assert json.loads(write("json")) == []


def test_json_of_segments():
    (value,) = json.loads(write("json", [make_prediction()], segments=True))
    assert value["segments"] == [
        {"start_s": 0.0, "end_s": 2.992, "non_sad": 0.25, "sad": 0.75},
        {"start_s": 1.488, "end_s": 4.48, "non_sad": 0.5, "sad": 0.5},
    ]
    (value,) = json.loads(write("json", [make_prediction()], segments=True, hop=187))
    assert value["segments"][1]["start_s"] == 2.992


def test_csv():
    text = write("csv", [make_prediction('a, "b".mp3')])
    assert list(csv.reader(io.StringIO(text))) == [
        ["path", "model", "class", "probability"],
        ['a, "b".mp3', "sad-1", "non_sad", "0.375000"],
        ['a, "b".mp3', "sad-1", "sad", "0.625000"],
    ]
    assert write("csv") == "path,model,class,probability\n"


def test_csv_of_segments():
    rows = list(csv.reader(io.StringIO(write("csv", [make_prediction()], segments=True))))
    assert rows[0] == ["path", "model", "start_s", "end_s", "class", "probability"]
    assert rows[1:] == [
        ["a.mp3", "sad-1", "0.000", "2.992", "non_sad", "0.250000"],
        ["a.mp3", "sad-1", "0.000", "2.992", "sad", "0.750000"],
        ["a.mp3", "sad-1", "1.488", "4.480", "non_sad", "0.500000"],
        ["a.mp3", "sad-1", "1.488", "4.480", "sad", "0.500000"],
    ]


def test_json_and_csv_say_the_same():
    random = np.random.default_rng(0)
    made = [[make_prediction(f"{n}.mp3", segments=random.dirichlet([1, 1], size=4))] for n in range(5)]
    from_json = {
        (row["path"], name): value
        for row in json.loads(write("json", *made))
        for name, value in row["probabilities"].items()
    }
    rows = csv.DictReader(io.StringIO(write("csv", *made)))
    from_csv = {(row["path"], row["class"]): float(row["probability"]) for row in rows}
    assert from_csv == pytest.approx(from_json, abs=1e-6)


# --- how sure -------------------------------------------------------------------------------------------------------

SURE = {"predictive_entropy": 0.62, "expected_entropy": 0.5, "mutual_information": 0.12}


def write_answers(form, predictions, models, **settings):
    parts: list[str] = []
    writer = Writer(parts.append, form, models, settings.pop("segments", False), **settings)
    writer.add(predictions)
    writer.close()
    return "".join(parts)


def test_uncertainty_in_text_says_what_the_model_does_not_know():
    sampled, single = make_prediction(uncertainty=SURE), make_prediction(model="other-1")
    text = write_answers("text", [sampled, single], [make_model(), make_model("other-1")], uncertainty=True)
    lines = text.splitlines()
    expected = "    entropy 0.66 nats; of the patches: predictive 0.62, expected 0.50, mutual information 0.12"
    assert lines[2] == expected
    assert lines[4] == "    entropy 0.66 nats; no samples or members, so nothing about what the model does not know"


def test_uncertainty_in_json_is_null_where_the_graph_says_nothing():
    sampled, single = make_prediction(uncertainty=SURE), make_prediction(model="other-1")
    models = [make_model(), make_model("other-1")]
    first, second = json.loads(write_answers("json", [sampled, single], models, uncertainty=True))
    assert first["uncertainty"] == {"entropy": pytest.approx(0.661563, abs=1e-6), **SURE}
    assert second["uncertainty"]["mutual_information"] is None
    assert "label" not in first


@pytest.mark.parametrize("segments", [False, True])
def test_csv_rows_carry_label_and_entropies_of_the_track(segments):
    settings = {"segments": segments, "uncertainty": True, "min_confidence": 0.7}
    text = write_answers("csv", [make_prediction(uncertainty=SURE)], [make_model()], **settings)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == (4 if segments else 2)
    assert {row["label"] for row in rows} == {"uncertain"}  # 0.625
    assert {row["mutual_information"] for row in rows} == {"0.120000"}
    assert None not in rows[0]


@pytest.mark.parametrize(("threshold", "label"), [(0.625, "sad"), (0.63, "uncertain")])
def test_a_label_below_the_confidence_is_uncertain(threshold, label):
    models = [make_model()]
    (value,) = json.loads(write_answers("json", [make_prediction()], models, min_confidence=threshold))
    assert value["label"] == label
    text = write_answers("text", [make_prediction()], models, min_confidence=threshold)
    assert ("uncertain" in text) == (label == "uncertain")


def test_tags_have_no_label():
    fields = {**make_model().card.fields, "type": "auto-tagging"}
    tagger = Model("sad-1", "/graphs/sad-1.pb", GraphCard(fields))
    (value,) = json.loads(write_answers("json", [make_prediction()], [tagger], min_confidence=0.99))
    assert value["label"] is None


def test_the_process_is_told_that_entropies_are_wanted(monkeypatch):
    worker = Worker(all_well, all_well)
    monkeypatch.setattr(prediction, "_ask", lambda job, started=None: worker(job, ""))
    list(predict_files([make_model()], ["a.wav"], Path("/graphs"), uncertainty=True))
    list(predict_files([make_model()], ["a.wav"], Path("/graphs")))
    assert [job["uncertainty"] for job in worker.jobs] == [True, False]
