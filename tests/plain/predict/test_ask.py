"""What is asked: which files, which models, and what a process that dies costs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import AudioError, CardError, DataError, GraphError
from essentia_ldl.files import write_json
from essentia_ldl.predict import ask as ask_module
from essentia_ldl.predict import engines
from essentia_ldl.predict import worker as predict_worker
from essentia_ldl.predict.ask import Question, expand_files, find_models, predict_files, segment_times
from essentia_ldl.records import Failure

MUSICNN = "TensorflowPredictMusiCNN"

# --- the question ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hop", [0, -1])
def test_a_distance_of_nothing_is_refused(hop):
    with pytest.raises(DataError, match=rf"patch hop: expected 1 frame or more; got {hop} "):
        Question(patch_hop_frames=hop)


@pytest.mark.parametrize("confidence", [-0.1, 1.5, float("nan")])
def test_a_confidence_that_is_no_probability_is_refused(confidence):
    with pytest.raises(DataError, match="min_confidence: expected 0 to 1"):
        Question(min_confidence=confidence)


# --- files -----------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("argument", ["empty", "*.mp3"])
def test_an_argument_that_gives_nothing_fails_alone_where_the_command_tells_b6(tmp_path, monkeypatch, argument):
    """B6: the others go on; what opens the file gives the reason."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    said = []
    assert expand_files(["x.wav", argument], said.append) == ["x.wav", argument]
    with pytest.raises(AudioError, match="at least one audio file"):
        expand_files([argument], said.append)


