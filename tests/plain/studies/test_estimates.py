"""Estimated times: closed forms, and measurements that are kept."""

from __future__ import annotations

import json

import pytest

from essentia_ldl.features.store import Store
from essentia_ldl.files import digest_file, read_json, write_json
from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.records import Failure, Track
from essentia_ldl.studies import estimates
from essentia_ldl.studies.estimates import Cost

RECIPE = Recipe("mood-sad", ("non_sad", "sad")).override(network__fine_tune="none", training__epochs_from_scratch=600)
COST = Cost(batch_size=32, step_s=3.2, patch_s=0.02, embed_s=0.01)
PATCH_S = 187 * 256 / 16000


def test_patches_are_those_of_the_grid():
    assert estimates.count_patches(RECIPE, [PATCH_S]) == 1
    assert estimates.count_patches(RECIPE, [1.0]) == 1  # padded
    assert estimates.count_patches(RECIPE, [PATCH_S + 93 * 0.016 + 0.001]) == 2
    assert estimates.count_patches(RECIPE, [PATCH_S, PATCH_S + 2 * 93 * 0.016 + 0.001]) == 2  # the mean


def test_a_cross_validation_is_its_epochs():
    # 100 tracks in 5 folds: 80 inside, 16 validate, 64 train: two steps of 3.2 s and 16 patches of 0.02 s an epoch
    seconds = estimates.estimate_training(COST, RECIPE, 100, [PATCH_S], n_folds=5)
    assert seconds == pytest.approx(5 * (600 * (2 * 3.2 + 16 * 0.02) + 100 * 0.02))
    once = estimates.estimate_training(COST, RECIPE, 100, [PATCH_S])
    assert once == pytest.approx(600 * (2.5 * 3.2 + 20 * 0.02) + 100 * 0.02)
    assert estimates.estimate_embeddings(COST, RECIPE, 100, [PATCH_S]) == pytest.approx(1.0)


def test_a_scratch_cell_of_dortmund_is_days():
    """The order of magnitude that the paper's settings have on two cores."""
    hours = estimates.estimate_training(Cost(32, 3.0, 0.02, 0.0), RECIPE, 1820, [10.0], n_folds=5) / 3600
    assert 80 < hours < 130


def test_measurements_are_kept(tmp_path, monkeypatch):
    calls = []

    def run_zone(module, path, *arguments):
        calls.append((module, *arguments))
        names = arguments[: arguments.index("--batch-size")]
        row = {"batch_size": int(arguments[-1]), "step_s": 1.0, "patch_s": 0.1, "embed_s": 0.0}
        with open(path, "w") as file:
            json.dump(dict.fromkeys(names, row), file)

    monkeypatch.setattr(estimates, "run_zone", run_zone)
    path = tmp_path / "costs.json"
    assert estimates.measure_costs(path, ["vgg:none"], 32) == {"vgg:none": Cost(32, 1.0, 0.1, 0.0)}
    assert set(estimates.measure_costs(path, ["musicnn:all", "vgg:none"], 32)) == {"musicnn:all", "vgg:none"}
    estimates.measure_costs(path, ["vgg:none", "musicnn:all"], 32)
    estimates.measure_costs(path, ["vgg:none"], 16)
    module = "essentia_ldl.nets.timing"
    assert calls == [
        (module, "vgg:none", "--batch-size", "32"),
        (module, "musicnn:all", "--batch-size", "32"),
        (module, "vgg:none", "--batch-size", "16"),
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["costs.json"]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "3",
        "{",
        '{"vgg:all": {}}',
        '{"vgg:all": []}',
        '{"vgg:all": {"batch_size": 32}}',
        '{"vgg:all": {"batch_size": 32, "step_s": "1", "patch_s": 0.1, "embed_s": 0.0}}',
        '{"vgg:all": {"batch_size": 32, "step_s": 1, "patch_s": 0.1, "embed_s": 0.0, "more": 1}}',
    ],
)
def test_what_a_damaged_file_held_is_measured_anew(tmp_path, monkeypatch, text):
    row = {"batch_size": 32, "step_s": 2.0, "patch_s": 0.1, "embed_s": 0.0}
    monkeypatch.setattr(estimates, "run_zone", lambda module, path, *_: write_json(path, {"vgg:all": row}))
    path = tmp_path / "costs.json"
    path.write_text(text)
    assert estimates.measure_costs(path, ["vgg:all"], 32) == {"vgg:all": Cost(**row)}
    assert read_json(path) == {"vgg:all": row}


def test_durations_come_from_the_store_and_from_headers(tmp_path, monkeypatch):
    tracks = []
    for number in range(4):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(bytes([number]))
        tracks.append(Track(path.name, str(path), "sad"))
    store = Store(tmp_path / "store")
    store.remember(tracks[0].path)
    store.write_info(digest_file(tracks[0].path), {"duration_s": 12.5})
    asked = []

    def run_jobs(function, jobs, step, n_jobs, progress):
        asked.extend(job["path"] for job in jobs)
        answers = ({"duration_s": 20.0}, {"duration_s": 0.0}, Failure("3.wav", "files", "broken"))
        return zip(jobs, answers, strict=True)

    monkeypatch.setattr(estimates, "run_jobs", run_jobs)
    assert estimates.find_durations(tracks, store) == [12.5, 20.0]
    assert asked == [track.path for track in tracks[1:]]
    store.write_info(digest_file(tracks[0].path), {})
    asked.clear()
    answer = [({}, {"duration_s": 12.5})]
    monkeypatch.setattr(estimates, "run_jobs", lambda function, jobs, *_, **__: asked.extend(jobs) or answer)
    assert estimates.find_durations(tracks[:1], store) == [12.5]
    assert [job["path"] for job in asked] == [tracks[0].path]
    monkeypatch.setattr(estimates, "run_jobs", lambda *_, **__: [({}, {"duration_s": 0.0})])
    assert estimates.find_durations(tracks[1:], store) == [estimates.UNKNOWN_S]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 minutes"), (5400, "1.5 hours"), (500000, "139 hours")]
)
def test_lengths_read_well(seconds, text):
    assert estimates.describe_length(seconds) == text
