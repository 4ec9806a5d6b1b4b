"""Graphs that share most of their weights, as one graph. In: .pb files and wanted nodes; out: one .pb and its nodes.

Ten models trained on one frozen network are ten files with the same layers below their ends. Two nodes are the same
when their operation, their attributes (weights are attributes) and the nodes that they read are the same; the merged
graph has each once, so that the network runs once and the ends run on what it says. Values do not change. Random nodes,
and what reads them, stay apart: each model draws its own samples.

The merged graph is a file in memory, which both engines read as any other; where a system has none (it is Linux's),
graphs are not merged. The file format is that of TensorFlow's GraphDef, of which only the names are read.

References
----------
https://protobuf.dev/programming-guides/encoding, and graph.proto and node_def.proto of TensorFlow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

SHARED_BYTES = 0.5  # of a graph's constants, at least, for merging it with another one
NODE, LIBRARY, VERSIONS = 1, 2, 4  # fields of a GraphDef
NAME, OP, INPUT, ATTRIBUTE = 1, 2, 3, 5  # fields of a NodeDef
RANDOM = ("Random", "Stateless", "Multinomial", "TruncatedNormal", "ParameterizedTruncatedNormal")
BYTES, VARINT, FIXED64, FIXED32 = 2, 0, 1, 5  # kinds of fields


@dataclasses.dataclass(frozen=True)
class MergedGraph:
    """Several graphs as one.

    Parameters
    ----------
    path : str
        Where it is read; gone with the process.
    nodes : Mapping[tuple[str, str], str]
        The name in it of each node, by graph and name there.
    """

    path: str
    nodes: Mapping[tuple[str, str], str]

    @property
    def graphs(self) -> set[str]:
        """The graphs that it stands for."""
        return {graph for graph, _ in self.nodes}


@dataclasses.dataclass(frozen=True)
class _Node:
    name: str
    op: str
    inputs: tuple[str, ...]
    rest: bytes  # the other fields, as they are
    digest: bytes  # of operation, attributes and what it reads, all the way down
    graph: str


def merge_graphs(wanted: Mapping[str, Sequence[str]], input_name: str) -> list[MergedGraph]:
    """Merge graphs that have at least half of their constants in common.

    Parameters
    ----------
    wanted : Mapping[str, sequence of str]
        Nodes that are wanted of each .pb.
    input_name : str
        Their input node.

    Returns
    -------
    list[MergedGraph]
        Of two or more graphs each; a graph that fits no other one, or that cannot be read, is in none.
    """
    if len(wanted) < 2 or not hasattr(os, "memfd_create"):
        return []
    groups: list[list[tuple[str, list[_Node]]]] = []
    for graph, nodes in wanted.items():
        try:
            read = _read_graph(graph, nodes, input_name)
        except (OSError, ValueError, KeyError, IndexError):  # what is wrong with it is said when it is loaded
            continue
        own = _measure_constants(read)
        for group in groups:
            common = own.keys() & _measure_constants(group[0][1]).keys()
            if sum(own[digest] for digest in common) >= SHARED_BYTES * sum(own.values()) > 0:
                group.append((graph, read))
                break
        else:
            groups.append([(graph, read)])
    return [_write_merged(group, wanted, input_name) for group in groups if len(group) > 1]


def _measure_constants(nodes: Sequence[_Node]) -> dict[bytes, int]:
    return {node.digest: len(node.rest) for node in nodes if node.op == "Const"}


def _read_graph(graph: str, wanted: Sequence[str], input_name: str) -> list[_Node]:
    """Read the nodes that wanted ones read, each behind all that it reads."""
    raw: dict[str, tuple[str, tuple[str, ...], bytes]] = {}
    for field, value, _ in _read_fields(Path(graph).read_bytes()):
        if field == LIBRARY and value:
            raise ValueError("functions of a library are not merged")
        if field == NODE:
            name, *content = _read_node(value)
            raw[name] = tuple(content)
    digests: dict[str, bytes] = {}
    found: list[_Node] = []
    waiting = [_bare(node) for node in reversed(wanted)]
    while waiting:
        name = waiting[-1]
        op, inputs, rest = raw[name]
        missing = [_bare(one) for one in inputs if _bare(one) not in digests]
        if name in digests:
            waiting.pop()
        elif missing:
            waiting += missing
            if len(waiting) > 10 * len(raw) + 10 * len(wanted):
                raise ValueError("a graph that reads itself")
        else:
            waiting.pop()
            own = [input_name] if name == _bare(input_name) else [op, *sorted(_list_attributes(rest))]
            if op.startswith(RANDOM):
                own += [graph, name]
            parts = [part.encode() if isinstance(part, str) else part for part in own]
            parts += [digests[_bare(one)] + _place(one).encode() for one in inputs]
            digests[name] = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
            found.append(_Node(name, op, inputs, rest, digests[name], graph))
    return found


def _write_merged(
    group: Sequence[tuple[str, Sequence[_Node]]], wanted: Mapping[str, Sequence[str]], input_name: str
) -> MergedGraph:
    names: dict[bytes, str] = {}  # of merged nodes by what they are
    own: dict[tuple[str, str], str] = {}
    parts: list[bytes] = []
    for number, (graph, nodes) in enumerate(group):
        for node in nodes:
            if node.digest not in names:
                first = number == 0 or node.name == _bare(input_name)
                names[node.digest] = node.name if first else f"merged_{number}/{node.name}"
                inputs = [_rename(one, own[graph, _bare(one)]) for one in node.inputs]
                texts = [(NAME, names[node.digest]), (OP, node.op), *((INPUT, one) for one in inputs)]
                body = b"".join(_write_field(field, text.encode()) for field, text in texts) + node.rest
                parts.append(_write_field(NODE, body))
            own[graph, node.name] = names[node.digest]
    file = os.memfd_create("merged.pb")
    with os.fdopen(os.dup(file), "wb") as stream:
        stream.write(b"".join(parts))
    places = {(graph, node): _rename(node, own[graph, _bare(node)]) for graph, _ in group for node in wanted[graph]}
    return MergedGraph(f"/proc/self/fd/{file}", places)


def _read_node(data: bytes) -> tuple[str, str, tuple[str, ...], bytes]:
    name = op = ""
    inputs, rest = [], []
    for field, value, raw in _read_fields(data):
        if field == NAME:
            name = value.decode()
        elif field == OP:
            op = value.decode()
        elif field == INPUT:
            inputs.append(value.decode())
        else:
            rest.append(raw)
    return name, op, tuple(inputs), b"".join(rest)


def _list_attributes(rest: bytes) -> list[bytes]:
    return [raw for field, _, raw in _read_fields(rest) if field == ATTRIBUTE]


def _read_fields(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield number, content and whole encoding of the fields of a message; only fields of bytes have a content."""
    place = 0
    while place < len(data):
        start = place
        key, place = _read_number(data, place)
        kind, value = key & 7, b""
        if kind == BYTES:
            size, place = _read_number(data, place)
            value = data[place : place + size]
            if len(value) != size:
                raise ValueError("a message that ends early")
            place += size
        elif kind == VARINT:
            _, place = _read_number(data, place)
        elif kind in (FIXED64, FIXED32):
            place += 8 if kind == FIXED64 else 4
        else:
            raise ValueError("no protocol buffer")
        yield key >> 3, value, data[start:place]


def _read_number(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7


def _write_field(number: int, content: bytes) -> bytes:
    encoded, size = bytearray([number << 3 | BYTES]), len(content)
    while size > 127:
        encoded.append(size & 127 | 128)
        size >>= 7
    return bytes([*encoded, size]) + content


def _bare(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]


def _place(name: str) -> str:
    """Tell which output of a node is meant, and whether only its order counts."""
    return ("^" if name.startswith("^") else "") + (name.partition(":")[2] or "0")


def _rename(name: str, new: str) -> str:
    colon, port = name.partition(":")[1:]
    return ("^" if name.startswith("^") else "") + new + colon + port
