"""Arrays of .npy and .npz files, read here alone: damage of any kind is one sentence with the path and a remedy.

In: a file; out: its arrays. Sizes that a file declares are compared with the file before anything is unpacked, and
pickled objects are refused.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from essentia_ldl.errors import EssentiaLdlError, StoreError, explain

# What numpy and zipfile raise on files with flipped bits: wrong names, sizes, methods, headers that are no literals.
DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, IndexError, AttributeError, SyntaxError, RuntimeError),
    *(OverflowError, MemoryError, RecursionError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)
REMEDY = "Train the run again."
RATIO, SMALL_BYTES = 100, 2**26  # of what is unpacked: at most that many times the file, or that many bytes
_END = struct.Struct("<4s4H2LH")  # of an archive: its mark, and the third number is that of its members
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@contextlib.contextmanager
def opened_arrays(
    path: Path, what: str, remedy: str = REMEDY, rule: str = "a readable file"
) -> Iterator[Mapping[str, np.ndarray]]:
    """Open an .npz file, whose arrays are read when they are asked for.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it holds, for the message: "predictions", "weights".
    remedy : str
        What to do when it cannot be read.
    rule : str
        What it should be.

    Yields
    ------
    Mapping[str, np.ndarray]
        By name.

    Raises
    ------
    StoreError
        When the file is missing or damaged, also when this shows inside the block; an array that is asked for and
        missing is damage.
    """
    try:
        _check_archive(path)
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except EssentiaLdlError:
        raise
    except DAMAGE as error:
        raise StoreError(explain(what, rule, error, path, remedy)) from None


def read_arrays(path: Path, what: str, remedy: str = REMEDY, rule: str = "a readable file") -> dict[str, np.ndarray]:
    """Read every array of an .npz file, with the parameters and errors of `opened_arrays`."""
    with opened_arrays(path, what, remedy, rule) as arrays:
        return {name: np.asarray(arrays[name]) for name in arrays}


def read_array(
    path: Path,
    what: str,
    remedy: str = REMEDY,
    rule: str = "a readable array",
    *,
    mapped: bool = False,
    kept: bool = False,
) -> np.ndarray:
    """Read the array of an .npy file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it holds, for the message: "features", "embeddings".
    remedy : str
        What to do when it cannot be read.
    rule : str
        What it should be.
    mapped : bool
        Whether it stays on disk, and only what is looked at is read.
    kept : bool
        Whether a damaged file stays. Otherwise it is removed, so that the next run makes it again; one that cannot be
        opened, or for which there is no memory, stays in any case.

    Returns
    -------
    np.ndarray

    Raises
    ------
    StoreError
        When the file is missing or damaged.
    """
    try:
        with open(path, "rb") as file:
            _check_array(file, os.fstat(file.fileno()).st_size)
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except DAMAGE as error:
        if not kept and not isinstance(error, OSError | MemoryError):
            Path(path).unlink(missing_ok=True)
        raise StoreError(explain(what, rule, error, path, remedy)) from None


def _check_archive(path: Path) -> None:
    """Raise when members would unpack to more than they may, or hold more or less than their headers say."""
    with open(path, "rb") as file:
        if np.lib.format.MAGIC_PREFIX.startswith(file.read(6) or b"-"):
            raise ValueError("a single array")
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_count(file, len(members))
            declared = sum(member.file_size for member in members)
            if declared > max(RATIO * os.fstat(file.fileno()).st_size, SMALL_BYTES):
                raise ValueError(f"an archive that unpacks to {declared} bytes")
            for member in members:
                with archive.open(member) as stream:
                    _check_array(stream, member.file_size)


def _check_count(file: BinaryIO, n_members: int) -> None:
    """Raise when an archive does not end with the number of its members: damage may hide one behind another."""
    file.seek(-_END.size, os.SEEK_END)
    mark, *_, n_told, _, _, _ = _END.unpack(file.read(_END.size))
    if mark != b"PK\5\6" or n_told not in (n_members, 0xFFFF):  # the last one where there are more than that
        raise ValueError(f"an archive in which {n_members} arrays are found, and not as many as it tells")


def _check_array(file: BinaryIO, size: int) -> None:
    """Raise when an array is of objects, or its header does not tell the bytes that follow."""
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"format {version} of arrays")
    shape, _, kind = _HEADERS[version](file)
    if kind.hasobject:
        raise ValueError("an array of objects (allow_pickle is off)")
    told, there = math.prod(shape) * kind.itemsize, size - file.tell()
    if told != there or min(shape, default=0) < 0:
        raise ValueError(f"an array of {told} bytes, of which {there} are there")
