"""Plug-ins by walking a package: a file that is there is a plug-in; there is no list to edit."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType

from essentia_ldl.errors import UnknownNameError, explain


def names(package: str) -> list[str]:
    """List the public modules of a package, without importing them.

    Parameters
    ----------
    package : str
        Dotted name, such as ``"essentia_ldl.datasets"``.

    Returns
    -------
    list[str]
        Module names in alphabetical order.
    """
    return list(_walk(tuple(importlib.import_module(package).__path__)))


@functools.cache
def _walk(path: tuple[str, ...]) -> tuple[str, ...]:
    """List the public modules in the folders of a package, which are read once per process."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(path) if not info.name.startswith("_")))


def load(package: str, name: str) -> ModuleType:
    """Import one plug-in of a package.

    Raises
    ------
    UnknownNameError
        When the package has no such module; the message names the nearest one.
    """
    known = names(package)
    if name not in known:
        raise unknown(package.rsplit(".", 1)[-1], name, known)
    return importlib.import_module(f"{package}.{name}")


def suggest(name: str, known: Iterable[str], otherwise: str = "Take one of these.") -> str:
    """Return the sentence that helps who wrote a name that does not exist: the nearest one, where one is near.

    A message that does not list the names says something else `otherwise`.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"Did you mean {near[0]!r}?" if near else otherwise if known else "Make one first."


def unknown(what: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Make the error for a name that does not exist, with the nearest name as the remedy."""
    known = sorted(known)
    rule = "one of " + ", ".join(known) if known else "one that exists (there are none yet)"
    return UnknownNameError(explain(what, rule, name, "by name", suggest(name, known)))
