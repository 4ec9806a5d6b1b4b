"""Batches made ahead: the same ones in the same order, during a step, and what making one raises."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from essentia_ldl.nets.inputs.ahead import make_ahead


def test_what_is_drawn_is_what_would_be_drawn_without():
    def draw(random):
        return (random.integers(0, 1000, 5) for _ in range(20))

    plain, ahead = list(draw(np.random.default_rng(3))), list(make_ahead(draw(np.random.default_rng(3))))
    np.testing.assert_array_equal(ahead, plain)
    assert list(make_ahead(iter(()))) == []


def test_the_next_one_is_made_before_it_is_asked_for_and_none_beyond_it():
    made, second = [], threading.Event()

    def make():
        for number in range(4):
            made.append((number, threading.get_ident()))
            if number == 1:
                second.set()
            yield number

    batches = make_ahead(make())
    assert made == []
    assert next(batches) == 0
    assert second.wait(10), "made by another thread while this one waits"
    assert [number for number, _ in made] == [0, 1]
    assert threading.get_ident() not in {thread for _, thread in made}
    assert list(batches) == [1, 2, 3]
    assert len({thread for _, thread in made}) == 1


def test_an_error_comes_where_its_batch_would_have_come():
    def make():
        yield 1
        raise ValueError("damaged")

    batches = make_ahead(make())
    assert next(batches) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(batches)


def test_whoever_stops_in_the_middle_leaves_no_thread():
    before = threading.active_count()
    batches = make_ahead(iter(range(100)))
    assert next(batches) == 0
    batches.close()
    assert threading.active_count() == before
