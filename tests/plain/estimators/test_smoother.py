"""Label smoothing on plain arrays: the mathematics of the label sources, and scikit-learn's contract."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from essentia_ldl import labels
from essentia_ldl.errors import DataError
from essentia_ldl.estimators.smoother import LabelSmoother
from essentia_ldl.records import Track


@pytest.fixture(scope="module")
def data():
    """Forty tracks of two classes, whose features overlap."""
    random = np.random.default_rng(0)
    targets = np.repeat([0, 1], 20)
    return random.normal(size=(40, 6)) + 0.8 * targets[:, None], np.array(["calm", "tense"])[targets]


@pytest.mark.parametrize(
    "own", [{"n_neighbors": 5}, {"n_neighbors": 7, "self_weight": 0.3}, {"lmnn": True, "n_components": 3}]
)
def test_rows_are_those_of_the_label_source(data, own):
    X, y = data
    tracks = [Track(f"{n:03}", "", label) for n, label in enumerate(y)]
    new = [Track(f"new {n}", "", "calm") for n in range(5)]
    vectors = {**dict(zip([t.id for t in tracks], X, strict=True)), **{t.id: X[n] + 0.1 for n, t in enumerate(new)}}
    source = labels.build("emb", ("calm", "tense"), lambda track, _: vectors[track.id][None], own).fit(tracks)
    smoother = LabelSmoother(**own)
    assert smoother.fit_transform(X, y) == pytest.approx(source(tracks).distributions, abs=1e-6)
    assert smoother.transform(X[:5] + 0.1) == pytest.approx(source(new).distributions, abs=1e-6)
    assert smoother.classes_.tolist() == ["calm", "tense"]


def test_a_training_track_is_no_neighbour_of_its_own_and_a_new_one_may_be_equal_to_one():
    X, y = np.array([[0.0], [1.0], [3.0], [4.0]]), ["a", "a", "b", "b"]
    smoother = LabelSmoother(n_neighbors=1, standardize=False)
    assert smoother.fit_transform([[0.0], [1.0], [1.9], [4.0]], y).tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert smoother.transform([[0.0], [1.0], [1.9], [4.0]]).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert LabelSmoother(3).fit_transform(X, y).tolist() == pytest.approx(
        np.array([[1, 2], [1, 2], [2, 1], [2, 1]]) / 3
    )


def test_the_weight_of_the_own_label_is_for_training_tracks_alone(data):
    X, y = data
    assert LabelSmoother(self_weight=1).fit_transform(X, y).max(axis=1).tolist() == [1.0] * 40
    half, none = LabelSmoother(self_weight=0.5).fit(X, y), LabelSmoother().fit(X, y)
    assert np.array_equal(half.transform(X), none.transform(X))


def test_a_smoother_pickles_and_names_its_columns(data):
    X, y = data
    smoother = LabelSmoother().fit(X, y)
    again = pickle.loads(pickle.dumps(smoother))
    assert np.array_equal(again.transform(X), smoother.transform(X))
    assert again.get_feature_names_out().tolist() == ["calm", "tense"]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"n_neighbors": 0}, "n_neighbors: expected a whole number"),
        ({"n_neighbors": "5"}, "n_neighbors: expected a whole number"),
        ({"n_neighbors": 40}, "at most 39, as the 40 training tracks give"),
        ({"self_weight": 2}, "self_weight: expected a number from 0 to 1"),
        ({"lmnn": "yes"}, "lmnn: expected True or False"),
        ({"lmnn": True, "n_components": 7}, "LMNN components: expected at most 6"),
    ],
)
def test_parameters_that_do_not_fit_are_one_sentence(data, own, message):
    with pytest.raises(DataError, match=message):
        LabelSmoother(**own).fit(*data)


def test_bad_arrays_are_errors_of_ours(data):
    X, y = data
    with pytest.raises(ValueError, match="NaN"):
        LabelSmoother().fit(np.where(X > 2, np.nan, X), y)
    with pytest.raises(DataError, match="inconsistent numbers of samples"):
        LabelSmoother().fit(X, y[:-1])
    with pytest.raises(DataError, match="NaN"):
        LabelSmoother().fit(X, y).transform([[np.nan] * 6])


def test_scikit_learn_accepts_it(check):
    check(LabelSmoother(n_neighbors=3))  # its classes are so far apart that leaving the own row out changes nothing
