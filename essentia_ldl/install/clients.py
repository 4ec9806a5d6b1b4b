"""What a folder of models lacks for programs that use several of them together.

In: the file clients.json and a folder. Out: one `Lack` per group of which the folder has something.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from essentia_ldl.files import read_object


@dataclasses.dataclass(frozen=True)
class Family:
    """Models that programs use together.

    Parameters
    ----------
    name : str
        What they are.
    needs : tuple[str, ...]
        Names of models.
    below : str
        The extractor whose embeddings they read; empty for none.
    """

    name: str
    needs: tuple[str, ...]
    below: str = ""


@dataclasses.dataclass(frozen=True)
class Lack:
    """How much of a group a folder has.

    Parameters
    ----------
    group : str
        Its name.
    has, lacks : tuple[str, ...]
        Names of models, the extractor with them.
    """

    group: str
    has: tuple[str, ...]
    lacks: tuple[str, ...]


@functools.cache
def read_groups() -> tuple[Family, ...]:
    """Read the groups of clients.json."""
    known = read_object(Path(str(resources.files("essentia_ldl.install") / "clients.json")))
    return tuple(Family(one["name"], tuple(one["needs"]), one.get("below", "")) for one in known["groups"])


def find_lacks(folder: Path, installed: Iterable[str]) -> tuple[Lack, ...]:
    """Tell what a folder lacks for the groups that something was installed for.

    Parameters
    ----------
    folder : Path
        Its models may be in folders below it.
    installed : iterable of str
        Names that were installed; groups without one of them are not told.
    """
    there = {path.stem for path in folder.rglob("*.pb") if path.with_suffix(".json").is_file()}
    new = set(installed)
    found = []
    for group in read_groups():
        wanted = (*group.needs, *([group.below] if group.below else []))
        if new & set(group.needs):
            lacks = tuple(name for name in wanted if name not in there)
            found.append(Lack(group.name, tuple(name for name in wanted if name in there), lacks))
    return tuple(found)
