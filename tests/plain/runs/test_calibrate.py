"""The calibration of a run: which tracks it is fitted on, what it leaves, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.files import read_json, write_json
from essentia_ldl.runs import calibrate as calibrate_module
from essentia_ldl.runs import score as score_module
from essentia_ldl.runs.calibrate import calibrate_run, describe_for_card, keep_out_of_fold, read_run
from essentia_ldl.runs.predictions import read_side
from essentia_ldl.scores.calibration import FILE, MIN_TRACKS, NOT_ASKED, Calibration, fit, identity
from essentia_ldl.scores.calibration_file import read_calibration
from essentia_ldl.scores.reliability import score_calibration

CLASSES = ("non_sad", "sad")
# What every plan says, whatever a test is about.
PLAN = {
    **{"task": "mood-sad", "name": "mood sad", "description": "", "front_end": "musicnn", "training": {"epochs": 1}},
    **{"network": {"backbone": "musicnn", "pretrained": "msd"}, "store": "store", "graphs": "graphs"},
}


def write_run(
    folder, n_tracks=400, *, side="valid", temperature=2.5, method="temperature", seed=0, labels=None, nan=()
):
    """Write a run with classes from softmax(logits / temperature): one in four tracks trains, the others validate."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    counts = random.integers(1, 5, n_tracks)
    logits = np.repeat(random.normal(0, 3, (n_tracks, 2)), counts, axis=0)
    shares = softmax(logits / temperature, axis=1)[np.cumsum(counts) - 1]
    truth = (random.random(n_tracks) < shares[:, 1]).astype(int)
    names = np.array(CLASSES)[truth] if labels is None else np.array(labels)
    logits[list(nan)] = np.nan
    roles = np.array(["train" if row % 4 == 0 else side for row in range(n_tracks)])
    ids = [f"{folder.name}-{row}" for row in range(n_tracks)]
    np.savez(
        folder / "predictions.npz",
        ids=np.array(ids),
        roles=roles,
        labels=names,
        classes=np.array(CLASSES),
        probabilities=np.zeros((n_tracks, 2), dtype=np.float32),
        patch_logits=logits.astype(np.float32),
        n_patches=counts,
    )
    np.savez(folder / "weights.npz", kernel=random.normal(size=3))
    tracks = [
        {"id": name, "content": name, "role": str(role), "label": str(label)}
        for name, role, label in zip(ids, roles, names, strict=True)
    ]
    artists = {name: f"artist {row // 2}" for row, name in enumerate(ids)}
    plan = {**PLAN, "classes": list(CLASSES), "calibration": method, "tracks": tracks, "artists": artists}
    write_json(folder / "plan.json", plan)
    return folder


def read(folder):
    with np.load(folder / "predictions.npz") as file:
        return {name: file[name] for name in file.files}


def test_the_temperature_is_that_of_the_validation_side_and_the_file_names_the_weights(tmp_path):
    run = write_run(tmp_path / "run")
    found = calibrate_run(run)
    golden = fit(read_side(run, "valid"), "temperature", selected=True)
    assert found.temperature == golden.temperature == pytest.approx(2.5, rel=0.3)
    assert found.n_tracks == 300
    assert found.fitted_on == "validation tracks"
    assert found.ece_after < found.ece_before
    assert read_calibration(run / FILE, calibrate_module.digest_weights(run), CLASSES) == found == read_run(run)


def test_probabilities_become_those_of_the_calibrated_network_and_logits_stay(tmp_path):
    run = write_run(tmp_path / "run")
    before = read(run)
    found = calibrate_run(run)
    after = read(run)
    for name in set(before) - {"probabilities"}:
        np.testing.assert_array_equal(before[name], after[name])
    rows = softmax(before["patch_logits"] / found.temperature, axis=1)
    parts = np.split(rows, np.cumsum(before["n_patches"])[:-1])
    np.testing.assert_allclose(after["probabilities"], [part.mean(axis=0) for part in parts], atol=1e-6)
    assert after["probabilities"].dtype == np.float32


