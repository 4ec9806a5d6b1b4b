"""Run folders: found again by what decides their numbers, and worked on by one process at a time."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from essentia_ldl.errors import StoreError, TrainingError, UnknownNameError
from essentia_ldl.files import Home, read_json, write_json
from essentia_ldl.records import Failure, LabelTable
from essentia_ldl.runs import folder as runs
from essentia_ldl.runs.folder import find_finished, find_run, fingerprint, finish_run, locked, make_run
from essentia_ldl.runs.plan import write_plan
from essentia_ldl.runs.targets import write_table
from essentia_ldl.zones import zone_environment


def test_a_fingerprint_is_of_the_values_and_not_of_the_order_of_keys():
    one = fingerprint("0.1", {"a": 1, "b": [1, 2]}, [("t", "c")], True)
    assert one == fingerprint("0.1", {"b": [1, 2], "a": 1}, [["t", "c"]], True)
    assert len(one) == 16
    others = {
        fingerprint("0.2", {"a": 1, "b": [1, 2]}, [("t", "c")], True),
        fingerprint("0.1", {"a": 2, "b": [1, 2]}, [("t", "c")], True),
        fingerprint("0.1", {"a": 1, "b": [2, 1]}, [("t", "c")], True),
        fingerprint("0.1", {"a": 1, "b": [1, 2]}, [("t", "d")], True),
        fingerprint("0.1", {"a": 1, "b": [1, 2]}, [("t", "c")], None),
    }
    assert len(others | {one}) == 6


def test_a_run_is_found_until_it_ends_and_told_when_it_has(tmp_path):
    assert find_run(tmp_path / "runs", "mood-sad", "f") == (None, False)
    run = make_run(tmp_path / "runs", "mood-sad", "f")
    assert run.name.startswith("mood-sad-20")
    assert find_run(tmp_path / "runs", "mood-sad", "f") == (run, False)
    assert find_run(tmp_path / "runs", "mood-sad", "other") == (None, False)
    assert find_run(tmp_path / "runs", "genre", "f") == (None, False)
    finish_run(run, ("model-1",))
    assert find_run(tmp_path / "runs", "mood-sad", "f") == (run, True)
    assert read_json(run / "run.json") == {"fingerprint": "f", "state": "done", "models": ["model-1"]}


def test_two_runs_in_one_second_have_two_folders(tmp_path):
    made = [make_run(tmp_path, "t", "f") for _ in range(12)]
    assert len(set(made)) == 12
    assert all(run.is_dir() for run in made)


def test_the_newest_run_is_found(tmp_path):
    for stamp in ("20240101-000000", "20250101-000000"):
        (tmp_path / f"t-{stamp}").mkdir()
        (tmp_path / f"t-{stamp}" / "run.json").write_text('{"fingerprint": "f", "state": "running"}')
    assert find_run(tmp_path, "t", "f") == (tmp_path / "t-20250101-000000", False)


@pytest.mark.parametrize("take", [runs.resume_run, lambda *asked: runs.take_run(*asked[1:], False, str)[0]])
def test_many_that_ask_at_once_have_one_run(tmp_path, take):
    home, n_threads = Home(tmp_path), 8
    together = threading.Barrier(n_threads)

    def ask(_number: int):
        together.wait()
        given = (home,) if take is not runs.resume_run else ()
        return take(home.runs, "t", "f", *given)

    with ThreadPoolExecutor(n_threads) as pool:
        assert len(set(pool.map(ask, range(n_threads)))) == 1
    assert len(list(home.runs.iterdir())) == 1


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"{}", b"[]", b"null"])
def test_a_damaged_run_is_passed_over(tmp_path, text):
    run = make_run(tmp_path, "t", "f")
    (tmp_path / "t-29990101-000000").mkdir()
    (tmp_path / "t-29990101-000000" / "run.json").write_bytes(text)
    assert find_run(tmp_path, "t", "f") == (run, False)


def test_a_run_that_another_process_works_on_is_refused_until_that_process_ends(tmp_path):
    run = make_run(tmp_path, "t", "f")
    code = "import sys, time; from pathlib import Path; from essentia_ldl.runs.folder import locked\n"
    code += "with locked(Path(sys.argv[1])):\n    print('locked', flush=True)\n    time.sleep(60)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(run)], env=zone_environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "locked\n"
        with (
            pytest.raises(TrainingError, match=r"is in use by another process\. Wait for it or stop it\."),
            locked(run),
        ):
            pytest.fail("two processes on one run")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
        with locked(run):
            pass
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_lock_ends_with_its_block_even_after_an_error(tmp_path):
    run = make_run(tmp_path, "t", "f")
    with pytest.raises(ValueError, match="mine"), locked(run):
        raise ValueError("mine")
    with locked(run), pytest.raises(TrainingError), locked(run):
        pytest.fail("locked twice")
    with locked(run):
        pass


def test_who_takes_a_run_sweeps_what_a_killed_process_left_half_written(tmp_path):
    run = make_run(tmp_path, "t", "f")
    (run / "cell").mkdir()
    for name in (".part-abc", "cell/.part-def", "cell/whole.json"):
        (run / name).write_text("{}")
    with locked(run):
        (run / "cell" / ".part-now").write_text("")
        with pytest.raises(TrainingError), locked(run):
            pytest.fail("locked twice")
        assert sorted(path.name for path in run.rglob("*") if path.is_file() and path.name != "lock") == [
            ".part-now",
            "run.json",
            "whole.json",
        ]


def test_finishing_keeps_what_the_run_says(tmp_path):
    run = make_run(tmp_path, "t", "f")
    state = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**state, "note": 1}))
    finish_run(run)
    assert read_json(run / "run.json") == {"fingerprint": "f", "state": "done", "note": 1, "models": []}
    assert runs.find_run(tmp_path, "t", "f")[1] is True


def test_the_last_run_is_taken_and_another_one_by_name(tmp_path):
    runs = tmp_path / "runs"
    for number, name in enumerate(("one", "two")):
        write_json(runs / name / "plan.json", {})
        write_json(runs / name / "scores.json", {"classes": ["a", "b"]})
        os.utime(runs / name / "scores.json", (number, number))
    first, second = (runs / "one").resolve(), (runs / "two").resolve()
    assert find_finished(None, runs) == second
    assert find_finished("one", runs) == first
    assert find_finished(str(first), runs) == first
    with pytest.raises(UnknownNameError, match=r"got 'three'.*There are: two, one"):
        find_finished("three", runs)
    (runs / "damaged").mkdir()
    (runs / "damaged" / "scores.json").write_text('{"a":')
    assert find_finished(None, runs) == second, "a damaged run that nobody asked for"
    with pytest.raises(UnknownNameError, match=r"There are: two, one\."):
        find_finished("three", runs)
    with pytest.raises(StoreError, match=r"expected readable json.*damaged/scores\.json"):
        find_finished("damaged", runs)
    (runs / "busy").mkdir()
    with pytest.raises(StoreError, match=r"one without scores\.json"):
        find_finished("busy", runs)
    write_json(runs / "busy" / "run.json", {"state": "done"})
    with pytest.raises(StoreError, match=r"one that is neither.*Name another folder\."):
        find_finished("busy", runs)
    write_json(runs / "busy" / "scores.json", {"model": "x"})
    with pytest.raises(StoreError, match="one that is neither"):
        find_finished("busy", runs)
    shutil.rmtree(runs)
    with pytest.raises(UnknownNameError, match="Run train or crossval first"):
        find_finished(None, runs)


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/x"])
def test_names_in_scores_and_states_do_not_lead_out_of_the_run(tmp_path, name):
    """Case C16: scores.json and run.json."""
    with pytest.raises(StoreError, match=r"fold: expected a plain name without folders; got .*scores\.json"):
        runs.cell_folder(tmp_path, name, 0, 1)
    with pytest.raises(StoreError, match="fold: expected a plain name"):
        runs.cell_folder(tmp_path, "none", name, 1)
    write_json(tmp_path / "run.json", {"models": [name]})
    with pytest.raises(StoreError, match=r"models: expected names of models; got .*run\.json"):
        runs.read_models(tmp_path)


@pytest.mark.parametrize("text", ["null", "[]", "3", '{"models": 3}', "[" * 100_000])
def test_a_damaged_state_is_one_sentence(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(StoreError, match=r"run\.json"):
        runs.read_models(tmp_path)


def test_a_run_of_models_is_taken_up_kept_or_made_again(tmp_path):
    home, said = Home(tmp_path), []
    run, finished = runs.take_run("mood-sad", "f", home, False, said.append)
    assert (finished, said) == (False, [])
    assert runs.take_run("mood-sad", "f", home, False, said.append) == (run, False)
    finish_run(run, ["m-1"])
    other, finished = runs.take_run("mood-sad", "f", home, False, said.append)  # its model is gone
    assert (finished, other == run) == (False, False)
    finish_run(other, ["m-1"])
    home.graphs.mkdir()
    (home.graphs / "m-1.pb").touch()
    assert runs.take_run("mood-sad", "f", home, False, said.append) == (other, True)
    assert runs.take_run("mood-sad", "f", home, True, said.append)[0] not in (run, other)
    assert said == [f"going on with {run}", f"trained before with the same recipe and data: {other}"]
    assert runs.resume_run(home.runs, "x", "g") == runs.resume_run(home.runs, "x", "g")


def test_a_run_opens_with_its_recipe_and_what_is_left_out(tmp_path):
    runs.open_run(tmp_path, 'task = "x"\n', [Failure("/a.wav", "decode", "too short")], {"n_changed": 1})
    assert (tmp_path / "recipe.toml").read_text() == 'task = "x"\n'
    assert (tmp_path / "failures.csv").read_text() == "path,step,reason\n/a.wav,decode,too short\n"
    assert read_json(tmp_path / "corrections.json") == {"n_changed": 1}


def test_a_plan_counts_when_its_targets_are_there(plan):
    assert not runs.is_planned(plan.folder)
    write_plan(plan)
    assert not runs.is_planned(plan.folder)
    ids = tuple(track.id for track in plan.tracks)
    write_table(LabelTable(ids, plan.classes, np.eye(2)[[0, 1, 0, 1]]), plan.folder / "labels.csv")
    assert runs.is_planned(plan.folder)
    (plan.folder / "plan.json").write_text("[]")
    assert not runs.is_planned(plan.folder)


def test_what_networks_made_of_tracks_goes_and_weights_stay(tmp_path):
    (tmp_path / "embeddings-21").mkdir()
    (tmp_path / "weights.npz").touch()
    runs.remove_features(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.npz"]


# --- failures.csv ---------------------------------------------------------------------------------------------------


def test_failures_are_a_table_that_reads_back(tmp_path):
    failures = [Failure("/a, b.wav", "features", 'a "reason"\nof two lines'), Failure("/ä.wav", "duplicates", "x")]
    runs.write_failures(tmp_path / "run" / "failures.csv", failures)
    with open(tmp_path / "run" / "failures.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["path", "step", "reason"], *([f.path, f.step, f.reason] for f in failures)]
    runs.write_failures(tmp_path / "none.csv", [])
    assert (tmp_path / "none.csv").read_bytes() == b"path,step,reason\n"


def test_a_failure_of_a_file_whose_name_is_not_utf8_is_a_row_too(tmp_path):
    path = os.fsdecode(b"/music/caf\xe9.wav")
    runs.write_failures(tmp_path / "failures.csv", [Failure(path, "features", f"audio: {path}")])
    assert "caf" in (tmp_path / "failures.csv").read_bytes().decode("utf-8", "surrogateescape")


def test_another_essentia_or_other_pretrained_weights_make_another_run(monkeypatch):
    before = fingerprint("recipe")
    monkeypatch.setattr(runs, "find_essentia", lambda: "another")
    other = fingerprint("recipe")
    assert other != before
    monkeypatch.setattr(runs, "describe_weights", lambda: "others")
    assert fingerprint("recipe") not in (before, other)
