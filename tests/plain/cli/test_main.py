"""The command line: one sentence for an error, an exit status that tells, and help at once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time

import click
import numpy as np
import pytest

from essentia_ldl import __version__, zones
from essentia_ldl.cli.main import main
from essentia_ldl.errors import GraphError, StoreError
from essentia_ldl.features.survey import Surveyed
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.train import prepare
from essentia_ldl.train import train as train_module
from essentia_ldl.train.prepare import Built
from essentia_ldl.zones import StepFailed, zone_environment


def list_commands(group: click.Group, *above: str) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found.append((*above, name))
        if isinstance(command, click.Group):
            found += list_commands(command, *above, name)
    return found


COMMANDS = list_commands(main)


# --- help -----------------------------------------------------------------------------------------------------------


def test_the_commands_stand_in_the_order_of_the_data():
    assert [c for c in main.commands if c in ("new", "data", "labels", "train", "crossval", "models", "predict")] == [
        *("new", "data", "labels", "train", "crossval", "models", "predict")
    ]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help(command, option, run):
    result = run(*command, option)
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    assert lines[0].startswith(f"Usage: main {' '.join(command)}")
    assert len(lines[1].split()) >= 3, "a sentence says what it does"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_does(command):
    current: click.Command = main
    for name in command:
        current = current.commands[name]
    for option in current.params:
        if isinstance(option, click.Option) and option.name not in ("help", "seed", "form", "folds"):
            assert option.help, option.name


def test_the_version(run):
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"essentia-ldl, version {__version__}\n")


def test_help_of_the_real_process_is_quick(run):
    best_s = np.inf
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "essentia_ldl", "--help"], env=zone_environment(), capture_output=True, text=True
        )
        best_s = min(best_s, time.perf_counter() - start)
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: essentia-ldl ")
    assert best_s < 1.0


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["train", "crossval", "labels"])
def test_an_unknown_task_is_one_line_with_the_nearest(command, run, check_error):
    check_error(run(command, "mood-sadd"), "task: expected one of", "got 'mood-sadd'", "Did you mean 'mood-sad'?")


def test_an_unknown_task_is_one_line_in_the_real_process(run):
    done = subprocess.run(
        [sys.executable, "-m", "essentia_ldl", "train", "mood_sad"],
        env=zone_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: task: expected ")
    assert line.endswith("Did you mean 'mood-sad'?")


def test_an_unknown_command_is_a_usage_error(run):
    result = run("trian")
    assert result.exit_code == 2
    assert "No such command 'trian'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("train", "mood-sad", "--data", "nowhere"), "data: expected a path that exists; got 'nowhere'"),
        (("train", "mood-sad", "--network", "musicn"), "Did you mean 'musicnn'?"),
        (("train", "mood-sad", "--pretrained", "fma"), "pretrained: expected msd, mtt or audioset; got 'fma'"),
        (("train", "mood-sad", "--fine-tune", "some"), "fine_tune: expected head, top, all or none; got 'some'"),
        (("train", "mood-sad", "--labels", "sc"), "got 'sc' (by name). Did you mean 'sb'?"),
        (("crossval", "mood-sad", "--labels", "sc", "--data", "d"), "got 'sc'"),
        (("labels", "mood-sad", "--labels", "sc", "--data", "d"), "got 'sc'"),
        (("data", "nowhere"), "data: expected a path that exists"),
        (("predict", "a.mp3"), "models: expected at least one; got 'none'"),
        (("predict", "a.mp3", "-m", "x"), "model: expected one that exists; got 'x'"),
        (("new", "mine", "--data", "nowhere"), "data: expected a path that exists"),
    ],
)
def test_a_wrong_argument_is_one_sentence(tmp_path, arguments, part, run, check_error, make_folder):
    make_folder(tmp_path / "d", "non_sad", "sad")
    check_error(run(*arguments), part)


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "mood-sad", "--jobs", "0"),
        ("train", "mood-sad", "--epochs", "0"),
        ("train", "mood-sad", "--max-hours", "0"),
        ("crossval", "mood-sad", "--folds", "1"),
        ("predict",),
        ("predict", "a.mp3", "--format", "xml"),
        ("predict", "a.mp3", "--patch-hop", "0"),
        ("train",),
        ("new", "mine"),
    ],
)
def test_an_argument_out_of_range_is_a_usage_error(arguments, run):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def raising(error):
    def function(*arguments, **keywords):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (GraphError("graph: expected a graph."), 1, "error: graph: expected a graph.\n"),
        (StoreError("file: expected space."), 1, "error: file: expected space.\n"),
        (StepFailed("process: killed.", 1), 1, "error: process: killed.\n"),
        (StepFailed("", 7), 7, ""),
        (KeyboardInterrupt(), 130, "error: The command was stopped. Run it again: it goes on where it was.\n"),
        (MemoryError(), 1, "error: Memory ran out. Close other programs, or use fewer --jobs.\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/store/x"),
            1,
            "error: The disk is full (/store/x). Free space and run again.\n",
        ),
    ],
)
@pytest.mark.parametrize("command", [("graphs", "build"), ("train", "mood-sad")])
def test_whatever_goes_wrong_is_one_sentence_and_a_status(monkeypatch, command, error, status, text, run):
    monkeypatch.setattr(prepare, "build_base_graphs", raising(error))
    monkeypatch.setattr(train_module, "train", raising(error))
    result = run(*command)
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stderr) == (status, text)


def test_a_bug_is_not_hidden(monkeypatch, run):
    monkeypatch.setattr(train_module, "train", raising(TypeError("a bug")))
    assert isinstance(run("train", "mood-sad").exception, TypeError)


def test_a_step_that_printed_its_error_is_not_repeated(monkeypatch, tmp_path, run):
    (tmp_path / "failing_zone.py").write_text("import sys; sys.exit('error: printed by the step')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(prepare, "build_base_graphs", lambda graphs, wheel: zones.run_zone("failing_zone"))
    result = run("graphs", "build")
    assert (result.exit_code, result.stderr) == (1, "")


# --- models and data ----------------------------------------------------------------------------------------------


def test_models_of_an_empty_folder_says_how_to_get_some(run):
    result = run("models")
    assert result.exit_code == 0
    assert result.stdout.startswith("no models in ")
    assert "graphs build" in result.stdout


def test_models_are_listed_and_a_broken_one_is_an_error(tmp_path, write_model, run):
    write_model(tmp_path / "home" / "graphs", "sad-1", scores={"valid": {"balanced_accuracy": 0.875}})
    result = run("models")
    assert result.exit_code == 0
    assert result.stdout == "sad-1  full  non_sad, sad  balanced accuracy 0.88 (validation)\n"
    (tmp_path / "home" / "graphs" / "bad-1.json").write_text("{")
    result = run("models")
    assert result.exit_code == 1
    assert result.stdout.startswith("sad-1 ")
    assert result.stderr.startswith("error: model: expected an existing .pb")


@pytest.mark.parametrize(("too_short", "status"), [((), 0), (("sad/a.wav",), 1)])
def test_data_reports_and_its_status_tells_whether_all_is_well(
    tmp_path, monkeypatch, too_short, status, run, make_folder
):
    report = Surveyed({"non_sad": 1, "sad": 1}, {}, 2, (3.0,), (), (), too_short, ())
    monkeypatch.setattr("essentia_ldl.features.survey.survey", lambda source, home, jobs: report)
    make_folder(tmp_path / "d", "non_sad", "sad")
    result = run("data", "d")
    assert result.exit_code == status
    assert result.stdout.startswith("2 tracks, 2 classes\n")
    assert ("too short: sad/a.wav" in result.stdout) == bool(too_short)


def test_a_model_is_described_by_its_card(make_card):
    model = Model("x", "/x.pb", GraphCard(make_card()))
    assert not model.is_base


# --- the environment ------------------------------------------------------------------------------------------------


def test_verbose_reaches_the_processes_that_are_started(monkeypatch, run):
    seen = {}
    monkeypatch.setattr(
        prepare, "build_base_graphs", lambda graphs, wheel: seen.update(os.environ) or Built(graphs, ())
    )
    assert run("graphs", "build").exit_code == 0
    assert (seen["ESSENTIA_LDL_VERBOSE"], seen["TF_CPP_MIN_LOG_LEVEL"]) == ("0", "3")
    seen.clear()
    assert run("-v", "graphs", "build").exit_code == 0
    assert seen["ESSENTIA_LDL_VERBOSE"] == "1"
    assert "TF_CPP_MIN_LOG_LEVEL" not in seen
