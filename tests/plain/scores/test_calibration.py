"""Calibration against scikit-learn, scipy and known temperatures; its degenerate cases, and what no calibration is."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from essentia_ldl.errors import DataError
from essentia_ldl.scores import calibration
from essentia_ldl.scores.calibration import (
    MIN_TRACKS,
    Calibration,
    apply,
    count_changed,
    fit,
    fit_temperature,
    fit_vector_scaling,
    identity,
)
from essentia_ldl.scores.logits import PatchLogits, mean_nll, mean_nll_and_gradient

THREE = ("a", "b", "c")
STUDY = Path(__file__).parents[2] / "calibration_study.py"


def make_sample(logits, targets, n_patches=None, classes=None):
    logits = np.asarray(logits, dtype=float)
    counts = np.ones(len(targets), int) if n_patches is None else np.asarray(n_patches)
    names = classes or tuple("abcdefgh"[: logits.shape[1]])
    return PatchLogits(tuple(f"t{i}" for i in range(len(targets))), np.asarray(targets), names, logits, counts)


def softmax(logits):
    from scipy.special import softmax as golden

    return golden(logits, axis=1)


def draw(n_tracks, temperature, n_classes=3, n_patches=1, seed=0, bias=0.0):
    """Draw tracks whose classes follow softmax(logits / temperature + bias); every patch of a track is the same."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 4, (n_tracks, n_classes))
    shares = softmax(logits / temperature + bias)
    targets = (generator.random(n_tracks)[:, None] > shares.cumsum(axis=1)).sum(axis=1).clip(0, n_classes - 1)
    return make_sample(np.repeat(logits, n_patches, axis=0), targets, np.full(n_tracks, n_patches))


def draw_patches(n_tracks=60, n_classes=3, seed=0, spread=2.0):
    """Draw tracks with patches that differ, and with classes that the patches only hint at."""
    generator = np.random.default_rng(seed)
    targets = np.arange(n_tracks) % n_classes
    counts = generator.integers(1, 6, n_tracks)
    centre = np.repeat(np.eye(n_classes)[targets], counts, axis=0)
    return make_sample(2 * centre + generator.normal(0, spread, (counts.sum(), n_classes)), targets, counts)


# --- what is applied


def test_identity_is_the_mean_of_softmax():
    sample = draw_patches()
    found = apply(identity(sample.classes), sample.patch_logits, sample.n_patches)
    rows = softmax(sample.patch_logits)
    parts = np.split(rows, np.cumsum(sample.n_patches)[:-1])
    np.testing.assert_allclose(found, [part.mean(axis=0) for part in parts])
    assert identity(sample.classes).is_identity
    assert identity(sample.classes).temperature == 1


def test_a_calibration_is_a_factor_and_an_offset_before_the_softmax():
    sample, scale, bias = draw_patches(), (0.5, 2.0, 1.0), (0.3, -0.3, 0.0)
    vector = Calibration("vector", sample.classes, scale, bias)
    assert vector.temperature is None
    assert not vector.is_identity
    found = apply(vector, sample.patch_logits, np.ones(len(sample.patch_logits), int))
    np.testing.assert_allclose(found, softmax(sample.patch_logits * scale + bias))
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_large_logits_do_not_overflow():
    found = apply(identity(("a", "b")), np.array([[1e4, -1e4], [-1e30, 1e30]]), np.array([1, 1]))
    assert found.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("temperature", [0.02, 0.5, 1.7, 90.0])
@pytest.mark.parametrize("seed", range(3))
def test_no_temperature_changes_a_patch(temperature, seed):
    logits = np.random.default_rng(seed).normal(0, 5, (500, 4))
    scaled = Calibration("temperature", tuple("abcd"), (1 / temperature,) * 4, (0.0,) * 4)
    assert count_changed(scaled, logits, np.ones(500, int)) == 0
    before, after = (apply(c, logits, np.ones(500, int)).max(axis=1) for c in (identity(tuple("abcd")), scaled))
    assert (after <= before + 1e-12).all() if temperature > 1 else (after >= before - 1e-12).all()


