"""One pass over a file of word vectors, of which the wanted rows are kept. What the file is, is found by its content.

Four kinds are read, each of them also packed by gzip:

- text without a header, one word and its numbers per line, as GloVe's;
- the same below a line with the numbers of rows and columns, as the .vec of fastText and the text of word2vec;
- the binary file of word2vec: that line, then per row the word, a space and little-endian float32;
- a table (.csv, .tsv) whose first column is the word, with a header or without.

A file has up to some millions of rows, so that memory holds the wanted ones and the spelling of the first ones, which
are the commonest words where a file is sorted as these are.

References
----------
J. Pennington, R. Socher, C. Manning, "GloVe: global vectors for word representation" (EMNLP 2014). T. Mikolov et al.,
"Distributed representations of words and phrases and their compositionality" (NIPS 2013), word2vec. P. Bojanowski et
al., "Enriching word vectors with subword information" (TACL 2017), fastText.
"""

from __future__ import annotations

import dataclasses
import gzip
import os
import re
import zlib
from collections.abc import Collection
from typing import BinaryIO, NoReturn

import numpy as np

from essentia_ldl.errors import DataError, Reason, StoreError, explain

SOURCES = (
    "Free ones: GloVe (https://nlp.stanford.edu/projects/glove, glove.6B.zip, public domain), fastText "
    "(https://fasttext.cc/docs/en/english-vectors.html, the .vec files, CC BY-SA) and word2vec "
    "(https://code.google.com/archive/p/word2vec, GoogleNews-vectors-negative300.bin.gz)."
)
WHAT = "file of word vectors"
N_COMMON = 100_000  # spellings that are kept, to suggest from
MOST_BYTES = 2**20  # of a line, and of what is looked at to tell the kind
BLOCK_BYTES = 2**22
MOST_WORD = 2**12  # bytes of a word in a binary file
ANY_BYTES = "surrogateescape"  # a word on a command line need not be UTF-8, nor that of a file
SEPARATORS = (b"\t", b";", b",", b" ")
_HEADER = re.compile(rb"\s*(\d+)[ \t]+(\d+)[ \t]*\r?\n")
_OTHERS = {  # first bytes -> what it is, and what to do
    b"PK\3\4": ("a .zip archive", "Unpack it, and name one of the files in it."),
    b"\xba\x16\x4f\x2f": ("a model of fastText", "Take its .vec file, which has the vectors as text."),
    b"\x93NUMPY": ("a single array", "Name a file that has the words too."),
}


@dataclasses.dataclass(frozen=True)
class Scan:
    """What one pass over a file found.

    Parameters
    ----------
    words : tuple[str, ...]
        The wanted ones that the file has, in its order.
    vectors : np.ndarray [shape=(n_words, n_columns), float32]
        One row per word.
    common : tuple[str, ...]
        The first words of the file.
    n_rows : int
        How many words the file has.
    """

    words: tuple[str, ...]
    vectors: np.ndarray
    common: tuple[str, ...]
    n_rows: int


def scan_file(path: str | os.PathLike[str], wanted: Collection[str]) -> Scan:
    """Read the vectors of some words; of a word that a file has twice, the first one.

    Parameters
    ----------
    path : path
        The file.
    wanted : collection of str
        As the file spells them.

    Returns
    -------
    Scan
        Without the words that the file does not have.

    Raises
    ------
    StoreError
        When it cannot be opened.
    DataError
        When it holds no word vectors, is cut or damaged, or its rows differ in width.
    """
    try:
        with open(path, "rb") as plain:
            if plain.read(2) == b"\x1f\x8b":
                plain.seek(0)
                with gzip.open(plain) as packed:
                    return _scan(packed, str(path), wanted)
            plain.seek(0)
            return _scan(plain, str(path), wanted)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        _refuse_damage(f"damage: {Reason(error)}", str(path))
    except OSError as error:
        reason = Reason(error.strerror or error)
        raise StoreError(explain(WHAT, "a file that can be read", reason, path, "Check the path.")) from None


def _scan(file: BinaryIO, path: str, wanted: Collection[str]) -> Scan:
    head = file.read(MOST_BYTES)
    file.seek(0)
    for start, (kind, remedy) in _OTHERS.items():
        if head.startswith(start):
            raise DataError(explain(WHAT, "words and their numbers", kind, path, remedy))
    keeper = _Keeper(wanted, path)
    header = _HEADER.match(head)
    if header:
        n_told, width = int(header[1]), int(header[2])
        file.seek(header.end())
        first = head[header.end() :].partition(b"\n")[0]
        if width < 1:
            _refuse_kind(header[0], path)
        keeper.width = width
        if _has_numbers(first.rstrip(), b" ", width) or _has_numbers(first.rstrip(), b"\t", width):
            _scan_lines(file, keeper, b"\t" if first.count(b"\t") >= width else b" ", 2)
        else:
            _scan_binary(file, keeper, n_told)
        if keeper.n_rows != n_told:
            _refuse_damage(f"{keeper.n_rows} rows, and its first line tells {n_told}", path)
        return keeper.end()
    separator, has_names = _understand(head, path)
    keeper.width = len(head.partition(b"\n")[0].rstrip().split(separator)) - 1
    if has_names:
        file.readline()
    _scan_lines(file, keeper, separator, 1 + has_names)
    return keeper.end()


def _understand(head: bytes, path: str) -> tuple[bytes, bool]:
    """Return what separates the cells of a text without a header of counts, and whether its first line has names."""
    lines = [line.rstrip() for line in head.split(b"\n")[:2]]
    for separator in SEPARATORS:
        width = lines[0].count(separator)
        if width and _has_numbers(lines[0], separator, width):
            return separator, False
        if width and separator != b" " and len(lines) > 1 and _has_numbers(lines[1], separator, width):
            return separator, True
    _refuse_kind(lines[0], path)