def test_what_is_passed_over_in_folders_is_counted_a3(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("d/__MACOSX").mkdir(parents=True)
    for name in ("ok.wav", "film.mov", "plain", "cover.jpg", "list.m3u", "__MACOSX/x.wav"):
        Path("d", name).write_bytes({"film.mov": b"\0\0\0\x14ftypqt  ", "plain": b"fLaC\0\0\0\x22"}.get(name, b"x"))
    said = []
    assert expand_files(["d"], said.append) == ["d/film.mov", "d/ok.wav", "d/plain"]
    assert said == [
        "passed over: 1 folder of the system (d/__MACOSX)",
        "passed over: 2 files that are no audio (d/cover.jpg, d/list.m3u)",
    ]


# --- the conversation ------------------------------------------------------------------------------------------------


def dies_when_ready(job):
    yield {"ready": True}


def test_a_patch_hop_that_leaves_frames_out_is_refused_for_the_model(make_model):
    long = list(predict_files([make_model()], [], Path("/nowhere"), Question(patch_hop_frames=187)))
    assert long == []  # no file, and nothing wrong
    with pytest.raises(DataError, match=r"patch hop: expected 1 to 187, the frames of a patch; got 188 \(sad-1\)"):
        list(predict_files([make_model()], [], Path("/nowhere"), Question(patch_hop_frames=188)))


def test_every_file_has_its_predictions_in_order(ask, all_well):
    results, worker = ask(["a", "b", "c"], all_well)
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


def test_a_file_that_fails_is_a_failure_and_the_rest_goes_on(ask, answers):
    def script(job):
        yield {"ready": True}
        yield {"start": "a"}
        yield {"failure": "a", "reason": "audio: expected sound."}
        yield {"start": "b"}
        yield answers("b")

    results, _ = ask(["a", "b"], script)
    assert results[0] == Failure("a", "predict", "audio: expected sound.")
    assert results[1][0].path == "b"


@pytest.mark.parametrize("victim", ["a", "b", "c"])
def test_a_file_that_kills_the_process_is_a_failure_and_a_new_process_takes_the_rest(ask, all_well, dies_in, victim):
    scripts = [dies_in(victim)] if victim == "c" else [dies_in(victim), all_well]
    results, worker = ask(["a", "b", "c"], *scripts)
    by_path = {r.path if isinstance(r, Failure) else r[0].path: r for r in results}
    assert list(by_path) == ["a", "b", "c"]
    assert "killed the process that decoded it" in by_path[victim].reason
    assert sum(isinstance(result, Failure) for result in results) == 1
    if victim != "c":
        assert worker.jobs[1]["files"] == ["a", "b", "c"]["abc".index(victim) + 1 :]
    assert not engines.is_onednn_refused()


def test_two_files_that_kill_the_process_cost_two_processes(ask, all_well, dies_in):
    results, _ = ask(["a", "b", "c"], dies_in("a"), dies_in("b"), all_well)
    assert [isinstance(result, Failure) for result in results] == [True, True, False]


def test_a_process_that_ends_between_two_files_is_started_again_for_the_rest(ask, answers, all_well):
    def script(job):
        yield {"ready": True}
        yield {"start": "a"}
        yield answers("a")

    results, worker = ask(["a", "b"], script, all_well)
    assert [result[0].path for result in results] == ["a", "b"]
    assert worker.jobs[1]["files"] == ["b"]


def test_a_process_is_renewed_after_so_many_files_and_warns_once(ask, answers, monkeypatch):
    def script(job):
        yield {"ready": True, "warnings": ["bf16 differs"]}
        for path in job["files"]:
            yield {"start": path}
            yield answers(path)

    monkeypatch.setattr(predict_worker, "N_FILES", 2)
    said = []
    results, worker = ask(list("abcde"), script, script, script, warn=said.append)
    assert [result[0].path for result in results] == list("abcde")
    assert [job["files"] for job in worker.jobs] == [["a", "b"], ["c", "d"], ["e"]]
    assert said == ["bf16 differs"]


def test_a_process_that_never_starts_a_file_is_an_error(ask):
    with pytest.raises(GraphError, match=r"ended before its first file\. .*doctor"):
        ask(["a"], dies_when_ready)


def test_a_head_takes_its_extractor_along(make_model, ask, all_well, monkeypatch, tmp_path):
    head = make_model("head-1", needs={"algorithm": MUSICNN, "model_name": "msd-musicnn-1"})
    monkeypatch.setattr(ask_module, "find_extractor", lambda model, folder: make_model("msd-musicnn-1"))
    _, worker = ask(["a"], all_well, models=[head])
    assert worker.jobs[0]["models"][0]["extractor"]["graph"] == "/graphs/msd-musicnn-1.pb"
    monkeypatch.undo()
    with pytest.raises(GraphError, match=r"expected msd-musicnn-1\.pb"):
        list(predict_files([head], ["a"], tmp_path))


def test_the_process_is_told_that_entropies_are_wanted(ask, all_well):
    _, worker = ask(["a.wav"], all_well, question=Question(uncertainty=True))
    assert worker.jobs[0]["uncertainty"] is True
    _, worker = ask(["a.wav"], all_well)
    assert worker.jobs[0]["uncertainty"] is False


# --- times -----------------------------------------------------------------------------------------------------------


def test_the_process_is_told_of_another_quality_of_the_loader_for_networks_below_too(
    make_model, ask, all_well, monkeypatch
):
    head = make_model("head-1", needs={"algorithm": MUSICNN, "model_name": "msd-musicnn-1"}, run="r")
    monkeypatch.setattr(ask_module, "find_extractor", lambda model, folder: make_model("msd-musicnn-1"))
    _, worker = ask(["a"], all_well, models=[head], question=Question(resample_quality=1))
    [told] = worker.jobs[0]["models"]
    assert told["card"]["essentia_ldl"] == {"run": "r", "resample_quality": 1}
    assert told["extractor"]["card"]["essentia_ldl"] == {"resample_quality": 1}
    _, worker = ask(["a"], all_well, models=[head])
    assert worker.jobs[0]["models"][0]["card"]["essentia_ldl"] == {"run": "r"}


@pytest.mark.parametrize("quality", [-1, 5, "4"])
def test_a_quality_that_no_loader_has_is_refused(quality):
    with pytest.raises(DataError, match="resampling quality: expected 0 to 4; got"):
        Question(resample_quality=quality)


def test_segments_start_every_hop_and_last_a_patch(make_model):
    times = segment_times(make_model(), 3)
    np.testing.assert_allclose(times, [(0, 2.992), (1.488, 4.48), (2.976, 5.968)])
    np.testing.assert_allclose(segment_times(make_model(), 2, 187)[1], (2.992, 5.984))
    np.testing.assert_allclose(segment_times(make_model(patch_hop_frames=10), 2)[1], (0.16, 3.152))
    head = make_model(needs={"algorithm": MUSICNN, "model_name": "msd-musicnn-1"})
    np.testing.assert_allclose(segment_times(head, 3), times)


def test_an_extractor_that_is_named_is_told_by_what_it_is_for(tmp_path, make_model):
    fields = dict(make_model("mine-1").card.fields)
    fields["schema"] = {"inputs": [{"name": "in"}], "outputs": [{"name": "out", "output_purpose": "embeddings"}]}
    write_json(tmp_path / "mine-1.json", {**fields, "type": "embedding extractor", "classes": []})
    (tmp_path / "mine-1.pb").write_bytes(b"graph")
    with pytest.raises(
        CardError, match=r"model: expected one that has classes; got 'an extractor of embeddings'.*index"
    ):
        find_models(["mine-1"], tmp_path)
