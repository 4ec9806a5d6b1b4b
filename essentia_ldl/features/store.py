"""Features on disk. In: arrays from the sound zone; out: arrays for labels and networks.

Layout: ``<root>/<front-end key>/<first two digits>/<content>.npy``, float32, or int16 samples of a front-end of
waveforms (`features.samples`). `content` is the sha256 of the audio
file's bytes, so a moved or renamed file keeps its features and a changed file gets new ones; the front-end's key
holds a digest of its numbers and the version of Essentia, so a changed hop size never meets old features, nor does
another Essentia; what another one made stays where it is and is made again. Variants of the audio, which are for
training, are in ``<front-end key>-<variant>``. ``<root>/files/`` remembers the content of a path by size and time of
change, so that a second run does not even read the audio. Everything is written to a temporary name and renamed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from essentia_ldl.arrays import read_array
from essentia_ldl.errors import StoreError, explain
from essentia_ldl.features.samples import find_dtype
from essentia_ldl.files import digest_file, is_file_name, read_json, read_object, replacing, write_json
from essentia_ldl.records import FrontEnd
from essentia_ldl.urls import is_url, stat_url
from essentia_ldl.versions import UNKNOWN, find_essentia

UNTOLD = "one that was not written down"  # by stores of earlier versions of this package


def array_path(folder: str | os.PathLike[str], content: str) -> Path:
    """Return where a folder of the store keeps the array of a content (sha256), whether it exists or not."""
    return Path(folder) / content[:2] / f"{content}.npy"


def find_variant(front_end: FrontEnd, variant: str) -> tuple[FrontEnd, str]:
    """Return the front-end and the variant that features are kept under: another quality is a front-end of its own."""
    kind, _, quality = variant.partition("-")
    if kind == "quality":
        return dataclasses.replace(front_end, resample_quality=int(quality)), ""
    return front_end, variant


class Store:
    """Features keyed by content and front-end.

    Parameters
    ----------
    root : path
        Folder of the store; made when first written to.
    of_any : bool
        Whether features that another version of Essentia made are read where there are no others: to show what a
        finished run was trained on, never to train.
    """

    def __init__(self, root: str | os.PathLike[str], of_any: bool = False) -> None:
        self.root, self.of_any = Path(root).resolve(), of_any
        self._makers: dict[str, list[tuple[str, Path]]] = {}

    def path(self, content: str, front_end: FrontEnd, variant: str = "") -> Path:
        """Return where the features of a content are, or of a variant of its audio, whether they exist or not."""
        return array_path(self.root / (f"{front_end.key}-{variant}" if variant else front_end.key), content)

    def embeddings(self, front_end: FrontEnd, backbone: str, dataset: str, weights: Path) -> Path:
        """Return the folder of a pretrained network's embeddings; the digest of its weights file is in the name."""
        return self.root / f"{front_end.key}-{backbone}-{dataset}-{digest_file(weights)[:8]}"

    def has(self, content: str, front_end: FrontEnd, variant: str = "") -> bool:
        """Tell whether the features exist."""
        return self.path(content, front_end, variant).is_file()

    def find_makers(self, front_end: FrontEnd) -> dict[str, Path]:
        """Find the folders of a front-end's features that other versions of Essentia made.

        Returns
        -------
        dict[str, Path]
            By version, the newest folder first; `UNTOLD` is what was made before stores kept it.
        """
        name = re.compile(re.escape(front_end.numbers_key) + rf"(?:-(\d[^-]*|{UNKNOWN}))?")
        found = []
        with contextlib.suppress(OSError):
            for folder in self.root.iterdir():
                match = name.fullmatch(folder.name)
                if match is not None and folder.name != front_end.key and folder.is_dir():
                    found.append((folder.stat().st_mtime, match[1] or UNTOLD, folder))
        return {version: folder for _, version, folder in sorted(found, reverse=True)}

    def describe_makers(self, contents: Sequence[str], front_ends: Sequence[FrontEnd]) -> str:
        """Say of how many contents other versions of Essentia made what is missing; nothing where of none."""
        counts: Counter[str] = Counter()
        for content in contents:
            made = [
                version
                for front_end in front_ends
                if not self.has(content, front_end)
                for version, folder in self._list_makers(front_end)
                if array_path(folder, content).is_file()
            ]
            counts.update(made[:1])
        if not counts:
            return ""
        makers = ", ".join(f"{n} by {version}" for version, n in sorted(counts.items()))
        again = f"computed again with Essentia {find_essentia()}, and whatever follows from them"
        what = "1 track" if counts.total() == 1 else f"{counts.total()} tracks"
        return f"features of {what} were made by another Essentia ({makers}): {again}"

    def _list_makers(self, front_end: FrontEnd) -> list[tuple[str, Path]]:
        if front_end.key not in self._makers:
            self._makers[front_end.key] = list(self.find_makers(front_end).items())
        return self._makers[front_end.key]

    def read(self, content: str, front_end: FrontEnd, variant: str = "") -> np.ndarray:
        """Read features, mapped from disk.

        Returns
        -------
        np.ndarray [shape=(n_frames, n_bands), float32 or int16]

        Raises
        ------
        StoreError
            When they do not exist or are damaged; a damaged file is removed so that the next run makes it again.
        """
        path = self.path(content, front_end, variant)
        if self.of_any and not variant and not path.is_file():
            others = (array_path(folder, content) for _, folder in self._list_makers(front_end))
            path = next((other for other in others if other.is_file()), path)
        array = read_array(path, "features", "Run the command again.", mapped=True)
        dtype = find_dtype(front_end)
        if array.ndim != 2 or array.shape[1] != front_end.n_bands or array.dtype != dtype:
            path.unlink()
            raise StoreError(
                explain(
                    "features",
                    f"{dtype.name} (n_frames, {front_end.n_bands})",
                    (array.dtype.name, array.shape),
                    path,
                    "Run the command again.",
                )
            )
        return array

    def write(self, content: str, front_end: FrontEnd, array: np.ndarray, variant: str = "") -> None:
        """Write features atomically; array is (n_frames, n_bands), stored as float32, or as int16 if of a waveform."""
        with replacing(self.path(content, front_end, variant)) as file:
            # a signal that was not made samples yet would become zeros: numpy refuses floats that are to be whole
            np.save(file, np.ascontiguousarray(np.asarray(array).astype(find_dtype(front_end), casting="same_kind")))

    def write_pieces(
        self, content: str, front_end: FrontEnd, n_frames: int, pieces: Iterable[np.ndarray], variant: str = ""
    ) -> None:
        """Write features atomically that come in pieces, of `n_frames` in all: the same bytes as `write`."""
        dtype = find_dtype(front_end)
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
        with replacing(self.path(content, front_end, variant)) as file:
            np.lib.format.write_array_header_1_0(file, {**header, "shape": (n_frames, front_end.n_bands)})
            for piece in pieces:
                file.write(np.ascontiguousarray(piece.astype(dtype, casting="same_kind", copy=False)).data)

    def is_complete(self, content: str, front_ends: Sequence[FrontEnd]) -> bool:
        """Tell whether a content's description and the features of all these front-ends exist."""
        return self._info(content).is_file() and all(self.has(content, front_end) for front_end in front_ends)

    def write_info(self, content: str, info: dict[str, Any]) -> None:
        """Write what is known of an audio file beside its features (duration_s)."""
        write_json(self._info(content), info)

    def read_info(self, content: str) -> dict[str, Any]:
        """Read what `write_info` wrote; raise `StoreError` when it is missing or damaged."""
        path = self._info(content)
        info = read_object(path)
        if type(info.get("duration_s")) not in (int, float):
            found = info.get("duration_s")
            raise StoreError(explain("duration_s", "a number", found, path, "Delete it and run again."))
        return info

    def _info(self, content: str) -> Path:
        return self.root / "audio" / content[:2] / f"{content}.json"

    def recall(self, path: str) -> str | None:
        """Return the content of a file when it has not changed since `remember`, without reading it; else None."""
        try:
            version = _find_version(path)
            known = read_json(self._memory(path))
        except OSError:
            return None
        if not isinstance(known, dict) or not is_file_name(known.get("content")):  # it becomes part of paths
            return None
        same = version is not None and (known.get("size"), known.get("mtime_ns")) == version
        return known["content"] if same else None

    def remember(self, path: str, copy: str | None = None) -> str:
        """Digest a file, keep the result beside its size and time of change, and return the content.

        Parameters
        ----------
        path : str
            A file or a URL.
        copy : str or None
            The local copy of a URL.
        """
        known = self.recall(path)
        if known is not None:
            return known
        version = _find_version(path)
        content = digest_file(copy or path)
        if version is not None:
            found = {"path": str(path), "size": version[0], "mtime_ns": version[1], "content": content}
            write_json(self._memory(path), found)
        return content

    def _memory(self, path: str) -> Path:
        name = hashlib.sha256(os.fsencode(path if is_url(str(path)) else os.path.abspath(path))).hexdigest()
        return self.root / "files" / name[:2] / f"{name}.json"


def _find_version(path: str) -> tuple[int, int] | None:
    """Return the size of a file in bytes and when it changed, in ns; of a URL, what `stat_url` knows."""
    if is_url(str(path)):
        return stat_url(path)
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns
