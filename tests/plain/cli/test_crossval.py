"""The command line of `crossval`: options arrive, and what was left out is told at its end."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.collection.read import Collection
from essentia_ldl.files import Home
from essentia_ldl.measure.crossval import Comparison, Folds, Measured
from essentia_ldl.measure.rows import TruthColumn
from essentia_ldl.records import Failure


def make_measured(tmp_path: Path, *failures: Failure) -> Measured:
    collection = Collection((), {}, {}, failures, Home(tmp_path))
    return Measured(tmp_path / "run", {}, collection, (), "")


def test_crossval_fails_at_its_end_when_files_were_left_out(tmp_path, monkeypatch, run):
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


def test_crossval_hands_on_what_it_was_asked(tmp_path, monkeypatch, run, make_trained):
    asked, refitted, done = {}, [], make_measured(tmp_path)

    def cross_validate(recipe, source, comparison, home, n_jobs, say):
        asked.update(comparison=comparison, n_jobs=n_jobs, home=home)
        return done

    def refit(measured, recipe, say):
        refitted.append((measured, recipe.task))
        return make_trained()

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
