"""What threads hold: each its own, until another key or the end."""

from __future__ import annotations

import threading

import pytest

from essentia_ldl.cluster.held import drop, drop_all, hold


class Thing:
    def __init__(self, fails: bool = False):
        self.n_closed, self.fails = 0, fails

    def close(self):
        self.n_closed += 1
        if self.fails:
            raise OSError("gone already")


@pytest.fixture(autouse=True)
def _nothing_left():
    yield
    drop_all()


def in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_keeps_what_it_made_until_the_key_changes():
    first = hold("a", Thing)
    assert hold("a", Thing) is first
    other = hold("b", Thing)
    assert other is not first
    assert (first.n_closed, other.n_closed) == (1, 0)


def test_threads_share_nothing():
    own = hold("a", Thing)
    both_alive = threading.Event()
    thread_has = []
    thread = threading.Thread(target=lambda: (thread_has.append(hold("a", Thing)), both_alive.wait(10)))
    thread.start()
    while not thread_has:
        pass
    assert thread_has[0] is not own
    assert hold("a", Thing) is own
    drop_all()
    assert (own.n_closed, thread_has[0].n_closed) == (1, 1)
    both_alive.set()
    thread.join()


def test_what_cannot_be_closed_is_dropped_all_the_same():
    hold("a", lambda: Thing(fails=True))
    drop()
    drop()
    assert hold("a", Thing).n_closed == 0
