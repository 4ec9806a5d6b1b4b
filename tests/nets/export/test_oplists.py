"""The lists of operations: of the versions that they say, with the attributes that the check needs."""

from __future__ import annotations

import pytest

from essentia_ldl.nets.export.oplists import VERSIONS, compact, read_ops
from essentia_ldl.nets.runtime import op_def_pb2, tf


@pytest.mark.parametrize("version", VERSIONS)
def test_a_list_knows_the_operations_of_our_graphs_and_their_defaults(version):
    ops = read_ops(version)
    assert {"Placeholder", "Const", "Conv2D", "MatMul", "BiasAdd", "Softmax", "RandomUniform"} <= set(ops)
    strides = {attr.name: attr for attr in ops["Conv2D"].attr}
    assert list(strides["dilations"].default_value.list.i) == [1, 1, 1, 1]
    assert tf.float32.as_datatype_enum in strides["T"].allowed_values.list.type
    assert read_ops(version) is ops, "it is unpacked once in a process"


def test_what_came_later_is_not_in_the_older_list():
    old, new = (set(read_ops(version)) for version in VERSIONS)
    assert "BatchMatMulV3" not in old | new
    assert new - old


def test_a_compact_list_keeps_attributes_and_drops_texts_and_arguments():
    whole = op_def_pb2.OpList()
    for name in ("Later", "Earlier"):
        op = whole.op.add(name=name, description="a text", summary="another")
        op.input_arg.add(name="x")
        op.attr.add(name="T", type="type", description="a third").default_value.type = tf.float32.as_datatype_enum
    found = op_def_pb2.OpList.FromString(compact(whole))
    assert [op.name for op in found.op] == ["Earlier", "Later"]
    for op in found.op:
        assert (op.description, op.summary, len(op.input_arg)) == ("", "", 0)
        assert [(attr.name, attr.type, attr.description) for attr in op.attr] == [("T", "type", "")]
        assert op.attr[0].default_value.type == tf.float32.as_datatype_enum
