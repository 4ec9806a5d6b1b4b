"""Sections of the report about confidence: which tracks they are of, and that numbers are those of the run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import softmax

from essentia_ldl.errors import DataError
from essentia_ldl.files import write_json
from essentia_ldl.report import confidence as confidence_module
from essentia_ldl.report.results import CROSSVAL, TRAIN
from essentia_ldl.runs.calibrate import calibrate_run, describe_for_card, keep_out_of_fold, name_nested, read_run
from essentia_ldl.runs.predictions import read_side
from essentia_ldl.runs.score import compare_calibrations, score_run
from essentia_ldl.scores import metrics
from essentia_ldl.scores.calibration import apply

CLASSES = ("non_sad", "sad <&>")
# What every plan says, whatever a test is about.
PLAN = {
    **{"task": "mood-sad", "name": "mood sad", "description": "", "front_end": "musicnn", "training": {"epochs": 1}},
    **{"network": {"backbone": "musicnn", "pretrained": "msd"}, "store": "store", "graphs": "graphs"},
}


def write_cell(folder, seed=0, side="valid", n_tracks=120, temperature=2.5):
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (n_tracks, 2))
    truth = (random.random(n_tracks) < softmax(logits / temperature, axis=1)[:, 1]).astype(int)
    roles = np.array(["valid" if row % 2 else side for row in range(n_tracks)])
    ids = np.array([f"{folder.name}/{row}" for row in range(n_tracks)])
    labels, counts = np.array(CLASSES)[truth], np.ones(n_tracks, dtype=int)
    arrays = {"ids": ids, "roles": roles, "labels": labels, "classes": np.array(CLASSES), "n_patches": counts}
    rows = softmax(logits, axis=1).astype(np.float32)
    np.savez(folder / "predictions.npz", **arrays, probabilities=rows, patch_logits=logits.astype(np.float32))
    np.savez(folder / "weights.npz", kernel=random.normal(size=3))
    tracks = [
        {"id": str(i), "content": f"c{row}", "role": str(role), "label": str(label)}
        for row, (i, role, label) in enumerate(zip(ids, roles, labels, strict=True))
    ]
    tracks.append({"id": "trains", "content": "c", "role": "train", "label": CLASSES[0]})
    plan = {"classes": list(CLASSES), "calibration": "temperature", "tracks": tracks}
    write_json(folder / "plan.json", PLAN | plan)
    calibrate_run(folder)
    return folder


def read_training(folder):
    recipe = SimpleNamespace(task="mood-sad", classes=CLASSES)
    return SimpleNamespace(folder=folder, kind=TRAIN, scores=score_run(folder), recipe=recipe)


def read_crossval(folder, n_folds=3):
    cells = [write_cell(folder / f"sa-0-{n}", seed=n, side="test") for n in range(n_folds)]
    parts = [(read_side(cell, "test"), read_run(cell)) for cell in cells]
    found = compare_calibrations(parts, np.arange(sum(len(one.ids) for one, _ in parts)))
    folds = [describe_for_card(one) for _, one in parts]
    row = {"balanced_accuracy_mean": 0.7, "calibration": {**found, "folds": folds}}
    scores = {"sources": {"sa": row, "none": {"balanced_accuracy_mean": 0.6}}, "baselines": {}}
    scores["folds"] = [{"seed": 0, "fold": n} for n in range(n_folds)]
    recipe = SimpleNamespace(task="mood-sad", classes=CLASSES)
    return SimpleNamespace(folder=folder, kind=CROSSVAL, scores=scores, recipe=recipe), parts


def draw(results):
    return confidence_module.draw_calibration(SimpleNamespace(results=results))


def test_a_training_shows_its_validation_side_and_a_test_side_where_there_is_one(tmp_path):
    valid = confidence_module.measure_diagrams(read_training(write_cell(tmp_path / "a")))
    assert (valid.name, valid.overall[0].n_tracks) == ("validation tracks", 120)
    test = confidence_module.measure_diagrams(read_training(write_cell(tmp_path / "b", side="test")))
    assert (test.name, test.overall[0].n_tracks) == ("test tracks", 60)


def test_diagrams_have_the_errors_of_the_metrics(tmp_path):
    run = write_cell(tmp_path / "run", side="test")
    results = read_training(run)
    found, sample, fitted = confidence_module.measure_diagrams(results), read_side(run, "test"), read_run(run)
    rows = apply(fitted, sample.patch_logits, sample.n_patches)
    raw = softmax(sample.patch_logits, axis=1)
    assert [one.name for one in found.overall] == ["not calibrated", "calibrated"]
    assert found.overall[0].ece == pytest.approx(metrics.score_ece(sample.targets, raw))
    assert found.overall[1].ece == pytest.approx(metrics.score_ece(sample.targets, rows))
    assert found.overall[1].ece == pytest.approx(results.scores["calibration"]["test"]["after"]["ece"]["value"])
    names = [one.name for one in found.temperatures]
    assert names == ["T = 1", "T = 1.25", "T = 1.5", "T = 1.75", f"T = {fitted.temperature:.3g}"]
    assert found.temperatures[0].ece == found.overall[0].ece
    assert found.temperatures[4].ece == pytest.approx(found.overall[1].ece, abs=0.01)
    assert [one.name for one in found.classes] == list(CLASSES)
    assert sum(one.n_tracks for one in found.classes) == 60


def test_a_cross_validation_pools_its_folds_each_with_its_own_temperature(tmp_path):
    results, parts = read_crossval(tmp_path / "run")
    found = confidence_module.measure_diagrams(results)
    assert (found.name, found.overall[0].n_tracks) == ("test tracks of all folds, labels sa", 180)
    rows = np.concatenate([apply(one, sample.patch_logits, sample.n_patches) for sample, one in parts])
    targets = np.concatenate([sample.targets for sample, _ in parts])
    assert found.overall[1].ece == pytest.approx(metrics.score_ece(targets, rows))
    middle = np.median([one.temperature for _, one in parts])
    assert f"T = {middle:.3g}" in [one.name for one in found.temperatures]
    html = draw(results)
    for _, one in parts:
        assert f"T = {one.temperature:.2f}" in html
    for side in ("before", "after"):
        score = results.scores["sources"]["sa"]["calibration"][side]
        assert f"<td>{score['nll']['value']:.3f}<br><small>{score['nll']['interval'][0]:.3f} to " in html


def test_a_solved_training_shows_the_tracks_that_no_choice_has_seen(tmp_path):
    run = write_cell(tmp_path / "run", side="train")
    parts = [write_cell(tmp_path / f"cell{n}", seed=n, side="test") for n in range(2)]
    keep_out_of_fold(run, parts)
    for n, cell in enumerate(parts):
        to = name_nested(run, n)
        to.mkdir(parents=True)
        for name in ("predictions.npz", "calibration.json"):
            (to / name).write_bytes((cell / name).read_bytes())
    results = read_training(run)
    found = confidence_module.measure_diagrams(results)
    assert (found.name, found.overall[0].n_tracks) == (confidence_module.UNSEEN, 120)
    samples = [(read_side(cell, "test"), read_run(cell)) for cell in parts]
    rows = np.concatenate([apply(one, sample.patch_logits, sample.n_patches) for sample, one in samples])
    targets = np.concatenate([sample.targets for sample, _ in samples])
    assert found.overall[1].ece == pytest.approx(metrics.score_ece(targets, rows))
    results.scores["crossval"] = {"calibration": compare_calibrations(samples, np.arange(120))}
    assert "folds inside the training" in draw(results)


def test_a_final_model_shows_the_tracks_of_the_folds(tmp_path):
    cells = [write_cell(tmp_path / f"cell{n}", seed=n, side="test") for n in range(2)]
    run = write_cell(tmp_path / "run", seed=5)
    keep_out_of_fold(run, cells)
    calibrate_run(run)
    found = confidence_module.measure_diagrams(read_training(run))
    assert (found.name, found.overall[0].n_tracks) == ("out-of-fold tracks", 120)


def test_the_section_has_counts_and_a_picture_each_and_is_escaped(tmp_path):
    html = draw(read_training(write_cell(tmp_path / "run")))
    assert html.count("<svg") == 2 + 5 + 2
    assert "120 tracks" in html
    assert "sad <&>" not in html
    assert "sad &lt;&amp;&gt;" in html
    assert "T = " in html


def test_a_run_without_logits_or_calibration_has_no_section(tmp_path):
    run = write_cell(tmp_path / "run")
    (run / "calibration.json").unlink()
    results = read_training(run)
    assert draw(results) == ""
    assert list(confidence_module.write_diagrams(results)) == []
    recipe = SimpleNamespace(task="x", classes=CLASSES)
    scores = {"sources": {"sa": {"balanced_accuracy_mean": 1}}, "folds": []}
    assert draw(SimpleNamespace(folder=tmp_path, kind=CROSSVAL, scores=scores, recipe=recipe)) == ""


@pytest.mark.slow
def test_pictures_are_png_files_beside_the_page(tmp_path):
    pytest.importorskip("matplotlib")
    results = read_training(write_cell(tmp_path / "run"))
    written = list(confidence_module.write_diagrams(results))
    assert [path.name for path in written] == [
        f"reliability-{name}.png" for name in ("overall", "temperatures", "classes")
    ]
    assert all(path.parent == results.folder and path.read_bytes()[:4] == b"\x89PNG" for path in written)


def test_without_matplotlib_there_is_a_sentence_and_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise DataError("png: expected matplotlib; got 'not installed'. Install it.")

    monkeypatch.setattr(confidence_module, "draw_png", refuse)
    written = list(confidence_module.write_diagrams(read_training(write_cell(tmp_path / "run"))))
    assert written == ["png: expected matplotlib; got 'not installed'. Install it."]


# --- abstaining -----------------------------------------------------------------------------------------------------


def test_abstaining_shows_the_coverage_of_every_threshold(made):
    folder, page, _ = made()
    part = page[page.index('id="abstention"') : page.index('id="curves"')]
    with np.load(folder / "predictions.npz") as arrays:
        kept = np.isin(arrays["roles"], ["valid", "test"])
        rows, labels = arrays["probabilities"][kept].astype(float), arrays["labels"][kept]
    confidence, right = rows.max(axis=1), np.array(["non_sad", "sad"])[rows.argmax(axis=1)] == labels
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        answered = confidence >= threshold
        accuracy = f"{right[answered].mean():.3f}" if answered.any() else "–"
        row = f'<th scope="row">{threshold:g}</th><td>{100 * answered.mean():.0f} %</td><td>{accuracy}</td>'
        assert row in part
    assert "<svg" in part
