"""Which operations and attributes old TensorFlow runtimes know, to check graphs against.

In: `oplist-<version>.bin.xz` beside this module: for TensorFlow 1.15.0 and 2.5.0, the two that Essentia's wheels have
carried, an `OpList` reduced to names, attributes, defaults and allowed values (made from the OpLists of TensorFlow,
Copyright The TensorFlow Authors, Apache License 2.0). Out: dictionaries of `OpDef`.
"""

from __future__ import annotations

import functools
import lzma
from importlib import resources

from essentia_ldl.nets.runtime import op_def_pb2

VERSIONS = ("1.15.0", "2.5.0")


def compact(op_list: op_def_pb2.OpList) -> bytes:
    """Reduce an OpList to what a check of attributes needs, as bytes; how the file of this package was made."""
    reduced = op_def_pb2.OpList()
    for op in sorted(op_list.op, key=lambda op: op.name):
        slim = reduced.op.add(name=op.name)
        for attr in op.attr:
            slim.attr.add().CopyFrom(attr)
            slim.attr[-1].ClearField("description")
    return reduced.SerializeToString(deterministic=True)


@functools.cache
def read_ops(version: str) -> dict[str, op_def_pb2.OpDef]:
    """Read the operations that a TensorFlow version knows.

    Parameters
    ----------
    version : str
        One of `VERSIONS`.

    Returns
    -------
    dict[str, op_def_pb2.OpDef]
        Operation name -> its definition, without arguments and texts.
    """
    packed = resources.files("essentia_ldl.nets.export").joinpath(f"oplist-{version}.bin.xz").read_bytes()
    op_list = op_def_pb2.OpList.FromString(lzma.decompress(packed))
    return {op.name: op for op in op_list.op}
