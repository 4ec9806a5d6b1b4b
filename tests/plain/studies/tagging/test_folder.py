"""The folder of a benchmark: taken up with the same settings, refused with others."""

from __future__ import annotations

import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.files import read_object
from essentia_ldl.runs import folder as runs
from essentia_ldl.studies.tagging.folder import SETTINGS, describe_changes, take_folder

TRAINING = {"stages": ["adam 1e-4 80"], "batch_size": 16}
NOW = {"data": "/music", "folds": 5, "recipe": {"training": TRAINING}, "tracks": "a"}


def change(**training) -> dict:
    return {**NOW, "recipe": {"training": {**TRAINING, **training}}}


def test_the_same_settings_go_on_and_know_what_has_ended(tmp_path):
    run, done = take_folder(tmp_path, NOW, again=False)
    assert read_object(run / SETTINGS) == NOW
    assert (done, take_folder(tmp_path, NOW, again=False)) == (False, (run, False))
    runs.finish_run(run)
    assert take_folder(tmp_path, NOW, again=False) == (run, True)
    other, done = take_folder(tmp_path, NOW, again=True)
    assert (other != run, done) == (True, False)


def test_other_settings_of_an_interrupted_one_are_refused_in_one_sentence(tmp_path):
    run, _ = take_folder(tmp_path, NOW, again=False)
    with pytest.raises(DataError) as caught:
        take_folder(tmp_path, change(batch_size=8), again=False)
    assert str(caught.value) == (
        f"settings of the benchmark: expected those of {run.name}, which was interrupted; got "
        f"'training.batch_size 8 in place of 16' ({run}). Give the same "
        "settings to go on, or --again to begin a new benchmark."
    )
    assert take_folder(tmp_path, change(batch_size=8), again=True)[0] != run


def test_one_that_ended_or_is_of_other_music_stands_in_nobodys_way(tmp_path):
    run, _ = take_folder(tmp_path, NOW, again=False)
    assert take_folder(tmp_path, {**NOW, "data": "/other"}, again=False)[0] != run
    runs.finish_run(run)
    assert take_folder(tmp_path, change(batch_size=8), again=False)[0] != run


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (NOW, ""),
        ({**NOW, "tracks": "b"}, "other tracks"),
        ({**NOW, "folds": 3, "tracks": "b"}, "folds 3 in place of 5, other tracks"),
        (change(stages=("adam 1e-4 80",)), ""),
        (change(stages=["sgd 1 1"]), "training.stages ['sgd 1 1'] in place of ['adam 1e-4 80']"),
    ],
)
def test_changes_are_named(now, words):
    assert describe_changes(NOW, now) == words
