"""The tags of the released networks."""

from __future__ import annotations

from essentia_ldl.tags import TAGS


def test_tags():
    assert {dataset: len(set(tags)) for dataset, tags in TAGS.items()} == {"msd": 50, "mtt": 50}
    assert TAGS["msd"][0] == "rock"
    assert TAGS["mtt"][0] == "guitar"
