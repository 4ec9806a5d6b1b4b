"""Which Essentia makes features here, told by what is installed, so that nobody has to load it."""

from __future__ import annotations

import functools
import importlib.metadata
import re

DISTRIBUTIONS = ("essentia-tensorflow", "essentia")
UNKNOWN = "unknown"  # where none is installed: another machine makes the features


@functools.cache
def find_essentia() -> str:
    """Return the version of Essentia, such as "2.1b6.dev1389", as a part of the name of a folder."""
    for name in DISTRIBUTIONS:
        try:
            return re.sub(r"[^0-9A-Za-z.+]", "_", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            continue
    return UNKNOWN
