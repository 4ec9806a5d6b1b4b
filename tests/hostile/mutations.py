"""Damaged files, drawn from a seed: bytes, headers of audio, json, toml, tables and graphs.

In: the bytes of a good file and a `random.Random`. Out: `Mutant`, whose `truth` says what is known of the damage.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

FREE, SAME, SHORT = "free", "same", "short"  # nothing is known; it sounds as before; it lacks what its header tells
EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 1_000_000_000)
TAGS = {
    "wav": (b"RIFF", b"fmt ", b"data"),
    "aiff": (b"FORM", b"COMM", b"SSND"),
    "flac": (b"fLaC",),
    "mp3": (b"ID3", b"Xing", b"Info", b"\xff\xfb", b"LAME"),
    "ogg": (b"OggS", b"\x01vorbis", b"\x05vorbis"),
    "opus": (b"OggS", b"OpusHead", b"OpusTags"),
    "m4a": (b"ftyp", b"moov", b"mvhd", b"mdhd", b"stsd", b"mp4a", b"esds", b"stts", b"stsz", b"stsc", b"stco", b"mdat"),
    "au": (b".snd",),
    "aac": (b"\xff\xf1",),
    "caf": (b"caff", b"desc", b"data", b"pakt"),
    "mka": (b"\x1aE\xdf\xa3", b"matroska", b"\x15I\xa9f", b"\x16T\xaek"),
    "w64": (b"riff", b"fmt ", b"data"),
}
DECLARED = ("wav", "aiff", "flac", "m4a", "mp3")  # formats, as ffmpeg writes them, whose header tells the length


class Mutant(NamedTuple):
    """A damaged file: how it was made, what is known of it, and its bytes."""

    how: str
    truth: str
    data: bytes


def flip(data: bytes, draw: random.Random) -> Mutant:
    """Flip bits, anywhere or in the first 200 bytes."""
    changed, n_bits = bytearray(data), draw.choice((1, 1, 8, 64))
    last = len(data) if draw.random() < 0.5 else min(len(data), 200)
    for _ in range(n_bits):
        changed[draw.randrange(last)] ^= 1 << draw.randrange(8)
    return Mutant(f"flip {n_bits} of the first {last}", FREE, bytes(changed))


def overwrite(data: bytes, draw: random.Random) -> Mutant:
    """Put zeros, ones or noise over a range."""
    start = draw.choice((0, draw.randrange(len(data))))
    n_bytes = min(len(data) - start, draw.choice((4, 64, 1024, 20_000)))
    kind = draw.choice(("zeros", "ones", "noise"))
    over = {"zeros": bytes(n_bytes), "ones": b"\xff" * n_bytes}.get(kind) or draw.randbytes(n_bytes)
    return Mutant(f"{kind} over {n_bytes} from {start}", FREE, data[:start] + over + data[start + n_bytes :])


def truncate(data: bytes, draw: random.Random) -> Mutant:
    """Leave out the end; at least a fifth of the file, so that no rounding hides it."""
    if draw.random() < 0.3:
        n_bytes = draw.choice((0, 1, 3, 4, 9, 10, 12, 20, 43, 44, 45, 100, 200))
        return Mutant(f"first {n_bytes}", FREE, data[:n_bytes])
    n_bytes = draw.randrange(len(data) // 20, int(len(data) * 0.8))
    return Mutant(f"first {n_bytes} of {len(data)}", SHORT, data[:n_bytes])


def splice(data: bytes, draw: random.Random) -> Mutant:
    """Take a piece out, put one in twice, or end with a piece of the beginning."""
    first, last = sorted(draw.randrange(len(data)) for _ in range(2))
    kind = draw.choice(("without", "twice", "turned"))
    middle = {"without": b"", "twice": data[first:last] * 2, "turned": data[first:last][::-1]}[kind]
    return Mutant(f"{first} to {last} {kind}", FREE, data[:first] + middle + data[last:])


def edit_header(data: bytes, draw: random.Random, form: str) -> Mutant:
    """Put an extreme number behind a tag of the format."""
    places = [(tag, data.find(tag)) for tag in TAGS[form]]
    places = [(tag, place) for tag, place in places if place >= 0] or [(b"", 0)]
    tag, place = draw.choice(places)
    size, order = draw.choice((1, 2, 4, 8)), draw.choice("<>")
    value = draw.choice((*EXTREMES, draw.getrandbits(32))) & ((1 << 8 * size) - 1)
    place += len(tag) + draw.choice((*range(0, 24, 2), draw.randrange(40)))
    number = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[size], value)
    return Mutant(
        f"{value} ({size} bytes, {order}) at {place}, {tag!r}", FREE, data[:place] + number + data[place + size :]
    )


def grow(data: bytes, draw: random.Random) -> Mutant:
    """Add what is no audio at the end."""
    more = draw.choice((bytes(100_000), draw.randbytes(50_000), b"TAG" + b"x" * 125, data[:1000], b"<html>" * 999))
    return Mutant(f"{len(more)} more, {more[:6]!r}", FREE, data + more)


def pad(data: bytes, draw: random.Random, form: str) -> Mutant | None:
    """Add what every decoder has to pass over: a chunk, a tag, a block of padding."""
    n_bytes = 2 * draw.randrange(1, 5000)
    if form == "wav":
        chunk = b"JUNK" + struct.pack("<I", n_bytes) + draw.randbytes(n_bytes)
        place = draw.choice((12, len(data)))
        grown = data[:place] + chunk + data[place:]
        return Mutant(f"JUNK at {place}", SAME, grown[:4] + struct.pack("<I", len(grown) - 8) + grown[8:])
    if form == "aiff":
        chunk = b"ANNO" + struct.pack(">I", n_bytes) + draw.randbytes(n_bytes)
        grown = data[:12] + chunk + data[12:]
        return Mutant("ANNO at 12", SAME, grown[:4] + struct.pack(">I", len(grown) - 8) + grown[8:])
    if form == "mp3":
        body = b"TXXX" + struct.pack(">I", n_bytes)[1:].rjust(4, b"\0") + b"\0\0" + bytes(n_bytes)
        size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
        return Mutant("a second ID3 tag", SAME, b"ID3\x03\0\0" + size + body + data)
    if form == "flac":
        block = bytes([1]) + struct.pack(">I", n_bytes)[1:] + bytes(n_bytes)
        place = 8 + int.from_bytes(data[5:8], "big")
        return Mutant(
            "PADDING behind STREAMINFO", SAME, data[:4] + bytes([data[4] & 0x7F]) + data[5:place] + block + data[place:]
        )
    return None


def damage_audio(data: bytes, form: str, draw: random.Random) -> Mutant:
    """Damage an audio file in one of the ways, or add what changes nothing."""
    kind = draw.choice((flip, overwrite, truncate, truncate, splice, grow, edit_header, edit_header, edit_header, pad))
    made = kind(data, draw, form) if kind in (edit_header, pad) else kind(data, draw)
    made = made or flip(data, draw)
    return made if made.truth != SHORT or form in DECLARED else made._replace(truth=FREE)


def damage_bytes(data: bytes, draw: random.Random) -> Mutant:
    """Damage a file of any kind."""
    kind = draw.choice((flip, overwrite, truncate, splice, grow))
    return kind(data, draw)._replace(truth=FREE)


# --- text of any kind ------------------------------------------------------------------------------------------------

LONG = "x" * 3000  # no message may show it whole
BOMBS = {
    "empty": b"",
    "blanks": b" \n\t\n",
    "brackets": b"[" * 200_000,
    "braces": b'{"a":' * 100_000,
    "a long integer": b"1" * 5_000,
    "null": b"null",
    "a list": b"[]",
    "a number": b"3",
    "a text": b'"x"',
    "not a number": b"NaN",
    "NUL bytes": bytes(5_000),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte-order mark": b"\xef\xbb\xbf{}",
    "not UTF-8": b'{"\xff\xfe": "\xe9"}',
    "half a surrogate": b'{"name": "\\ud800"}',
    "a zip": b"PK\x03\x04" + bytes(100),
    "random": bytes(random.Random(1).randbytes(3_000)),
}

_text = st.text("ab\u00dc\U0001f3b5,;\"'\n\t\0 /.\\-019=[]{}%$", max_size=20)  # a few of each kind
_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [0, -1, 2**31, 2**63, 10**30, 1e308, -0.0, float("nan"), float("inf"), LONG, "../../x", "/etc/passwd"]
    )
    | _text
)
values = (
    _leaves
    | st.lists(_leaves, max_size=4)
    | st.dictionaries(_text, _leaves, max_size=3)
    | st.lists(st.lists(_leaves, max_size=2), max_size=2)
)


def draw_examples(strategy: st.SearchStrategy, n_examples: int, number: int) -> list[Any]:
    """Draw values of a strategy; the same ones for the same number."""
    if n_examples < 1:
        return []
    found: list[Any] = []
    limits = {"max_examples": n_examples, "database": None, "deadline": None, "phases": [Phase.generate]}

    @seed(number)
    @settings(suppress_health_check=list(HealthCheck), **limits)
    @given(strategy)
    def draw(value: Any) -> None:
        found.append(value)

    draw()
    return found[:n_examples]


def list_places(value: Any, before: tuple = ()) -> list[tuple]:
    """List where the values of a json document are: keys and numbers from its root."""
    found = [before] if before else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        found += list_places(one, (*before, key))
    return found


@st.composite
def damaged_json(draw: Callable, document: Any) -> tuple[str, Any]:
    """Change, remove or repeat one to three values of a document; how, and what it is then."""
    changed, how = json.loads(json.dumps(document)), []
    for _ in range(draw(st.integers(1, 3))):
        places = list_places(changed)
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        holder = changed
        for key in way:
            holder = holder[key]
        kind = draw(st.sampled_from(("change", "change", "change", "remove", "type")))
        how.append(f"{kind} {'.'.join(map(str, [*way, last]))}")
        if kind == "remove":
            del holder[last]
        elif kind == "type":
            old = holder[last]
            holder[last] = draw(
                st.sampled_from(([old], {"x": old}, str(old), None, [], {}, old if isinstance(old, str) else 0))
            )
        else:
            holder[last] = draw(values)
    return "; ".join(how), changed


@st.composite
def damaged_lines(draw: Callable, text: str) -> tuple[str, str]:
    """Change cells and lines of a text of lines: a table, or a recipe."""
    lines, how = text.splitlines(), []
    odd = st.sampled_from(
        (
            "",
            '"',
            "'''",
            '"""',
            ",,,,",
            "=",
            "[",
            "]",
            "nan",
            "\0",
            "\t",
            ";",
            "-1",
            "1e999",
            "9" * 5000,
            LONG,
            "../..",
            "= [" + "[" * 3000,
            "Ünï 🎵",
            "\ufeff",
            "\r",
            "#",
        )
    )
    for _ in range(draw(st.integers(1, 3))):
        if not lines:
            break
        number = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(("remove", "repeat", "insert", "cell", "cell", "swap", "cut")))
        how.append(f"{kind} line {number}")
        line = lines[number]
        if kind == "remove":
            del lines[number]
        elif kind == "repeat":
            lines.insert(number, line)
        elif kind == "insert":
            lines.insert(number, draw(odd | _text))
        elif kind == "swap":
            lines[number], lines[0] = lines[0], line
        elif kind == "cut":
            lines[number] = line[: draw(st.integers(0, len(line)))]
        else:
            for mark in draw(st.permutations((",", " = ", "="))):
                parts = line.split(mark)
                if len(parts) > 1:
                    parts[draw(st.integers(0, len(parts) - 1))] = draw(odd | _text)
                    line = mark.join(parts)
                    break
            lines[number] = line
    return "; ".join(how), "\n".join(lines) + "\n"


