"""What networks learned, in the report: the step is asked once, and pictures lie beside the arrays and in the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from essentia_ldl.cli.main import main
from essentia_ldl.errors import UnknownNameError
from essentia_ldl.report import looks
from essentia_ldl.report.looks import LookRequest, draw_looks, look_at_run
from essentia_ldl.runs.looks import FOLDER, Harmonics, Seen, Spectra, write_list, write_look
from essentia_ldl.zones import StepFailed

SPECTRA = Spectra("<stem>", 16000, 2, 3, np.array([1, 0]), np.eye(2, 9, dtype=np.float32))
HARMONICS = Harmonics(16000, 2, np.array([110.0, 220.0], np.float32), 0.1, 20.0, 2.0, np.array([0.1079, 24.7, 1.0]))
SEEN = {Seen("samplecnn", "filters", "stem"): SPECTRA, Seen("harmoniccnn", "harmonics"): HARMONICS}
PICTURES = ["samplecnn/filters-stem.png", "harmoniccnn/harmonics.png", "harmoniccnn/harmonics-triangles.png"]


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that the step of the nets zone would get; it leaves two looks in the run."""
    found = []

    def step(module: str, path: str) -> None:
        found.append((module, json.loads(Path(path).read_text("utf-8"))))
        run = Path(found[-1][1]["run"])
        for seen, look in SEEN.items():
            write_look(run, seen, look, "weights")
        write_list(run, list(SEEN), ["a note"])

    monkeypatch.setattr(looks, "run_zone", step)
    return found


def test_the_step_is_asked_and_its_looks_are_drawn_beside_them(jobs, tmp_path):
    pictures, notes = look_at_run(tmp_path, LookRequest(("filters", "harmonics"), ("stem",)))
    told = {"run": str(tmp_path), "pictures": ["filters", "harmonics"], "layers": ["stem"]}
    assert jobs == [("essentia_ldl.nets.looking.look", told)]
    assert [one.path.relative_to(tmp_path / FOLDER).as_posix() for one in pictures] == PICTURES
    assert all(one.path.read_bytes() == one.png for one in pictures)
    assert notes == ("a note",)


def test_pictures_stand_under_headings_by_network(jobs, tmp_path, check):
    page = draw_looks(look_at_run(tmp_path, LookRequest())[0])
    assert check(page).tags.count("img") == 3
    assert "<stem>" not in page
    assert page.index("Filters of the first layer <small>samplecnn") < page.index("Harmonic filters <small>harmoniccnn")
    assert page.count("data:image/png;base64,") == page.count(' alt="') == 3
    assert draw_looks(()) == ""


def test_all_is_whatever_there_is_and_other_names_are_told():
    assert LookRequest(("filters", "all")) == LookRequest()
    with pytest.raises(UnknownNameError, match=r"look: expected one of all, ascent, .*; got 'filter'.*'filters'"):
        LookRequest(("filter",))


def test_the_report_has_the_section_when_it_is_asked_for(jobs, home, make_writer, check):
    folder = make_writer(n_tracks=6).train()
    assert CliRunner().invoke(main, ["report"]).exit_code == 0
    assert 'id="looks"' not in (folder / "report.html").read_text("utf-8")
    done = CliRunner().invoke(main, ["report", "--look", "filters", "--look", "harmonics"])
    assert done.exit_code == 0, done.output
    page = (folder / "report.html").read_text("utf-8")
    assert "looks" in check(page).ids
    assert "a note" in done.output.splitlines()
    assert [f"picture: {folder}/{FOLDER}/{name}" in done.output.splitlines() for name in PICTURES] == [True] * 3
    assert [job["run"] for _, job in jobs] == [str(folder)]


@pytest.mark.slow
def test_of_a_cross_validation_the_network_of_the_first_fold_is_looked_at(jobs, home, make_writer, check):
    folder = make_writer(n_tracks=12).crossval()
    done = CliRunner().invoke(main, ["report", "--look", "all"])
    assert done.exit_code == 0, done.output
    assert [Path(job["run"]).parent for _, job in jobs] == [folder]
    assert "looks" in check((folder / "report.html").read_text("utf-8")).ids


def test_a_step_that_fails_leaves_the_report_as_it_was(home, make_writer, monkeypatch):
    def fail(*_: str) -> None:
        raise StepFailed("", 1)

    monkeypatch.setattr(looks, "run_zone", fail)
    folder = make_writer(n_tracks=6).train()
    done = CliRunner().invoke(main, ["report", "--look", "all"])
    assert done.exit_code == 1
    assert not (folder / "report.html").exists()
    done = CliRunner().invoke(main, ["report", "--layer", "stem"])
    assert (done.exit_code, done.output.splitlines()[-1]) == (2, "Error: --layer needs --look.")
