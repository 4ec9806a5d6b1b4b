"""Errors: one root, the builtins that a caller would catch, and a message that stays short whatever was found."""

from __future__ import annotations

import inspect

import pytest

from essentia_ldl import errors
from essentia_ldl.errors import SAID, SHOWN, EssentiaLdlError, Reason, explain, show

LEAVES = {
    "AudioError": OSError,
    "ClusterError": ConnectionError,
    "PictureError": OSError,
    "DataError": ValueError,
    "ArrayTypeError": TypeError,
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
    kinds = {name: value for name, value in inspect.getmembers(errors, inspect.isclass) if value is not Reason}
    assert set(kinds) - {"EssentiaLdlError"} == set(LEAVES)
    assert all(issubclass(value, EssentiaLdlError) for value in kinds.values())


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
    """Case C9: 80 characters, whatever the value."""
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


SAYS = f"AudioLoader: could not open {'d' * 80}/song.flac: invalid data found when processing input: end of file"


@pytest.mark.parametrize("reason", [Reason(SAYS), Reason(RuntimeError(SAYS)), RuntimeError(SAYS)])
def test_what_a_library_says_stays_whole(reason):
    assert SHOWN < 150 <= len(SAYS) <= SAID
    assert explain("audio", "a file that decodes", reason, "a.flac", "Re-encode it.") == (
        f"audio: expected a file that decodes; got {SAYS!r} (a.flac). Re-encode it."
    )


@pytest.mark.parametrize("value", ["v" * 3000, Reason("v" * 3000), RuntimeError("v" * 3000)])
def test_three_thousand_characters_do_not(value):
    assert len(show(value)) <= (SHOWN if isinstance(value, str) and not isinstance(value, Reason) else SAID + 2)


@pytest.mark.parametrize("kind", [Reason, ValueError])
def test_a_reason_is_one_line_and_never_empty(kind):
    assert show(kind("no node: x\n  in the graph\n")) == "'no node: x in the graph'"
    assert Reason(ValueError()) == "ValueError"
    assert show(ValueError()) == "'ValueError'"


def test_what_cannot_be_written_is_told_by_its_type():
    deep: list = []
    for _ in range(100000):
        deep = [deep]
    assert show(deep) == "(a list too large to write)"
    assert show(10**5000) == "(a int too large to write)"
    assert len(explain("x", "y", {"a": deep}, "z", "w.")) < 100
