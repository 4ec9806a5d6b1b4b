"""Stages: what is one, where each begins, and the published ones."""

from __future__ import annotations

import pytest

from essentia_ldl.stages import PUBLISHED, are_stages, count_epochs, find_stage, read_stage


@pytest.mark.parametrize("text", ["adam 1e-4 80", "sgd 0.001 1"])
def test_a_stage_is_read(text):
    stage = read_stage(text)
    assert [stage.optimizer, f"{stage.learning_rate:g}", str(stage.epochs)] == [
        text.split()[0],
        f"{float(text.split()[1]):g}",
        text.split()[2],
    ]


@pytest.mark.parametrize(
    "text", ["", "adam", "adam 1e-4", "adam 0 5", "adam nan 5", "adam 1e-4 0", "rms 1 1", "a b c d"]
)
def test_what_is_none_is_told(text):
    assert are_stages(["adam 1e-4 80"])
    assert not are_stages(["adam 1e-4 80", text])


def test_the_published_ones_are_those_of_the_authors_code():
    """Won et al.: Adam 1e-4 for 80 epochs, SGD 1e-3 and 1e-4 for 20 each, then 1e-5; 200 epochs in all."""
    assert count_epochs(PUBLISHED) == 200
    found = [find_stage(PUBLISHED, epoch) for epoch in range(202)]
    assert [epoch for epoch, (_, begins) in enumerate(found) if begins] == [80, 100, 120]
    rates = [stage.learning_rate for stage, _ in found]
    assert (rates[0], rates[79], rates[80], rates[100], rates[120], rates[201]) == (1e-4, 1e-4, 1e-3, 1e-4, 1e-5, 1e-5)
    assert [found[epoch][0].optimizer for epoch in (79, 80, 199)] == ["adam", "sgd", "sgd"]