def test_a_temperature_may_change_a_track():
    """Two patches lean to b, one is sure of a: it wins by its mean at T = 1, and is outvoted when all are sure."""
    logits, counts = np.array([[6.0, 0.0], [0.0, 0.5], [0.0, 0.5]]), np.array([3])
    for temperature, changed in ((0.05, 1), (1.0, 0), (20.0, 0)):
        scaled = Calibration("temperature", ("a", "b"), (1 / temperature,) * 2, (0.0, 0.0))
        assert count_changed(scaled, logits, counts) == changed


def test_logits_are_checked_when_applied():
    two = identity(("a", "b"))
    with pytest.raises(DataError, match=r"numbers of shape \(2, 2\), one row per patch; got \(\(2, 3\)"):
        apply(two, np.zeros((2, 3)), np.array([2]))
    with pytest.raises(DataError, match="patch_logits: expected finite numbers"):
        apply(two, np.array([[0.0, np.nan]]), np.array([1]))


# --- temperature


@pytest.mark.parametrize("temperature", [0.4, 1.0, 1.5, 5.0])
@pytest.mark.parametrize("n_classes", [2, 8])
def test_the_temperature_of_drawn_tracks_is_found(temperature, n_classes):
    found = fit_temperature(draw(5000, temperature, n_classes))
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    assert found.nll_after <= found.nll_before
    assert found.reason == ""


