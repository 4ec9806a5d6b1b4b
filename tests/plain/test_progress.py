"""Who hears what long work says, and when bars are hidden."""

from __future__ import annotations

import sys
import threading

import pytest

from essentia_ldl.progress import find_listener, hides_bars, listening


@pytest.fixture
def terminal(monkeypatch):
    """A terminal behind stderr, and no parent that draws bars."""
    monkeypatch.delenv("ESSENTIA_LDL_BARS", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def test_bars_are_for_a_terminal_that_nobody_else_draws_on(terminal, monkeypatch):
    assert not hides_bars()
    monkeypatch.setenv("ESSENTIA_LDL_BARS", "0")
    assert hides_bars()
    monkeypatch.delenv("ESSENTIA_LDL_BARS")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert hides_bars()


def test_who_listens_sees_no_bars_as_long_as_he_listens(terminal):
    assert find_listener() is None
    with listening(print):
        assert find_listener() is print
        assert hides_bars()
        with listening(repr):  # a call within a call
            assert find_listener() is repr
        assert find_listener() is print
    assert find_listener() is None
    with pytest.raises(ZeroDivisionError), listening(print):
        raise ZeroDivisionError
    assert not hides_bars()


def test_another_thread_hears_nothing(terminal):
    found = []
    with listening(print):
        thread = threading.Thread(target=lambda: found.append((find_listener(), hides_bars())))
        thread.start()
        thread.join()
    assert found == [(None, False)]
