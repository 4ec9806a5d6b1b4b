"""What a value of a run's files may be."""

from __future__ import annotations

import pytest

from essentia_ldl.runs.kinds import KINDS, find_wrong

# of every kind something that is, and something that json may hold instead
CASES = {
    "str": (["", "a"], [3, None, ["a"], {}]),
    "int": ([0, -3], [True, 1.0, "1", None]),
    "float": ([0, 1.5, float("nan")], [False, "1", None, [1.0]]),
    "bool": ([True, False], [0, 1, "yes", None]),
    "tuple[str, ...]": ([[], ["a"], ("a", "b")], ["ab", [1], [["a"]], {"a": 1}, None]),
    "tuple[int, ...]": ([[], [1, 2]], ["12", [1.5], [True], ["a"], 5]),
    "tuple[tuple[int, ...], ...]": ([[], [[1, 2], [3, 4]]], [[1, 2], [[1.5]], ["ab"], {}]),
    "tuple[tuple[str, int], ...]": ([[], [["a", 1]], [("a", 2)]], [["a"], [["a", 1.5]], [["a", 1, 2]], [[1, "a"]], {}]),
    "tuple[Mapping, ...]": ([[], [{}, {"a": 1}]], [{}, [[]], ["a"], 5]),
    "Mapping[str, Any]": ([{}, {"a": None}], [[], None, 3, "a", {3: "a"}]),
    "Mapping[str, str]": ([{}, {"a": "b"}], [{"a": 5}, {"a": None}, ["a"]]),
    "Mapping[str, str | None]": ([{"a": "b", "c": None}], [{"a": 5}, "a"]),
    "Mapping[str, float | None]": ([{"a": 1, "b": None, "c": 0.5}], [{"a": "1"}, {"a": True}, [0.5]]),
    "Mapping[str, Mapping]": ([{}, {"a": {}}], [{"a": 3}, {"a": [1]}, []]),
}


def test_every_kind_has_its_cases():
    assert CASES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", CASES)
def test_a_kind_takes_its_own_and_refuses_others(kind):
    own, others = CASES[kind]
    assert [value for value in own if find_wrong({"key": kind}, {"key": value})] == []
    assert [value for value in others if not find_wrong({"key": kind}, {"key": value})] == []
    assert find_wrong({"key": f"{kind} | None"}, {"key": None}) is None
    wrong = others[0]
    assert find_wrong({"key": f"{kind} | None"}, {"key": wrong}) == ("key", f"{KINDS[kind][0]}, or none", wrong)


def test_what_is_missing_or_of_no_known_kind_is_not_looked_at():
    assert find_wrong({"a": "int", "b": "FrontEnd"}, {"b": 3, "c": "x"}) is None
