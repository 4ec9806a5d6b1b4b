"""What the terminal shows of `install`."""

from __future__ import annotations

from collections.abc import Iterator

from essentia_ldl.install.command import Installed

MOST_NAMES = 3


def describe_installed(done: Installed) -> Iterator[str]:
    """Yield the notes, and how much of each group of models the folder has."""
    for note in done.notes:
        yield f"note: {note}"
    for lack in done.lacks:
        n_all = len(lack.has) + len(lack.lacks)
        if not lack.lacks:
            yield f"the folder has all {n_all} files of: {lack.group}"
            continue
        shown = ", ".join(lack.lacks[:MOST_NAMES])
        more = len(lack.lacks) - MOST_NAMES
        shown += f" and {more} more" if more > 0 else ""
        yield f"the folder has {len(lack.has)} of {n_all} of: {lack.group}; it lacks {shown}"
