"""The command line of `annotate`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from essentia_ldl.annotate import command
from essentia_ldl.annotate.command import Annotated, Labelling, Reviewed
from essentia_ldl.annotate.server import Serving
from essentia_ldl.cli.main import main


@pytest.fixture
def asked(monkeypatch):
    """What the command was asked, and its answer: a labelling of nothing, with a file that could not be played."""
    found = {}

    def annotate(music, labelling, serving, home, say):
        found.update(music=music, labelling=labelling, serving=serving)
        return Annotated(Path("labels.csv"), {"sad": 1, "non_sad": 1}, 0, 0, None, found.get("silent", {}), ())

    monkeypatch.setattr(command, "annotate", annotate)
    return found


def test_options_reach_the_command(asked):
    line = "annotate a b --classes sad,non_sad -o x.csv --votes 2 --port 9000 --no-browser --no-model --seed 3"
    done = CliRunner().invoke(main, line.split())
    assert done.exit_code == 0, done.output
    assert asked["music"] == ("a", "b")
    assert asked["labelling"] == Labelling(("sad", "non_sad"), "x.csv", 2, None, False, 3)
    assert asked["serving"] == Serving(9000, False)
    assert "labels.csv: 2 tracks" in done.output


def test_files_that_could_not_be_played_are_a_failure(asked):
    asked["silent"] = {"/a.mp3": "no codec"}
    done = CliRunner().invoke(main, ["annotate", "a", "--classes", "sad,non_sad"])
    assert done.exit_code == 1
    assert "not played: '/a.mp3': no codec" in done.output
    assert done.output.endswith("error: 1 files could not be played.\n")


def test_music_and_classes_are_needed():
    for given, missing in ((["a"], "--classes"), (["--classes", "a,b"], "MUSIC")):
        done = CliRunner().invoke(main, ["annotate", *given])
        assert done.exit_code == 2
        assert f"{missing} is missing, or --audit RUN" in done.output
    done = CliRunner().invoke(main, ["annotate", "a", "--classes", "sad"])
    assert done.exit_code == 1
    assert "two or more" in done.output


def test_a_review_takes_a_run_and_nothing_of_a_labelling(monkeypatch):
    asked = []

    def review(run, serving, home, say):
        asked.append((run, serving))
        return Reviewed(Path("audit.csv"), 1, 2, 3, {})

    monkeypatch.setattr(command, "review", review)
    done = CliRunner().invoke(main, ["annotate", "--audit", "mood-sad-1", "--port", "9000", "--no-browser"])
    assert done.exit_code == 0, done.output
    assert asked == [("mood-sad-1", Serving(9000, False))]
    assert "audit.csv: 1 labels changed, 2 confirmed, 3 tracks left out" in done.output
    for more in ("music", "--classes a,b", "--votes 1"):
        done = CliRunner().invoke(main, f"annotate --audit mood-sad-1 {more}".split())
        assert done.exit_code == 2
        assert "--audit takes no MUSIC" in done.output
    assert len(asked) == 1
