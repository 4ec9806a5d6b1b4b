"""The command line: one sentence for an error, an exit status that tells, and help at once."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from essentia_ldl import __version__, zones
from essentia_ldl.cli.main import main
from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.errors import GraphError, StoreError
from essentia_ldl.features.survey import Surveyed
from essentia_ldl.files import Home
from essentia_ldl.measure.crossval import Comparison, Folds, Measured
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.models.card import GraphCard
from essentia_ldl.models.folder import Model
from essentia_ldl.recipe.toml import read_recipe
from essentia_ldl.records import Failure
from essentia_ldl.train import ensemble as ensemble_module
from essentia_ldl.train import prepare
from essentia_ldl.train import train as train_module
from essentia_ldl.train.prepare import Built
from essentia_ldl.zones import StepFailed, zone_environment


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # the command sets these for the processes that it starts
    monkeypatch.setenv("ESSENTIA_LDL_VERBOSE", "0")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")


def run(*arguments: str):
    return CliRunner().invoke(main, list(arguments))


def check_error(result, *parts: str, status: int = 1) -> None:
    """One line on stderr that begins with "error: ", and no traceback."""
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == status
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


def list_commands(group: click.Group, *above: str) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found.append((*above, name))
        if isinstance(command, click.Group):
            found += list_commands(command, *above, name)
    return found


COMMANDS = list_commands(main)


def make_folder(root: Path, *classes: str) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        (root / name / "a.wav").touch()
    return root


# --- help -----------------------------------------------------------------------------------------------------------


def test_the_commands_stand_in_the_order_of_the_data():
    assert [c for c in main.commands if c in ("new", "data", "labels", "train", "crossval", "models", "predict")] == [
        *("new", "data", "labels", "train", "crossval", "models", "predict")
    ]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help(command, option):
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


def test_the_version():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"essentia-ldl, version {__version__}\n")


def test_help_of_the_real_process_is_quick():
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
def test_an_unknown_task_is_one_line_with_the_nearest(command):
    check_error(run(command, "mood-sadd"), "task: expected one of", "got 'mood-sadd'", "Did you mean 'mood-sad'?")


def test_an_unknown_task_is_one_line_in_the_real_process():
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


def test_an_unknown_command_is_a_usage_error():
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
def test_a_wrong_argument_is_one_sentence(tmp_path, arguments, part):
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
def test_an_argument_out_of_range_is_a_usage_error(arguments):
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
def test_whatever_goes_wrong_is_one_sentence_and_a_status(monkeypatch, command, error, status, text):
    monkeypatch.setattr(prepare, "build_base_graphs", raising(error))
    monkeypatch.setattr(train_module, "train", raising(error))
    result = run(*command)
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stderr) == (status, text)


def test_a_bug_is_not_hidden(monkeypatch):
    monkeypatch.setattr(train_module, "train", raising(TypeError("a bug")))
    assert isinstance(run("train", "mood-sad").exception, TypeError)


def test_a_step_that_printed_its_error_is_not_repeated(monkeypatch, tmp_path):
    (tmp_path / "failing_zone.py").write_text("import sys; sys.exit('error: printed by the step')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(prepare, "build_base_graphs", lambda graphs, wheel: zones.run_zone("failing_zone"))
    result = run("graphs", "build")
    assert (result.exit_code, result.stderr) == (1, "")


# --- new and models -------------------------------------------------------------------------------------------------


def test_new_writes_a_recipe_that_reads_and_says_what_comes_next(tmp_path):
    make_folder(tmp_path / "my music", "low", "high")
    result = run("new", "energy", "--data", "my music")
    assert result.exit_code == 0, result.stderr
    path = tmp_path / "home" / "recipes" / "energy.toml"
    assert result.stdout.splitlines()[0] == f"{path}: 2 classes (high, low)"
    assert "make train TASK=energy" in result.stdout
    assert read_recipe("energy", tmp_path / "home" / "recipes").classes == ("high", "low")
    before = path.read_bytes()
    check_error(run("new", "energy", "--data", "my music"), "task: expected a new name; got 'energy'")
    check_error(run("new", "mood-sad", "--data", "my music"), "expected a new name")
    assert path.read_bytes() == before


TABLES = {  # of six tracks, by what is written for each
    "tags": ("tags", lambda n: "rock" if n % 2 else "jazz"),
    "absent": ("tags", lambda n: "rock" if n % 2 else ""),
    "everywhere": ("tags", lambda n: "jazz;rock" if n % 2 else "jazz"),
    "numbers": ("song_id,valence", lambda n: f"{n},{n * n % 5}"),
    "nan": ("valence", lambda n: "nan" if n == 3 else n),
    "far": ("valence", lambda n: "1e39" if n == 3 else n),
    "near": ("valence", lambda n: f"{n}e-50"),
    "labels": ("label", lambda n: "rock" if n % 2 else "jazz"),
}


def write_tables() -> None:
    for name, (columns, cell) in TABLES.items():
        rows = [f"{n}.wav,a{n},{cell(n)}" for n in range(6)]
        Path(f"{name}.csv").write_text("\n".join([f"path,artist,{columns}", *rows]) + "\n")
    for n in range(6):
        Path(f"{n}.wav").touch()


@pytest.mark.parametrize("command", ["train", "crossval"])
def test_tags_and_numbers_that_cannot_be_learned_are_one_sentence_before_the_work(command):
    write_tables()
    for kind, name in (("multi_label", "tags"), ("regression", "numbers"), ("single_label", "labels")):
        assert run("new", name, "--data", f"{name}.csv", "--kind", kind).exit_code == 0
    for task, table, *parts in (
        (
            "tags",
            "absent",
            "tag 'jazz': expected at least one track that has it; got 0 (absent.csv)",
            "Add tracks of it",
        ),
        ("tags", "everywhere", "tag 'jazz': expected at least one track without it; got 'all have it'"),
        ("numbers", "nan", "valence: expected a finite number; got 'nan' (nan.csv, row 5). Fill the cell"),
        ("numbers", "far", "'valence': expected numbers that 32 bits tell apart and hold; got '0 to 1e+39'"),
        (
            "numbers",
            "near",
            "'valence': expected numbers that 32 bits tell apart and hold; got '0 to 5e-50'",
        ),
        ("labels", "tags", "expected a column 'label'", "For its tags set kind to multi_label."),
        ("labels", "numbers", "expected a column 'label'", "For numbers such as 'valence' set kind to regression."),
        ("tags", "labels", "tags: expected a column 'tags' with lists", "A column 'label' alone is of single_label"),
        ("tags", "numbers", "tags: expected a column 'tags' with lists, or columns of 1 and 0; got ['song_id', 'val"),
        ("numbers", "labels", "dimension 'valence': expected a column of its name; got ['label']", "is single_label."),
        ("numbers", "tags", "dimension 'valence': expected a column of its name; got ['tags']", "is multi_label."),
    ):
        check_error(run(command, task, "--data", f"{table}.csv"), *parts)
        assert not Path("home", "runs").exists()


def test_new_says_which_columns_it_took_for_dimensions():
    write_tables()
    result = run("new", "mood", "--data", "numbers.csv", "--kind", "regression")
    assert result.exit_code == 0
    told = "dimensions are valence; the column song_id is no dimension and left out (option columns=A,B)"
    assert told in result.stdout.splitlines()
    assert read_recipe("mood", Path("home", "recipes")).classes == ("valence",)


def test_models_of_an_empty_folder_says_how_to_get_some():
    result = run("models")
    assert result.exit_code == 0
    assert result.stdout.startswith("no models in ")
    assert "graphs build" in result.stdout


def test_models_are_listed_and_a_broken_one_is_an_error(tmp_path, write_model):
    write_model(tmp_path / "home" / "graphs", "sad-1", scores={"valid": {"balanced_accuracy": 0.875}})
    result = run("models")
    assert result.exit_code == 0
    assert result.stdout == "sad-1  full  non_sad, sad  balanced accuracy 0.88 (validation)\n"
    (tmp_path / "home" / "graphs" / "bad-1.json").write_text("{")
    result = run("models")
    assert result.exit_code == 1
    assert result.stdout.startswith("sad-1 ")
    assert result.stderr.startswith("error: model: expected an existing .pb")


# --- data -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("too_short", "status"), [((), 0), (("sad/a.wav",), 1)])
def test_data_reports_and_its_status_tells_whether_all_is_well(tmp_path, monkeypatch, too_short, status):
    report = Surveyed({"non_sad": 1, "sad": 1}, {}, 2, (3.0,), (), (), too_short, ())
    monkeypatch.setattr("essentia_ldl.features.survey.survey", lambda source, home, jobs: report)
    make_folder(tmp_path / "d", "non_sad", "sad")
    result = run("data", "d")
    assert result.exit_code == status
    assert result.stdout.startswith("2 tracks, 2 classes\n")
    assert ("too short: sad/a.wav" in result.stdout) == bool(too_short)


# --- train ----------------------------------------------------------------------------------------------------------


def make_trained(tmp_path: Path, *failures: Failure) -> train_module.Trained:
    score = {"balanced_accuracy": 0.75, "n_tracks": 8, "recall": {"non_sad": 1.0, "sad": 0.5}}
    return train_module.Trained(tmp_path / "home" / "runs" / "r", ("sad-1",), {"valid": score}, failures)


def test_train_gets_the_options_and_says_what_to_do_next(tmp_path, monkeypatch):
    asked = {}

    def train(recipe, source, home, effort, say):
        asked.update(recipe=recipe, data=source.data, **dataclasses.asdict(effort))
        return make_trained(tmp_path)

    monkeypatch.setattr(train_module, "train", train)
    options = ["--network", "vgg", "--pretrained", "mtt", "--fine-tune", "all", "--epochs", "3", "--seed", "9"]
    result = run("train", "mood-sad", "--data", "d", *options, "--labels", "sa", "--max-hours", "1.5", "--jobs", "2")
    assert result.exit_code == 0, result.stderr
    recipe = asked["recipe"]
    assert (recipe.network.backbone, recipe.network.pretrained, recipe.network.fine_tune) == ("vgg", "mtt", "all")
    assert (recipe.training.epochs, recipe.training.epochs_from_scratch, recipe.split.seed) == (3, 3, 9)
    assert (recipe.labels, asked["data"], asked["max_hours"], asked["n_jobs"], asked["again"]) == (
        "sa",
        "d",
        1.5,
        2,
        False,
    )
    assert "balanced accuracy 0.75 on 8 validation tracks" in result.stdout
    assert "recall: non_sad 1.00, sad 0.50" in result.stdout
    assert "predict --model sad-1 track.mp3" in result.stdout


def test_train_with_members_is_an_ensemble(tmp_path, monkeypatch):
    asked = {}

    def train_members(recipe, source, n_members, home, effort, say):
        asked.update(recipe=recipe, n_members=n_members, again=effort.again)
        return make_trained(tmp_path)

    monkeypatch.setattr(ensemble_module, "train_members", train_members)
    result = run("train", "mood-sad", "--members", "5", "--dropout", "0.3", "--samples", "20", "--again")
    assert result.exit_code == 0, result.stderr
    assert (asked["n_members"], asked["again"]) == (5, True)
    assert (asked["recipe"].network.dropout, asked["recipe"].uncertainty.samples) == (0.3, 20)
    assert run("train", "mood-sad", "--members", "1").exit_code == 2


def test_ensemble_names_its_runs(tmp_path, monkeypatch):
    asked = []

    def make_ensemble(name, sources, home, method, again, say):
        asked.append((name, sources, method, again))
        return make_trained(tmp_path)

    monkeypatch.setattr(ensemble_module, "make_ensemble", make_ensemble)
    result = run("ensemble", "my-sad", "a", "b", "--method", "none")
    assert result.exit_code == 0, result.stderr
    assert asked == [("my-sad", ("a", "b"), "none", False)]
    assert "use it: " in result.stdout
    assert run("ensemble", "my-sad").exit_code == 2


def test_train_without_options_is_the_recipe(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        train_module, "train", lambda recipe, source, *_: asked.append((recipe, source)) or make_trained(tmp_path)
    )
    assert run("train", "mood-sad").exit_code == 0
    assert asked == [(read_recipe("mood-sad"), Source())]


def test_train_with_files_left_out_succeeds_aloud_and_ends_with_status_1(tmp_path, monkeypatch):
    done = make_trained(tmp_path, Failure("x", "features", "bad"))
    monkeypatch.setattr(train_module, "train", lambda *_: done)
    result = run("train", "mood-sad")
    assert "model: " in result.stdout
    check_error(result, "1 files were left out: see ", "failures.csv")


def test_verbose_reaches_the_processes_that_are_started(monkeypatch):
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


# --- predict --------------------------------------------------------------------------------------------------------


def test_a_model_is_described_by_its_card(make_card):
    model = Model("x", "/x.pb", GraphCard(make_card()))
    assert not model.is_base


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--extractor-output", "x"), "needs --extractor"),
        (("--extractor", "a", "--network", "vgg"), "leave --network out"),
        (("--extractor", "a", "--pretrained", "msd"), "leave --pretrained out"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    result = run("train", "mood-sad", *options)
    assert result.exit_code == 2
    assert message in result.stderr


def make_measured(tmp_path: Path, *failures: Failure) -> Measured:
    collection = Collection((), {}, {}, failures, Home(tmp_path))
    return Measured(tmp_path / "run", {}, collection, (), "")


def test_crossval_fails_at_its_end_when_files_were_left_out(tmp_path, monkeypatch):
    done = make_measured(tmp_path, *[Failure("x", "features", "bad")] * 3)
    monkeypatch.setattr("essentia_ldl.measure.crossval.cross_validate", lambda *_: done)
    monkeypatch.setattr("essentia_ldl.cli.text.crossval.describe_scores", lambda scores: ["a line"])
    result = run("crossval", "mood-sad")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "a line",
        f"3 files were left out: see {tmp_path}/run/failures.csv",
        f"{tmp_path}/run/scores.json",
    ]
    assert "3 files were left out" in result.stderr


def test_crossval_hands_on_what_it_was_asked(tmp_path, monkeypatch):
    asked, refitted, done = {}, [], make_measured(tmp_path)

    def cross_validate(recipe, source, comparison, home, n_jobs, say):
        asked.update(comparison=comparison, n_jobs=n_jobs, home=home)
        return done

    def refit(measured, recipe, say):
        refitted.append((measured, recipe.task))
        return make_trained(tmp_path)

    monkeypatch.setattr("essentia_ldl.measure.crossval.cross_validate", cross_validate)
    monkeypatch.setattr("essentia_ldl.measure.refit.refit", refit)
    monkeypatch.setattr("essentia_ldl.cli.text.crossval.describe_scores", lambda scores: ["a line"])
    truth = ("--truth-column", "share", "--truth-class", "sad")
    result = run("crossval", "mood-sad", "--labels", "none", "--jobs", "2", "--patch-hop", "187", *truth, "--refit")
    assert result.exit_code == 0, result.stderr
    scores, graph = f"{tmp_path}/run/scores.json", f"{tmp_path}/home/graphs/sad-1.pb"
    final = [f"final model: {graph} and .json", f"run: {tmp_path}/home/runs/r"]
    assert result.stdout.splitlines() == ["a line", scores, *final]
    assert refitted == [(done, "mood-sad")]
    truth = TruthColumn("share", "sad")
    assert asked == {
        "comparison": Comparison(("none",), Folds(5, 1, None), 187, truth, to_refit=True),
        "n_jobs": 2,
        "home": Home(tmp_path / "home"),
    }
    result = run("crossval", "mood-sad", "--baseline", "layers-svm", "--baseline", "mfcc-svm")
    assert asked["comparison"].baselines == ("layers-svm", "mfcc-svm")
    result = run("crossval", "mood-sad", "--leave-out", "genre", "--repeats", "2")
    assert (result.exit_code, result.stdout.splitlines()) == (0, ["a line", scores])
    assert asked["comparison"] == Comparison(("auto",), Folds(5, 2, "genre"))
    assert len(refitted) == 1
