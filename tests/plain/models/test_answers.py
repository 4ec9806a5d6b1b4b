"""Golden answers beside a graph: what is kept of them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from essentia_ldl.errors import StoreError
from essentia_ldl.models.answers import (
    GAINS,
    N_LEVELS,
    N_ROWS,
    RANGES,
    SUFFIX,
    GoldenAnswers,
    name_answers,
    read_answers,
    write_answers,
)

SHA, INPUT, PATCH = "a" * 64, "model/Placeholder", (187, 96)


def answer(inputs: np.ndarray) -> dict[str, np.ndarray]:
    rows = inputs.reshape(len(inputs), -1)
    return {"model/Softmax": rows[:, :2] / 10, "model/dense/BiasAdd": rows[:, 5:8].astype(np.float64)}


def write(tmp_path, shape=PATCH, limits=RANGES[""], evaluate=answer):
    graph = tmp_path / "model-1.pb"
    write_answers(graph, SHA, INPUT, shape, limits, evaluate)
    return graph


@pytest.mark.parametrize(("shape", "limits"), [(PATCH, RANGES[""]), ((43, 128), RANGES["decibel"]), ((8,), (-3.5, 7))])
def test_what_is_written_is_read_again_bit_for_bit(tmp_path, shape, limits):
    seen = []

    def evaluate(inputs):
        seen.append(inputs)
        return answer(inputs)

    graph = write(tmp_path, shape, limits, evaluate)
    found = read_answers(graph, SHA)
    assert (found.graph_sha256, found.input_name) == (SHA, INPUT)
    assert found.inputs.shape == (N_ROWS, *shape)
    assert found.inputs.tobytes() == seen[0].tobytes()
    assert {node: rows.tobytes() for node, rows in found.values.items()} == {
        node: rows.astype(np.float32).tobytes() for node, rows in answer(seen[0]).items()
    }
    assert found.inputs.dtype == np.float32
    assert found.inputs.min() >= limits[0]
    assert found.inputs.max() <= limits[1] + 1e-5 * abs(limits[1])


def test_inputs_fill_the_range_and_the_file_is_small(tmp_path):
    graph = write(tmp_path)
    inputs = read_answers(graph, SHA).inputs
    assert [len(np.unique(patch)) for patch in inputs] == [N_LEVELS] * N_ROWS
    assert [float(patch.max()) for patch in inputs] == [pytest.approx(6 * gain) for gain in GAINS]
    assert inputs.min() == 0
    assert len({patch.tobytes() for patch in inputs}) == N_ROWS
    assert name_answers(graph).name == "model-1" + SUFFIX
    assert name_answers(graph).stat().st_size < 187 * 96 * N_ROWS  # a byte per number would be more
    assert [path.name for path in tmp_path.iterdir()] == ["model-1" + SUFFIX]


def test_the_same_network_gives_the_same_bytes(tmp_path):
    first = name_answers(write(tmp_path)).read_bytes()
    assert name_answers(write(tmp_path)).read_bytes() == first


def test_a_graph_without_answers_has_none(tmp_path):
    assert read_answers(tmp_path / "other.pb", SHA) is None


def test_answers_of_other_bytes_are_refused(tmp_path):
    graph = write(tmp_path)
    with pytest.raises(StoreError, match=r"golden answers: expected those of the graph beside them; .*model-1"):
        read_answers(graph, "b" * 64)


def without(name: str):
    def change(path):
        with np.load(path) as arrays:
            kept = {key: arrays[key] for key in arrays.files if key != name}
        np.savez(path, **kept)

    return change


def overwrite(name: str, value: object):
    def change(path):
        with np.load(path, allow_pickle=True) as arrays:
            changed = {key: arrays[key] for key in arrays.files} | {name: np.asarray(value)}
        np.savez(path, **changed)

    return change


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def flip(path):
    data = bytearray(path.read_bytes())
    middle = data.index(b"levels") + 2000
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)


def make_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        flip,
        make_folder,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK no zip"),
        lambda path: path.write_bytes(bytes(2**24 + 1)),
        *map(without, ("nodes", "levels", "low", "answers_1", "graph_sha256")),
        overwrite("answers_0", np.full((N_ROWS, 2), np.nan, np.float32)),
        overwrite("answers_0", np.ones((N_ROWS + 1, 2), np.float32)),
        overwrite("answers_0", np.ones((N_ROWS, 2))),
        overwrite("nodes", np.array([], str)),
        overwrite("nodes", {"a": 1}),
        overwrite("levels", "text"),
    ],
)
def test_a_damaged_file_is_one_sentence_that_names_it(tmp_path, damage):
    graph = write(tmp_path)
    damage(name_answers(graph))
    with pytest.raises(StoreError, match=r"^golden answers: expected .*; got .*model-1\.answers\.npz") as caught:
        read_answers(graph, SHA)
    assert "\n" not in str(caught.value)
    assert "Copy it there again, or delete it." in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_does_not_answer_with_numbers_is_not_written(tmp_path, value):
    with pytest.raises(StoreError, match="finite float32 numbers"):
        write(tmp_path, evaluate=lambda inputs: {"model/Softmax": np.full((N_ROWS, 2), value)})
    assert list(tmp_path.iterdir()) == []


def test_answers_need_a_node():
    with pytest.raises(StoreError, match="expected at least one node"):
        GoldenAnswers(SHA, INPUT, np.zeros((1, 2), np.float32), {})