def _has_numbers(line: bytes, separator: bytes, width: int) -> bool:
    """Tell whether a line is a word, which may have separators in it, and that many numbers."""
    cells = line.rsplit(separator, width)
    return len(cells) == width + 1 and bool(cells[0]) and _read_numbers(cells[1:]) is not None


def _read_numbers(cells: list[bytes]) -> np.ndarray | None:
    try:
        with np.errstate(over="ignore"):  # what float32 does not hold is infinite, and refused where it is wanted
            return np.array([float(cell) for cell in cells], np.float32)
    except ValueError:
        return None


class _Keeper:
    """The rows that are wanted, as they are met."""

    def __init__(self, wanted: Collection[str], path: str) -> None:
        self.wanted = {word.encode(errors=ANY_BYTES) for word in wanted}
        self.path, self.width, self.n_rows = path, 0, 0
        self._found: dict[bytes, np.ndarray] = {}
        self._common: list[bytes] = []

    def meet(self, word: bytes) -> bool:
        """Count a row; tell whether its numbers are wanted."""
        self.n_rows += 1
        if self.n_rows <= N_COMMON:
            self._common.append(word)
        return word in self.wanted and word not in self._found

    def keep(self, word: bytes, vector: np.ndarray) -> None:
        """Take the numbers of a word; refuse those that are none."""
        if not np.all(np.isfinite(vector)):
            remedy = "Take another file, or correct the row."
            where = f"{self.path}, {word.decode(errors='replace')}"
            raise DataError(explain("word vector", "finite numbers", "NaN or infinity", where, remedy))
        self._found[word] = vector

    def end(self) -> Scan:
        """Return what was found."""
        if not self.n_rows:
            _refuse_kind(b"", self.path)
        words = tuple(word.decode(errors=ANY_BYTES) for word in self._found)
        vectors = np.array([*self._found.values()], np.float32).reshape(len(words), self.width)
        return Scan(words, vectors, tuple(word.decode(errors="replace") for word in self._common), self.n_rows)


def _scan_lines(file: BinaryIO, keeper: _Keeper, separator: bytes, number: int) -> None:
    """Read rows of text, from the line of that number on."""
    width = keeper.width
    for line in iter(lambda: file.readline(MOST_BYTES), b""):
        row = line.rstrip()
        if row:
            word = _read_word(row, separator) if row.count(separator) == width else _split_long(row, separator, keeper)
            if word is None:
                _refuse_width(row, separator, keeper, number, is_cut=not line.endswith(b"\n") or not file.read(1))
            if keeper.meet(word):
                vector = _read_numbers(row.rsplit(separator, width)[1:])
                if vector is None:
                    _refuse_width(row, separator, keeper, number, is_cut=not line.endswith(b"\n"))
                keeper.keep(word, vector)
        number += 1


def _read_word(row: bytes, separator: bytes) -> bytes:
    return row[: row.index(separator)].strip(b' "')


def _split_long(row: bytes, separator: bytes, keeper: _Keeper) -> bytes | None:
    """Return the word of a row with more separators than numbers; None when it has more or fewer numbers."""
    cells = row.rsplit(separator, keeper.width)
    is_long = len(cells) == keeper.width + 1 and separator in cells[0]
    if not is_long or _read_numbers([cells[0].rpartition(separator)[2]]) is not None:
        return None
    return cells[0].strip(b' "')


def _refuse_width(row: bytes, separator: bytes, keeper: _Keeper, number: int, *, is_cut: bool) -> NoReturn:
    n_found = row.count(separator)
    if is_cut and n_found <= keeper.width:
        _refuse_damage(f"a last row of {n_found} numbers", keeper.path)
    rule = f"{keeper.width} numbers in every row, as in the first"
    found = f"{n_found} in line {number}" if n_found != keeper.width else f"{row[:60]!r} in line {number}"
    raise DataError(explain(WHAT, rule, found, keeper.path, "Get the file again, or correct that row."))


def _scan_binary(file: BinaryIO, keeper: _Keeper, n_told: int) -> None:
    """Read the rows of word2vec's binary file; some writers end each with a line feed."""
    n_bytes = keeper.width * 4
    if n_bytes > BLOCK_BYTES:
        _refuse_kind(b"%d columns" % keeper.width, keeper.path)
    data, at = file.read(BLOCK_BYTES), 0
    for _ in range(n_told):
        if len(data) - at < MOST_WORD + n_bytes:
            data, at = data[at:] + file.read(BLOCK_BYTES), 0
        space = data.find(b" ", at, at + MOST_WORD)
        if space < 0 or len(data) - space - 1 < n_bytes:
            if space < 0 and len(data) - at >= MOST_WORD:
                _refuse_damage(f"no word in row {keeper.n_rows + 1}", keeper.path)
            return
        word = data[at:space].lstrip(b"\n")
        at = space + 1 + n_bytes
        if keeper.meet(word):
            keeper.keep(word, np.frombuffer(data, "<f4", keeper.width, space + 1).copy())


def _refuse_kind(found: bytes, path: str) -> NoReturn:
    rule = "rows of a word and its numbers (text or binary of GloVe, word2vec or fastText, or a table)"
    shown = Reason(found[:60].decode(errors="replace")) if found.strip() else "nothing"
    raise DataError(explain(WHAT, rule, shown, path, SOURCES))


def _refuse_damage(found: str, path: str) -> NoReturn:
    raise DataError(explain(WHAT, "a whole file", found, path, "It is cut or damaged: get it again."))
