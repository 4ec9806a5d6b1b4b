"""The store of this machine, for workers that do not see it. In: jobs that name files of the store; out: those files.

A worker writes into a folder of its own in place of the store, and copies what it wrote to a place that all machines
see: a folder or a URL of fsspec. From there it goes into the store. Names in a store are digests, so that two workers
with the same file write the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from essentia_ldl.errors import Reason, StoreError
from essentia_ldl.files import replacing
from essentia_ldl.urls import open_file_system


@dataclasses.dataclass(frozen=True)
class Share:
    """A place that all machines see.

    Parameters
    ----------
    store : str
        The root of the store, as jobs name it.
    url : str
        A folder or a URL of fsspec.
    """

    store: str
    url: str

    @contextlib.contextmanager
    def stand_in(self, needs: Sequence[str] = ()) -> Iterator[tuple[Callable[[Any], Any], Callable[[], list[str]]]]:
        """Yield two functions: one lets a job name a folder in place of the store, one shares what is new there.

        Parameters
        ----------
        needs : sequence of str
            Files of the share that are in the folder from the start.

        Raises
        ------
        StoreError
            When the share cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="essentia-ldl-") as folder:
            Share(folder, self.url).fetch(needs)
            yield lambda job: relocate(job, self.store, folder), lambda: self._upload(folder, needs)

    def offer(self, names: Sequence[str]) -> None:
        """Copy files of the store into the share, where it does not have them.

        Parameters
        ----------
        names : sequence of str
            Relative to both.

        Raises
        ------
        StoreError
            When the share cannot be written.
        """
        system, base = open_file_system(self.url)
        for name in names:
            with self._naming(f"{self.url}/{name}", "written"):
                if not system.exists(f"{base}/{name}"):
                    _put(system, os.path.join(self.store, name), f"{base}/{name}")

    def fetch(self, names: Sequence[str]) -> None:
        """Copy files of the share into the store.

        Parameters
        ----------
        names : sequence of str
            Relative to both.

        Raises
        ------
        StoreError
            When the share cannot be read, or the store not be written.
        """
        system, base = open_file_system(self.url)
        for name in names:
            with (
                replacing(Path(self.store, name)) as file,
                self._naming(f"{self.url}/{name}", "read"),
                system.open(f"{base}/{name}", "rb") as source,
            ):
                shutil.copyfileobj(source, file)

    def _upload(self, folder: str, known: Sequence[str]) -> list[str]:
        system, base = open_file_system(self.url)
        found = {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}
        names = sorted(found - set(known))
        for name in names:
            with self._naming(f"{self.url}/{name}", "written"):
                _put(system, os.path.join(folder, name), f"{base}/{name}")
        return names

    @contextlib.contextmanager
    def _naming(self, where: str, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each file system has errors of its own
            remedy = "Check --share, and the rights of the machine."
            raise StoreError(f"{where} cannot be {what}: {Reason(error)}. {remedy}") from None


def _put(system: Any, path: str, place: str) -> None:
    """Copy a file to a place, where it appears when it is whole."""
    part = f"{place}.part-{uuid.uuid4().hex}"
    system.makedirs(place.rpartition("/")[0], exist_ok=True)
    system.put_file(path, part)
    system.mv(part, place)


def relocate(value: Any, old: str, new: str) -> Any:
    """Return plain values with every path below one folder moved below another.

    Examples
    --------
    >>> relocate({"store": "/home/store", "more": ["/home/store/a", "/home/stores"]}, "/home/store", "/tmp/x")
    {'store': '/tmp/x', 'more': ['/tmp/x/a', '/home/stores']}
    """
    if isinstance(value, dict):
        return {key: relocate(one, old, new) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(relocate(one, old, new) for one in value)
    if isinstance(value, str) and (value == old or value.startswith(old + os.sep)):
        return new + value[len(old) :]
    return value
