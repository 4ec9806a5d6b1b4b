"""What estimators check, and that a wrong value is an error of ours that is also the builtin one would catch."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import ArrayTypeError, DataError
from essentia_ldl.estimators.checks import (
    check_labelled,
    check_parameters,
    check_rows,
    draw_seed,
    find_classes,
    is_count,
)
from essentia_ldl.estimators.smoother import LabelSmoother

X, Y = np.arange(8.0).reshape(4, 2), np.array(["a", "a", "b", "b"])


@pytest.mark.parametrize(
    ("value", "expected"), [(1, True), (np.int32(3), True), (0, False), (True, False), (1.0, False)]
)
def test_a_count_is_a_whole_number(value, expected):
    assert is_count(value) is expected


def test_a_parameter_that_breaks_its_rule_is_named():
    rules = {"n_neighbors": ("a whole number, 1 or more", is_count)}
    check_parameters(LabelSmoother(3), rules)
    with pytest.raises(ValueError, match=r"n_neighbors: expected a whole number, 1 or more; got 0 \(LabelSmoother\)"):
        check_parameters(LabelSmoother(0), rules)


def test_a_seed_is_itself_or_drawn():
    assert draw_seed(7) == draw_seed(np.int64(7)) == 7
    assert draw_seed(np.random.RandomState(3)) == draw_seed(np.random.RandomState(3)) != draw_seed(3)


def test_rows_and_labels_come_back_as_numbers_and_texts():
    rows, labels = check_labelled(LabelSmoother(), X.tolist(), list(Y))
    assert rows.dtype == np.float64
    assert np.array_equal(rows, X)
    assert labels.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        ([[0.0, np.nan], [1, 2]], ["a", "b"], "contains NaN"),
        ([[0.0, np.inf], [1, 2]], ["a", "b"], "infinity"),
        (X, Y[:3], r"inconsistent numbers of samples"),
        (X, None, "expected one label per row"),
        (X, [0.1, 0.2, 0.3, 0.4], "Unknown label type"),
        (X[0], Y, "Expected 2D array"),
        (X[:1], Y[:1], "minimum of 2"),
    ],
)
def test_what_is_no_collection_is_refused(rows, labels, message):
    with pytest.raises(DataError, match=message):
        check_labelled(LabelSmoother(), rows, labels)


def test_what_is_no_number_is_a_type_error_too():
    with pytest.raises(ArrayTypeError, match="must be a string or a real number") as caught:
        check_rows(LabelSmoother(), [[{}, 1], [2, 3]])
    assert isinstance(caught.value, DataError)
    assert isinstance(caught.value, TypeError)


def test_another_number_of_features_is_refused():
    estimator = LabelSmoother()
    check_rows(estimator, X)
    with pytest.raises(DataError, match="X has 1 features, but LabelSmoother is expecting 2 features"):
        check_rows(estimator, X[:, :1], is_new=False)


def test_classes_are_in_order_and_more_than_one():
    classes, targets = find_classes(LabelSmoother(), np.array(["b", "a", "b"]))
    assert (classes.tolist(), targets.tolist()) == (["a", "b"], [1, 0, 1])
    with pytest.raises(DataError, match="two classes or more; got '1 class'"):
        find_classes(LabelSmoother(), np.array([3, 3]))
