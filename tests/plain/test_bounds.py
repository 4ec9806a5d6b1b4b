"""Numbers that rates, margins and seeds may be: the ends of each range, and what is no number of it."""

from __future__ import annotations

import math

import pytest

from essentia_ldl.bounds import is_cosine_margin, is_rate, is_seed


@pytest.mark.parametrize(("is_it", "most"), [(is_rate, 10), (is_cosine_margin, 2), (is_seed, 2147483647)])
def test_a_range_has_its_end_and_nothing_beyond(is_it, most):
    assert is_it(1)
    assert is_it(most)
    assert not any(map(is_it, (most + 1, -1, math.inf, -math.inf, math.nan)))


def test_no_rate_and_no_margin_is_zero_and_a_seed_may_be():
    assert (is_rate(0), is_cosine_margin(0.0), is_seed(0)) == (False, False, True)
