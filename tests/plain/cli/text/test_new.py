"""A new recipe as lines of text."""

from __future__ import annotations

from pathlib import Path

from essentia_ldl.cli.text.new import describe_created
from essentia_ldl.recipe.new import Created
from essentia_ldl.recipe.recipe import Recipe


def test_the_classes_and_the_next_command_are_told():
    done = Created(Path("/x/recipes/energy.toml"), Recipe(task="energy", classes=("high", "low")))
    assert describe_created(done, "my music") == [
        "/x/recipes/energy.toml: 2 classes (high, low)",
        "next: make train TASK=energy DATA=my music",
    ]
