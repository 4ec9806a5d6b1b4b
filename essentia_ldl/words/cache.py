"""What was read of a large file of word vectors, kept, so that the same words are not looked for in it again.

In: a file, wanted words, and a folder. Out: the same `Scan` as without the folder. To read a gigabyte takes seconds; a
file of the folder has the words that were ever wanted of one file, found or not, while that one does not change.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Collection
from pathlib import Path

import numpy as np

from essentia_ldl.arrays import read_arrays
from essentia_ldl.errors import StoreError
from essentia_ldl.files import replacing
from essentia_ldl.words.formats import ANY_BYTES, Scan, scan_file

WORTH_BYTES = 2**24  # a smaller file is read in a tenth of a second


def scan_kept(path: str | os.PathLike[str], wanted: Collection[str], folder: Path) -> Scan:
    """Read the vectors of some words as `formats.scan_file` does, from what was kept of the file where that has them.

    Parameters
    ----------
    path : path
        The file.
    wanted : collection of str
        As the file spells them.
    folder : Path
        Where it is kept; made when missing. One that cannot be written only costs time.

    Raises
    ------
    StoreError, DataError
        As `scan_file`.
    """
    try:
        status = os.stat(path)
    except OSError:
        return scan_file(path, wanted)  # which says what is wrong
    if status.st_size < WORTH_BYTES:
        return scan_file(path, wanted)
    target = Path(folder) / f"{hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:16]}.npz"
    state = np.array([status.st_size, status.st_mtime_ns])
    asked, scan = _read(target, state)
    if scan is None or not asked.issuperset(wanted):
        asked |= set(wanted)
        scan = scan_file(path, asked)
        with contextlib.suppress(StoreError):
            _write(target, state, asked, scan)
    rows = [row for row, word in enumerate(scan.words) if word in wanted]
    return Scan(tuple(scan.words[row] for row in rows), scan.vectors[rows], scan.common, scan.n_rows)


def _read(target: Path, state: np.ndarray) -> tuple[set[str], Scan | None]:
    """Return the words that were wanted before, and what was found; nothing of a file that has changed."""
    with contextlib.suppress(StoreError, UnicodeDecodeError, KeyError, ValueError):
        kept = read_arrays(target, "word vectors")
        if np.array_equal(kept["state"], state):
            texts = {
                name: tuple(bytes(kept[name]).decode(errors=ANY_BYTES).split("\n"))
                for name in ("asked", "words", "common")
            }
            words = texts["words"][: len(kept["vectors"])]
            return set(texts["asked"]), Scan(words, kept["vectors"], texts["common"], int(kept["n_rows"]))
    return set(), None


def _write(target: Path, state: np.ndarray, asked: Collection[str], scan: Scan) -> None:
    texts = {"asked": sorted(asked), "words": scan.words, "common": scan.common}
    arrays = {name: np.frombuffer("\n".join(texts[name]).encode(errors=ANY_BYTES), np.uint8) for name in texts}
    with replacing(target) as file:
        np.savez(file, state=state, vectors=scan.vectors, n_rows=np.array(scan.n_rows), **arrays)
