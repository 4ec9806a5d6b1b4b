"""The command of the benchmark: what it measures, what it goes on with, and what it refuses; zones are replaced."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from essentia_ldl.collection.read import Collection, Source
from essentia_ldl.errors import DataError, TrainingError
from essentia_ldl.files import Home, read_object, write_json
from essentia_ldl.runs.names import SCORES
from essentia_ldl.studies import estimates
from essentia_ldl.studies.tagging import command
from essentia_ldl.studies.tagging.cells import GROUPS
from essentia_ldl.studies.tagging.command import Terms, measure
from essentia_ldl.studies.tagging.results import FILE
from essentia_ldl.studies.tagging.results import SCORES as SHOWN

TAGS = ("bright", "busy", "loud")
TERMS = Terms(scale="smallest")


@pytest.fixture
def table(tmp_path):
    """A table of tracks with tags, whose audio nobody reads."""
    return write_table(tmp_path / "music", TAGS)


def write_table(folder, tags):
    folder.mkdir()
    with open(folder / "index.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "artist", *tags])
        for number in range(24):
            (folder / f"{number}.wav").write_bytes(b"%d" % number)
            writer.writerow([f"{number}.wav", f"artist {number // 2}", *((number >> k) % 2 for k in range(len(tags)))])
    return Source(str(folder / "index.csv"))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Replace what takes long; gives the folders of the cells that were measured, and how many may be."""
    state = {"cells": [], "limit": 99, "durations": [12.0]}

    def measure_cell(folder, recipe, collection, split, variants):
        if len(state["cells"]) >= state["limit"]:
            raise TrainingError("killed")
        state["cells"].append(folder.name)
        number = 0.5 + 0.1 * len(folder.name) / 20
        scores = {
            **dict.fromkeys(("roc_auc", "pr_auc"), number),
            **dict.fromkeys(("tracks_map", "tracks_precision", "tags_map", "tags_precision"), 0.4),
            "by_tag": {tag: {"roc_auc": number, "pr_auc": 0.3} for tag in recipe.classes},
            "variants": {name: {"roc_auc": 0.5, "pr_auc": 0.3} for name in variants},
            **{"parameters": 1000, "n_train": len(split.train), "n_test": len(split.test)},
            **{"training_s": 1.0, "ms_per_s": 2.0},
        }
        write_json(folder / SCORES, scores)
        return scores

    def extract(tracks, home, front_ends, n_jobs, say):
        contents = {track.id: f"{number:064x}" for number, track in enumerate(tracks)}
        return Collection(tuple(tracks), contents, dict.fromkeys(contents, 12.0), (), home)

    def measure_costs(path, names, size):
        return {name: estimates.Cost(size, 0.1, 0.01, 0.0) for name in names}

    def draw_cell(cell, run, artists):
        state["artists"] = artists
        return {**dict.fromkeys(SHOWN, np.linspace(0, 1, 101)), GROUPS: np.array([4])}

    monkeypatch.setattr(command, "measure_cell", measure_cell)
    monkeypatch.setattr(command, "draw_cell", draw_cell)
    monkeypatch.setattr(command, "extract", extract)
    monkeypatch.setattr(command, "deform", lambda *given: state.update(deformed=given))
    monkeypatch.setattr(command, "tell_room", lambda *_: 0)
    monkeypatch.setattr(estimates, "measure_costs", measure_costs)
    monkeypatch.setattr(estimates, "find_durations", lambda *_: state["durations"])
    return state


def test_a_stopped_benchmark_goes_on_to_the_same_json(table, home, measured):
    said = []
    measured["limit"] = 1
    with pytest.raises(TrainingError, match="killed"):
        measure(table, TERMS, home, say=said.append)
    (run,) = home.runs.iterdir()
    assert (run / "benchmark.html").is_file(), "with what there is"
    measured["limit"] = 99
    done = measure(table, TERMS, home, say=said.append)
    assert (done.folder, sorted(measured["cells"])) == (run, ["samplecnn-0", "shortchunk-0"])
    assert "2 trainings, 1 done before, 1 to do" in said
    whole = measure(table, Terms(scale="smallest", again=True), home, say=lambda _: None)
    assert whole.folder != run
    assert read_object(whole.folder / FILE) == read_object(run / FILE) == done.found
    assert done.found["collection"]["n_artists"] == 12


