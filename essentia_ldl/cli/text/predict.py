"""What the terminal shows beside the answers of `predict`. In: counts; out: lines of text."""

from __future__ import annotations


def describe_notes(n_noted: int) -> list[str]:
    """Say how many files were repeated, where the document does not.

    Parameters
    ----------
    n_noted : int
        Files that are shorter than a patch, one or more.
    """
    files = "1 file was" if n_noted == 1 else f"{n_noted} files were"
    return [f"note: {files} shorter than a patch, and repeated to fill it. --notes adds a column that says which."]