def test_calibrating_again_starts_from_the_logits(tmp_path):
    run = write_run(tmp_path / "run")
    first = calibrate_run(run)
    rows = read(run)["probabilities"]
    assert calibrate_run(run, "none").is_identity
    assert not np.allclose(read(run)["probabilities"], rows)
    assert calibrate_run(run, "vector").kind == "vector"
    assert calibrate_run(run) == first
    np.testing.assert_array_equal(read(run)["probabilities"], rows)


@pytest.mark.parametrize("plan", [{"calibration": "none"}, {}])
def test_none_and_no_word_of_it_leave_the_mean_of_softmax(tmp_path, plan):
    run = write_run(tmp_path / "run")
    kept = {key: value for key, value in read_json(run / "plan.json").items() if key != "calibration"}
    write_json(run / "plan.json", {**kept, **plan})
    found = calibrate_run(run)
    assert (found.is_identity, found.reason) == (True, NOT_ASKED)
    arrays = read(run)
    parts = np.split(softmax(arrays["patch_logits"], axis=1), np.cumsum(arrays["n_patches"])[:-1])
    np.testing.assert_allclose(arrays["probabilities"], [part.mean(axis=0) for part in parts], atol=1e-6)


@pytest.mark.parametrize(("n_tracks", "enough"), [(26, False), (28, True)])
def test_below_a_stated_number_of_tracks_it_says_so_and_leaves_one(tmp_path, n_tracks, enough):
    assert MIN_TRACKS == 20
    found = calibrate_run(write_run(tmp_path / "run", n_tracks, seed=3))
    assert found.n_tracks == n_tracks * 3 // 4
    assert ("too few" not in found.reason) == enough
    if not enough:
        assert found.temperature == 1
        assert "19 tracks are too few to fit a temperature, 20 are needed" in found.describe()


def test_no_validation_side_is_a_reason_in_a_training_and_an_error_where_it_was_asked_for(tmp_path):
    run = write_run(tmp_path / "run", side="test")
    assert calibrate_run(run).reason == "no track was kept for validation"
    with pytest.raises(DataError, match="expected one of the valid side at least; got 0"):
        calibrate_run(run, strict=True)


def test_a_class_that_is_missing_is_a_reason_in_a_training_and_an_error_where_it_was_asked_for(tmp_path):
    run = write_run(tmp_path / "run", labels=["sad"] * 400)
    found = calibrate_run(run)
    assert (found.temperature, found.reason) == (1, "no non_sad among the validation tracks")
    state = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(DataError, match="one of every class at least; got 'none of non_sad among 300'"):
        calibrate_run(run, strict=True)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == state


@pytest.mark.parametrize("strict", [False, True])
def test_logits_that_are_not_numbers_are_one_clear_error(tmp_path, strict):
    run = write_run(tmp_path / "run", nan=[7])
    with pytest.raises(DataError, match=r"patch_logits: expected finite numbers; got \[nan, nan\]"):
        calibrate_run(run, strict=strict)
    assert not (run / FILE).exists()


def test_an_unknown_method_is_refused(tmp_path):
    with pytest.raises(DataError, match="calibration method: expected temperature, vector, none; got 'platt'"):
        calibrate_run(write_run(tmp_path / "run"), "platt")


def test_a_final_model_is_calibrated_on_what_the_folds_said_of_their_test_tracks(tmp_path):
    cells = [write_run(tmp_path / f"cell{n}", 80, side="test", seed=n, temperature=0.4) for n in range(4)]
    run = write_run(tmp_path / "run", side="valid", temperature=6.0)
    keep_out_of_fold(run, cells)
    for cell in cells:  # a copy: the cross-validation may go
        (cell / "predictions.npz").unlink()
    found = calibrate_run(run)
    assert (found.n_tracks, found.fitted_on) == (240, "out-of-fold tracks")
    assert found.temperature == pytest.approx(0.4, rel=0.4), "sharper is believed: these tracks chose nothing"
    pooled = read_side(run / calibrate_module.OUT_OF_FOLD, "test")
    assert len({name.partition("-")[0] for name in pooled.ids}) == 4
    assert len(read(run)["ids"]) == 400, "the run's own tracks get the probabilities"