def test_what_has_ended_is_not_measured_again(table, home, measured):
    first = measure(table, TERMS, home, say=lambda _: None)
    second = measure(table, TERMS, home, say=lambda _: None)
    assert (second.folder, second.found, len(measured["cells"])) == (first.folder, first.found, 2)


def test_variants_are_made_of_the_tracks_that_test(table, home, measured):
    measure(table, TERMS, home, say=lambda _: None)
    collection, ids, front_ends, names = measured["deformed"][:4]
    assert 0 < len(ids) < len(collection.tracks)
    assert [front_end.name for front_end in front_ends] == ["samplecnn", "mel128-4s"]
    assert names == ("pitch-up-2", "tempo-141", "noise-10", "drc-radio")


def test_folds_are_by_artist_where_the_collection_has_no_split(table, home, measured):
    done = measure(table, Terms(scale="smallest", networks=("musicnn",), folds=3), home, say=lambda _: None)
    assert measured["cells"] == ["musicnn-0", "musicnn-1", "musicnn-2"]
    assert done.found["networks"]["musicnn"]["n_folds"] == 3
    assert sum(done.found["collection"]["n_test"]) == 24, "every track tests once"


def test_other_settings_of_a_stopped_one_are_refused(table, home, measured):
    measured["limit"] = 1
    with pytest.raises(TrainingError):
        measure(table, TERMS, home, say=lambda _: None)
    changed = Terms(scale="smallest", changes={"training.batch_size": "4"})
    with pytest.raises(DataError, match=r"got 'training\.batch_size 4 in place of 8' .* or --again to begin"):
        measure(table, changed, home, say=lambda _: None)
    with open(table.data, "a") as file:
        file.write("0.wav,artist 0,1,1,1\n")
    (run,) = home.runs.iterdir()
    assert read_object(run / "run.json")["state"] == "running"


def test_one_tag_is_refused_before_the_long_work(tmp_path, home, measured):
    with pytest.raises(DataError, match="tags of a benchmark: expected two or more; got 'bright'"):
        measure(write_table(tmp_path / "one", ("bright",)), TERMS, home, say=lambda _: None)
    assert not home.runs.exists()


def test_networks_that_hear_longer_than_the_tracks_are_left_out(table, home, measured):
    said = []
    done = measure(table, Terms(scale="smallest", networks=("fcn", "musicnn")), home, say=said.append)
    why = "it hears 29.0 s at once, and the tracks have 12.0 s"
    assert said[0] == f"fcn is left out: {why}"
    assert (done.found["left_out"], list(done.found["networks"])) == ({"fcn": why}, ["musicnn"])
    measured["durations"] = [1.0]
    with pytest.raises(DataError, match="benchmark: expected tracks that fill a patch of one network at least"):
        measure(table, TERMS, home, say=lambda _: None)


def test_the_quickest_network_comes_first(table, home, measured, monkeypatch):
    def measure_costs(path, names, size):
        return {name: estimates.Cost(size, 0.1 if "shortchunk" in name else 0.2, 0.0, 0.0) for name in names}

    monkeypatch.setattr(estimates, "measure_costs", measure_costs)
    measure(table, TERMS, home, say=lambda _: None)
    assert measured["cells"] == ["shortchunk-0", "samplecnn-0"]


def test_a_dry_run_tells_the_time_and_leaves_nothing(table, home, measured):
    said = []
    done = measure(table, Terms(scale="smallest", dry_run=True), home, say=said.append)
    assert (done.found, measured["cells"], home.runs.exists()) == ({}, [], False)
    assert any(line.startswith("together about") for line in said)


def test_another_run_is_compared_with(table, home, measured, tmp_path):
    first = measure(table, TERMS, home, say=lambda _: None)
    again = Terms(scale="smallest", again=True, against=str(first.folder))
    done = measure(table, again, home, say=lambda _: None)
    assert done.differences["networks"]["shortchunk"]["roc_auc"] == 0
    assert "Against another run" in (done.folder / "benchmark.html").read_text()
