"""Files of word vectors of every kind, found by their content, and those that are none, cut or mixed."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from essentia_ldl.errors import DataError, StoreError
from essentia_ldl.words import formats
from essentia_ldl.words.formats import scan_file

ROWS = {"the": [0.5, -1.0, 2.0], "sad": [1.0, 0.0, 0.25], "at name": [3.0, 3.0, 3.0], "hip-hop": [-2.0, 1e-3, 4.0]}
LINES = [f"{word} {' '.join(map(str, row))}" for word, row in ROWS.items()]
HEADER = f"{len(ROWS)} 3"


def as_binary(ending: bytes = b"") -> bytes:
    rows = (word.replace(" ", "_").encode() + b" " + np.array(row, "<f4").tobytes() for word, row in ROWS.items())
    return f"{HEADER}\n".encode() + b"".join(row + ending for row in rows)


KINDS = {
    "glove": "\n".join(LINES).encode() + b"\n",
    "without a last line feed": "\n".join(LINES).encode(),
    "word2vec text": "\n".join([HEADER, *LINES]).encode() + b"\n",
    "fasttext": "\n".join([HEADER, *(f"{line} " for line in LINES)]).encode() + b"\n",
    "word2vec binary": as_binary(),
    "word2vec binary with line feeds": as_binary(b"\n"),
    "csv": "\r\n".join(f'"{word}",{",".join(map(str, row))}' for word, row in ROWS.items()).encode(),
    "csv with names": ("tag,piano,drums,voice\n" + "\n".join(line.replace(" ", ",") for line in LINES[:2])).encode(),
    "tsv": "\n".join(f"{word}\t" + "\t".join(map(str, row)) for word, row in ROWS.items()).encode(),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_rows_that_are_wanted(kind, packed, tmp_path):
    path = tmp_path / "any.name"
    path.write_bytes(gzip.compress(KINDS[kind]) if packed else KINDS[kind])
    scan = scan_file(path, ["sad", "hip-hop", "nowhere"])
    wanted = [word for word in ("sad", "hip-hop") if word.encode() in KINDS[kind]]
    assert list(scan.words) == wanted
    assert np.array_equal(scan.vectors, np.array([ROWS[word] for word in wanted], np.float32))
    assert scan.common[:2] == ("the", "sad")
    assert scan.n_rows == (2 if kind == "csv with names" else 4)


def test_a_word_may_have_a_space_and_its_first_part_is_not_it(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_bytes(KINDS["glove"])
    assert scan_file(path, ["at"]).words == ()
    assert scan_file(path, ["at name"]).vectors.tolist() == [[3.0, 3.0, 3.0]]


def test_of_a_word_that_is_there_twice_the_first_counts(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("sad 1 2\nsad 3 4\n")
    assert scan_file(path, ["sad"]).vectors.tolist() == [[1, 2]]


def test_words_of_any_bytes_are_looked_for(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes(b"caf\xe9 1 2\nsad 3 4\n")
    assert scan_file(path, ["caf\udce9", "caf\udce8"]).words == ("caf\udce9",)


def test_memory_holds_only_what_is_wanted(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "N_COMMON", 5)
    monkeypatch.setattr(formats, "BLOCK_BYTES", 8192)
    monkeypatch.setattr(formats, "MOST_WORD", 64)
    count = 2000
    rows = np.arange(count * 8, dtype="<f4").reshape(count, 8)
    data = b"".join(f"w{i} ".encode() + row.tobytes() for i, row in enumerate(rows))
    (tmp_path / "v.bin").write_bytes(f"{count} 8\n".encode() + data)
    scan = scan_file(tmp_path / "v.bin", ["w0", "w1234", "w1999"])
    assert (scan.n_rows, len(scan.common)) == (count, 5)
    assert scan.vectors.tolist() == rows[[0, 1234, 1999]].tolist()


BROKEN = {
    "no vectors": (b"path,label\na.mp3,sad\n", "rows of a word and its numbers.*got 'path,label'.*nlp.stanford.edu"),
    "nothing": (b"", "rows of a word and its numbers.*got 'nothing'"),
    "sound": (bytes(range(256)) * 9, "rows of a word and its numbers"),
    "an archive": (b"PK\3\4rest", "a .zip archive.*Unpack it"),
    "a model": (b"\xba\x16\x4f\x2f\0\0", "a model of fastText.*its .vec file"),
    "mixed": (b"a 1 2 3\nb 1 2\nc 1 2 3\n", "3 numbers in every row, as in the first; got '2 in line 2'"),
    "mixed, longer": (b"a 1 2 3\nb 1 2 3 4\nc 1 2 3\n", "3 numbers in every row, as in the first; got '4 in line 2'"),
    "no number": (b"a 1 2 3\nsad 1 x 3\nc 1 2 3\n", "3 numbers in every row.*line 2"),
    "cut in a row": (b"a 1 2 3\nb 1 2", "a whole file; got 'a last row of 2 numbers'.*cut or damaged"),
    "cut between rows": (KINDS["word2vec text"].rpartition(b"hip")[0], "a whole file; got '3 rows, and its first line"),
    "cut in the binary": (KINDS["word2vec binary"][:-1], "a whole file; got '3 rows, and its first line tells 4'"),
    "cut gzip": (gzip.compress(KINDS["glove"])[:-9], "a whole file; got 'damage"),
    "not finite": (b"a 1 2\nsad nan 3\n", "finite numbers"),
    "beyond float32": (b"a 1 2\nsad 1e300 3\n", "finite numbers"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_wrong_is_one_sentence(kind, tmp_path):
    data, message = BROKEN[kind]
    path = tmp_path / "vectors"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        scan_file(path, ["sad"])


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreError, match="file of word vectors: expected a file that can be read; got 'No such file"):
        scan_file(tmp_path / "nowhere.txt", ["sad"])
