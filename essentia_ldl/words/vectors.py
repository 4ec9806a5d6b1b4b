"""The vectors of the words that are wanted, and of phrases: the mean of the unit vectors of their words.

In: a file and phrases. Out: `WordVectors`, which says of each phrase how it was read. A phrase is looked for whole
first, its words joined in the ways that files join them ("hip-hop", "hip_hop", "hiphop"), as it is written, in small
letters, with a capital and in capitals; then word by word; then in the parts between hyphens.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from essentia_ldl.errors import DataError, UnknownNameError, explain
from essentia_ldl.words.cache import scan_kept
from essentia_ldl.words.formats import scan_file

N_NEAR = 3
_PARTS = re.compile(r"[\s_\-/&]+")


@dataclasses.dataclass(frozen=True)
class Phrase:
    """A phrase with its vector.

    Parameters
    ----------
    text : str
        As it was asked.
    unit : np.ndarray [shape=(d,), float32]
        Of length 1.
    spelled : tuple[str, ...]
        The words of the file whose unit vectors it is the mean of.
    """

    text: str
    unit: np.ndarray
    spelled: tuple[str, ...]

    @property
    def note(self) -> str:
        """A sentence on how it was read; empty where the file has it as it was asked."""
        if self.spelled == (self.text,):
            return ""
        if len(self.spelled) == 1:
            return f"{self.text} is read as {self.spelled[0]}."
        return f"{self.text} is the mean of {', '.join(self.spelled[:-1])} and {self.spelled[-1]}."


@dataclasses.dataclass(frozen=True)
class WordVectors:
    """Vectors of the words of some phrases.

    Parameters
    ----------
    path : str
        Their file.
    words : tuple[str, ...]
        As the file spells them.
    units : np.ndarray [shape=(n_words, d), float32]
        One row of length 1 per word; a word of zeros alone keeps them, and is like nothing.
    common : tuple[str, ...]
        Words of the file, to suggest from.

    Raises
    ------
    DataError
        When words and rows are not as many.
    """

    path: str
    words: tuple[str, ...]
    units: np.ndarray
    common: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.units.ndim != 2 or len(self.units) != len(self.words):
            rule = f"one row for each of {len(self.words)} words"
            raise DataError(explain("word vectors", rule, self.units.shape, self.path, "Read them again."))
        object.__setattr__(self, "_rows", {word: row for row, word in enumerate(self.words)})

    def find(self, text: str) -> Phrase:
        """Return a phrase with its vector.

        Parameters
        ----------
        text : str
            One of the phrases that the vectors were read for.

        Raises
        ------
        UnknownNameError
            When one of its words has no vector; the nearest spellings are named.
        """
        whole = self._choose(text)
        spelled = [whole] if whole else [word for one in _split(text) for word in self._spell(one)]
        if not spelled:
            raise self._unknown(text)
        mean = self.units[[self._rows[word] for word in spelled]].mean(axis=0, dtype=np.float64)
        length = np.linalg.norm(mean)
        if not length:
            remedy = "Leave a word out, or take another file."
            raise DataError(explain("word vector", "one that is not zero", spelled, self.path, remedy))
        return Phrase(text, (mean / length).astype(np.float32), tuple(spelled))

    def _choose(self, text: str) -> str | None:
        return next((word for word in list_spellings(text) if word in self._rows), None)

    def _spell(self, word: str) -> list[str]:
        """Return a word as the file has it, or the parts between its hyphens."""
        whole = self._choose(word)
        parts = [self._choose(part) for part in _PARTS.split(word) if part] if whole is None else [whole]
        if None in parts or not parts:
            raise self._unknown(word)
        return parts

    def _unknown(self, word: str) -> UnknownNameError:
        first = word[:1].lower()
        known = [other for other in self.common if other[:1].lower() == first and abs(len(other) - len(word)) < 3]
        near = difflib.get_close_matches(word, known, n=N_NEAR, cutoff=0.6)
        near = near or difflib.get_close_matches(word.lower(), known, n=N_NEAR, cutoff=0.6)
        remedy = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Take another word, or another file."
        return UnknownNameError(explain("word", "one that has a vector", word, self.path, remedy))


def read_vectors(path: str | os.PathLike[str], phrases: Iterable[str], folder: Path | None = None) -> WordVectors:
    """Read the vectors of the words of phrases; those without one are told by `WordVectors.find`.

    Parameters
    ----------
    path : path
        Text or binary of GloVe, word2vec or fastText, or a table; packed by gzip or not.
    phrases : iterable of str
        Words and phrases.
    folder : Path or None
        Where what was read of a large file is kept, so that the same words are found at once; None keeps nothing.

    Raises
    ------
    StoreError
        When the file cannot be opened.
    DataError
        When it holds no word vectors, is cut or damaged, or its rows differ in width.
    """
    wanted = {
        spelling
        for phrase in phrases
        for word in (phrase, *_split(phrase), *_PARTS.split(phrase))
        for spelling in list_spellings(word)
    }
    scan = scan_file(path, wanted) if folder is None else scan_kept(path, wanted, folder)
    lengths = np.linalg.norm(scan.vectors.astype(np.float64), axis=1, keepdims=True)
    units = (scan.vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return WordVectors(str(path), scan.words, units, scan.common)


def list_spellings(text: str) -> list[str]:
    """List how files may write a word or a phrase, the likeliest first.

    Examples
    --------
    >>> list_spellings("sad")
    ['sad', 'Sad', 'SAD']
    >>> list_spellings("Hip-Hop")[:8]
    ['Hip-Hop', 'hip-hop', 'HIP-HOP', 'Hip_Hop', 'hip_hop', 'HIP_HOP', 'HipHop', 'hiphop']
    """
    text = " ".join(text.split())
    joined = [text]
    parts = [part for part in _PARTS.split(text) if part]
    if len(parts) > 1:
        is_phrase = " " in text
        joined += [joint.join(parts) for joint in (("_", "-", " ") if is_phrase else ("-", "_", "", " "))]
    cases = (str, str.lower, str.title, str.upper)
    return list(dict.fromkeys(case(one) for one in joined for case in cases))


def _split(text: str) -> list[str]:
    return text.replace("_", " ").split()
