"""Runs are found by their names, and what has not ended or is damaged is told in a sentence."""

from __future__ import annotations

import os
import shutil

import pytest

from essentia_ldl.errors import StoreError, UnknownNameError
from essentia_ldl.files import write_json
from essentia_ldl.report import results


def test_the_last_run_is_taken_and_another_one_by_name(home, make_writer):
    writer = make_writer(n_tracks=6)
    first, second = writer.train("one"), writer.train("two", source="none")
    os.utime(first / "scores.json", (1, 1))
    assert results.find_finished(None) == second
    assert results.find_finished("one") == first
    assert results.find_finished(str(first)) == first
    with pytest.raises(UnknownNameError, match=r"got 'three'.*There are: two, one"):
        results.find_finished("three")
    (home / "runs" / "damaged").mkdir()
    (home / "runs" / "damaged" / "scores.json").write_text('{"a":')
    assert results.find_finished(None) == second, "a damaged run that nobody asked for"
    with pytest.raises(UnknownNameError, match=r"There are: two, one\."):
        results.find_finished("three")
    with pytest.raises(StoreError, match=r"expected readable json.*damaged/scores\.json"):
        results.find_finished("damaged")
    (home / "runs" / "busy").mkdir()
    with pytest.raises(StoreError, match=r"one without scores\.json"):
        results.find_finished("busy")
    write_json(home / "runs" / "busy" / "scores.json", {"model": "x"})
    with pytest.raises(StoreError, match="one that is neither"):
        results.find_finished("busy")
    shutil.rmtree(home / "runs")
    with pytest.raises(UnknownNameError, match="Run train or crossval first"):
        results.find_finished(None)
