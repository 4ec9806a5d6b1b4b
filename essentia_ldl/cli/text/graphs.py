"""What the terminal shows of the pretrained networks. In: `Built`; out: lines of text."""

from __future__ import annotations

from essentia_ldl.train.prepare import Built


def describe_built(done: Built) -> list[str]:
    """Write where they are."""
    return [f"the pretrained networks are in {done.folder}"]