# --- graphs: protocol buffers, written by hand, as no process that tests holds TensorFlow -----------------------------


def varint(value: int) -> bytes:
    """Write a number as a protocol buffer does."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: bytes | int) -> bytes:
    """Write a field: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    return varint(number << 3 | 2) + varint(len(value)) + value


def node(name: str, op: str, inputs: tuple[str, ...] = (), **attributes: bytes) -> bytes:
    """Write a node as a field of a GraphDef; attributes are encoded AttrValues."""
    body = field(1, name.encode()) + field(2, op.encode()) + b"".join(field(3, one.encode()) for one in inputs)
    for key, value in attributes.items():
        body += field(5, field(1, key.encode()) + field(2, value))
    return field(1, body)


FLOAT = field(6, 1)  # an AttrValue of the type float


def constant(name: str, *shape: int, content: bytes | None = None) -> bytes:
    """Write a constant of floats: its bytes, or one number that stands for all."""
    dimensions = b"".join(field(2, field(1, size)) for size in shape)
    held = field(5, struct.pack("<f", 0.5)) if content is None else field(4, content)
    return node(name, "Const", dtype=FLOAT, value=field(8, field(1, 1) + field(2, dimensions) + held))


def strange_graphs(data: bytes, output: str) -> Iterator[tuple[str, bytes]]:
    """Yield graphs that are well formed, and wrong: how, and their bytes; `output` is the node that a card names."""
    renamed = data.replace(output.encode(), ("y" * len(output)).encode())
    yield "a huge constant beside", data + constant("huge", 1 << 20, 1 << 14)
    yield "a constant of too many elements", data + constant("huge", 1 << 40, 1 << 40)
    yield "a constant of negative size", data + constant("negative", (1 << 64) - 5)
    yield "a constant without its bytes", data + constant("short", 1000, content=b"1234")
    yield "the output is a huge constant", renamed + constant(output, 1 << 20, 1 << 14)
    yield "the output is a small constant", renamed + constant(output, 1, 3)
    yield "an unknown operation beside", data + node("odd", "NoSuchOp")
    yield "the output is an unknown operation", renamed + node(output, "NoSuchOp")
    yield "a cycle beside", data + node("a", "Identity", ("b",), T=FLOAT) + node("b", "Identity", ("a",), T=FLOAT)
    yield "the output is a cycle", renamed + node(output, "Identity", (output,), T=FLOAT)
    yield "the same node twice", data + constant(output, 1)
    yield "an input that is nowhere", renamed + node(output, "Identity", ("nowhere",), T=FLOAT)
    yield "a file of the machine is read", renamed + constant("name", 1) + node(output, "ReadFile", ("name",))
    yield "an operation without its attributes", renamed + node(output, "MatMul", ("a", "b"))
    yield "no nodes", b""
    yield "a library that is huge", data + field(2, bytes(30_000_000))
    yield "deep groups", data + b"\x0b" * 100_000
