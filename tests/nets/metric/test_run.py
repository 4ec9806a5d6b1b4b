"""The entry point: runs one after the other, what it prints, and how it ends."""

from __future__ import annotations

import re

import pytest

from essentia_ldl.nets.metric.run import describe, main


@pytest.mark.slow
def test_runs_are_trained_and_those_with_a_stem_exported(make_space, capsys):
    plans = [make_space("one", settings={"epochs": 1}, stem=""), make_space("two", settings={"epochs": 1})]
    assert main([str(plan.folder) for plan in plans]) == 0
    assert not (plans[0].folder / "export").exists()
    assert (plans[1].folder / "export" / "mine-musicnn.pb").is_file()
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"artists of mine: trained 1 epochs, best is epoch 1, validation MAP \d\.\d{3} \(\d+ s\)", said[0]
    )
    assert said[-1].startswith("artists of mine: exported ")


def test_an_error_is_one_line(make_space, tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "plan.json" in capsys.readouterr().err


def test_a_map_is_told_as_one():
    assert describe({"epochs": [], "best_epoch": 0}) == "a map without training"
