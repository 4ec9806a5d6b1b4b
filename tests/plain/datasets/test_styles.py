"""Styles of classes: mirrors, the spread of unknown names, and sub-styles around a class."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.datasets import _styles, demo
from essentia_ldl.errors import DataError

MOODS = ("acoustic", "electronic", "aggressive", "relaxed", "happy", "sad", "party")
DORTMUND = ("alternative", "blues", "electronic", "folkcountry", "funksoulrnb", "jazz", "pop", "raphiphop", "rock")


@pytest.fixture(scope="module")
def mood(tmp_path_factory):
    return demo.build_demo(tmp_path_factory.mktemp("demo") / "mood", ("sad", "non_sad"))


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("negation", ["non_", "not_"])
def test_a_negation_is_the_mirror(mood, negation):
    style, opposite = _styles.read_styles([mood, negation + mood])
    np.testing.assert_allclose(style.values + opposite.values, 1)
    assert np.abs(style.values - opposite.values).max() > 0.5


@pytest.mark.parametrize("classes", [DORTMUND, tuple("abcdefghij"), ("voice", "instrumental"), ("female", "male")])
def test_unknown_names_are_spread(classes):
    values = np.array([style.values for style in _styles.read_styles(classes)])
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)[np.triu_indices(len(classes), 1)]
    assert distances.min() > 0.5
    assert values.min() >= 0
    assert values.max() <= 1


def test_a_style_out_of_range_is_refused():
    with pytest.raises(DataError, match="style tempo: expected a number from 0 to 1; got 2"):
        _styles.Style(0, 2, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("n_substyles", [2, 4, 16])
def test_substyles_are_nearer_to_one_another_than_to_those_of_another_class(n_substyles):
    styles = _styles.read_styles(["a", "b", "c", "d"])
    rngs = [np.random.default_rng(c) for c in range(4)]
    subs = [_styles.spread_substyles(s, n_substyles, rng) for s, rng in zip(styles, rngs, strict=True)]
    values = np.array([sub.values for of_class in subs for sub in of_class])
    of_class = np.repeat(np.arange(4), n_substyles)
    distances = np.linalg.norm(values[:, None] - values[None], axis=-1)
    same = of_class[:, None] == of_class[None]
    within = distances[same & (distances > 0)]
    assert np.sum(distances == 0) == len(values)  # none is there twice
    assert 0.39 < within.min() <= within.max() < 0.58 < 0.87 < distances[~same].min()
    assert np.abs(values - 0.5).max() <= 0.5
