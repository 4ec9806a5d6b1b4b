"""Rows of tables as spreadsheets, shells and libraries write them. In: the bytes of a file; out: cells, by line.

What this program wrote itself, and a spreadsheet may have saved since, is read by `read_csv`.

UTF-8, UTF-16 and UTF-32, with or without a byte order mark. The separator is what a first line ``sep=;`` says, or else
the one that makes a header of the names that are looked for. Comments above the header (``#TYPE`` of PowerShell), blank
rows, columns without a name and empty cells behind the last column are left out. A cell in quotes may hold separators
and ends of lines; a quote that is not closed before the next separator is a character as any other.
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence

from essentia_ldl.errors import DataError, StoreError, explain

SEPARATORS = ",\t;|"
_MORE = "^~:"  # only where they make a header of the names that are looked for
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEP_LINE = re.compile(r"\"?sep=(.)\"?[,;|\t\s]*", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\n|\r")


class QuoteError(ValueError):
    """A quote is opened and not closed; `line` is where."""

    def __init__(self, line: int) -> None:
        super().__init__("a quote that is not closed")
        self.line = line


@dataclasses.dataclass(frozen=True)
class Rows:
    """A header, and the rows below it with as many cells or fewer, each with its line from 1."""

    line: int
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def decode(data: bytes, errors: str = "strict") -> str:
    """Decode a table by its byte order mark, or by where its zero bytes stand; UTF-8 otherwise.

    Raises
    ------
    UnicodeDecodeError
        When it is none of these.

    Examples
    --------
    >>> decode("path,ü".encode("utf-16")), decode("path,ü".encode("utf-16-le")), decode("path,ü".encode())
    ('path,ü', 'path,ü', 'path,ü')
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    head = data[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 > len(head) and min(even, odd) == 0:  # text of letters of Europe
        return data.decode("utf-16-be" if even else "utf-16-le")
    return data.decode("utf-8", errors)


def read_csv(path: str | os.PathLike[str], what: str, remedy: str) -> list[list[str]]:
    """Read comma-separated values that this program wrote; file names in them need not be UTF-8.

    Parameters
    ----------
    path : path
        The file.
    what : str
        What it is, for the message.
    remedy : str
        What to do when it is damaged.

    Returns
    -------
    list[list[str]]
        The cells of every row that is not empty.

    Raises
    ------
    StoreError
        When it cannot be read.
    DataError
        When it is not such a table.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            return [row for row in csv.reader(file) if row]
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    except csv.Error as error:
        raise DataError(explain(what, "comma-separated values", error, path, remedy)) from error


def read_table(text: str, wanted: Sequence[str], separator: str | None = None) -> Rows | None:
    """Read a table; None when there is no row.

    Parameters
    ----------
    text : str
        All of it.
    wanted : sequence of str
        Names of columns, in small letters, by which the separator and the header are known.
    separator : str or None
        What it is to be where the header does not speak against it; None chooses.

    Returns
    -------
    Rows or None
        Names and cells as they are written; columns without a name are left out, where every row has room for them.

    Raises
    ------
    QuoteError
        When a quote is opened and not closed.
    """
    lines = _LINE_END.split(text)
    skipped = 0
    while skipped < len(lines) and (found := _read_preface(lines[skipped], wanted)) is not None:
        separator, skipped = found or separator, skipped + 1
    first = skipped
    if first == len(lines):
        return None
    lines[first] = lines[first].lstrip("\ufeff")
    if lines[first].lstrip().startswith("#"):
        lines[first] = lines[first].lstrip().lstrip("#").lstrip()
    separator = _choose_separator(lines[first], wanted, separator)
    rows = _split_lines(lines[first:], first + 1, separator)
    line, header = next(rows)
    kept = [i for i, name in enumerate(header) if name.strip()]
    found = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if cells[0].lstrip().startswith("#") and len(cells) != len(header):
            continue
        while len(cells) > len(header) and not cells[-1].strip():
            cells.pop()
        if len(cells) == len(header):
            cells = [cells[i] for i in kept]
        elif len(cells) >= len(kept) and kept == list(range(len(kept))) and not any(map(str.strip, cells[len(kept) :])):
            cells = cells[: len(kept)]
        found.append((number, tuple(cells)))
    return Rows(line, tuple(header[i] for i in kept), tuple(found))


def _read_preface(line: str, wanted: Sequence[str]) -> str | None:
    """Return what a line above the header says of the separator, "" when nothing; None for the header."""
    line = line.lstrip("\ufeff").strip()
    if not line or not line.strip(SEPARATORS + " "):
        return ""
    match = _SEP_LINE.fullmatch(line)
    if match:
        return match[1]
    if not line.startswith("#"):
        return None
    names = {name.strip(' "#').lower() for name in re.split(r"[,;|\t]", line)}
    return None if names.issuperset(wanted) else ""


def _choose_separator(header: str, wanted: Sequence[str], preferred: str | None) -> str:
    for separator in dict.fromkeys([*(preferred or ""), *SEPARATORS, *_MORE]):
        names = [name.strip(' "').lower() for name in header.split(separator)]
        if len(names) > 1 and set(wanted) <= set(names):
            return separator
    if preferred and preferred in header:
        return preferred
    return max(SEPARATORS, key=header.count)


def _split_lines(lines: list[str], first: int, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells), where a cell in quotes may go on over ends of lines."""
    text = "\n".join(lines)
    if '"' not in text:
        yield from ((first + i, line.split(separator)) for i, line in enumerate(lines))
        return
    end = re.escape(separator)
    quoted = re.compile(rf'[ ]*"((?:[^"]|"")*)"[ ]*(?={end}|\n|\Z)')
    plain = re.compile(rf"[^\n{end}]*")
    position, line, start, cells = 0, first, first, []
    while True:
        match = quoted.match(text, position)
        if match:
            cells.append(match[1].replace('""', '"'))
            line += match[0].count("\n")
        else:
            match = plain.match(text, position)
            bare = match[0].strip()
            if bare.startswith('"') and bare.count('"') == 1 and separator != "\t":
                raise QuoteError(start)
            cells.append(match[0])
        position = match.end()
        if position < len(text) and text[position] == separator:
            position += 1
            continue
        yield start, cells
        if position >= len(text):
            return
        position, line = position + 1, line + 1
        start, cells = line, []