def test_a_calibration_of_other_weights_is_refused(tmp_path):
    one, two = write_run(tmp_path / "one"), write_run(tmp_path / "two", seed=1)
    calibrate_run(one)
    (two / FILE).write_bytes((one / FILE).read_bytes())
    with pytest.raises(DataError, match=r"expected the one of the weights [0-9a-f]{12}; got 'that of [0-9a-f]{12}'"):
        read_run(two)


def test_a_run_without_calibration_has_none(tmp_path):
    assert read_run(write_run(tmp_path / "run")) is None


def test_a_run_without_predictions_says_so(tmp_path):
    run = write_run(tmp_path / "run")
    (run / "predictions.npz").unlink()
    with pytest.raises(StoreError, match="predictions: expected a readable file"):
        calibrate_run(run)


def test_the_card_tells_the_numbers_of_what_is_in_the_graph(tmp_path):
    found = calibrate_run(write_run(tmp_path / "run"))
    card = describe_for_card(found)
    assert (card["method"], card["temperature"], card["n_tracks"]) == ("temperature", found.temperature, 300)
    assert card["nll"] == {"before": found.nll_before, "after": found.nll_after}
    assert card["ece"] == {"before": found.ece_before, "after": found.ece_after}
    vector = describe_for_card(Calibration("vector", CLASSES, (0.5, 2.0), (0.1, -0.1)))
    assert (vector["method"], vector["scale"], vector["bias"]) == ("vector", [0.5, 2.0], [0.1, -0.1])
    assert "temperature" not in vector
    nothing = describe_for_card(identity(CLASSES, "too few"))
    assert (nothing["method"], nothing["temperature"], nothing["reason"]) == ("none", 1.0, "too few")


# --- scores


def test_a_run_is_scored_before_and_after_with_artists_as_groups(tmp_path):
    run = write_run(tmp_path / "run")
    found = calibrate_run(run)
    scores = score_module.score_run(run)["calibration"]
    sample = read_side(run, "valid")
    groups = np.unique([int(name.split("-")[1]) // 2 for name in sample.ids], return_inverse=True)[1]
    rows = read(run)["probabilities"][read(run)["roles"] == "valid"]
    golden = score_calibration(sample.targets, rows, CLASSES, groups)
    assert scores["valid"]["after"]["nll"]["value"] == pytest.approx(golden["nll"]["value"], abs=1e-6)
    assert scores["valid"]["after"]["ece"]["value"] == pytest.approx(golden["ece"]["value"], abs=1e-6)
    assert scores["valid"]["after"]["nll"]["value"] == pytest.approx(found.nll_after, abs=1e-6)
    assert scores["valid"]["before"]["nll"]["value"] == pytest.approx(found.nll_before, abs=1e-6)
    assert scores["temperature"] == found.temperature
    low, high = scores["valid"]["after"]["brier"]["interval"]
    assert low < scores["valid"]["after"]["brier"]["value"] < high


def test_the_tracks_that_change_their_class_are_counted(tmp_path):
    run = write_run(tmp_path / "run", 3)
    arrays = read(run)
    # two patches lean to sad, one is sure of the other: the sure one outweighs them only while T is small
    arrays |= {"n_patches": np.array([3, 1, 1]), "roles": np.array(["test"] * 3), "labels": np.array(["sad"] * 3)}
    arrays["patch_logits"] = np.array([[0, 2], [0, 2], [9, 0], [0, 5], [5, 0]], dtype=np.float32)
    np.savez(run / "predictions.npz", **arrays)
    hot = Calibration("temperature", CLASSES, (0.1, 0.1), (0.0, 0.0))
    scores = score_module.compare_calibrations([(read_side(run, "test"), hot)], np.arange(3))
    before, after = (softmax(arrays["patch_logits"][:3] * s, axis=1).mean(axis=0).argmax() for s in (1, 0.1))
    assert before != after
    assert scores["n_changed"] == 1
