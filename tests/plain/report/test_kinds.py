"""The report of tags and numbers: its tables, the picture of truth and estimate, and that it needs nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from essentia_ldl import frontends
from essentia_ldl.cli.main import main
from essentia_ldl.records import LabelTable
from essentia_ldl.report import command, looks
from essentia_ldl.report.kinds import draw_kind_sections, read_kind_results
from essentia_ldl.runs.calibrate import calibrate_run
from essentia_ldl.runs.folder import finish_run
from essentia_ldl.runs.looks import write_list
from essentia_ldl.runs.outcome import write_scores
from essentia_ldl.runs.plan import NetworkPlan, Places, Plan, PlannedTrack, TrainingPlan, write_plan
from essentia_ldl.runs.predictions import Predictions, write_predictions
from essentia_ldl.runs.score import score_run
from essentia_ldl.runs.targets import write_truth

CLASSES = {"multi_label": ("gui<tar", "rock"), "regression": ("valence",)}


@pytest.fixture
def write_run(home):
    def write(kind):
        random, classes = np.random.default_rng(0), CLASSES[kind]
        folder = home / "runs" / "tags-1"
        ids = tuple(f"t{n}" for n in range(60))
        truth = random.integers(0, 2, (60, len(classes))).astype(np.float32)
        if kind == "regression":
            truth = random.normal(5, 2, (60, 1)).astype(np.float32)
        said = (truth + random.normal(0, 0.5, truth.shape)).astype(np.float32)
        tracks = tuple(PlannedTrack(i, f"c{i}", "valid" if n % 2 else "train", "") for n, i in enumerate(ids))
        folder.mkdir(parents=True)
        plan = Plan(
            folder=folder,
            task="tags",
            name="tags",
            description="a <b>test</b>",
            classes=classes,
            front_end=frontends.MUSICNN,
            network=NetworkPlan("musicnn", pretrained="msd"),
            training=TrainingPlan(epochs=1),
            tracks=tracks,
            places=Places(home, home),
            calibration="temperature",
            kind=kind,
        )
        write_plan(plan)
        write_truth(folder, LabelTable(ids, classes, truth, kind))
        (folder / "weights.npz").write_bytes(b"w")
        roles, labels = np.array([track.role for track in tracks]), np.array([""] * 60)
        arrays = (said, said, np.ones(60, int), truth)
        write_predictions(folder, Predictions(np.array(ids), roles, labels, np.array(classes), *arrays))
        calibrate_run(folder)
        write_scores(folder, score_run(folder))
        (folder / "run.json").write_text('{"task": "tags", "fingerprint": "x"}')
        finish_run(folder, ())
        return folder

    return write


@pytest.mark.parametrize("kind", CLASSES)
def test_the_page_has_a_row_per_column_and_needs_nothing_else(write_run, check, kind):
    folder = write_run(kind)
    done = CliRunner().invoke(main, ["report", str(folder)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "There is no label audit of tags and numbers: it asks which other class a track may be.",
        f"report: {folder}/report.html",
    ]
    page = (folder / "report.html").read_text("utf-8")
    check(page)
    assert "http://" not in page
    assert "<b>test</b>" not in page
    for name in CLASSES[kind]:
        assert f'<th scope="row">{name.replace("<", "&lt;")}</th>' in page
    assert page.count("<circle") == (30 if kind == "regression" else 0)
    assert not (folder / "audit.csv").exists()


def test_sections_show_the_scores_of_the_run(write_run):
    results = read_kind_results(write_run("multi_label"))
    sections = {title: html for _, title, html in draw_kind_sections(results)}
    score = results.scores["valid"]["by_class"]["rock"]["roc_auc"]
    assert f"{score:.3f}" in sections["Scores"]
    assert "each tag calibrated" in sections["Calibration"] or "tags not calibrated" in sections["Calibration"]


def test_what_the_network_learned_has_a_section_where_it_is_asked_for(write_run, check, monkeypatch):
    folder = write_run("multi_label")
    monkeypatch.setattr(looks, "run_zone", lambda *_: write_list(folder, [], ["nothing to see"]))
    monkeypatch.setattr(command, "draw_looks", lambda _: "<p>seen</p>")
    done = CliRunner().invoke(main, ["report", str(folder), "--look", "all"])
    assert done.output.splitlines()[1] == "nothing to see"
    assert 'id="looks"' not in (folder / "report.html").read_text("utf-8")
    monkeypatch.setattr(command, "look_at_run", lambda *_: ((SimpleNamespace(path=folder / "x.png"),), ()))
    done = CliRunner().invoke(main, ["report", str(folder), "--look", "all"])
    assert done.output.splitlines()[1] == f"picture: {folder}/x.png"
    page = (folder / "report.html").read_text("utf-8")
    assert "looks" in check(page).ids
    assert "<p>seen</p>" in page
