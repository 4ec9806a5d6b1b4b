"""Calls in a pool: each once, few under way, in order where that is wanted."""

from __future__ import annotations

import threading
import time

import pytest

from essentia_ldl.cluster.pool import Lost, Threads, as_failure, open_cluster, put_in_order, spread
from essentia_ldl.errors import DataError


@pytest.fixture
def threads():
    pool = Threads(3)
    yield pool
    pool.close()


def test_every_call_is_done_once(threads):
    calls = [(n, 1) for n in range(100)]
    found = list(spread(threads, lambda a, b: a + b, calls))
    assert sorted(found) == [(n, n + 1) for n in range(100)]
    assert list(spread(threads, print, [])) == []


def test_calls_run_side_by_side(threads):
    both = threading.Barrier(3, timeout=10)
    assert sorted(spread(threads, lambda n: both.wait() >= 0, [(0,), (1,), (2,)])) == [(0, True), (1, True), (2, True)]


def test_few_calls_are_under_way_and_few_results_wait(threads):
    begun = []

    def call(n):
        begun.append(n)
        if n == 0:
            time.sleep(0.3)
        return n

    results = spread(threads, call, [(n,) for n in range(500)], n_ahead=20)
    next(results)
    assert len(begun) <= 20
    assert sum(1 for _ in results) == 499


def test_an_error_of_a_call_comes_out(threads):
    with pytest.raises(ZeroDivisionError):
        list(spread(threads, lambda n: 1 / n, [(1,), (0,)]))


def test_results_are_put_in_order():
    assert list(put_in_order(iter([(2, "c"), (0, "a"), (1, "b"), (3, "d")]))) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("url", ["spark://host:1", "host:8786", "dask://", "ray://host:10001"])
def test_a_cluster_of_another_kind_is_refused(url):
    with pytest.raises(DataError, match=r"cluster: expected dask://host:port; got "):
        open_cluster(url)


def test_a_lost_call_is_a_failure_of_its_file():
    failure = as_failure("a.wav", "features", Lost("every worker that took it died"))
    assert (failure.path, failure.step) == ("a.wav", "features")
    assert failure.reason == "a.wav has no answer: every worker that took it died. Run it alone."
