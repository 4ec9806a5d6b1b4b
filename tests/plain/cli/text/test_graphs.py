"""The pretrained networks as a line of text."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.graphs import describe_built
from essentia_ldl.train.prepare import Built


def test_the_folder_is_told():
    assert describe_built(Built(Path("/x/graphs"), ("msd-vgg-1",))) == ["the pretrained networks are in /x/graphs"]
