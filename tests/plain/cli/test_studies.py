"""The commands of the experiments hand on what they were asked."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.collection.read import Source
from essentia_ldl.files import Home
from essentia_ldl.records import Failure
from essentia_ldl.studies.artist_groups import command as artist_groups
from essentia_ldl.studies.artist_groups.command import Experiment, Selection
from essentia_ldl.studies.tagging import command as tagging
from essentia_ldl.studies.tagging.command import Benchmarked, Terms


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Replace the experiment; gives what it was asked, and what it leaves out."""
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    state = {"calls": [], "failures": ()}

    def measure(source, wanted, home, n_jobs, say):
        say("a line")
        state["calls"].append((source, wanted, home, n_jobs))
        return Experiment(tmp_path / "run", failures=state["failures"])

    monkeypatch.setattr(artist_groups, "measure", measure)
    return state


def test_agf_without_options_is_the_demo(asked, tmp_path):
    done = CliRunner().invoke(main, ["agf"])
    assert (done.exit_code, done.stdout) == (0, "a line\n")
    assert asked["calls"] == [(Source(), Selection(), Home(tmp_path), None)]


def test_agf_takes_cells_keys_and_a_layout(asked):
    options = ["--targets", "g,gm", "--networks", "wide", "--splits", "artist", "--seeds", "2", "--epochs", "3"]
    options += ["--set", "network.hidden=9", "--layout", "fma", "--option", "subset=small", "--jobs", "4", "--dry-run"]
    done = CliRunner().invoke(main, ["agf", "d", "--task", "genre-fma", *options])
    assert done.exit_code == 0, done.stderr
    ((source, wanted, _, n_jobs),) = asked["calls"]
    assert (source, n_jobs) == (Source("d", "fma", {"subset": "small"}), 4)
    assert wanted == Selection(
        "genre-fma", ("g", "gm"), ("wide",), ("artist",), 2, 3, {"network.hidden": "9"}, dry_run=True
    )


def test_agf_ends_with_1_when_files_were_left_out(asked, tmp_path):
    asked["failures"] = (Failure("/a.wav", "features", "a is bad."),)
    done = CliRunner().invoke(main, ["agf"])
    assert done.exit_code == 1
    assert f"1 files were left out: see {tmp_path}/run/failures.csv." in done.stderr


def test_benchmark_hands_on_what_it_was_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("ESSENTIA_LDL_HOME", str(tmp_path))
    calls = []
    failed = (Failure("/a.wav", "features", "a is bad."),)
    monkeypatch.setattr(
        tagging, "measure", lambda *given: (calls.append(given[:4]), Benchmarked(tmp_path, failures=failed))[1]
    )
    options = ["--networks", "fcn,crnn", "--scale", "demo", "--folds", "3", "--against", "x.json", "--again"]
    done = CliRunner().invoke(main, ["benchmark", "d", *options, "--set", "split.seed=1", "--jobs", "2", "--dry-run"])
    assert (done.exit_code, len(calls)) == (1, 1)
    assert "1 files were left out" in done.stderr
    expected = Terms(None, "demo", ("fcn", "crnn"), 3, {"split.seed": "1"}, "x.json", again=True, dry_run=True)
    assert calls == [(Source("d"), expected, Home(tmp_path), 2)]
