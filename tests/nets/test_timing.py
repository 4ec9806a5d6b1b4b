"""The program that measures networks: plausible seconds, in a file."""

from __future__ import annotations

import pytest

from essentia_ldl.files import read_json
from essentia_ldl.nets import timing


@pytest.mark.slow
def test_a_head_is_measured_with_its_frozen_network(tmp_path):
    path = tmp_path / "costs.json"
    assert timing.main([str(path), "vgg:head", "--batch-size", "4"]) == 0
    (row,) = read_json(path).values()
    assert row["batch_size"] == 4
    assert 0 < row["patch_s"] < row["embed_s"], "a head is quicker than the network that feeds it"
    assert 0 < row["step_s"] < 1


@pytest.mark.slow
@pytest.mark.parametrize("fine_tune", ["none", "all"])
def test_a_whole_network_trains_slower_than_it_evaluates(fine_tune):
    row = timing.measure("vgg", fine_tune, batch_size=2, n_repeats=1)
    assert row["embed_s"] == 0
    assert row["step_s"] > row["patch_s"] > 0


@pytest.mark.slow
def test_the_last_layers_are_measured_with_what_is_frozen_below_them():
    row = timing.measure("musicnn", "top", batch_size=2, n_repeats=1)
    assert 0 < row["patch_s"] < row["embed_s"], "what is kept is most of the work"
    assert row["step_s"] > 0


@pytest.mark.slow
def test_a_narrow_network_is_quicker(tmp_path):
    path = tmp_path / "costs.json"
    assert timing.main([str(path), "fcn:none", "fcn:none:0.0625", "--batch-size", "2"]) == 0
    whole, narrow = read_json(path).values()
    assert narrow["step_s"] < whole["step_s"]


def test_an_unknown_network_is_one_line(tmp_path, capsys):
    assert timing.main([str(tmp_path / "costs.json"), "vgx:none"]) == 1
    assert "vgg" in capsys.readouterr().err
