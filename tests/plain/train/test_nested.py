"""Tracks that neither fit, choice nor temperature has seen: what is kept of them, and how they are scored."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.recipe.recipe import Recipe
from essentia_ldl.runs.calibrate import list_nested, read_run
from essentia_ldl.runs.predictions import read_predictions, read_side
from essentia_ldl.scores import calibration, metrics, reliability
from essentia_ldl.scores.logits import join
from essentia_ldl.train.choice import make_choice
from essentia_ldl.train.nested import make_predictions, write_nested

CLASSES = ("non_sad", "sad")
NAMES = ("msd-musicnn",)


@pytest.fixture(scope="module")
def written(write_collection, tmp_path_factory):
    """A run folder, its recipe, collection and choice, and the scores; to be read only."""
    folder = tmp_path_factory.mktemp("written")
    recipe = Recipe("mood-sad", CLASSES).override(choice__networks=NAMES, choice__layers="embedding")
    collection = write_collection(folder, NAMES, n_tracks=60)
    chosen = make_choice(recipe, collection)
    return folder / "run", recipe, collection, chosen, write_nested(folder / "run", collection, recipe, chosen)


def test_every_track_stands_in_the_folder_of_its_part(written):
    run, _, collection, chosen, _ = written
    cells = list_nested(run)
    assert [cell.name for cell in cells] == [f"part-{n}" for n in range(5)]
    for part, cell in enumerate(cells):
        ids = [track.id for track, own in zip(collection.tracks, chosen.parts, strict=True) if own == part]
        assert read_predictions(cell).ids.tolist() == ids
    sample = join([read_side(cell, "test") for cell in cells])
    places = {track.id: place for place, track in enumerate(collection.tracks)}
    expected = chosen.nested.split()
    np.testing.assert_allclose(
        sample.patch_logits, np.concatenate([expected[places[i]] for i in sample.ids]), rtol=1e-6
    )


def test_the_temperature_of_a_part_is_fitted_on_the_others(written):
    run, recipe, collection, chosen, _ = written
    for part, cell in enumerate(list_nested(run)):
        others = np.flatnonzero(chosen.parts != part)
        expected = calibration.fit_temperature(
            make_predictions(collection, recipe, chosen.own, others).select_logits("test")
        )
        found = read_run(cell)
        assert found.temperature == pytest.approx(expected.temperature)
        assert found.n_tracks == len(others)
        told = read_predictions(cell)
        rows = calibration.apply(found, told.patch_logits, told.n_patches)
        np.testing.assert_allclose(told.probabilities, rows, atol=1e-6)


def test_scores_are_those_of_the_tracks_in_the_folders(written):
    run, _, _, _, scores = written
    found = [read_predictions(cell).select("test") for cell in list_nested(run)]
    by_part = [metrics.score_balanced_accuracy(one.targets, one.probabilities) for one in found]
    assert scores["balanced_accuracy_mean"] == pytest.approx(np.mean(by_part))
    assert scores["folds"] == pytest.approx(by_part)
    targets = np.concatenate([one.targets for one in found])
    rows = np.concatenate([one.probabilities for one in found])
    after = scores["calibration"]["after"]
    assert after["ece"]["value"] == pytest.approx(metrics.score_ece(targets, rows), abs=1e-6)
    groups = np.arange(len(targets))
    nll = reliability.score_calibration(targets, rows.astype(float), CLASSES, groups)["nll"]["value"]
    assert after["nll"]["value"] == pytest.approx(nll, abs=1e-5)


def test_without_calibration_probabilities_stay_as_they_are(written, tmp_path):
    _, recipe, collection, chosen, _ = written
    plain = recipe.override(calibration__method="none")
    scores = write_nested(tmp_path / "other", collection, plain, chosen)
    assert scores["calibration"]["before"] == scores["calibration"]["after"]
    assert all(read_run(cell).is_identity for cell in list_nested(tmp_path / "other"))
