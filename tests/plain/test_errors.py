"""Errors: one root, the builtins that a caller would catch, and a message that stays short whatever was found."""

from __future__ import annotations

import inspect

import pytest

from essentia_ldl import errors
from essentia_ldl.errors import SHOWN, EssentiaLdlError, explain, show

LEAVES = {
    "AudioError": OSError,
    "DataError": ValueError,
    "RecipeError": ValueError,
    "CardError": ValueError,
    "GraphError": RuntimeError,
    "StoreError": OSError,
    "DiskError": OSError,
    "UnknownNameError": LookupError,
    "WeightsError": OSError,
    "TrainingError": RuntimeError,
    "ImportOrderError": ImportError,
}


def test_every_error_is_on_the_list_and_has_one_root():
    found = {name for name, value in inspect.getmembers(errors, inspect.isclass) if value is not EssentiaLdlError}
    assert found == set(LEAVES)


@pytest.mark.parametrize(("name", "builtin"), LEAVES.items())
def test_a_leaf_is_caught_by_the_builtin_and_says_what_it_was_given(name, builtin):
    kind = getattr(errors, name)
    for caught in (builtin, EssentiaLdlError):
        with pytest.raises(caught, match=r"^why$"):
            raise kind("why")


def test_the_message_has_one_form():
    message = explain("label", "a class name", "", "a.csv, row 3", "Fill it.")
    assert message == "label: expected a class name; got '' (a.csv, row 3). Fill it."


@pytest.mark.parametrize("n", [0, 1, SHOWN - 2, SHOWN - 1, SHOWN, 5000])
def test_a_value_takes_at_most_its_share_and_keeps_both_ends(n):
    value = "a" + "x" * n + "z"
    shown = show(value)
    assert len(shown) == min(len(repr(value)), SHOWN)
    assert shown.startswith("'a")
    assert shown.endswith("z'")
    assert (shown == repr(value)) == (len(repr(value)) <= SHOWN)


def test_an_error_within_an_error_stays_whole():
    inner = explain("x", "y", "z" * 5000, "w", "Correct the value, whatever it was before somebody wrote it.")
    assert show(errors.DataError(inner)) == repr(inner)
    assert len(inner) < 200


def test_what_cannot_be_written_is_told_by_its_type():
    deep: list = []
    for _ in range(100000):
        deep = [deep]
    assert show(deep) == "(a list too large to write)"
    assert show(10**5000) == "(a int too large to write)"
    assert len(explain("x", "y", {"a": deep}, "z", "w.")) < 100
