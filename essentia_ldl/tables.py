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
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence

from essentia_ldl.errors import DataError, StoreError, explain

SEPARATORS = ",\t;|"
_MORE = "^~:"  # only where they make a header of the names that are looked for
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
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
    mark, encoding = _find_encoding(data)
    return data[len(mark) :].decode(encoding, errors if (mark, encoding) == (b"", "utf-8") else "strict")


def _find_encoding(data: bytes) -> tuple[bytes, str]:
    """Return the byte order mark, if there is one, and the encoding."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return mark, encoding
    head = data[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 > len(head) and min(even, odd) == 0:  # text of letters of Europe
        return b"", "utf-16-be" if even else "utf-16-le"
    return b"", "utf-8"


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
    first, separator = _find_header(lines, wanted, separator)
    if first == len(lines):
        return None
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


def change_column(
    data: bytes, wanted: Sequence[str], name: str, values: Mapping[int, str], added: Sequence[Mapping[str, str]] = ()
) -> bytes:
    """Change cells of one column of a table, and leave all other lines as they are, byte by byte.

    Parameters
    ----------
    data : bytes
        A table that `decode` and `read_table` can read.
    wanted : sequence of str
        As `read_table` takes them.
    name : str
        The column, in small letters; one of `wanted`.
    values : mapping of int to str
        Line of a row, as `read_table` tells it -> the new cell. The other cells of the row stay; what is in quotes need
        not be.
    added : sequence of mapping
        Rows for the end of the table: column, in small letters -> cell; empty where it is not told.

    Returns
    -------
    bytes
        In the encoding of `data`, with its separator and its ends of lines.
    """
    mark, encoding = _find_encoding(data)
    text = decode(data, "surrogateescape")
    lines, ends = _LINE_END.split(text), [*_LINE_END.findall(text), ""]
    written = list(lines)
    first, separator = _find_header(lines, wanted)
    rows = list(_split_lines(lines[first:], first + 1, separator))
    header = [cell.strip().lower() for cell in rows[0][1]]
    for (line, cells), (after, _) in zip(rows, [*rows[1:], (len(lines) + 1, [])], strict=True):
        if line in values:
            cells[header.index(name)] = values[line]
            joined = [""] * (after - 1 - line)  # further lines of a row whose cells hold ends of lines
            written[line - 1 : after - 1] = [_join(cells, separator), *joined]
            ends[line - 1 : after - 1] = [*joined, ends[after - 2]]
    done = "".join(part for pair in zip(written, ends, strict=True) for part in pair)
    end = next(filter(None, ends), "\n")
    for row in added:
        done += "" if done.endswith(("\n", "\r")) else end
        done += _join([row.get(key, "") for key in header], separator) + end
    return mark + done.encode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")


def _join(cells: Sequence[str], separator: str) -> str:
    row = io.StringIO()
    csv.writer(row, delimiter=separator, lineterminator="\r\n").writerow(cells)  # whose letters it puts in quotes
    return row.getvalue().removesuffix("\r\n")


def _find_header(lines: list[str], wanted: Sequence[str], separator: str | None = None) -> tuple[int, str]:
    """Return the place of the header, which is made plain, and the separator; as many as there are lines: none."""
    first = 0
    while first < len(lines) and (found := _read_preface(lines[first], wanted)) is not None:
        separator, first = found or separator, first + 1
    if first == len(lines):
        return first, ""
    lines[first] = lines[first].lstrip("\ufeff")
    if lines[first].lstrip().startswith("#"):
        lines[first] = lines[first].lstrip().lstrip("#").lstrip()
    return first, _choose_separator(lines[first], wanted, separator)


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