@pytest.mark.parametrize("seed", range(4))
def test_without_prior_and_with_one_patch_it_is_the_logistic_regression_of_scikit_learn(seed):
    """For two classes 1 / T is the coefficient of the difference of logits, without intercept."""
    from sklearn.linear_model import LogisticRegression

    sample = draw(300, 2.5, 2, seed=seed)
    difference = np.diff(sample.patch_logits, axis=1)
    golden = LogisticRegression(penalty=None, fit_intercept=False, tol=1e-10).fit(difference, sample.targets)
    found = fit_temperature(sample, spread=np.inf)
    assert 1 / found.temperature == pytest.approx(golden.coef_[0, 0], rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_temperature_is_better(seed):
    """On tracks of many patches, where the likelihood of means has no convex form."""
    sample = draw_patches(seed=seed)
    found = fit_temperature(sample, spread=np.inf)
    for temperature in np.geomspace(0.01, 100, 400):
        other = Calibration("temperature", sample.classes, (1 / temperature,) * 3, (0.0,) * 3)
        rows = apply(other, sample.patch_logits, sample.n_patches)
        with np.errstate(divide="ignore"):
            nll = -np.log(rows[np.arange(len(rows)), sample.targets]).mean()
        assert nll >= found.nll_after - 1e-9
    rows = apply(found, sample.patch_logits, sample.n_patches)
    assert found.nll_after == pytest.approx(-np.log(rows[np.arange(len(rows)), sample.targets]).mean())


def test_it_is_the_likelihood_of_tracks_and_not_of_patches():
    """A track repeats its patches as often as it likes and weighs the same."""
    once, often = draw(50, 2.0, n_patches=1), draw(50, 2.0, n_patches=7)
    assert fit_temperature(often).temperature == pytest.approx(fit_temperature(once).temperature, rel=1e-6)
    mixed = draw_patches(seed=3)
    patches = make_sample(mixed.patch_logits, np.repeat(mixed.targets, mixed.n_patches))
    assert abs(fit_temperature(mixed).temperature - fit_temperature(patches).temperature) > 0.05


def test_order_of_tracks_and_names_of_classes_do_not_matter():
    sample = draw(60, 2.0)
    order, columns = np.random.default_rng(1).permutation(60), np.array([2, 0, 1])
    other = make_sample(sample.patch_logits[order][:, columns], np.argsort(columns)[sample.targets[order]])
    assert fit_temperature(other).temperature == pytest.approx(fit_temperature(sample).temperature, rel=1e-6)


def test_logits_of_twice_the_size_need_twice_the_temperature():
    sample = draw(200, 2.0)
    twice = make_sample(2 * sample.patch_logits, sample.targets)
    alone = [fit_temperature(s, spread=np.inf).temperature for s in (sample, twice)]
    assert alone[1] == pytest.approx(2 * alone[0], rel=1e-5)


def test_the_prior_matters_to_few_tracks_and_not_to_many():
    few, many = draw(30, 5.0), draw(3000, 5.0)
    prior = [fit_temperature(s).temperature for s in (few, many)]
    alone = [fit_temperature(s, spread=np.inf).temperature for s in (few, many)]
    assert prior[0] < 0.97 * alone[0]
    assert prior[1] == pytest.approx(alone[1], rel=0.01)
    assert fit_temperature(few, spread=0.01).temperature == pytest.approx(1, abs=0.02)


# --- degenerate samples


def test_tracks_that_are_all_right_do_not_send_the_temperature_to_zero():
    targets = np.arange(40) % 2
    sample = make_sample(2 * np.eye(2)[targets], targets)
    found = fit_temperature(sample)
    assert 0.2 < found.temperature < 1
    alone = fit_temperature(sample, spread=np.inf)
    assert alone.temperature == pytest.approx(calibration.BOUNDS[0])
    assert "no temperature from 0.01 to 100.0 is best" in alone.reason


@pytest.mark.parametrize("spread", [calibration.SPREAD, np.inf])
def test_logits_that_say_nothing_keep_their_temperature(spread):
    found = fit_temperature(make_sample(np.full((40, 3), 1.5), np.arange(40) % 3), spread=spread)
    assert (found.temperature, found.reason) == (1, "")
    assert found.nll_before == found.nll_after == pytest.approx(np.log(3))


def test_logits_that_are_wrong_are_flattened():
    targets = np.arange(60) % 2
    found = fit_temperature(make_sample(-3 * np.eye(2)[targets], targets))
    assert found.temperature > 5
    assert np.log(2) < found.nll_after < found.nll_before
    assert fit_temperature(make_sample(-3 * np.eye(2)[targets], targets), spread=np.inf).reason


def test_too_few_tracks_leave_it_at_one_and_say_so():
    few = fit(draw(MIN_TRACKS - 1, 5.0), model="m", fitted_on="validation tracks")
    assert few.is_identity
    assert (few.n_tracks, few.model, few.fitted_on) == (MIN_TRACKS - 1, "m", "validation tracks")
    assert few.describe() == (
        "T = 1, from 19 validation tracks (19 tracks are too few to fit a temperature, 20 are needed)"
    )
    assert not fit(draw(MIN_TRACKS, 5.0)).is_identity
    # too few is said before a missing class, because a small side lacks one by chance
    assert "too few" in fit_temperature(make_sample(np.zeros((5, 2)), np.zeros(5, int))).reason


@pytest.mark.parametrize("kind", calibration.KINDS)
def test_tracks_that_chose_the_epoch_may_flatten_and_sharpen_less(kind):
    """Never to sharpen loses more than it saves, as networks drawn with a known temperature show below."""
    sharper, flatter = draw(200, 0.5), draw(200, 3.0)
    assert max(fit(sharper, kind, selected=True).scale) > 1
    assert fit_temperature(sharper).temperature < fit_temperature(sharper, selected=True).temperature < 1
    assert max(fit(sharper, kind).scale) > 1.5
    assert fit(flatter, kind, selected=True) == fit(flatter, kind)


def test_a_temperature_below_one_of_selected_tracks_is_believed_the_more_the_more_tracks_say_so():
    few, many = draw(30, 0.5, seed=1), draw(3000, 0.5, seed=1)
    logs = [[np.log(fit_temperature(s, selected=is_so).temperature) for is_so in (True, False)] for s in (few, many)]
    assert logs[0][0] > 0.9 * logs[0][1]
    assert logs[1][0] == pytest.approx(logs[1][1], rel=0.01)


def test_repetitions_do_not_make_tracks():
    sample = draw(MIN_TRACKS - 1, 5.0)
    twice = PatchLogits(
        sample.ids * 2,
        np.tile(sample.targets, 2),
        sample.classes,
        np.tile(sample.patch_logits, (2, 1)),
        np.tile(sample.n_patches, 2),
    )
    assert "too few" in fit_temperature(twice).reason
    enough = draw(50, 5.0)
    again = dataclasses.replace(
        enough,
        ids=enough.ids * 2,
        targets=np.tile(enough.targets, 2),
        patch_logits=np.tile(enough.patch_logits, (2, 1)),
        n_patches=np.tile(enough.n_patches, 2),
    )
    assert fit_temperature(again).temperature == pytest.approx(fit_temperature(enough).temperature, rel=1e-6)


@pytest.mark.parametrize("kind", calibration.KINDS)
def test_a_class_without_a_track_is_told(kind):
    sample = make_sample(np.zeros((30, 3)), np.arange(30) % 2, classes=THREE)
    with pytest.raises(DataError, match=r"one of every class at least; got 'none of c among 30'.*cross-validation"):
        fit(sample, kind)


def test_an_unknown_kind_is_told():
    with pytest.raises(DataError, match="calibration: expected temperature or vector; got 'platt'"):
        fit(draw(40, 1.0), "platt")


@pytest.fixture(scope="module")
def study():
    """Networks whose best temperature is known; see `tests/calibration_study.py`."""
    spec = importlib.util.spec_from_file_location("calibration_study", STUDY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks for itself
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_rules_of_the_study_are_those_of_calibration(study):
    sample = study.draw_validation(np.random.default_rng(0), study.World(2, 3, 1.2), 40, 0.5, 1)
    rules = study.apply_rules(sample)
    assert rules["believed"] == fit_temperature(sample).temperature < 1
    assert rules["believed"] < rules["selected"] == fit_temperature(sample, selected=True).temperature
    assert rules["never < 1"] == 1
    assert set(rules) == set(study.RULES)


@pytest.mark.parametrize(
    ("n_patches", "n_tracks"),
    [(1, 24), pytest.param(1, 60, marks=pytest.mark.slow), pytest.param(5, 40, marks=pytest.mark.slow)],
)
def test_a_side_that_chose_the_epoch_loses_least_by_half_believing(study, n_patches, n_tracks):
    """Over true temperatures from 0.5 to 2, two classes: less than by never sharpening, or by no calibration."""
    rows = [study.measure(study.World(2, n_patches, 1.2), n_tracks, t, 20, 8) for t in (0.5, 1.0, 2.0)]
    means = {rule: np.mean([row[rule] for row in rows]) for rule in study.RULES}
    assert means["selected"] < 0.9 * means["never < 1"]
    assert means["selected"] < 0.9 * means["T = 1"]
    if n_tracks == 24:  # of more tracks the two are alike; several patches are underrated by their mean, choice or not
        assert means["selected"] < means["believed"]


@pytest.mark.parametrize("n_tracks", [40, 200, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tracks_that_chose_nothing_find_the_temperature_that_is_best_for_others(study, n_tracks, temperature):
    """One number costs half a nat in all, so 1 / (2 n) a track; 10 draws may be four times off."""
    loss = study.measure(study.World(2, 1, 1.2), n_tracks, temperature, 1, 10)
    assert loss["believed"] < 2 / n_tracks
    if temperature != 1.0:
        assert loss["believed"] < loss["T = 1"]


# --- vector scaling


@pytest.mark.parametrize("seed", range(3))
def test_vector_scaling_without_prior_is_the_logistic_regression_of_scikit_learn(seed):
    """For two classes it is the regression on both logits, with an intercept."""
    from sklearn.linear_model import LogisticRegression

    sample = draw(600, 2.0, 2, seed=seed, bias=np.array([0.7, 0.0]))
    golden = LogisticRegression(penalty=None, tol=1e-10, max_iter=1000).fit(sample.patch_logits, sample.targets)
    found = fit_vector_scaling(sample, spread=np.inf)
    np.testing.assert_allclose([-found.scale[0], found.scale[1]], golden.coef_[0], rtol=2e-3)
    assert found.bias[1] - found.bias[0] == pytest.approx(golden.intercept_[0], abs=2e-3)


def test_the_gradient_is_that_of_finite_differences():
    from scipy.optimize import approx_fprime

    sample, point = draw_patches(), np.array([0.7, 1.2, 0.9, 0.2, -0.3, 0.1])
    _, of_scale, of_bias = mean_nll_and_gradient(sample, point[:3], point[3:])
    golden = approx_fprime(point, lambda x: mean_nll(sample, x[:3], x[3:]), 1e-7)
    np.testing.assert_allclose(np.concatenate([of_scale, of_bias]), golden, atol=1e-6)


@pytest.mark.slow
def test_an_offset_of_a_class_is_found():
    sample = draw(20000, 2.0, 3, bias=np.array([1.0, 0.0, -0.4]))
    found = fit(sample, "vector")
    assert found.kind == "vector"
    np.testing.assert_allclose(found.scale, 0.5, rtol=0.1)
    np.testing.assert_allclose(found.bias, [0.8, -0.2, -0.6], atol=0.1)
    assert found.nll_after < fit_temperature(sample).nll_after - 0.01
    assert sum(found.bias) == pytest.approx(0, abs=1e-12)
    assert found.describe().startswith("vector scaling, a x 0.")


def test_vector_scaling_stays_near_the_temperature_when_tracks_are_few():
    sample = draw(60 * 3, 2.0)
    found, near = fit_vector_scaling(sample), fit_vector_scaling(sample, spread=1e-3)
    temperature = fit_temperature(sample).temperature
    np.testing.assert_allclose(near.scale, 1 / temperature, rtol=1e-3)
    assert found.nll_after <= near.nll_after + 1e-12
    distances = [np.ptp(np.log(fit_vector_scaling(sample, spread=s).scale)) for s in (0.1, 0.5, np.inf)]
    assert distances == sorted(distances)


def test_separable_classes_do_not_send_a_factor_to_infinity():
    targets = np.arange(90) % 3
    found = fit_vector_scaling(make_sample(3 * np.eye(3)[targets], targets))
    assert max(found.scale) < 10


def test_a_class_with_few_tracks_gets_the_temperature_of_all():
    targets = np.array([0] * 40 + [1] * 40 + [2] * 5)
    sample = make_sample(np.random.default_rng(0).normal(0, 1, (85, 3)) + 2 * np.eye(3)[targets], targets)
    found = fit_vector_scaling(sample)
    assert found.kind == "temperature"
    assert found.temperature == fit_temperature(sample).temperature
    assert "5 tracks of c are too few to calibrate each class, 20 are needed" in found.describe()


# --- the record and its file


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "platt"}, "kind: expected temperature or vector"),
        ({"scale": (1.0,)}, "scale: expected 2 finite numbers"),
        ({"scale": (np.nan, 1.0)}, "finite numbers"),
        ({"scale": (0.0, 0.0)}, "larger than 0"),
        ({"scale": ("1", "1")}, "finite numbers"),
        ({"bias": (np.inf, 0.0)}, "bias: expected 2 finite"),
        ({"scale": (1.0, 2.0)}, "one factor for all classes"),
        ({"bias": (1.0, 0.0)}, "one factor for all classes"),
        ({"n_tracks": -1}, "n_tracks"),
        ({"n_tracks": True}, "n_tracks"),
        ({"nll_before": -0.5}, "nll_before: expected nats"),
        ({"nll_after": "low"}, "nll_after: expected nats"),
        ({"model": None}, "model: expected text"),
        ({"classes": ("a", 3)}, "classes: expected two names"),
    ],
)
def test_a_calibration_that_exists_is_valid(changes, message):
    with pytest.raises(DataError, match=message):
        dataclasses.replace(Calibration("temperature", ("a", "b"), (0.5, 0.5), (0.0, 0.0)), **changes)
